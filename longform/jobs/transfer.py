"""Audio to audio: a recording under noise of some strength is denoised along a prompt.

This is SDEdit (Meng et al. 2022, arXiv 2108.01073) as section 4.4 of arXiv 2404.10301 uses it.
What noise destroys but should stay is held by a guide that is heard in the recording.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from longform.dit.guidance import Denoise
from longform.engine import Engine, Settings, checked_length, timed
from longform.errors import UserError
from longform.jobs.checks import Intention, intended
from longform.jobs.heard import hear, led
from longform.jobs.levels import denoises, level_of, steps_below
from longform.jobs.splice import aligned
from longform.jobs.windows import joint_denoiser
from longform.listen.describe import Curves, describe
from longform.listen.retention import Retention, retention
from longform.progress import OnProgress, quiet
from longform.request import Request
from longform.result import Result
from longform.waveform import Waveform


@dataclass(frozen=True)
class TransferResult(Result):
    """The new recording, and how much of the old one is still in it."""

    retention: Retention | None = None

    @property
    def measured(self) -> dict[str, Any]:
        return asdict(self.retention) if self.retention else {}


def transfer(
    engine: Engine,
    audio: Waveform,
    request: Request,
    *,
    strength: float | None = None,
    keep: str | None = None,
    on_progress: OnProgress = quiet,
) -> TransferResult:
    """Restyle a recording; see `Pipeline.transfer`."""
    intention = intended(strength, keep)
    if request.seconds is not None or request.plan is not None:
        raise UserError("neither seconds nor a plan can be set: the recording decides the length")
    checked_length(audio, "the recording")
    timings: dict[str, float] = {}
    settings = engine.settle(request, audio.seconds)
    if request.guidance is None and engine.defaults.led_guidance is not None:
        settings = replace(settings, guidance=engine.defaults.led_guidance)
    before = describe(audio)
    latents = timed("encode", timings, lambda: engine.encode(audio, on_progress, fill=True))
    level = level_of(engine, intention.strength)
    if denoises(engine, level):
        settings = replace(settings, steps=steps_below(engine, settings.steps, level))
        denoise = _led_denoiser(engine, request, settings, before, intention, latents.shape[-1])
        latents = timed(
            "denoise",
            timings,
            lambda: engine.denoise(
                denoise,
                engine.noise(request, 0, latents.shape[-1]),
                request,
                settings,
                init=latents[None],
                sigma_max=level,
                on_progress=on_progress,
            ),
        )[0]
    made = timed("decode", timings, lambda: engine.decode(latents, on_progress))
    waveform = aligned(made, audio)
    kept = {"job": "transfer", "strength": intention.strength, "keep": keep}
    facts = engine.facts(request, settings) | kept
    return TransferResult(waveform, facts, timings, retention(before, describe(waveform)))


def _led_denoiser(
    engine: Engine,
    request: Request,
    settings: Settings,
    curves: Curves,
    intention: Intention,
    frames: int,
) -> Denoise:
    """The denoiser of the prompt's style, led by what is heard and was not asked otherwise."""
    plan = engine.plan(request, settings.seconds)
    guide = engine.planned(plan, settings.seconds)
    if guide is not None:
        asked = {"beat"} if request.bpm else set[str]()
        asked |= {"chord", "bass"} if request.key else set()
        heard = intention.heard - asked
        guide = led(guide, hear(curves), heard, frames, engine.autoencoder.latent_rate_hz)

    def window(start: int, stop: int) -> Denoise:
        part = guide and replace(guide, lines=guide.lines[start:stop])
        condition, null = engine.condition(
            request,
            settings.seconds,
            None,
            part,
            frames=stop - start,
            start_seconds=start / engine.autoencoder.latent_rate_hz,
        )
        return engine.guided(condition, null, settings)

    return joint_denoiser(frames, window, engine.window_frames or frames)
