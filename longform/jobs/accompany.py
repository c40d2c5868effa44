"""A recording is answered: a stem that fits it, as long as it, aligned with it sample by sample.

After StemGen (Parker et al. 2023, arXiv 2312.08723): the denoiser hears the latents of the mix, and
what words and mix ask for is exaggerated separately, by scales of their own (see `_parts`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from longform.dit.condition import Condition
from longform.dit.conditioner import Conditioner
from longform.dit.guidance import Denoise, mixed
from longform.engine import Engine, Guide, Known, Settings, checked_length, timed
from longform.errors import UserError
from longform.jobs.checks import check_context_guidance
from longform.jobs.heard import as_heard, hear, led
from longform.jobs.splice import aligned
from longform.jobs.windows import joint_denoiser
from longform.listen.describe import Curves, describe
from longform.listen.retention import AUDIBLE_DB, retention
from longform.music.guide import FEATURES, GUIDE_CHANNELS
from longform.music.plan import FAMILIES
from longform.music.prompt import read_prompt
from longform.progress import OnProgress, quiet
from longform.request import Request
from longform.result import Result
from longform.waveform import Waveform, from_db

CONTEXT_GUIDANCE = 1.0
REFERENCE_LUFS = -18.0
"""Loudness at which a mix is heard: about that of the mixes in training."""
_PEAK_DBTP = -1.0


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a stem fits the mix that it answers, from about 0 (not at all, or silent) to 1.

    Attributes:
        rhythm: correlation of the onset curves
        harmony: correlation of the pitch-class profiles, moment by moment, while the stem sounds
        tempo_bpm, key: of the mix as heard; None where none is clear
    """

    rhythm: float
    harmony: float
    tempo_bpm: float | None
    key: str | None


@dataclass(frozen=True)
class AccompanyResult(Result):
    """The stem, and how it fits the mix that it answers."""

    agreement: Agreement | None = None

    @property
    def measured(self) -> dict[str, Any]:
        return asdict(self.agreement) if self.agreement else {}


def accompany(
    engine: Engine,
    audio: Waveform,
    request: Request,
    *,
    context_guidance: float | None = None,
    together: bool = False,
    on_progress: OnProgress = quiet,
) -> AccompanyResult:
    """Answer a recording with a stem; see `Pipeline.accompany`."""
    scale = CONTEXT_GUIDANCE if context_guidance is None else context_guidance
    _check(engine, audio, request, scale)
    timings: dict[str, float] = {}
    settings = engine.settle(request, audio.seconds)
    gain = _gain(audio)
    loud = Waveform(audio.samples * gain, audio.sample_rate)
    curves = timed("listen", timings, lambda: describe(loud))
    latents = timed("encode", timings, lambda: engine.encode(loud, on_progress, fill=True))
    denoise = _answering(engine, request, settings, curves, latents, scale)
    noise = engine.noise(request, 0, latents.shape[-1])
    made = timed(
        "denoise",
        timings,
        lambda: engine.denoise(denoise, noise, request, settings, on_progress=on_progress),
    )
    played = timed("decode", timings, lambda: engine.decode(made[0], on_progress, audio.seconds))
    stem = aligned(played, audio)
    facts = engine.facts(request, settings) | {"job": "accompany", "context_guidance": scale}
    fits = agreement(curves, describe(stem))
    as_loud = Waveform(stem.samples / gain, stem.sample_rate)
    result = AccompanyResult(as_loud, facts, timings, fits)
    return with_mix(result, audio) if together else result


def with_mix(result: AccompanyResult, audio: Waveform) -> AccompanyResult:
    """The stem and the recording that it answers as one piece.

    Both keep their levels, which fit each other; they are lowered together where their sum would
    exceed -1 dBTP and the recording does not.
    """
    both = Waveform(
        result.waveform.samples + audio.to_channels(result.waveform.channels).samples,
        audio.sample_rate,
    )
    ceiling_db = max(_PEAK_DBTP, audio.true_peak_db)
    gain = np.float32(from_db(min(0.0, ceiling_db - both.true_peak_db)))
    lowered = Waveform(both.samples * gain, both.sample_rate)
    return replace(result, waveform=lowered, facts=result.facts | {"together": True})


