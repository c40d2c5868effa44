"""Sound effects: short, several takes, cut to what sounds, at the level of an effect."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from longform.engine import Engine, timed
from longform.errors import UserError
from longform.jobs.circular import Wrap, circular
from longform.jobs.level import leveled
from longform.progress import OnProgress, quiet
from longform.request import Request
from longform.result import Result
from longform.riff import Marks
from longform.waveform import Waveform, from_db

SECONDS = 3.0
LEAST_SECONDS, MOST_SECONDS = 0.3, 30.0
LUFS = -18.0
_SILENCE_DB = -45.0  # below the loudest moment
_BLOCK_SECONDS = 0.005
_BEFORE_SECONDS, _TAIL_SECONDS = 0.01, 0.12


@dataclass(frozen=True)
class SfxResult(Result):
    """An effect; what was cut off in front of it and behind it, and its level."""

    cut_before_seconds: float = 0.0
    cut_after_seconds: float = 0.0
    peak_db: float = 0.0
    loudness_lufs: float | None = None
    wrap: Wrap | None = None

    @property
    def measured(self) -> dict[str, Any]:
        wrap = {} if self.wrap is None else {"wrap": asdict(self.wrap)}
        names = ("cut_before_seconds", "cut_after_seconds", "peak_db", "loudness_lufs")
        return {name: getattr(self, name) for name in names} | wrap

    @property
    def marks(self) -> Marks | None:
        if self.wrap is None:
            return None
        return Marks(loop=(0, self.waveform.samples.shape[1] - 1))


def sfx(
    engine: Engine,
    request: Request,
    item: int = 0,
    *,
    looped: bool = False,
    on_progress: OnProgress = quiet,
) -> SfxResult:
    """One take of an effect; see `Pipeline.sfx`."""
    seconds = SECONDS if request.seconds is None else request.seconds
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise UserError(f"seconds {seconds:g} is outside {LEAST_SECONDS:g}..{MOST_SECONDS:g}")
    steps = request.steps or engine.defaults.effect_steps
    settings = engine.settle(replace(request, steps=steps, free=True), seconds)
    timings: dict[str, float] = {}
    facts = engine.facts(request, settings, None, item) | {"job": "sfx", "looped": looped}
    if looped:
        samples = round(seconds * engine.autoencoder.sample_rate)
        made, wrap = circular(engine, request, settings, samples, None, timings, on_progress, item)
        return _result(leveled(made, LUFS), facts, timings, (0.0, 0.0), wrap)
    condition, null = engine.condition(request, seconds, None, None)
    latents = timed(
        "denoise",
        timings,
        lambda: engine.denoise(
            engine.guided(condition, null, settings),
            engine.noise(request, item, engine.span(seconds)),
            request,
            settings,
            item,
            on_progress=on_progress,
        ),
    )[0]
    made = timed("decode", timings, lambda: engine.decode(latents, on_progress, seconds))
    heard, cut = trimmed(made)
    return _result(leveled(heard, LUFS), facts, timings, cut, None)


def trimmed(waveform: Waveform) -> tuple[Waveform, tuple[float, float]]:
    """What sounds, with a faded tail, and the seconds cut off in front and behind.

    Sound is what is within 45 dB of the loudest moment, in blocks of 5 ms.
    """
    rate, samples = waveform.sample_rate, waveform.samples
    block = max(round(_BLOCK_SECONDS * rate), 1)
    count = samples.shape[1]
    starts = np.arange(0, count, block)
    levels = np.maximum.reduceat(np.abs(samples).max(axis=0), starts)
    sounding = np.flatnonzero(levels > levels.max() * from_db(_SILENCE_DB))
    if len(sounding) == 0:
        return waveform, (0.0, 0.0)
    before, tail = round(_BEFORE_SECONDS * rate), round(_TAIL_SECONDS * rate)
    first = max(int(starts[sounding[0]]) - before, 0)
    stop = min(int(starts[sounding[-1]]) + block + tail, count)
    piece = samples[:, first:stop].copy()
    fade_in, fade_out = min(before, piece.shape[1] // 4), min(tail, piece.shape[1] // 2)
    piece[:, :fade_in] *= np.linspace(0, 1, fade_in, dtype=np.float32)
    piece[:, piece.shape[1] - fade_out :] *= np.linspace(1, 0, fade_out, dtype=np.float32)
    cut = round(first / rate, 3), round((count - stop) / rate, 3)
    return Waveform(piece, rate), cut


def _result(
    waveform: Waveform,
    facts: dict[str, Any],
    timings: dict[str, float],
    cut: tuple[float, float],
    wrap: Wrap | None,
) -> SfxResult:
    loudness = waveform.loudness_lufs()
    return SfxResult(
        waveform,
        facts,
        timings,
        cut_before_seconds=cut[0],
        cut_after_seconds=cut[1],
        peak_db=round(waveform.peak_db, 2),
        loudness_lufs=None if loudness is None else round(loudness, 2),
        wrap=wrap,
    )
