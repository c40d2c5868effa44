"""The plan of a piece: tempo, key, sections, chords. A composer plays it, the guide draws it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from longform.errors import UserError
from longform.music.theory import QUALITIES, Chord, Key

FAMILIES = ("drums", "bass", "keys", "guitar", "strings", "winds", "pad", "lead")
SECTIONS = ("intro", "verse", "chorus", "bridge", "break", "build", "solo", "outro")
PHRASE_BARS = 4


@dataclass(frozen=True, kw_only=True)
class Section:
    """A stretch of whole bars. `energy` is 0..1; only `families` sound in it."""

    name: str
    start_bar: int
    bars: int
    energy: float
    families: frozenset[str]

    @property
    def end_bar(self) -> int:
        return self.start_bar + self.bars


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole piece before any note: every bar has a section and one or two chords.

    The last bar holds the final chord. `seconds` is the length asked for; the last bar ends at
    `end_seconds`, never later. `sources` tells where style, tempo, key and metre came from:
    "asked", "prompt", "drawn" or "planner"; of a plan that the planner wrote it has "plan" too.
    """

    style: str
    moods: tuple[str, ...]
    tempo_bpm: float
    key: Key
    metre: int
    swing: float
    seconds: float
    sections: tuple[Section, ...]
    chords: tuple[tuple[Chord, ...], ...]
    seed: int
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def beat_seconds(self) -> float:
        return 60.0 / self.tempo_bpm

    @property
    def bar_seconds(self) -> float:
        return self.metre * 60.0 / self.tempo_bpm

    @property
    def bars(self) -> int:
        return len(self.chords)

    @property
    def end_seconds(self) -> float:
        """The end of the last bar, or of the asked length if one bar is longer than that."""
        return min(self.bars * self.bar_seconds, self.seconds)

    def to_json(self) -> str:
        """A JSON text that `from_json` turns back into an equal plan."""
        record = asdict(self)
        record["chords"] = [
            [[chord.root, chord.quality, chord.bass] for chord in bar] for bar in self.chords
        ]
        for section in record["sections"]:
            section["families"] = [name for name in FAMILIES if name in section["families"]]
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read what `to_json` wrote.

        Raises:
            UserError: the text is not a plan.
        """
        try:
            return _from_record(json.loads(text))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"plan: not a plan that longform wrote ({error!r})") from None


def _from_record(record: dict[str, Any]) -> Plan:
    sections = tuple(
        Section(**{**section, "families": frozenset(section["families"])})
        for section in record["sections"]
    )
    chords = tuple(
        tuple(Chord(root=root, quality=quality, bass=bass) for root, quality, bass in bar)
        for bar in record["chords"]
    )
    if any(section.name not in SECTIONS for section in sections):
        raise ValueError("unknown section name")
    if any(chord.quality not in QUALITIES for bar in chords for chord in bar):
        raise ValueError("unknown chord quality")
    if sum(section.bars for section in sections) != len(chords) or not chords:
        raise ValueError("sections and chords differ in bars")
    return Plan(
        **{
            **record,
            "moods": tuple(record["moods"]),
            "key": Key(**record["key"]),
            "sections": sections,
            "chords": chords,
        }
    )


def chord_starts(metre: int, count: int) -> tuple[int, ...]:
    """The beats on which the `count` chords of a bar begin: a second one after the larger half."""
    return (0,) if count == 1 else (0, (metre + 1) // 2)
