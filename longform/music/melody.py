"""A melody as a feature of the guide: which pitch class sounds in each latent frame.

MusicGen (arXiv 2306.05284, section 3.3) conditions on the same thing: chroma of the melody, of
which each frame keeps the strongest bin alone, so that the tune is told and its timbre is not.
"""

from typing import Any

import numpy as np

from longform.errors import UserError

PITCH_CLASSES = 12
LEAST_SHARE = 0.25
"""A note counts in a frame of which it fills at least this share."""
_HIGHER = 0.02  # of a frame per semitone: of notes about equally long, the highest is the tune


def melody_lines(
    notes: np.ndarray, frames: int, rate_hz: float, start_seconds: float = 0.0
) -> np.ndarray:
    """The tune on a grid of frames, one pitch class each at most.

    Frame i spans `start_seconds + i / rate_hz` to the start of the next. It gets the pitch class of
    the note that sounds longest in it, the highest of those that sound about equally long, and
    nothing where none fills `LEAST_SHARE` of it.

    Args:
        notes: start seconds, seconds and MIDI pitch of each, (n, 3), in any order

    Returns:
        float32 (frames, 12), one-hot or zero.
    """
    lines = np.zeros((frames, PITCH_CLASSES), np.float32)
    best = np.zeros(frames)
    first = (notes[:, 0] - start_seconds) * rate_hz
    last = first + notes[:, 1] * rate_hz
    heard = (last > 0) & (first < frames)
    for start, end, pitch in zip(first[heard], last[heard], notes[heard, 2], strict=True):
        rows = np.arange(max(int(start), 0), min(int(np.ceil(end)), frames))
        filled = np.minimum(end, rows + 1) - np.maximum(start, rows)
        score = np.where(filled >= LEAST_SHARE, filled + _HIGHER * pitch, 0.0)
        won = score > best[rows]
        best[rows[won]] = score[won]
        lines[rows[won]] = np.eye(PITCH_CLASSES)[int(pitch) % PITCH_CLASSES]
    return lines


def read_notes(facts: Any, what: str) -> np.ndarray | None:
    """Notes (n, 3) as `melody_lines` takes them, from a list in JSON; None where there are none.

    Raises:
        UserError: it is not a list of [start seconds, seconds, MIDI pitch].
    """
    if not facts:
        return None
    try:
        notes = np.asarray(facts, np.float64)
    except (TypeError, ValueError):
        notes = np.zeros(0)
    if notes.ndim != 2 or notes.shape[-1] != 3 or not np.isfinite(notes).all():
        raise UserError(f"{what}: melody must be a list of [start seconds, seconds, MIDI pitch]")
    return notes
