"""How good a planner is: does it keep to the grammar and to the caption, and to the style."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from longform.music.draw import MIN_BPM
from longform.music.plan import Plan
from longform.music.prompt import read_prompt
from longform.planner.grammar import Grammar
from longform.planner.vocabulary import Vocabulary
from longform.planner.writer import Writer
from longform.train.planner_pieces import Pieces

TEMPO_TOLERANCE = 0.04
REFERENCE_PIECES = 1_000


def obedience(
    vocabulary: Vocabulary, logits: Tensor, targets: Tensor, captions: Sequence[str]
) -> dict[str, list[float]]:
    """What is measured on each piece of a batch, logits (b, n, v) and targets (b, n).

    "valid": the chance that a plan drawn without the grammar keeps to it, 0..1. "key", "tempo",
    "style": whether the likeliest token is what the caption names, of captions that name one, with
    nothing forced.
    """
    shares = logits.softmax(dim=-1).numpy()
    likeliest = logits[:, :4].argmax(dim=-1)  # of the header: metre, tempo, key, style
    valid: list[float] = []
    key: list[float] = []
    tempo: list[float] = []
    style: list[float] = []
    for row, caption in enumerate(captions):
        tokens = [int(token) for token in targets[row] if token >= 0]
        valid.append(_chance_of_grammar(vocabulary, shares[row], tokens))
        facts = read_prompt(caption)
        _, bpm, tonic, genre = (vocabulary.meaning(int(one))[1] for one in likeliest[row])
        if facts.key is not None:
            key.append(tonic == facts.key.tonic + 12 * (facts.key.mode == "minor"))
        if facts.bpm is not None:
            tempo.append(abs((MIN_BPM + bpm) / facts.bpm - 1) <= TEMPO_TOLERANCE)
        if facts.style is not None:
            style.append(vocabulary.styles[genre % len(vocabulary.styles)] == facts.style)
    return {"valid": valid, "key": key, "tempo": tempo, "style": style}


def typicality(writer: Writer, pieces: Pieces, held_out: Sequence[int]) -> dict[str, float]:
    """Of plans written for the captions of held-out pieces: how like pieces of the same style.

    "chords" and "form" are the shares of changes (from one chord, or section, to the next) that
    other pieces of the styles hold too; "..._held_out" those of the held-out pieces themselves.
    """
    known: dict[str, set[object]] = {}
    for number in range(held_out[-1] + 1, held_out[-1] + 1 + REFERENCE_PIECES):
        plan = pieces.plan(number)
        known.setdefault(plan.style, set()).update(changes(plan))
    figures: dict[str, list[float]] = {}
    for number in held_out:
        real, caption = pieces.plan(number), pieces[number].captions[0]
        written = writer(prompt=caption, seconds=real.seconds, seed=number)
        for plan, suffix in ((written, ""), (real, "_held_out")):
            for kind in ("chords", "form"):
                found = [one for one in changes(plan) if one[0] == kind]
                hits = [one in known.get(plan.style, set()) for one in found]
                if hits:
                    figures.setdefault(kind + suffix, []).append(float(np.mean(hits)))
    return {name: float(np.mean(values)) for name, values in figures.items()}


def changes(plan: Plan) -> list[tuple[object, ...]]:
    """Changes of chord, relative to the tonic of a mode, and of section."""
    chords = [
        (plan.key.mode, (chord.root - plan.key.tonic) % 12, chord.quality)
        for bar in plan.chords
        for chord in bar
    ]
    kinds = [section.name for section in plan.sections]
    found: list[tuple[object, ...]] = [("chords", *pair) for pair in pairwise(chords)]
    found += [("form", *pair) for pair in pairwise(kinds)]
    return found


def _chance_of_grammar(vocabulary: Vocabulary, shares: np.ndarray, tokens: list[int]) -> float:
    """The chance that each token of a plan would have been a grammatical one."""
    chance, grammar = 1.0, Grammar(vocabulary)
    bars = _bars_of(vocabulary, tokens)
    for place, token in enumerate(tokens):
        chance *= float(shares[place][grammar.allowed()].sum())
        grammar.accept(token)
        if "tempo" in grammar.header:
            grammar.bars = bars
    return chance


def _bars_of(vocabulary: Vocabulary, tokens: list[int]) -> int:
    """The length of a piece, read off its tokens."""
    sizes = {"bars": 1, "more": 64}
    meanings = [vocabulary.meaning(token) for token in tokens]
    return sum(
        sizes[kind] + (value if kind == "bars" else 0) for kind, value in meanings if kind in sizes
    )
