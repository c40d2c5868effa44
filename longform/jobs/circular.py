"""Audio without a beginning: denoised and decoded on a circle, so that its end meets its start."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from longform.autoencoder.interface import frames_of
from longform.dit.condition import Condition
from longform.dit.guidance import Model
from longform.engine import Engine, Guide, Settings, timed
from longform.errors import UserError
from longform.listen.seam import jumps
from longform.progress import OnProgress
from longform.request import Request
from longform.waveform import Waveform

PADDING_FRAMES = 32
QUIET_SAMPLES = 64  # the loop may start this much earlier or later, where its samples change least
_SURROUNDING_SECONDS = 60.0
_LEAD_SAMPLES = 2048


@dataclass(frozen=True, kw_only=True)
class Wrap:
    """How a loop closes: the step from its last sample to its first, and the usual step inside.

    `cut_seconds` is what was left out of the last latent frame, just before the loop begins again.
    """

    jump: float
    median_jump: float
    cut_seconds: float


def circular(
    engine: Engine,
    request: Request,
    settings: Settings,
    samples: int,
    led_by: Guide | None,
    timings: dict[str, float],
    on_progress: OnProgress,
    item: int = 0,
) -> tuple[Waveform, Wrap]:
    """A loop of exactly `samples` samples, and how it closes.

    The denoiser sees the circle cut open at another place at every step, and on both sides of the
    cut what follows on the circle, so no frame is at an edge; so does the decoder. Of the last
    frame the exact length keeps a part (see `closed`); nothing is resampled, so the pitch stays.
    `led_by` has one line for each frame that `samples` begin.
    """
    frames = frames_of(samples, engine.autoencoder.hop_samples)
    window = _window(engine, frames)
    padded = len(window)
    opened = window % frames
    lines = led_by and replace(led_by, lines=led_by.lines[opened])
    length = padded / engine.autoencoder.latent_rate_hz
    condition, null = engine.condition(
        request,
        length + _SURROUNDING_SECONDS,
        None,
        lines,
        frames=padded,
        start_seconds=_SURROUNDING_SECONDS / 2,
    )
    model = _on_circle(engine, frames, window, request.seed, item)
    denoise = engine.guided(condition, null, settings, model)
    latents = timed(
        "denoise",
        timings,
        lambda: engine.denoise(
            denoise,
            engine.noise(request, item, frames),
            request,
            settings,
            item,
            on_progress=on_progress,
        ),
    )[0]
    hop, rate = engine.autoencoder.hop_samples, engine.autoencoder.sample_rate
    turn, lead = timed("decode", timings, lambda: _decoded(engine, latents, on_progress))
    calm = rolled_to_calm(closed(turn[:, :samples], lead[:, -min(_LEAD_SAMPLES, hop) :]))
    wrap = Wrap(
        jump=float(np.abs(calm[:, 0] - calm[:, -1]).max()),
        median_jump=float(np.median(jumps(calm))),
        cut_seconds=round((frames * hop - samples) / rate, 4),
    )
    return Waveform(calm, rate), wrap


def closed(turn: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """One turn (c, t) whose end fades into `lead` (c, n), the sound that leads up to its start.

    The two are the same where the circle is a whole number of frames long and the decoder blind to
    absolute time. Where they are not, the fade keeps the power that their correlation calls for
    (signal-matched, Fink et al. 2016, DAFx).
    """
    length = min(lead.shape[1], turn.shape[1])
    old, new = turn[:, turn.shape[1] - length :], lead[:, lead.shape[1] - length :]
    rise = np.sin(np.pi / 2 * (np.arange(length) + 0.5) / length) ** 2
    norm = float(np.sqrt((old**2).sum() * (new**2).sum()))
    alike = max(float((old * new).sum()) / norm, 0.0) if norm > 0 else 1.0
    power = rise**2 + (1 - rise) ** 2 + 2 * alike * rise * (1 - rise)
    fade = (rise * new + (1 - rise) * old) / np.sqrt(power)
    return np.concatenate([turn[:, : turn.shape[1] - length], fade], axis=1).astype(np.float32)


def rolled_to_calm(samples: np.ndarray) -> np.ndarray:
    """The circle (c, t) cut open within `QUIET_SAMPLES` of its start, at the smallest step."""
    steps = np.abs(samples - np.roll(samples, 1, axis=1)).max(axis=0)
    near = np.arange(-QUIET_SAMPLES, QUIET_SAMPLES + 1)
    return np.roll(samples, -int(near[np.argmin(steps[near % len(steps)])]), axis=1)


def _window(engine: Engine, frames: int) -> np.ndarray:
    """Places on the circle that the denoiser sees at once: 0..frames, and what lies around it.

    Raises:
        UserError: the circle does not fit into the model's window.
    """
    least = frames + 2 * PADDING_FRAMES
    count = least if engine.window_frames is None else engine.window_frames
    if count < least:
        rate = engine.autoencoder.latent_rate_hz
        raise UserError(
            f"a loop of {frames / rate:.1f} s is too long for model {engine.bundle.name!r}, which "
            f"makes up to {(count - 2 * PADDING_FRAMES) / rate:.1f} s: take fewer bars or seconds"
        )
    first = -((count - frames) // 2)
    return np.arange(first, first + count)


def _on_circle(engine: Engine, frames: int, places: np.ndarray, seed: int, item: int) -> Model:
    """The network, called on the padded circle, cut open at a place drawn for each call."""
    features = sum(one.stop - one.start for one in engine.conditioner.guide_features)
    calls = itertools.count()
    circle = torch.arange(frames, device=engine.device)
    window = torch.from_numpy(places).to(engine.device)
    first = -int(places[0])
    middle = slice(first, first + frames)

    def model(x: Tensor, time: Tensor, condition: Condition) -> Tensor:
        shift = int(np.random.default_rng([seed, item, next(calls)]).integers(frames))
        guide = condition.guide
        if guide is not None and features:
            on_circle = guide[:, middle, :features]
            turned = on_circle[:, (window + shift) % frames]
            guide = torch.cat([turned, guide[..., features:]], dim=-1)
        v = engine.dit(x[..., (window + shift) % frames], time, replace(condition, guide=guide))
        return v[..., middle][..., (circle - shift) % frames]

    return model


def _decoded(
    engine: Engine, latents: Tensor, on_progress: OnProgress
) -> tuple[np.ndarray, np.ndarray]:
    """One turn of the circle (d, f), and what leads up to its start: (c, f * hop) and (c, n)."""
    frames, margin = latents.shape[-1], engine.autoencoder.decode_margin_frames + 1
    around = torch.arange(-margin, frames + margin, device=latents.device) % frames
    samples = engine.decode(latents[:, around], on_progress).samples
    start, stop = (edge * engine.autoencoder.hop_samples for edge in (margin, margin + frames))
    return samples[:, start:stop], samples[:, :start]
