"""Does the model do what the prompt says? Clips are generated, listened to, and kept."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from longform.audio import Waveform
from longform.train.evaluate.clips import Clip, summarise
from longform.train.evaluate.make import Made

if TYPE_CHECKING:
    from longform.clap import Clap, Tokenizer


def clap_scores(
    clap: "Clap", tokenizer: "Tokenizer", waveforms: Iterable[Waveform], texts: Sequence[str]
) -> np.ndarray:
    """Cosine of every clip with every text, `(clips, texts)`."""
    rate_hz = clap.config.audio.sample_rate
    with torch.inference_mode():
        ids, mask = tokenizer(texts)
        written = clap.embed_text(ids, mask)
        heard = [clap.embed_audio(clap.mel(_batch_of_one(w, rate_hz)))[0] for w in waveforms]
    return (torch.stack(heard) @ written.T).numpy()


def prompt_match(scores: np.ndarray, seed: int) -> dict[str, Any]:
    """How often a clip scores higher with its own prompt than with another's; `(n, n)` cosines.

    `above_shuffled_share` deals every clip one other prompt (a random cycle, so never its own);
    `above_any_share` is the mean over all other prompts, `top1_share` how often no other wins.
    """
    count = len(scores)
    own = np.diag(scores)
    cycle = np.random.default_rng(seed).permutation(count)
    other = np.empty(count, dtype=int)
    other[cycle] = np.roll(cycle, -1)
    wins = own[:, None] > scores
    return {
        "mean_own": round(float(own.mean()), 4),
        "mean_shuffled": round(float(scores[np.arange(count), other].mean()), 4),
        "above_shuffled_share": round(float((own > scores[np.arange(count), other]).mean()), 4),
        "above_any_share": round(float(wins.sum() / max(count * (count - 1), 1)), 4),
        "top1_share": round(float((wins.sum(1) == count - 1).mean()), 4),
        "chance_share": 0.5,
    }


def generation_report(
    clips: Sequence[Clip], made: Sequence[Made], scores: np.ndarray, seed: int
) -> dict[str, Any]:
    """Everything in one mapping ready for JSON; times are of the clips made in this call."""
    walls = [one.seconds for one in made if one.seconds is not None]
    return summarise(clips) | {
        "clap": prompt_match(scores, seed),
        "generate_seconds_mean": round(float(np.mean(walls)), 2) if walls else None,
        "each": [
            clip.to_json()
            | {
                "file": one.path.name,
                "generate_seconds": one.seconds,
                "clap": round(float(score), 4),
            }
            for clip, one, score in zip(clips, made, np.diag(scores), strict=True)
        ],
    }


def _batch_of_one(waveform: Waveform, rate_hz: int) -> Tensor:
    return torch.from_numpy(waveform.resampled(rate_hz).samples)[None]
