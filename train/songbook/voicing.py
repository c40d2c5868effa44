"""Chord voicings that move as little as they can, without parallel fifths and octaves."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from longform.music.theory import QUALITIES, Chord

_PARALLEL = 6.0  # semitones of motion that a pair of parallel voices is worth
_MUDDY = 3.0
_LEAP = 0.5
# The narrowest interval above a note, by the highest note it holds for: low interval limits.
_LIMITS = ((40, 12), (45, 7), (50, 5), (55, 3), (60, 2))


def chord_tones(chord: Chord, count: int) -> list[int]:
    """The `count` pitch classes that say most about a chord.

    In this order: third, seventh or sixth, ninth and above, fifth, root (the bass plays it). Triads
    keep their root.
    """
    steps = QUALITIES[chord.quality]
    if len(steps) <= 3:
        return [(chord.root + step) % 12 for step in steps][:count]

    def weight(step: int) -> int:
        kinds = ((3, 4, 2, 5), (9, 10, 11), (13, 14, 15, 17, 21), (6, 7, 8), (0,))
        return next(i for i, kind in enumerate(kinds) if step in kind)

    chosen = sorted(steps, key=weight)[:count]
    return [(chord.root + step) % 12 for step in chosen]


def voice(
    chord: Chord, previous: Sequence[int] | None, centre: int, count: int, *, wide: bool = False
) -> list[int]:
    """Ascending MIDI pitches of a chord, near `centre` and near the `previous` voicing.

    `wide` drops the second voice from the top by an octave (drop 2). Of all inversions the one is
    taken whose voices move least; parallel fifths and octaves count as much motion, and so do
    intervals too narrow for their depth.
    """
    tones = sorted(chord_tones(chord, count))
    candidates = []
    for bottom in range(centre - 12, centre + 6):
        if bottom % 12 not in tones:
            continue
        first = tones.index(bottom % 12)
        pitches = [bottom]
        for tone in tones[first + 1 :] + tones[:first]:
            pitches.append(pitches[-1] + (tone - pitches[-1] - 1) % 12 + 1)
        candidates.append(pitches)
        if len(pitches) > 2:
            opened = sorted([*pitches[:-2], pitches[-2] - 12, pitches[-1]])
            candidates = [*candidates[:-1], opened] if wide else [*candidates, opened]
    return min(candidates, key=lambda pitches: _cost(pitches, previous, centre))


def motion(previous: Sequence[int], pitches: Sequence[int]) -> int:
    """Semitones that the voices move in all, from the lowest to the highest.

    Of voicings of different size, each note is led from the nearest one.
    """
    if len(previous) == len(pitches):
        return sum(abs(one - two) for one, two in zip(previous, pitches, strict=True))
    return sum(min(abs(pitch - other) for other in previous) for pitch in pitches)


def parallels(previous: Sequence[int], pitches: Sequence[int]) -> int:
    """Pairs of voices that go from one fifth or octave to another in the same direction."""
    if len(previous) != len(pitches):
        return 0
    moved = [after - before for before, after in zip(previous, pitches, strict=True)]
    return sum(
        (previous[high] - previous[low]) % 12 in (0, 7)
        and (pitches[high] - pitches[low]) % 12 == (previous[high] - previous[low]) % 12
        and moved[low] * moved[high] > 0
        for low, high in combinations(range(len(pitches)), 2)
    )


def muddy(pitches: Sequence[int]) -> int:
    """Neighbours that lie closer than their depth allows."""
    return sum(
        high - low < next((least for top, least in _LIMITS if low < top), 1)
        for low, high in pairwise(pitches)
    )


def _cost(pitches: list[int], previous: Sequence[int] | None, centre: int) -> float:
    drift = abs(sum(pitches) / len(pitches) - centre)
    span = max(pitches[-1] - pitches[0] - 12, 0)
    own = 0.35 * drift + 0.15 * span + _MUDDY * muddy(pitches)
    if previous is None:
        return own + drift
    top = abs(pitches[-1] - previous[-1])
    led = motion(previous, pitches) + _LEAP * top
    return led + own + _PARALLEL * parallels(previous, pitches)


def open_strings(chord: Chord) -> list[int]:
    """A strummed guitar chord: five or six notes upwards from the low root."""
    low = 40 + (chord.bass - 40) % 12
    tones = set(chord_tones(chord, 4)) | {chord.root}
    pitches = (
        [low, low + (chord.root + 7 - chord.bass) % 12] if "dim" not in chord.quality else [low]
    )
    if (pitches[-1] % 12) not in tones:
        pitches = [low]
    while len(pitches) < (6 if low < 45 else 5) and pitches[-1] < 72:
        after = pitches[-1] + 3
        while after % 12 not in tones:
            after += 1
        pitches.append(after)
    return pitches
