"""Drum fills in three sizes. Letters are those of `DRUMS`; 1 to 5 are toms from high to low."""

import numpy as np

from longform.train.songbook.patterns_drums import DRUMS
from longform.train.songbook.stage import STEPS, Span

TOMS = {"1": 50, "2": 48, "3": 45, "4": 43, "5": 41}
# By the size of a fill in beats.
FILLS: dict[str, dict[int, tuple[str, ...]]] = {
    "band": {
        1: ("ss.s", "s.12", "sk1k", "..ss", "s.s.", ".s1k"),
        2: ("s.ss1122", "ss11..45", "s.s.1.4k", "..s.ss12", "s..s..4k"),
        4: ("s.ss1.112.224.44", "ssss11112222444k", "s...1.1.2.2.4.5k", "k.s.k.s.ss1122k."),
    },
    "machine": {
        1: ("c.cc", "s.ss", "k.ks", "..c.", "..ss"),
        2: ("s.s.ssss", "c..c..cc", "k.ss.s.s", "..c..c.c"),
        4: ("s...s...s.s.ssss", "k..k..k.s.s.ssss", "c...c...c.c.c.cc"),
    },
    "brushes": {
        1: ("s.s.", "..ss", "s..s"),
        2: ("s..s..s.", "..s.s.ss", "s.s.2.4."),
        4: ("s..s..s...1.2.4.", "..s...s.s.s.2.4."),
    },
    "latin": {
        1: ("i.ii", "iiee", "g.gl"),
        2: ("i.ieiei.", "gg.gl.ll", "i..i..ee"),
        4: ("i.i.i.e.iie.iie.", "g.gggg.ll.l.llll"),
    },
    "orchestra": {
        1: ("ssss", "4.55", "5.5."),
        2: ("ssssssss", "4.455.55", "s.s.5.5."),
        4: ("s.s.s.s.ssssssss", "5...5...4.4.5555"),
    },
}
_LATIN = frozenset(["samba", "salsa", "cumbia", "bossa", "reggaeton"])


def fill_kind(groove: str, kit: str, electronic: bool) -> str:
    """The kind of fills that suits a groove on a kit."""
    if kit == "gm:drums:48":
        return "orchestra"
    if groove.rstrip("0123456789") in _LATIN:
        return "latin"
    if electronic or "synth" in kit:
        return "machine"
    return "brushes" if kit in ("gm:drums:40", "gm:drums:32") else "band"


def fill_beats(span: Span, bar: int, rise: float, metre: int, rng: np.random.Generator) -> int:
    """How many beats the fill at the end of a bar takes: 0 for none.

    Small ones close phrases, larger ones sections, the largest lead where the energy rises.
    """
    left = span.section.end_bar - bar
    since = bar - span.section.start_bar
    if span.level <= 0.1:
        return 0
    if left == 1:
        largest = rise > 0.1 and span.level > 0.35 and rng.random() < 0.6
        return min(4 if largest else 2, metre)
    if since % 8 == 7:
        return min(2 if rng.random() < 0.3 + 0.5 * span.level else 1, metre)
    return int(since % 4 == 3 and rng.random() < 0.25 + 0.4 * span.level)


def fill_strokes(kind: str, beats: int, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """(sixteenth from the start of the fill, pitch, loudness 0..1) of a fill, getting louder."""
    size = 4 if beats > 2 else beats
    pattern = FILLS[kind][size][rng.integers(len(FILLS[kind][size]))][-beats * STEPS :]
    return [
        (step, TOMS.get(symbol) or DRUMS[symbol], 0.64 + 0.32 * step / len(pattern))
        for step, symbol in enumerate(pattern)
        if symbol != "."
    ]
