"""Part of a recording made anew, and the rest left alone to the last bit: inpaint and extend.

A model trained to inpaint, as Stable Audio 3, is told the known latents and where they lie. Others
need no training for it: before each step the known latents are put back under the noise of that
step (RePaint, Lugmayr et al. 2022, arXiv 2201.09865, eq. 8), and later passes from a lower level
give the new part time to agree with the known (its resampling, section 4.2). What is longer than
one window is denoised jointly in overlapping ones (`longform.jobs.windows`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.dit.flow import noised
from longform.dit.guidance import Denoise
from longform.dit.sampling import Between
from longform.engine import Engine, Guide, Known, Settings, timed
from longform.errors import UserError
from longform.jobs.checks import MAX_REGIONS, Region, check_lengths, checked_regions, joinable
from longform.jobs.heard import hear, led
from longform.jobs.levels import level_of, steps_below
from longform.jobs.splice import fade_samples
from longform.jobs.stretch import Stretch
from longform.jobs.windows import WINDOW_FRAMES, joint_denoiser
from longform.listen.describe import describe
from longform.listen.seam import Seam, measure_seam
from longform.progress import OnProgress, quiet
from longform.request import MAX_SECONDS, Request
from longform.result import Result
from longform.waveform import Waveform, from_db

STRENGTHS = (1.0, 0.6)  # of the passes where the known is put back: the first, the resampling
GROWN_FRAMES = 1  # latents beside a region that hear into it, so they are made anew with it
SILENCE_DB = -40.0  # below the loudest moment: what rings out softer than that is not kept
LED_BY = {
    "inpaint": frozenset({"beat", "chord", "bass", "energy"}),
    "extend": frozenset({"beat", "chord", "bass"}),
}


@dataclass(frozen=True)
class EditResult(Result):
    """The edited recording, which parts of it are new, and how they join the old ones.

    `regions` are in seconds of the result. `kept_exactly` says that every sample outside of them
    was compared and is the recording's own.
    """

    regions: tuple[Region, ...] = ()
    seams: tuple[Seam, ...] = ()
    kept_exactly: bool = True

    @property
    def worst_seam(self) -> float:
        """The largest `ratio` of the seams: below 1, none is more abrupt than the music itself."""
        return max((seam.ratio for seam in self.seams), default=0.0)

    @property
    def measured(self) -> dict[str, Any]:
        return {
            "regions": [list(region) for region in self.regions],
            "seams": [asdict(seam) | {"ratio": round(seam.ratio, 3)} for seam in self.seams],
            "worst_seam": round(self.worst_seam, 3),
            "kept_exactly": self.kept_exactly,
        }


def inpaint(
    engine: Engine,
    audio: Waveform,
    request: Request,
    regions: Sequence[Region],
    *,
    on_progress: OnProgress = quiet,
) -> EditResult:
    """Make regions of a recording anew; see `Pipeline.inpaint`."""
    joinable(audio)
    wanted = checked_regions(regions, audio.seconds)
    return _renew(engine, audio, request, wanted, "inpaint", on_progress)


def extend(
    engine: Engine,
    audio: Waveform,
    request: Request,
    *,
    after_seconds: float = 0.0,
    before_seconds: float = 0.0,
    on_progress: OnProgress = quiet,
) -> EditResult:
    """Go on after the end of a recording, or lead up to its start; see `Pipeline.extend`."""
    joinable(audio)
    check_lengths(before_seconds, after_seconds)
    rate = audio.sample_rate
    before, after = round(before_seconds * rate), round(after_seconds * rate)
    longer = Waveform(np.pad(audio.samples, ((0, 0), (before, after))), rate)
    whole = longer.samples.shape[1]
    first, last = _sounding(audio)
    new = [(0.0, (before + first) / rate)] if before else []
    new += [((before + last) / rate, whole / rate)] if after else []
    return _renew(engine, longer, request, new, "extend", on_progress)


def _sounding(audio: Waveform) -> tuple[int, int]:
    """Where new audio may take over: just after the first sound, and just before the last.

    Silence at the ends is not kept, nor what has rung out, or the addition would stand apart.
    """
    level = np.abs(audio.samples).max(axis=0)
    heard = np.flatnonzero(level > level.max() * from_db(SILENCE_DB))
    count = audio.samples.shape[1]
    first, last = (int(heard[0]), int(heard[-1]) + 1) if len(heard) else (count, 0)
    fade = fade_samples(count, audio.sample_rate)
    return min(first + fade, count), max(last - fade, 0)


def _renew(
    engine: Engine,
    audio: Waveform,
    request: Request,
    regions: Sequence[Region],
    job: str,
    on_progress: OnProgress,
) -> EditResult:
    """Make the regions anew, one after the other, each seeing those before it."""
    if request.seconds is not None or request.plan is not None:
        raise UserError("neither seconds nor a plan can be set: the recording decides the length")
    settings = engine.settle(request, audio.seconds)
    timings: dict[str, float] = {}
    edited, spans = audio, [tuple(round(at * audio.sample_rate) for at in one) for one in regions]
    for item, (start, stop) in enumerate(spans):
        stretch = Stretch.around(edited, start, stop)
        latents = _denoised(engine, stretch, request, settings, item, job, timings, on_progress)
        made = timed("decode", timings, lambda: engine.decode(latents, on_progress))  # noqa: B023
        edited = stretch.joined(edited, made)
    joins = sorted({at for span in spans for at in span} - {0, audio.samples.shape[1]})
    seams = tuple(measure_seam(edited.samples, at, audio.sample_rate) for at in joins)
    kept = np.ones(audio.samples.shape[1], bool)
    for start, stop in spans:
        kept[start:stop] = False
    exact = np.array_equal(edited.samples[:, kept], audio.samples[:, kept])
    new = tuple((start / audio.sample_rate, stop / audio.sample_rate) for start, stop in spans)
    facts = engine.facts(request, settings) | {"job": job, "regions": [list(one) for one in new]}
    return EditResult(edited, facts, timings, new, seams, exact)


def _denoised(
    engine: Engine,
    stretch: Stretch,
    request: Request,
    settings: Settings,
    item: int,
    job: str,
    timings: dict[str, float],
    on_progress: OnProgress,
) -> Tensor:
    """Latents (d, f) of the surroundings, the region in them made anew."""
    known = timed(
        "encode", timings, lambda: engine.encode(stretch.surroundings, on_progress, fill=True)
    )
    clean, frames = known[None].to(engine.device), known.shape[-1]
    fresh = _fresh(engine, stretch, frames)
    told = Known(latents=clean, kept=~fresh) if engine.conditioner.reads_known else None
    denoise = _led_denoiser(engine, stretch, request, settings, job, frames, told)
    strengths = STRENGTHS if told is None else STRENGTHS[:1]
    latents = None
    for turn, level in enumerate(level_of(engine, strength) for strength in strengths):
        noise = engine.noise(request, item + MAX_REGIONS * turn, frames)
        latents = timed(
            "denoise",
            timings,
            lambda: engine.denoise(
                denoise,
                noise,  # noqa: B023
                request,
                replace(settings, steps=steps_below(engine, settings.steps, level)),  # noqa: B023
                init=latents,  # noqa: B023
                sigma_max=level,  # noqa: B023
                between=None if told else put_back(engine, clean, noise, fresh),  # noqa: B023
                on_progress=on_progress,
            ),
        )
        latents = torch.where(fresh, latents, clean)
    assert latents is not None
    return latents[0]


def _fresh(engine: Engine, stretch: Stretch, frames: int) -> Tensor:
    """Which of the latents are made anew, (frames,)."""
    rate = engine.autoencoder.latent_rate_hz
    left, right = (stretch.seconds(at) * rate for at in (stretch.start, stretch.stop))
    index = torch.arange(frames, device=engine.device)
    fresh = (index >= int(left) - GROWN_FRAMES) & (index < right + GROWN_FRAMES)
    if stretch.start == 0:
        fresh |= index <= left
    if engine.window_frames is not None or engine.defaults.headroom_seconds:
        fresh |= index >= engine.frames(stretch.surroundings.seconds)  # silence is nobody's
    return fresh


def put_back(engine: Engine, clean: Tensor, noise: Tensor, fresh: Tensor) -> Between:
    """The known frames under the noise of each step, (b, d, f); those that are `fresh` stay."""
    start = engine.dit.standardise(clean)

    def between(x: Tensor, time: float) -> Tensor:
        known = noised(start, noise, x.new_full((len(x),), time), engine.dit.config.objective)
        return torch.where(fresh, x, known)

    return between


def _led_denoiser(
    engine: Engine,
    stretch: Stretch,
    request: Request,
    settings: Settings,
    job: str,
    frames: int,
    known: Known | None,
) -> Denoise:
    """The denoiser of the surroundings, led by what is heard there, window by window."""
    rate = engine.autoencoder.latent_rate_hz
    guide = _heard_guide(engine, stretch, request, job, frames)

    def window(start: int, stop: int) -> Denoise:
        part = guide and replace(guide, lines=guide.lines[start:stop])
        at, total = _place(engine, stretch, start / rate, stop / rate)
        condition, null = engine.condition(
            request,
            total,
            None,
            part,
            frames=stop - start,
            start_seconds=at,
            known=known and known.part(start, stop),
        )
        return engine.guided(condition, null, settings)

    return joint_denoiser(frames, window, engine.window_frames or WINDOW_FRAMES)


def _place(
    engine: Engine, stretch: Stretch, start_seconds: float, stop_seconds: float
) -> tuple[float, float]:
    """Where a window of the surroundings starts in the piece, and how long the piece is, seconds.

    To a model that is not told where its window starts, the window is the piece.
    """
    if not engine.conditioner.reads_start:
        end_seconds = min(stop_seconds, stretch.surroundings.seconds)
        return 0.0, max(end_seconds - start_seconds, 0.0)
    squeeze = min(1.0, MAX_SECONDS / stretch.total_seconds)
    first_seconds = stretch.first / stretch.surroundings.sample_rate
    return (first_seconds + start_seconds) * squeeze, stretch.total_seconds * squeeze


def _heard_guide(
    engine: Engine, stretch: Stretch, request: Request, job: str, frames: int
) -> Guide | None:
    """The guide of the surroundings: as drawn, and as heard where something is known."""
    rate = engine.autoencoder.latent_rate_hz
    seconds = frames / rate
    if engine.plan(request, seconds) is None:
        return None
    sound, offset = stretch.known() if job == "extend" else (stretch.surroundings, 0.0)
    heard = hear(describe(sound))
    tempo = request.bpm or (heard.beat.bpm if heard.beat else None)
    base = engine.planned(engine.plan(replace(request, bpm=tempo), seconds), seconds)
    features = LED_BY[job] - ({"beat"} if request.bpm else set())
    return led(base, heard, features, frames, rate, start_seconds=-offset)
