"""The guide: a plan drawn as features on a grid of latent frames, for the diffusion transformer."""

import numpy as np

from longform.music.melody import PITCH_CLASSES
from longform.music.plan import FAMILIES, PHRASE_BARS, SECTIONS, Plan, chord_starts

_WIDTHS = {
    "beat": 2,
    "bar": 2,
    "phrase": 2,
    "chord": 12,
    "bass": 12,
    "section": len(SECTIONS),
    "energy": 1,
    "families": len(FAMILIES),
    "music": 1,
}


def _layout() -> dict[str, slice]:
    layout, start = {}, 0
    for name, width in _WIDTHS.items():
        layout[name] = slice(start, start + width)
        start += width
    return layout


GUIDE_FEATURES: dict[str, slice] = _layout()
GUIDE_CHANNELS: int = sum(_WIDTHS.values())
MELODY = "melody"
"""The feature that no plan knows; see `longform.music.melody`."""
FEATURES: dict[str, slice] = GUIDE_FEATURES | {
    MELODY: slice(GUIDE_CHANNELS, GUIDE_CHANNELS + PITCH_CLASSES)
}
"""All that a denoiser can be led by: a plan's features, then the melody."""


def guide(plan: Plan, frames: int, rate_hz: float, start_seconds: float = 0.0) -> np.ndarray:
    """Draw a plan on a grid of frames.

    Frame i is centred on `start_seconds + (i + 0.5) / rate_hz`. Phases are (sin, cos) of 2 pi phase
    with phase 0 on the beat, on the first beat of the bar and on the first bar of each 4-bar phrase
    (counted from the start of the section). Outside of the piece every feature is 0.

    Returns:
        float32 (frames, GUIDE_CHANNELS), columns as `GUIDE_FEATURES` names them.
    """
    times = start_seconds + (np.arange(frames) + 0.5) / rate_hz
    sounding = (times >= 0) & (times < plan.end_seconds)
    beats = times[sounding] / plan.beat_seconds
    bars = np.minimum(beats / plan.metre, np.nextafter(plan.bars, 0))
    bar = bars.astype(int)
    rows = _section_rows(plan)[bar]
    features = np.zeros((len(beats), GUIDE_CHANNELS), np.float32)
    since_section = bars - rows[:, 0]
    for name, phase in (("beat", beats), ("bar", bars), ("phrase", since_section / PHRASE_BARS)):
        angle = 2 * np.pi * (phase % 1.0)
        features[:, GUIDE_FEATURES[name]] = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    features[:, GUIDE_FEATURES["section"].start :] = rows[:, 1:]
    beat = np.minimum(((bars - bar) * plan.metre + 1e-9).astype(int), plan.metre - 1)
    chords = _chord_rows(plan)[bar, beat]
    features[:, GUIDE_FEATURES["chord"].start : GUIDE_FEATURES["bass"].stop] = chords
    drawn = np.zeros((frames, GUIDE_CHANNELS), np.float32)
    drawn[sounding] = features
    return drawn


def _section_rows(plan: Plan) -> np.ndarray:
    """Per bar: start bar of its section, section one-hot, energy, families, 1; (bars, 1 + 18)."""
    rows = []
    for section in plan.sections:
        one_hot = [float(name == section.name) for name in SECTIONS]
        families = [float(name in section.families) for name in FAMILIES]
        row = [float(section.start_bar), *one_hot, section.energy, *families, 1.0]
        rows += [row] * section.bars
    return np.asarray(rows)


def _chord_rows(plan: Plan) -> np.ndarray:
    """Chord chroma and bass one-hot for each beat of each bar; (bars, metre, 24)."""
    rows = np.zeros((plan.bars, plan.metre, 24), np.float32)
    for bar, chords in enumerate(plan.chords):
        for beat, chord in zip(chord_starts(plan.metre, len(chords)), chords, strict=True):
            rows[bar, beat:] = 0.0
            rows[bar, beat:, list(chord.pitch_classes)] = 1.0
            rows[bar, beat:, 12 + chord.bass] = 1.0
    return rows
