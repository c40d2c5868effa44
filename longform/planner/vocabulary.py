"""The tokens that plans are written in, and their numbers."""

from collections.abc import Sequence
from functools import cached_property

from longform.music.draw import MAX_BPM, METRES, MIN_BPM
from longform.music.plan import FAMILIES, SECTIONS
from longform.music.theory import Chord

MAX_BARS = 64  # of one token "bars"; "more" before it adds as many
ENERGY_STEPS = 20
_SECOND_MODE = 12  # keys: twelve major tonics, then twelve minor ones


class Vocabulary:
    """Every kind of token has a range of numbers; a token is the kind's start and a value.

    start, metre (2..7), tempo (40..220 bpm), key, style; kind of section, more, bars (1..64),
    energy (0..20), family; two (chords in the bar), bass, chord, loop, again. Chords and basses
    count from the tonic, so that a progression is the same tokens in every key.
    """

    def __init__(self, styles: Sequence[str], qualities: Sequence[str]) -> None:
        self.styles, self.qualities = tuple(styles), tuple(qualities)
        sizes = {
            "start": 1,
            "metre": len(METRES),
            "tempo": round(MAX_BPM - MIN_BPM) + 1,
            "key": 2 * _SECOND_MODE,
            "style": len(self.styles),
            "kind": len(SECTIONS),
            "more": 1,
            "bars": MAX_BARS,
            "energy": ENERGY_STEPS + 1,
            "family": len(FAMILIES),
            "two": 1,
            "bass": 12,
            "chord": 12 * len(self.qualities),
            "loop": 1,
            "again": 1,
        }
        self.ranges: dict[str, range] = {}
        first = 0
        for name, size in sizes.items():
            self.ranges[name] = range(first, first + size)
            first += size
        self.size = first

    @cached_property
    def _kinds(self) -> list[str]:
        return [name for name, numbers in self.ranges.items() for _ in numbers]

    def token(self, kind: str, value: int = 0) -> int:
        """The number of a token; a value outside of the kind's range is moved to its edge."""
        numbers = self.ranges[kind]
        return numbers[min(max(value, 0), len(numbers) - 1)]

    def meaning(self, token: int) -> tuple[str, int]:
        """Kind and value of a token."""
        kind = self._kinds[token]
        return kind, token - self.ranges[kind].start

    def chord(self, root: int, quality: str) -> int:
        """The token of a chord `root` semitones above the tonic.

        Raises:
            ValueError: a quality that the vocabulary does not have.
        """
        return self.token("chord", self.qualities.index(quality) * 12 + root % 12)

    def chord_of(self, value: int, bass: int | None, tonic: int) -> Chord:
        """The chord of a token's value, over `bass` semitones above the tonic or its own root."""
        quality, root = divmod(value, 12)
        root = (root + tonic) % 12
        low = root if bass is None else (bass + tonic) % 12
        return Chord(root=root, quality=self.qualities[quality], bass=low)
