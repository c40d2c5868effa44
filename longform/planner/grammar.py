"""What may follow what: a plan grows token by token, and always ends on its last bar.

piece   = metre tempo key style section+
section = kind more* bars energy family+ bar*        families in the order of FAMILIES
bar     = chord | bass chord | two (chord | bass chord) (chord | bass chord)
loop      in place of a bar: the bars of the section so far, over and over, up to its end,
          but for the two last bars of the piece, which are written out
again     in place of the first bar: what the last section of this kind loops, likewise
"""

from dataclasses import dataclass, field

import numpy as np

from longform.music.plan import FAMILIES, SECTIONS
from longform.music.theory import Chord, Key
from longform.planner.vocabulary import ENERGY_STEPS, MAX_BARS, Vocabulary

ENDING_BARS = 2  # written out at the end of a piece: cadence and final chord
HEADER = ("metre", "tempo", "key", "style")


@dataclass
class Draft:
    """A section that is being written."""

    kind: str
    bars: int = 0
    energy: float = 0.0
    families: list[str] = field(default_factory=list)
    chords: list[tuple[Chord, ...]] = field(default_factory=list)
    cycle: tuple[tuple[Chord, ...], ...] = ()
    """What is repeated; of a section without repetition, all of it."""


class Grammar:
    """The state of a plan in writing.

    `bars` is the length of the piece; it must be set once the tempo is known. `expects` names the
    kind of token that comes next ("family" and "bar" stand for several, "end" for none); `more` is
    what the section's length has so far.
    """

    def __init__(self, vocabulary: Vocabulary, bars: int | None = None) -> None:
        self.vocabulary, self.bars = vocabulary, bars
        self.header: dict[str, int] = {}
        self.sections: list[Draft] = []
        self.expects = "metre"
        self._before = 0  # bars of the finished sections
        self.more = 0
        self._two: list[Chord] | None = None
        self._bass: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the last bar of the piece is written."""
        return self.expects == "end"

    @property
    def key(self) -> Key:
        tonic = self.header["key"]
        return Key(tonic % 12, "minor" if tonic >= 12 else "major")

    @property
    def metre(self) -> int:
        """Beats in a bar."""
        return self.header["metre"] + 2

    @property
    def countdown(self) -> tuple[int, int]:
        """Bars of the piece that no section has yet, and bars of the section that are unwritten."""
        if self.bars is None:
            return 0, 0
        draft = self.sections[-1] if self.sections else None
        open_bars = draft.bars if draft and self.expects != "kind" else 0
        left = open_bars - len(draft.chords) if draft and open_bars else 0
        return self.bars - self._before - open_bars, left

    def allowed(self) -> np.ndarray:
        """Which tokens may come next, bool (vocabulary,)."""
        mask = np.zeros(self.vocabulary.size, bool)
        ranges = self.vocabulary.ranges
        for kind, first, stop in self._choices():
            mask[ranges[kind].start + first : ranges[kind].start + stop] = True
        return mask

    def accept(self, token: int) -> None:
        """Write one token, which must be allowed."""
        kind, value = self.vocabulary.meaning(token)
        if kind in HEADER:
            self.header[kind] = value
            following = HEADER.index(kind) + 1
            self.expects = HEADER[following] if following < len(HEADER) else "kind"
        elif kind == "kind":
            self.sections.append(Draft(SECTIONS[value]))
            self.expects, self.more = "bars", 0
        elif kind == "more":
            self.more += MAX_BARS
        elif kind == "bars":
            self.sections[-1].bars = self.more + value + 1
            self.expects = "energy"
        elif kind == "energy":
            self.sections[-1].energy = round(value / ENERGY_STEPS, 3)
            self.expects = "family"
        elif kind == "family":
            self.sections[-1].families.append(FAMILIES[value])
        else:
            self._write_chords(kind, value)

    def _choices(self) -> list[tuple[str, int, int]]:
        """(kind, first value, end of the values) of what may come next."""
        ranges = self.vocabulary.ranges
        if self.expects in ("metre", "tempo", "key", "style", "kind", "energy"):
            return [(self.expects, 0, len(ranges[self.expects]))]
        if self.expects == "bars":
            assert self.bars is not None
            left = self.bars - self._before - self.more
            more = [("more", 0, 1)] if left > MAX_BARS else []
            return [*more, ("bars", 0, min(left, MAX_BARS))]
        if self.expects == "family" and not self.sections[-1].families:
            return [("family", 0, len(FAMILIES))]
        if self.expects == "family":
            last = FAMILIES.index(self.sections[-1].families[-1])
            return [("family", last + 1, len(FAMILIES)), *self._bar_choices()]
        if self.expects == "bar":
            return self._bar_choices()
        return []

    def _bar_choices(self) -> list[tuple[str, int, int]]:
        chord = ("chord", 0, len(self.vocabulary.ranges["chord"]))
        if self._bass is not None:
            return [chord]
        found = [chord, ("bass", 0, 12)]
        if self._two is None:
            found.append(("two", 0, 1))
            written = len(self.sections[-1].chords)
            if written < self.loop_end and (written or self._earlier):
                found.append(("loop" if written else "again", 0, 1))
        return found

    @property
    def loop_end(self) -> int:
        """The bar of the section that a loop fills up to."""
        draft = self.sections[-1]
        return draft.bars - ENDING_BARS * (self._before + draft.bars == self.bars)

    @property
    def _earlier(self) -> Draft | None:
        """The last section of the same kind as this one."""
        kind = self.sections[-1].kind
        return next((one for one in reversed(self.sections[:-1]) if one.kind == kind), None)

    def _write_chords(self, kind: str, value: int) -> None:
        draft = self.sections[-1]
        chords = draft.chords
        self.expects = "bar"
        if kind == "two":
            self._two = []
        elif kind == "bass":
            self._bass = value
        elif kind in ("loop", "again"):
            draft.cycle = self._earlier.cycle if kind == "again" and self._earlier else (*chords,)
            size = len(draft.cycle)
            chords += [draft.cycle[bar % size] for bar in range(len(chords), self.loop_end)]
        else:
            chord = self.vocabulary.chord_of(value, self._bass, self.key.tonic)
            self._bass = None
            if self._two is None:
                chords.append((chord,))
            else:
                self._two.append(chord)
                if len(self._two) == 2:
                    chords.append(tuple(self._two))
                    self._two = None
        if len(chords) == draft.bars:
            draft.cycle = draft.cycle or (*chords,)
            self._before += len(chords)
            self.expects = "end" if self._before == self.bars else "kind"
