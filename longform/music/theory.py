"""Keys, chords and scales as pitch classes (0 = C), and roman numerals for progressions."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from longform.errors import UserError

Mode = Literal["major", "minor"]

MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
SCALES: dict[Mode, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
}
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "69": (0, 4, 7, 9, 14),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "7sus4": (0, 5, 7, 10),
    "add9": (0, 4, 7, 14),
    "madd9": (0, 3, 7, 14),
    "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "m9": (0, 3, 7, 10, 14),
    "m11": (0, 3, 7, 10, 14, 17),
    "13": (0, 4, 7, 10, 14, 21),
    "7b9": (0, 4, 7, 10, 13),
    "7#9": (0, 4, 7, 10, 15),
    "9sus4": (0, 5, 7, 10, 14),
}
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NUMERALS = {"I": 0, "II": 1, "III": 2, "IV": 3, "V": 4, "VI": 5, "VII": 6}
_MINOR_SUFFIXES = {
    "": "m",
    "6": "m6",
    "7": "m7",
    "9": "m9",
    "11": "m11",
    "add9": "madd9",
    "o": "dim",
    "o7": "dim7",
    "h7": "m7b5",
}
_ROMAN = re.compile(r"^([b#]?)(VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)([^/]*)(?:/([1-7]))?$")
_KEY = re.compile(
    r"^\s*([A-Ga-g])\s*[- ]?(#|♯|b|♭|sharp|flat)?\s*[- ]?(major|minor|maj|min|moll|dur|m)?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Key:
    """A tonic (0 = C … 11 = B) and a mode."""

    tonic: int
    mode: Mode

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Read "A minor", "Am", "F# major", "Bb", "e-flat minor"; no mode means major.

        Raises:
            UserError: the text is not a key.
        """
        match = _KEY.match(text)
        if match is None:
            raise UserError(
                f"key {text!r} is not a key; write it like 'A minor', 'F# major' or 'Bb'"
            )
        letter, accidental, mode = match.groups()
        shift = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.get(
            (accidental or "").lower(), 0
        )
        minor = mode is not None and (mode == "m" or mode.lower() in ("minor", "min", "moll"))
        tonic = (_LETTERS[letter.upper()] + shift) % 12
        return cls(tonic=tonic, mode="minor" if minor else "major")

    def __str__(self) -> str:
        names = MINOR_NAMES if self.mode == "minor" else MAJOR_NAMES
        return f"{names[self.tonic]} {self.mode}"

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes from the tonic upwards (natural minor in minor)."""
        return tuple((self.tonic + step) % 12 for step in SCALES[self.mode])


@dataclass(frozen=True)
class Chord:
    """A root and bass pitch class and a quality of `QUALITIES`."""

    root: int
    quality: str
    bass: int

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Root first, then upwards by thirds; a bass outside the chord comes last."""
        own = tuple((self.root + step) % 12 for step in QUALITIES[self.quality])
        return own if self.bass in own else (*own, self.bass)

    def __str__(self) -> str:
        below = "" if self.bass == self.root else f"/{MAJOR_NAMES[self.bass]}"
        return f"{MAJOR_NAMES[self.root]}{self.quality}{below}"


@lru_cache(maxsize=4096)
def roman_chord(numeral: str, key: Key) -> Chord:
    """Read one roman numeral in a key: "ii7", "V7b9", "bVII", "I/3" (third degree in the bass).

    Degrees are those of the key's own scale, so "VI" in A minor is F. Lower case is a minor chord;
    "o" is diminished, "h7" half-diminished, "+" augmented.
    """
    match = _ROMAN.match(numeral)
    assert match is not None, f"not a roman numeral: {numeral!r}"
    accidental, degree, suffix, bass_degree = match.groups()
    shift = {"b": -1, "#": 1, "": 0}[accidental]
    root = (key.scale[_NUMERALS[degree.upper()]] + shift) % 12
    quality = _MINOR_SUFFIXES[suffix] if degree.islower() else suffix.replace("+", "aug")
    assert quality in QUALITIES, f"unknown quality in {numeral!r}"
    bass = root if bass_degree is None else key.scale[int(bass_degree) - 1]
    return Chord(root=root, quality=quality, bass=bass)


def roman_bars(progression: str, key: Key) -> list[tuple[Chord, ...]]:
    """Bars of a progression text: bars separated by spaces, two chords in a bar by a comma."""
    return [
        tuple(roman_chord(numeral, key) for numeral in bar.split(","))
        for bar in progression.split()
    ]
