"""A piece outlined over time, as people write it: inline or as YAML.

Inline: `intro 16s: soft pads / drop 45s: full drums, bright / outro 20s`. YAML: what `outline_yaml`
writes, in which everything but the sections' names and lengths may be left out.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from longform.config import from_mapping, to_mapping
from longform.errors import UserError
from longform.music.draw import MAX_BPM, MAX_SECONDS, MIN_BPM
from longform.music.plan import FAMILIES, SECTIONS
from longform.music.theory import QUALITIES, Chord, Key

MAX_SECTIONS = 64
TAIL_SECONDS = 4.0  # what a plan may leave after its last bar to ring out, besides a part of a bar
_NAMES = {
    "chorus": "drop hook refrain main peak climax",
    "verse": "theme groove part a b",
    "break": "breakdown interlude pause",
    "build": "buildup build-up riser rise pre-chorus prechorus",
    "outro": "end ending coda fade",
    "intro": "start opening",
    "bridge": "middle c",
}
_KNOWN = {name: name for name in SECTIONS} | {
    word: name for name, words in _NAMES.items() for word in words.split()
}
_PART = re.compile(
    r"^\s*(?P<name>[^:]*?)\s+(?P<length>\d+(?:\.\d+)?)\s*(?P<unit>s|sec|seconds|bars?)\s*"
    r"(?::(?P<words>.*))?$",
    re.IGNORECASE | re.DOTALL,
)
_CHORD = re.compile(r"^([A-G][#b]?)([^/]*)(?:/([A-G][#b]?))?$")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One section as it was asked for: `seconds` or `bars`, and what the words leave open is None.

    `chords` has one entry for each bar, two chords of a bar joined by a comma; a shorter list
    is repeated.
    """

    name: str
    seconds: float | None = None
    bars: int | None = None
    prompt: str = ""
    energy: float | None = None
    families: tuple[str, ...] | None = None
    chords: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.bars is None):
            raise UserError(f"section {self.name!r} needs a length, in seconds or in bars")
        if not 0 < (self.seconds or self.bars or 0) <= MAX_SECONDS:
            raise UserError(f"section {self.name!r} has a length that cannot be played")
        if self.energy is not None and not 0 <= self.energy <= 1:
            raise UserError(f"section {self.name!r}: energy {self.energy:g} is outside 0..1")
        for family in self.families or ():
            if family not in FAMILIES:
                known = ", ".join(FAMILIES)
                raise UserError(f"section {self.name!r}: family {family!r} is not one of {known}")
        for bar in self.chords or ():
            chords_of(bar)

    @property
    def kind(self) -> str:
        """The section of `SECTIONS` that the name means."""
        word = re.sub(r"[\s\d_]+$", "", self.name.strip().lower())
        if word not in _KNOWN:
            raise UserError(f"section {self.name!r} is unknown; use one of {', '.join(_KNOWN)}")
        return _KNOWN[word]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A whole piece as it was asked for."""

    sections: tuple[Part, ...]
    tempo_bpm: float | None = None
    key: str | None = None
    metre: int | None = None
    style: str | None = None
    moods: tuple[str, ...] | None = None
    swing: float | None = None
    total_seconds: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.sections) <= MAX_SECTIONS:
            raise UserError(f"a plan has 1 to {MAX_SECTIONS} sections, not {len(self.sections)}")
        if self.tempo_bpm is not None and not MIN_BPM <= self.tempo_bpm <= MAX_BPM:
            raise UserError(f"tempo_bpm {self.tempo_bpm:g} is outside {MIN_BPM:g}..{MAX_BPM:g}")
        for part in self.sections:
            if part.bars is not None and self.tempo_bpm is None:
                raise UserError(
                    f"section {part.name!r} is counted in bars: give the plan tempo_bpm"
                )
            assert part.kind

    @property
    def complete(self) -> bool:
        """Whether it leaves nothing open that is heard, as one that `outline_yaml` wrote."""
        head = (self.tempo_bpm, self.key, self.metre, self.style)
        parts = ((part.energy, part.families, part.chords) for part in self.sections)
        return None not in head and all(None not in part for part in parts)

    @property
    def seconds(self) -> float:
        """The length that is asked for: `total_seconds`, if the sections fill it but for a tail."""
        tempo = self.tempo_bpm or 120.0
        filled = round(float(sum(self.lengths(tempo))), 3)
        bar = (self.metre or 4) * 60 / tempo
        if (
            self.total_seconds is not None
            and -1e-3 <= self.total_seconds - filled < bar + TAIL_SECONDS
        ):
            return self.total_seconds
        return filled

    def lengths(self, tempo_bpm: float) -> np.ndarray:
        """Seconds of each section."""
        bar = (self.metre or 4) * 60 / tempo_bpm
        return np.array([part.seconds or (part.bars or 0) * bar for part in self.sections])


def read_outline(text: str) -> Outline:
    """Read an inline plan or the YAML text of one.

    Raises:
        UserError: neither of the two, or a value that cannot be played.
    """
    parts = [_PART.match(part) for part in text.strip().strip("/").split("/")]
    if all(parts):
        return Outline(sections=tuple(_part(match) for match in parts if match))
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"plan: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        wrong = next(part for part, match in zip(text.split("/"), parts, strict=False) if not match)
        raise UserError(
            f"plan: {wrong.strip()[:60]!r} is not a section; write it like 'intro 16s: soft pads'"
        )
    return from_mapping(Outline, data, "plan")


def outline_yaml(outline: Outline) -> str:
    """YAML text that `read_outline` turns back into an equal outline."""
    import yaml

    head = _stated(to_mapping(outline))
    sections = [_stated(section) for section in head.pop("sections")]
    lines = [yaml.safe_dump(head, sort_keys=False, default_flow_style=None, width=1000)]
    lines.append("sections:\n")
    for section in sections:
        body = yaml.safe_dump(section, sort_keys=False, default_flow_style=None, width=1000)
        lines.append("- " + body.rstrip("\n").replace("\n", "\n  ") + "\n")
    return "".join(lines)


def _stated(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value not in (None, "")}


def _part(match: re.Match[str]) -> Part:
    length, in_bars = float(match["length"]), match["unit"].lower().startswith("b")
    words = (match["words"] or "").strip()
    if in_bars:
        return Part(name=match["name"].strip(), bars=int(length), prompt=words)
    return Part(name=match["name"].strip(), seconds=length, prompt=words)


def chords_of(bar: str) -> tuple[Chord, ...]:
    """The one or two chords of a bar: "Am", "F,G7", "C/E".

    Raises:
        UserError: it is not of that form.
    """
    matches = [_CHORD.match(text.strip()) for text in bar.split(",")]
    if len(matches) > 2 or not all(match and match[2] in QUALITIES for match in matches):
        raise UserError(f"chords {bar!r}: write one or two of a bar, like 'Am' or 'Fmaj7,G/B'")
    found = []
    for match in matches:
        assert match is not None
        root = Key.parse(match[1]).tonic
        bass = Key.parse(match[3]).tonic if match[3] else root
        found.append(Chord(root=root, quality=match[2], bass=bass))
    return tuple(found)
