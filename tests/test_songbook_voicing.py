"""Voice leading measured: small steps, no parallels, room between low notes, guide tones."""

import itertools

import numpy as np
import pytest

from longform.music.theory import QUALITIES, Chord, Key, roman_bars
from longform.train.songbook.voicing import chord_tones, motion, muddy, parallels, voice

POP = "I V vi IV I V vi IV ii V I I vi IV I V"
JAZZ = "ii7 V7 Imaj7 vi7 ii7 V7b9 Imaj7 Imaj7 iii7 vi7 ii7 V13 I69 VI7 ii9 V7"


def chords(text: str, tonic: int) -> list[Chord]:
    return [chord for bar in roman_bars(text, Key(tonic=tonic, mode="major")) for chord in bar]


def led(text: str, tonic: int, count: int) -> list[list[int]]:
    voicings: list[list[int]] = []
    for chord in chords(text, tonic):
        voicings.append(voice(chord, voicings[-1] if voicings else None, 61, count))
    return voicings


def pairs() -> list[tuple[list[int], list[int]]]:
    found = []
    for text in (POP, JAZZ):
        for tonic in range(12):
            for count in (3, 4):
                voicings = led(text, tonic, count)
                found += itertools.pairwise(voicings)
    return [(one, two) for one, two in found if one != two]


def test_parallels_are_counted() -> None:
    assert parallels([48, 55, 64], [50, 57, 65]) == 1
    assert parallels([48, 60], [50, 62]) == 1
    assert parallels([48, 55], [48, 55]) == parallels([48, 55], [45, 52, 57]) == 0
    assert parallels([48, 55], [50, 53]) == 0


def test_voices_move_by_small_steps_and_not_in_parallel() -> None:
    moved = [motion(one, two) / len(one) for one, two in pairs() if len(one) == len(two)]
    assert np.mean(moved) < 1.6
    tops = [abs(one[-1] - two[-1]) for one, two in pairs()]
    assert np.mean(tops) < 2.0 and np.mean(np.array(tops) > 5) < 0.02
    assert np.mean([parallels(one, two) > 0 for one, two in pairs()]) < 0.03


def test_low_notes_have_room() -> None:
    assert muddy([40, 44, 47]) == 2 and muddy([60, 62, 64]) == 0 and muddy([41, 53, 60]) == 0
    every = [p for text in (POP, JAZZ) for tonic in range(12) for p in led(text, tonic, 4)]
    assert np.mean([muddy(pitches) for pitches in every]) < 0.25
    lows = [high - low for p in every for low, high in itertools.pairwise(p) if low < 48]
    assert min(lows, default=12) >= 4


@pytest.mark.parametrize("quality", ["7", "maj7", "m7", "9", "m9", "13", "7b9", "m7b5"])
def test_guide_tones_are_never_left_out(quality: str) -> None:
    chord = Chord(root=2, quality=quality, bass=2)
    third, seventh = (
        next((2 + step) % 12 for step in QUALITIES[quality] if step in steps)
        for steps in ((3, 4), (10, 11))
    )
    assert {third, seventh} <= set(chord_tones(chord, 3))
    for previous in (None, [55, 59, 62], [60, 64, 69]):
        assert {third, seventh} <= {pitch % 12 for pitch in voice(chord, previous, 61, 3)}
