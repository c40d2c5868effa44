"""Does the model do what the prompt says? Clips are generated, listened to, and kept."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from longform.audio import Waveform, read
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.clips import Clip, listen, summarise
from longform.train.evaluate.prompts import TestPrompt

if TYPE_CHECKING:
    from longform.clap import Clap, Tokenizer

Generate = Callable[[str, int], tuple[Waveform, dict[str, Any]]]
"""From a prompt and a seed to the clip and what is known of it (`tempo_bpm`, `key`, ...)."""


def generate_clips(
    generate: Generate,
    prompts: Sequence[TestPrompt],
    *,
    seed: int,
    folder: Path,
    on_progress: OnProgress = quiet,
) -> tuple[list[Clip], list[Path], list[float]]:
    """One clip per prompt, prompt i with seed `seed + i`, written to `folder` as 16-bit FLAC.

    What is judged is the file, as a user would get it: what would clip has been turned down.

    Returns the clips, their files and the seconds that each took to generate. What a prompt leaves
    open is judged against what the pipeline says that it chose.
    """
    clips, paths, walls = [], [], []
    for index, prompt in enumerate(prompts):
        started = time.perf_counter()
        waveform, facts = generate(prompt.text, seed + index)
        walls.append(round(time.perf_counter() - started, 2))
        path = folder / f"{index:02d}.flac"
        waveform.save(path, bits=16, overwrite=True)
        asked = with_facts(prompt, facts)
        clips.append(
            listen(
                read(path),
                name=prompt.text,
                style=asked.style,
                asked_bpm=asked.tempo_bpm,
                asked_key=asked.key,
            )
        )
        paths.append(path)
        on_progress(Progress("generate", index + 1, len(prompts)))
    return clips, paths, walls


def with_facts(prompt: TestPrompt, facts: dict[str, Any]) -> TestPrompt:
    """What the prompt states, and for the rest what the pipeline reports to have planned."""
    from longform.music.theory import Key

    planned = facts.get("key")
    return replace(
        prompt,
        style=prompt.style or facts.get("style"),
        tempo_bpm=prompt.tempo_bpm or facts.get("tempo_bpm"),
        key=prompt.key or (Key.parse(str(planned)) if planned else None),
    )


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
    clips: Sequence[Clip],
    paths: Sequence[Path],
    walls: Sequence[float],
    scores: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Everything in one mapping ready for JSON."""
    return summarise(clips) | {
        "clap": prompt_match(scores, seed),
        "generate_seconds_mean": round(float(np.mean(walls)), 2),
        "each": [
            clip.to_json()
            | {"file": path.name, "generate_seconds": wall, "clap": round(float(score), 4)}
            for clip, path, wall, score in zip(clips, paths, walls, np.diag(scores), strict=True)
        ],
    }


def _batch_of_one(waveform: Waveform, rate_hz: int) -> Tensor:
    return torch.from_numpy(waveform.resampled(rate_hz).samples)[None]
