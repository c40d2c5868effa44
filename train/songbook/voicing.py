"""Chord voicings that move as little as they can."""

from longform.music.theory import QUALITIES, Chord


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
    chord: Chord, previous: list[int] | None, centre: int, count: int, *, wide: bool = False
) -> list[int]:
    """Ascending MIDI pitches of a chord, near `centre` and near the `previous` voicing.

    `wide` drops the second voice from the top by an octave (drop 2).
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
        if wide and len(pitches) > 2:
            pitches = sorted([*pitches[:-2], pitches[-2] - 12, pitches[-1]])
        candidates.append(pitches)
    return min(candidates, key=lambda pitches: _motion(pitches, previous, centre))


def _motion(pitches: list[int], previous: list[int] | None, centre: int) -> float:
    drift = abs(sum(pitches) / len(pitches) - centre)
    if previous is None:
        return drift
    moved = sum(min(abs(pitch - other) for other in previous) for pitch in pitches)
    return moved + abs(pitches[-1] - previous[-1]) + 0.35 * drift


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
