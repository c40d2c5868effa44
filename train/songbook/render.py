"""A score becomes sound: tracks rendered dry, mixed on a bus per family, finished as one piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from longform.train.songbook import mastering, mixing
from longform.train.songbook.fluid import CHANNELS, Fluid
from longform.train.songbook.mixing import BLOCK_SAMPLES
from longform.train.songbook.profiles import MixProfile, balance_db, profile_of
from longform.train.songbook.samples import SampleFolder, render_samples
from longform.train.songbook.score import Note, Score, Track
from longform.train.songbook.synth import render_notes
from longform.train.songbook.synth_core import draw_patch
from longform.train.songbook.synth_drums import DRUM_VOICES, render_drums
from longform.train.songbook.synth_fx import FX_VOICES, render_fx

SAMPLE_RATE = 44100
_KICK_PITCHES = (35, 36)
_FADE_SECONDS = (0.05, 1.5)  # the closing fade covers what rings on after the last bar
_REFERENCE_LUFS = -24.0
# Where a family sits in the mix when its track says 0 dB, relative to its loudness alone.
_FAMILY_DB = {
    "drums": 0.0,
    "bass": -5.0,
    "keys": -4.0,
    "guitar": -4.5,
    "strings": -5.0,
    "winds": -3.5,
    "pad": -7.0,
    "lead": -2.0,
}
_DUCKED = ("bass", "keys", "strings", "pad", "guitar")


@dataclass(frozen=True)
class Rendered:
    """`mix` (2, t) float32 and its `stems` by family, which sum to it; none if none were asked."""

    mix: np.ndarray
    stems: dict[str, np.ndarray]
    sample_rate: int


class _Bus:
    """What the tracks of one destination add up to: dry sound and the sends to room and echo."""

    def __init__(self, samples: int) -> None:
        self.dry = np.zeros((2, samples), np.float32)
        self.reverb = np.zeros(samples, np.float32)
        self.delay: np.ndarray | None = None

    def place(
        self, audio: np.ndarray, track: Track, gain: float, first: int, drive: float = 0.0
    ) -> None:
        """Add a track's sound (2, n), which is overwritten, at its level and place."""
        part = slice(first, first + audio.shape[1])
        audio *= np.float32(gain)
        mastering.saturate(audio, drive)
        audio *= mixing.balance(track.pan)
        self.dry[:, part] += audio
        if track.reverb <= 0 and track.delay <= 0:
            return
        mono = audio.sum(axis=0)
        self.reverb[part] += np.float32(0.5 * track.reverb) * mono
        if track.delay > 0:
            if self.delay is None:
                self.delay = np.zeros_like(self.reverb)
            self.delay[part] += np.float32(0.5 * track.delay) * mono

    def duck(self, gain: np.ndarray) -> None:
        """Push the bus down, its sends too."""
        mixing.apply_gain(self.dry, gain)
        for send in (self.reverb, self.delay):
            if send is not None:
                mixing.apply_gain(send[None], gain)

    def absorb(self, other: "_Bus") -> None:
        """Take another bus in."""
        self.dry += other.dry
        self.reverb += other.reverb
        if other.delay is not None:
            self.delay = other.delay if self.delay is None else self.delay + other.delay


