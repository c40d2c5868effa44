"""Motifs and what composers do with them: sequence, inversion, fragment, augmentation, answer."""

from dataclasses import dataclass, replace

import numpy as np

from longform.music.theory import Chord
from longform.train.songbook.stage import STEPS, Stage, events


@dataclass(frozen=True)
class Motif:
    """One bar: (step, length) of its notes, the scale steps between them, and where it starts."""

    rhythm: tuple[tuple[int, int], ...]
    moves: tuple[int, ...]
    start: int


def draw_motif(rng: np.random.Generator, pattern: str) -> Motif:
    """A motif on a rhythm."""
    rhythm = tuple((step, length) for step, length, _ in events(pattern))
    return Motif(rhythm, draw_moves(rng, len(rhythm)), int(rng.integers(-2, 4)))


def draw_moves(rng: np.random.Generator, count: int) -> tuple[int, ...]:
    """Mostly steps, a leap at times, which is then answered by a step back."""
    moves = [0]
    direction = 1 if rng.random() < 0.6 else -1
    for _ in range(count - 1):
        if abs(moves[-1]) > 2:
            moves.append(-1 if moves[-1] > 0 else 1)
            continue
        if rng.random() < 0.3:
            direction = -direction
        sizes, odds = [0, 1, 2, 3, 4], [0.12, 0.58, 0.2, 0.06, 0.04]
        moves.append(direction * int(rng.choice(sizes, p=odds)))
    return tuple(moves)


def sequenced(motif: Motif, steps: int) -> Motif:
    """The same a little higher or lower."""
    return replace(motif, start=motif.start + steps)


def inverted(motif: Motif) -> Motif:
    """What rose falls."""
    return replace(motif, moves=tuple(-move for move in motif.moves))


def answered(motif: Motif) -> Motif:
    """The same question until the middle, then the other way."""
    middle = (len(motif.moves) + 1) // 2
    tail = tuple(-move for move in motif.moves[middle:])
    return replace(motif, moves=motif.moves[:middle] + tail)


def fragmented(motif: Motif, bar_steps: int) -> Motif:
    """Its head twice, the second time a step further on."""
    half = bar_steps // 2 // STEPS * STEPS
    head = [(step, length) for step, length in motif.rhythm if step < half] or [motif.rhythm[0]]
    cut = [(step, min(length, half - step)) for step, length in head if step < half]
    if not cut:
        return motif
    again = [(step + half, length) for step, length in cut]
    kept = motif.moves[: len(cut)]
    onward = (-1 if sum(kept) > 0 else 1, *kept[1:])
    return replace(motif, rhythm=tuple(cut + again), moves=kept + onward)


def augmented(motif: Motif, bar_steps: int) -> Motif:
    """Its head at half speed."""
    slow = [
        (2 * step, min(2 * length, bar_steps - 2 * step))
        for step, length in motif.rhythm
        if 2 * step < bar_steps
    ]
    return replace(motif, rhythm=tuple(slow), moves=motif.moves[: len(slow)]) if slow else motif


def closed(motif: Motif, last_step: int) -> Motif:
    """Its first notes, the last of them held, and silence from `last_step` on."""
    kept = [(step, length) for step, length in motif.rhythm if step < last_step - 1]
    kept = kept[: max((len(motif.rhythm) + 1) // 2, 2)] or [(0, last_step)]
    step, length = kept[-1]
    kept[-1] = (step, max(min(length + STEPS, last_step - step), 1))
    return replace(motif, rhythm=tuple(kept), moves=(motif.moves or (0,))[: len(kept)])


def local_scale(stage: Stage, chord: Chord) -> list[int]:
    """The key's scale, bent where the chord leaves it."""
    scale = set(stage.plan.key.scale)
    for tone in chord.pitch_classes:
        if tone not in scale:
            scale -= {(tone - 1) % 12, (tone + 1) % 12} - set(chord.pitch_classes)
            scale.add(tone)
    return sorted(scale)


def nearest(pitch: int, pitch_classes: tuple[int, ...] | list[int]) -> int:
    """The nearest pitch that belongs to the pitch classes."""
    return min(
        (pitch + (tone - pitch + 6) % 12 - 6 for tone in pitch_classes),
        key=lambda found: abs(found - pitch),
    )


def stepped(pitch: int, steps: int, scale: list[int]) -> int:
    """So many steps of a scale up or down."""
    direction = 1 if steps > 0 else -1
    for _ in range(abs(steps)):
        pitch += direction
        while pitch % 12 not in scale:
            pitch += direction
    return nearest(pitch, scale)
