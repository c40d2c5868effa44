"""Recorded drum sounds beside the synthesised ones: the CC0 files of Debian's sonic-pi-samples.

Only files that the package's copyright file states to be CC0 are named here. They are used where a
corpus build names their folder; what was used is told by the track's voice, "samples:<kit>".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from longform.errors import UserError
from longform.train.songbook.score import Note, Score, Track
from longform.train.songbook.synth_core import add_at

LICENCE = "CC0-1.0"
SOURCE = "sonic-pi-samples (Debian; recordings from freesound.org, listed in its README.md)"
_SHARE = 0.5  # of the pieces with a drum machine
# One of each per kit.
_KICKS = ("bd_haus", "bd_klub", "bd_tek", "bd_808", "drum_heavy_kick", "bd_fat")
_SNARES = ("elec_hi_snare", "sn_dub", "elec_mid_snare", "sn_zome", "drum_snare_hard", "sn_dolf")
_CLAPS = ("elec_snare", "elec_filt_snare", "elec_snare", "perc_snap", "perc_snap2", "perc_snap")
_CYMBALS = {
    42: "drum_cymbal_closed",
    44: "drum_cymbal_pedal",
    46: "drum_cymbal_open",
    49: "drum_splash_hard",
    51: "drum_cymbal_soft",
    52: "drum_cymbal_hard",
    53: "drum_cymbal_soft",
    54: "elec_tick",
    55: "drum_splash_soft",
    56: "drum_cowbell",
    57: "drum_cymbal_hard",
    70: "elec_tick",
    75: "elec_wood",
    37: "elec_wood",
}
_TOMS = {
    **dict.fromkeys((60, 61, 62, 63, 64, 65, 66), "elec_fuzz_tom"),
    **dict.fromkeys((48, 50), "drum_tom_hi_hard"),
    **dict.fromkeys((45, 47), "drum_tom_mid_hard"),
    **dict.fromkeys((41, 43), "drum_tom_lo_hard"),
}
_OPEN, _CLOSED = 46, (42, 44)


@dataclass(frozen=True)
class SampleFolder:
    """A folder that holds every recording of every kit."""

    path: Path

    def __post_init__(self) -> None:
        missing = [name for name in names() if not (self.path / f"{name}.flac").is_file()]
        if missing:
            raise UserError(
                f"samples folder {str(self.path)!r} has no {missing[0]}.flac: name the folder of "
                "the Debian package sonic-pi-samples, /usr/share/sonic-pi/samples"
            )


def names() -> list[str]:
    """The recordings that the kits use, sorted."""
    return sorted({*_KICKS, *_SNARES, *_CLAPS, *_CYMBALS.values(), *_TOMS.values()})


def with_samples(score: Score) -> Score:
    """The score with a recorded kit in place of its drum machine, in half of the pieces."""
    rng = np.random.default_rng([abs(score.plan.seed), 91])
    chosen, kit = rng.random() < _SHARE, int(rng.integers(len(_KICKS)))
    if not chosen:
        return score
    tracks = [_sampled(track, kit) for track in score.tracks]
    return replace(score, tracks=tracks)


def used_by(score: Score) -> list[str]:
    """The recordings that a score sounds, sorted."""
    return sorted(
        {
            _name(int(track.voice.removeprefix("samples:")), note.pitch)
            for track in score.tracks
            if track.voice.startswith("samples:")
            for note in track.notes
        }
    )


def _sampled(track: Track, kit: int) -> Track:
    if not track.voice.startswith(("synth:drums", "synth:kick")):
        return track
    return replace(track, voice=f"samples:{kit}")


def render_samples(
    voice: str, notes: Sequence[Note], folder: SampleFolder, samples: int, sample_rate: int
) -> np.ndarray:
    """One track of recorded drums, (2, samples) float32; closed hats cut open ones short."""
    kit = int(voice.removeprefix("samples:"))
    out = np.zeros((2, samples), np.float32)
    ordered = sorted(notes, key=lambda note: note.start_seconds)
    closing = [note.start_seconds for note in ordered if note.pitch in _CLOSED]
    for note in ordered:
        hit = _recording(folder.path, _name(kit, note.pitch), sample_rate)
        later = int(np.searchsorted(closing, note.start_seconds, side="right"))
        if note.pitch == _OPEN and later < len(closing):
            time = np.arange(hit.shape[1], dtype=np.float32) / sample_rate
            hit = hit * np.clip(1 - (time - (closing[later] - note.start_seconds)) / 0.01, 0, 1)
        add_at(out, hit, note.start_seconds * sample_rate, (note.velocity / 127) ** 1.5)
    return out


def _name(kit: int, pitch: int) -> str:
    if pitch in (35, 36):
        return _KICKS[kit]
    if pitch == 39:
        return _CLAPS[kit]
    return _CYMBALS.get(pitch) or _TOMS.get(pitch) or _SNARES[kit]


@lru_cache(maxsize=64)
def _recording(folder: Path, name: str, sample_rate: int) -> np.ndarray:
    """(2, n) float32, at most three seconds, its peak at 0.8, silent at the end."""
    audio, rate = soundfile.read(folder / f"{name}.flac", dtype="float32", always_2d=True)
    if rate != sample_rate:
        audio = np.asarray(soxr.resample(audio, rate, sample_rate))
    sides = np.repeat(audio.T, 2, axis=0) if audio.shape[1] == 1 else audio.T[:2]
    sides = sides[:, : 3 * sample_rate]
    fade = np.clip((sides.shape[1] - np.arange(sides.shape[1])) / (0.01 * sample_rate), 0, 1)
    peak = max(float(np.abs(sides).max(initial=0.0)), 1e-6)
    return (sides * (0.8 / peak) * fade).astype(np.float32)