def agreement(mix: Curves, stem: Curves) -> Agreement:
    """Compare a stem with the mix that it answers, sample-aligned."""
    alike, sounds = retention(stem, mix), stem.loudness_db.max() > AUDIBLE_DB
    return Agreement(
        rhythm=alike.onset if sounds else 0.0,
        harmony=alike.chroma if sounds else 0.0,
        tempo_bpm=alike.tempo_after_bpm,
        key=alike.key_after,
    )


def _check(engine: Engine, audio: Waveform, request: Request, scale: float) -> None:
    if not engine.conditioner.hears_context:
        raise UserError(
            f"model {engine.bundle.name!r} cannot hear a recording to accompany it; use one whose "
            "denoiser was trained with `accompany`"
        )
    if request.seconds is not None or request.plan is not None:
        raise UserError("neither seconds nor a plan can be set: the recording decides the length")
    check_context_guidance(scale)
    checked_length(audio, "the recording")


def _gain(audio: Waveform) -> np.float32:
    """What brings the recording to the loudness at which it is heard."""
    loudness = audio.loudness_lufs()
    return np.float32(1.0 if loudness is None else from_db(REFERENCE_LUFS - loudness))


def _answering(
    engine: Engine,
    request: Request,
    settings: Settings,
    curves: Curves,
    latents: torch.Tensor,
    context_guidance: float,
) -> Denoise:
    """The denoiser under guidance by words and by the mix."""
    conditioner = engine.conditioner
    assert isinstance(conditioner, Conditioner)
    frames = latents.shape[-1]
    asked, leads = as_heard(request, curves)
    guide = _guide(engine, asked, curves, leads, frames)
    there = torch.arange(frames) < engine.frames(settings.seconds)
    mix = Known(latents=latents[None].to(engine.device), kept=there.to(engine.device))

    def window(start: int, stop: int) -> Denoise:
        part = guide and replace(guide, lines=guide.lines[start:stop])
        wanted, null = engine.condition(
            asked,
            settings.seconds,
            None,
            part,
            frames=stop - start,
            start_seconds=start / engine.autoencoder.latent_rate_hz,
            context=mix.part(start, stop),
        )
        parts = _parts(conditioner, wanted, null, settings.guidance, context_guidance)
        return mixed(engine.dit, parts)

    return joint_denoiser(frames, window, engine.window_frames or frames)


def _parts(
    conditioner: Conditioner,
    wanted: Condition,
    null: Condition,
    by_words: float,
    by_mix: float,
) -> Sequence[tuple[Condition, float]]:
    """v(neither) + by_mix (v(mix) - v(neither)) + by_words (v(both) - v(mix)), as weights.

    The scales of words and mix apart, as in eq. 3 of StemGen, but the words are heard together
    with the mix, as the two conditions of InstructPix2Pix are (arXiv 2211.09800, eq. 3).
    """
    neither = conditioner.without_context(null)
    weighted = [(wanted, by_words), (null, by_mix - by_words), (neither, 1 - by_mix)]
    return [(condition, weight) for condition, weight in weighted if weight]


def _guide(
    engine: Engine, request: Request, curves: Curves, leads: frozenset[str], frames: int
) -> Guide | None:
    """What leads the stem: the families that words name, and the mix where it `leads`."""
    if not engine.reads_guide:
        return None
    words = read_prompt(request.prompt)
    lines = np.zeros((frames, GUIDE_CHANNELS), np.float32)
    lines[:, FEATURES["families"]] = [float(name in words.families) for name in FAMILIES]
    base = Guide(
        lines=lines,
        given=frozenset({"families"} if words.families else ()),
        tempo_bpm=request.bpm or words.bpm,
    )
    return led(base, hear(curves), leads, frames, engine.autoencoder.latent_rate_hz)
