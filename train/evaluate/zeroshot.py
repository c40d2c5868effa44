"""Style and instruments as CLAP hears them: a clip's audio beside the words that could name it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from longform.music.plan import FAMILIES
from longform.music.styles import STYLES

if TYPE_CHECKING:
    from longform.clap import Clap, Tokenizer

STYLE_NAMES = tuple(STYLES)
STYLE_TEMPLATES = ("{}", "{} track", "genre: {}", "{} instrumental")
FAMILY_PHRASES: dict[str, tuple[str, ...]] = {
    "drums": ("drums", "drum kit", "drum machine"),
    "bass": ("bass", "bass guitar", "synth bass"),
    "keys": ("piano", "electric piano", "organ"),
    "guitar": ("guitar", "acoustic guitar", "electric guitar"),
    "strings": ("strings", "violins", "cello"),
    "winds": ("brass", "saxophone", "flute"),
    "pad": ("pad", "synth pad", "choir"),
    "lead": ("lead synth", "supersaw", "lead melody"),
}
assert tuple(FAMILY_PHRASES) == FAMILIES
TEMPERATURE = 0.05
"""Cosines over this become the logits of the style probabilities."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """Unit text vectors: `styles` (s, e) in the order of STYLE_NAMES, `families` (8, e)."""

    styles: np.ndarray
    families: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often style `rows[i]`, asked, was heard as each of STYLE_NAMES: `counts` (rows, s)."""

    rows: tuple[str, ...]
    counts: np.ndarray

    @property
    def pairs(self) -> list[dict[str, str | int]]:
        """The mistakes, most frequent first."""
        found: list[dict[str, str | int]] = [
            {"asked": asked, "heard": heard, "clips": int(self.counts[row, column])}
            for row, asked in enumerate(self.rows)
            for column, heard in enumerate(STYLE_NAMES)
            if heard != asked and self.counts[row, column]
        ]
        return sorted(found, key=lambda one: (-int(one["clips"]), str(one["asked"])))


def embed_words(clap: "Clap", tokenizer: "Tokenizer") -> Words:
    """What styles and instrument families look like in the text tower."""
    styles = [[t.format(name) for t in STYLE_TEMPLATES] for name in STYLE_NAMES]
    return Words(
        styles=np.stack([_centre(clap, tokenizer, texts) for texts in styles]),
        families=np.stack([_centre(clap, tokenizer, texts) for texts in FAMILY_PHRASES.values()]),
    )


def style_probabilities(embeddings: np.ndarray, words: Words) -> np.ndarray:
    """Softmax over styles `(clips, s)` of unit clip embeddings `(clips, e)`."""
    logits = embeddings @ words.styles.T / TEMPERATURE
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def style_confusion(probabilities: np.ndarray, asked: Sequence[str | None]) -> Confusion:
    """Rows for the styles that were asked; a clip counts for its likeliest style."""
    rows = tuple(name for name in STYLE_NAMES if name in asked)
    counts = np.zeros((len(rows), len(STYLE_NAMES)), dtype=int)
    for shares, style in zip(probabilities, asked, strict=True):
        if style in rows:
            counts[rows.index(style), int(shares.argmax())] += 1
    return Confusion(rows=rows, counts=counts)


def top_share(probabilities: np.ndarray, asked: Sequence[str | None], count: int) -> float | None:
    """How often the asked style is among the `count` likeliest; None where none was asked."""
    hits = [
        STYLE_NAMES.index(style) in np.argsort(shares)[::-1][:count]
        for shares, style in zip(probabilities, asked, strict=True)
        if style in STYLE_NAMES
    ]
    return float(np.mean(hits)) if hits else None


def family_auc(
    embeddings: np.ndarray, words: Words, named: Sequence[frozenset[str]]
) -> dict[str, float]:
    """By family: how often a clip that should have it scores above one that need not (ROC area).

    Families that all clips or none should have are left out; chance is 0.5.
    """
    scores, found = embeddings @ words.families.T, {}
    for column, family in enumerate(FAMILIES):
        should = np.array([family in one for one in named])
        if should.any() and not should.all():
            wins = scores[should, column][:, None] - scores[~should, column]
            found[family] = round(float((wins > 0).mean() + 0.5 * (wins == 0).mean()), 4)
    return found


def text_vectors(clap: "Clap", tokenizer: "Tokenizer", texts: Sequence[str]) -> np.ndarray:
    """Unit vectors `(n, e)` of texts."""
    from longform.train.retrieval import embed_texts

    with torch.inference_mode():
        return embed_texts(clap, tokenizer, texts).cpu().numpy()


def _centre(clap: "Clap", tokenizer: "Tokenizer", texts: Sequence[str]) -> np.ndarray:
    mean = text_vectors(clap, tokenizer, texts).mean(0)
    return mean / np.linalg.norm(mean)