def render(
    score: Score,
    sample_rate: int = SAMPLE_RATE,
    stems: bool = True,
    samples_folder: SampleFolder | None = None,
) -> Rendered:
    """Render a score; deterministic from it, the same with and without stems to float error.

    The audio is `score.seconds` long, peaks below -1 dBFS and is silent at its last sample. Voices
    of recorded drums need the folder that holds them.

    Raises:
        UserError: libfluidsynth or the soundfont is missing.
    """
    samples = int(np.ceil(score.seconds * sample_rate))
    padded = -(-samples // BLOCK_SAMPLES) * BLOCK_SAMPLES
    profile = profile_of(score.plan.style)
    buses = _dry_buses(score, profile, padded, sample_rate, stems, samples_folder)
    if profile.duck_db:
        _duck(buses, score, profile, sample_rate)
    if profile.sweep:
        _sweep(buses, score, sample_rate)
    if not stems:
        first, *others = buses.values()
        for other in others:
            first.absorb(other)
        buses = {"mix": first}
    _add_space(buses, score, profile, sample_rate)
    for bus in buses.values():
        mastering.shape(bus.dry, profile, sample_rate)
    _finish([bus.dry for bus in buses.values()], score, profile, samples, sample_rate)
    parts = {name: bus.dry[:, :samples] for name, bus in buses.items()}
    if stems:
        return Rendered(np.add.reduce(list(parts.values())), parts, sample_rate)
    return Rendered(parts["mix"], {}, sample_rate)


def _bus_name(track: Track, profile: MixProfile, stems: bool) -> str:
    if stems:
        return track.family
    return "ducked" if profile.duck_db and track.family in _DUCKED else "free"


def _dry_buses(
    score: Score,
    profile: MixProfile,
    samples: int,
    sample_rate: int,
    stems: bool,
    recorded: SampleFolder | None,
) -> dict[str, _Bus]:
    """Every track, at its level and place, on its bus; the sends filled."""
    buses: dict[str, _Bus] = {}
    for track in score.tracks or [Track("silence", "keys", "gm:0")]:
        name = _bus_name(track, profile, stems)
        if name not in buses:
            buses[name] = _Bus(samples)
    midi = [track for track in score.tracks if track.voice.startswith("gm:")]
    for track in score.tracks:
        if track not in midi:
            seed = _track_seed(score, track)
            audio = _synthesise(track.voice, track.notes, seed, samples, sample_rate, recorded)
            gain = _level(track, score, seed, sample_rate, recorded)
            buses[_bus_name(track, profile, stems)].place(
                audio, track, gain, 0, profile.drive_of(track.family)
            )
    for first_track in range(0, len(midi), CHANNELS):
        group = midi[first_track : first_track + CHANNELS]
        gains = [_level(track, score, 0, sample_rate, recorded) for track in group]
        with Fluid(sample_rate, len(group)) as fluid:
            for first, chunk in fluid.render(group, samples):
                for track, audio, gain in zip(group, chunk, gains, strict=True):
                    bus = buses[_bus_name(track, profile, stems)]
                    bus.place(audio, track, gain, first, profile.drive_of(track.family))
    return buses


def _synthesise(
    voice: str,
    notes: Sequence[Note],
    seed: int,
    samples: int,
    sample_rate: int,
    recorded: SampleFolder | None,
) -> np.ndarray:
    if voice.startswith("samples:"):
        assert recorded is not None, voice
        return render_samples(voice, notes, recorded, samples, sample_rate)
    name = voice.removeprefix("synth:")
    if name in DRUM_VOICES:
        return render_drums(name, notes, seed, samples, sample_rate)
    if name in FX_VOICES:
        return render_fx(name, notes, seed, samples, sample_rate)
    return render_notes(name, notes, draw_patch(seed), samples, sample_rate)


def _track_seed(score: Score, track: Track) -> int:
    letters = sum(ord(letter) * 31**index for index, letter in enumerate(track.name[:8]))
    return (score.plan.seed * 1_000_003 + letters) % (1 << 31)


def _level(
    track: Track, score: Score, seed: int, sample_rate: int, recorded: SampleFolder | None
) -> float:
    """The gain that puts a track's voice at its family's place, plus what the track asks."""
    own = _voice_loudness(track.voice, track.family, seed, sample_rate, recorded)
    stands = balance_db(score.plan.style, track.family)
    return mixing.decibels(
        _REFERENCE_LUFS - own + _FAMILY_DB.get(track.family, -5.0) + track.gain_db + stands
    )


@lru_cache(maxsize=1024)
def _voice_loudness(
    voice: str, family: str, seed: int, sample_rate: int, recorded: SampleFolder | None
) -> float:
    """Loudness of a short test phrase, so that loud and quiet voices start equal."""
    samples = 2 * sample_rate // BLOCK_SAMPLES * BLOCK_SAMPLES
    is_drums = "drums" in voice or "kick" in voice or voice.startswith("samples:")
    if is_drums:
        beat = ((0, 36), (0, 42), (0.25, 42), (0.5, 38), (0.5, 42), (0.75, 42))
        notes = [Note(bar + at, 0.2, pitch, 100) for bar in (0.0, 1.0) for at, pitch in beat]
    else:
        low = 40 if family == "bass" else 60
        notes = [Note(0.5 * step, 0.5, low + 4 * (step % 2), 100) for step in range(4)]
    if voice.startswith("gm:"):
        track = Track("test", family, voice, notes)
        with Fluid(sample_rate, 1) as fluid:
            pieces = [chunk[0].copy() for _, chunk in fluid.render([track], samples)]
        audio = np.concatenate(pieces, axis=1)
    else:
        audio = _synthesise(voice, notes, seed, samples, sample_rate, recorded)
    return max(-60.0, mixing.loudness_lufs(audio, sample_rate))


def _add_space(buses: dict[str, _Bus], score: Score, profile: MixProfile, rate: int) -> None:
    """Echoes in dotted eighths or quarters, then the piece's room, onto each bus."""
    rng = np.random.default_rng([score.plan.seed, 77])
    seconds = round(float(rng.uniform(*profile.room_seconds)), 1)
    response = mixing.room(int(rng.integers(16)), seconds, rate, profile.space) * np.float32(
        profile.room_level
    )
    beats = float(rng.choice([0.75, 0.5, 1.0], p=[0.6, 0.2, 0.2]))
    delay_samples = int(beats * 60 / score.plan.tempo_bpm * rate)
    feedback = float(rng.uniform(0.4, 0.6))
    for bus in buses.values():
        if bus.delay is not None:
            echoes = mixing.ping_pong(bus.delay, delay_samples, feedback, 7)
            bus.dry += echoes
            bus.reverb += np.float32(0.1) * echoes.sum(axis=0)
        if bus.reverb.any():
            bus.dry += mixing.reverberate(bus.reverb, response)


def _duck(buses: dict[str, _Bus], score: Score, profile: MixProfile, sample_rate: int) -> None:
    """Side-chain: the kick pushes the sustained families down."""
    kicks = [
        note.start_seconds
        for track in score.tracks
        if track.family == "drums"
        for note in track.notes
        if note.pitch in _KICK_PITCHES
    ]
    for name, bus in buses.items():
        if name == "ducked" or name in _DUCKED:
            blocks = bus.dry.shape[1] // BLOCK_SAMPLES
            bus.duck(mixing.duck(kicks, profile.duck_db, blocks, sample_rate / BLOCK_SAMPLES))


def _sweep(buses: dict[str, _Bus], score: Score, sample_rate: int) -> None:
    """In a build the sustained families come out from behind a low-pass that opens."""
    bar = score.plan.bar_seconds * sample_rate
    for name, bus in buses.items():
        if name != "ducked" and name not in _DUCKED:
            continue
        for section in score.plan.sections:
            if section.name == "build":
                part = bus.dry[:, int(section.start_bar * bar) : int(section.end_bar * bar)]
                mastering.open_filter(part, sample_rate)


def _finish(
    parts: list[np.ndarray], score: Score, profile: MixProfile, samples: int, sample_rate: int
) -> None:
    """Compression, loudness, limiting and the closing fade: one gain for all parts."""
    mix = np.add.reduce(parts) if len(parts) > 1 else parts[0].copy()
    gain = mixing.compressor(mix, profile.compress, sample_rate)
    mixing.apply_gain(mix, gain)
    drift = np.random.default_rng([score.plan.seed, 78]).uniform(-1.5, 1.5)
    own = mixing.loudness_lufs(mix, sample_rate)
    if np.isfinite(own):
        lift = np.float32(mixing.decibels(min(40.0, profile.loudness_lufs + drift - own)))
        mix *= lift
        gain *= lift
    limit = mixing.limiter(mix)
    ring = np.clip(score.seconds - score.plan.end_seconds, *_FADE_SECONDS)
    fade = min(int(ring * sample_rate), samples)
    curve = np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    for part in parts:
        mixing.apply_gain(part, gain)
        mixing.apply_gain(part, limit)
        part[:, samples - len(curve) : samples] *= curve
