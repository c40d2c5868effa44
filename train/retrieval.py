"""Does a caption find its audio, and audio its caption? Recall at 1 and 10, beside chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longform.clap import Clap, Tokenizer
from longform.progress import OnProgress, Progress, quiet
from longform.train.dataset import Item
from longform.train.mel_store import read_log_mel

AT = (1, 10)
_TEXT_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Share of queries whose first k answers hold a right one, by k; `chance` is a random order's.

    Items whose captions are the same text are all right answers for each other.
    """

    items: int
    text_to_audio: dict[int, float]
    audio_to_text: dict[int, float]
    chance: dict[int, float]
    median_rank: float

    def figures(self) -> dict[str, float]:
        """One flat mapping, for logs."""
        recalls = {"text_to_audio": self.text_to_audio, "audio_to_text": self.audio_to_text}
        recalls["chance"] = self.chance
        named = {
            f"{name}/R@{k}": value for name, by_k in recalls.items() for k, value in by_k.items()
        }
        return named | {"median_rank": self.median_rank}

    def __str__(self) -> str:
        def line(name: str, recalls: dict[int, float]) -> str:
            return f"{name:<14}" + "  ".join(f"R@{k} {value:6.1%}" for k, value in recalls.items())

        rows = [
            line("text to audio", self.text_to_audio),
            line("audio to text", self.audio_to_text),
        ]
        return "\n".join([*rows, f"{line('chance', self.chance)}  ({self.items} items)"])


def retrieval(
    clap: Clap,
    tokenizer: Tokenizer,
    items: Sequence[Item],
    *,
    seed: int = 0,
    on_progress: OnProgress = quiet,
) -> Retrieval:
    """Rank whole audio files against one caption of each, drawn with `seed`.

    Raises:
        UserError: an item's audio cannot be read.
    """
    assert items and all(item.captions for item in items)
    device = next(clap.parameters()).device
    rng = np.random.default_rng(seed)
    texts = [str(rng.choice(item.captions)) for item in items]
    audio = []
    with torch.no_grad():
        for number, item in enumerate(items):
            mel = read_log_mel(item.path, clap.audio.log_mel, clap.config.audio.sample_rate)
            audio.append(clap.embed_audio(mel[None]))
            on_progress(Progress("retrieval", number + 1, len(items)))
        text = embed_texts(clap, tokenizer, texts)
    return rank(torch.cat(audio).to(device), text, texts)


def embed_texts(clap: Clap, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """(texts, e) of unit norm."""
    device = next(clap.parameters()).device
    batches = [texts[first : first + _TEXT_BATCH] for first in range(0, len(texts), _TEXT_BATCH)]
    tokens = (tokenizer(batch) for batch in batches)
    return torch.cat([clap.embed_text(ids.to(device), mask.to(device)) for ids, mask in tokens])


def rank(audio: Tensor, text: Tensor, texts: Sequence[str]) -> Retrieval:
    """Recall from embeddings (n, e) in the same order; equal `texts` count as one."""
    likeness = text @ audio.T
    right = torch.tensor([[a == b for b in texts] for a in texts], device=likeness.device)
    to_audio, to_text = _ranks(likeness, right), _ranks(likeness.T, right)
    n, answers = len(texts), right.sum(dim=1).tolist()
    chance = {k: sum(_chance(n, count, k) for count in answers) / n for k in AT}
    return Retrieval(
        items=n,
        text_to_audio={k: float((to_audio < k).float().mean()) for k in AT},
        audio_to_text={k: float((to_text < k).float().mean()) for k in AT},
        chance=chance,
        median_rank=float(to_audio.float().quantile(0.5)) + 1,
    )


def _ranks(likeness: Tensor, right: Tensor) -> Tensor:
    """How many wrong answers come before the best right one; a tie counts against us."""
    best = likeness.masked_fill(~right, -math.inf).amax(dim=1, keepdim=True)
    return ((likeness >= best) & ~right).sum(dim=1)


def _chance(n: int, answers: int, k: int) -> float:
    """That k of n drawn at random hold one of the right answers."""
    return 1.0 - math.comb(n - answers, k) / math.comb(n, k) if k <= n else 1.0
