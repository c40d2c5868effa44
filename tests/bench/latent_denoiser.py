"""A small denoiser on the latents of a linear codec: told what `mini` is told, except for text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from latent_codecs import HOP_SAMPLES, LinearCodec
from torch import Tensor

from longform.device import autocast
from longform.dit import flow
from longform.dit.conditioner import Conditioner, Prompts
from longform.dit.config import ConditionerConfig, DiTConfig, GuideFeature
from longform.dit.denoiser import Denoiser
from longform.dit.model import DiT
from longform.dit.sampling import Guidance, item_noise, sample
from longform.music import GUIDE_FEATURES, Plan, guide
from longform.train.config import OptimConfig
from longform.train.dit import latent_scale
from longform.train.dit_config import Dropout
from longform.train.ema import Ema
from longform.train.optim import learning_rate, make_optimiser, set_learning_rate

WINDOW_SAMPLES = 256 * HOP_SAMPLES
BATCH_FRAMES = 16 * 256
"""Of all windows of a step together, whatever the hop, so that steps cost the same."""
TOKEN_WIDTH = 128
CPU = torch.device("cpu")
OPTIMISER = OptimConfig(
    lr=6e-4, betas=(0.9, 0.99), weight_decay=0.01, schedule="linear", warmup_steps=20
)
EMA_DECAY = 0.99
START_SHARE, TAIL_SHARE = 0.1, 8
"""Windows at the start of a piece; how far a window may reach past the end, as in training."""
STEPS, GUIDANCE, SIGMAS = 30, Guidance(scale=3.0), (0.03, 80.0)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of the songbook in memory: 16-bit stereo (2, t) and its plan."""

    plan: Plan
    audio: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a denoiser is trained; the defaults are those of `mini`.

    `logit_normal_share` is that of the time steps; `least_snr` weights the loss of the clean
    estimate by the signal-to-noise ratio up to it (Hang et al. 2023, 2303.09556, eq. 6, for v:
    min(snr, least_snr) / (snr + 1)), None weights all velocities alike.
    """

    logit_normal_share: float = 0.5
    least_snr: float | None = None
    optimiser: OptimConfig = OPTIMISER

    def weights(self, time: Tensor) -> Tensor:
        """Of the losses of items at `time` (b,)."""
        if self.least_snr is None:
            return torch.ones_like(time)
        alpha, sigma = flow.alpha_sigma(time)
        snr = (alpha / sigma.clamp(min=1e-6)).square()
        return snr.clamp(max=self.least_snr) / (snr + 1)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Training windows of the latents (d, f) of pieces, in a seeded order."""

    codec: LinearCodec
    plans: Sequence[Plan]
    latents: Sequence[Tensor]
    silence: Tensor
    """(d, 1)"""
    rates: Dropout

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Prompts, Tensor]:
        """Latents (b, d, f), what is told of them, and which train the null branch (b,).

        Windows of any codec of one hop are the same for the same state of `rng`.
        """
        frames = window_frames(self.codec)
        count = BATCH_FRAMES // frames
        lengths = np.array([part.shape[1] for part in self.latents])
        numbers = rng.choice(len(lengths), count, p=lengths / lengths.sum())
        room = np.maximum(lengths[numbers] - frames, 0)
        last = np.where(room > 0, room + frames // TAIL_SHARE, 0)
        starts = rng.integers(last + 1) * (rng.random(count) >= START_SHARE)
        windows = self.silence.repeat(count, 1, frames)
        for row, (number, start) in enumerate(zip(numbers, starts, strict=True)):
            part = self.latents[number][:, start : start + frames]
            windows[row, :, : part.shape[1]] = part
        seconds = lengths[numbers] / self.codec.rate_hz
        prompts = tell(self.codec, [self.plans[number] for number in numbers], starts, seconds)
        drop = rng.random(count) < self.rates.condition
        prompts = self._dropped(prompts, drop, rng)
        return windows, prompts, torch.from_numpy(drop)

    def _dropped(self, prompts: Prompts, drop: np.ndarray, rng: np.random.Generator) -> Prompts:
        """Some of what is told taken away, at the rates of the real training."""
        assert prompts.tempo_bpm is not None and prompts.key is not None
        assert prompts.metre is not None and prompts.guide_mask is not None
        count, features = prompts.guide_mask.shape
        keep = rng.random(count) >= np.where(drop, 0.5, self.rates.guide)
        rate = rng.random((count, 1)) * (rng.random((count, 1)) < self.rates.guide_features)
        given = keep[:, None] & (rng.random((count, features)) >= rate)
        absent = torch.from_numpy(rng.random((3, count)) < self.rates.control)
        return replace(
            prompts,
            tempo_bpm=prompts.tempo_bpm.masked_fill(absent[0], math.nan),
            key=prompts.key.masked_fill(absent[1], -1),
            metre=prompts.metre.masked_fill(absent[2], -1),
            guide_mask=torch.from_numpy(given),
        )


def window_frames(codec: LinearCodec) -> int:
    """Latents of a window of 24 s."""
    return WINDOW_SAMPLES // codec.hop_samples


def tell(
    codec: LinearCodec,
    plans: Sequence[Plan],
    starts: np.ndarray,
    seconds: np.ndarray,
) -> Prompts:
    """All that is known of windows from frame `starts` (b,) of pieces of `seconds` (b,)."""
    frames, rate_hz = window_frames(codec), codec.rate_hz
    guides = [
        guide(plan, frames, rate_hz, start / rate_hz)
        for plan, start in zip(plans, starts, strict=True)
    ]
    return Prompts(
        text=None,
        text_mask=None,
        seconds_start=torch.from_numpy(np.floor(starts / rate_hz)).float(),
        seconds_total=torch.from_numpy(np.ceil(seconds)).float(),
        frames=frames,
        tempo_bpm=torch.tensor([plan.tempo_bpm for plan in plans]),
        key=torch.tensor([plan.key.tonic + 12 * (plan.key.mode == "minor") for plan in plans]),
        metre=torch.tensor([plan.metre for plan in plans]),
        guide=torch.from_numpy(np.stack(guides)),
        guide_mask=torch.ones(len(plans), len(GUIDE_FEATURES), dtype=torch.bool),
    )


def small_denoiser(codec: LinearCodec) -> Denoiser:
    """About 6M parameters, the same but for the outer projections whatever the codec."""
    told = ConditionerConfig(
        text_width=TOKEN_WIDTH,
        token_width=TOKEN_WIDTH,
        controls=True,
        guide_features=tuple(
            GuideFeature(name=name, start=one.start, stop=one.stop)
            for name, one in GUIDE_FEATURES.items()
        ),
        position_features=True,
        latent_rate_hz=codec.rate_hz,
    )
    shape = DiTConfig(
        io_channels=codec.channels,
        width=256,
        depth=6,
        heads=4,
        cond_token_width=TOKEN_WIDTH,
        cross_heads=2,
        global_width=told.global_width,
        global_mode="adaln",
        norm="rms",
        qk_norm="rms",
        ff_width=640,
        rotary_width=64,
        guide_channels=told.guide_channels,
    )
    return Denoiser(DiT(shape), Conditioner(told))


def train(
    codec: LinearCodec,
    latents: Sequence[Tensor],
    plans: Sequence[Plan],
    steps: int,
    whitening: float,
    recipe: Recipe = Recipe(),
) -> tuple[Denoiser, list[float]]:
    """A denoiser with its averaged weights, and the loss of every step."""
    torch.manual_seed(0)
    network = small_denoiser(codec)
    dit, every = network.dit, torch.cat(list(latents), dim=1)
    dit.latent_mean.copy_(every.mean(1))
    dit.latent_scale.copy_(latent_scale(every.std(1), whitening))
    silence = codec.encode(torch.zeros(2, 4 * codec.hop_samples))[:, 1:2]
    windows = Windows(codec=codec, plans=plans, latents=latents, silence=silence, rates=Dropout())
    optimiser, ema = make_optimiser(network, recipe.optimiser), Ema(network, EMA_DECAY, "ratio")
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    losses = []
    for step in range(steps):
        set_learning_rate(optimiser, learning_rate(recipe.optimiser, step, steps))
        batch, prompts, drop = windows.draw(rng)
        clean = dit.standardise(batch)
        share = recipe.logit_normal_share
        time = flow.draw_times(len(clean), torch.Generator().manual_seed(step), share)
        noise = torch.randn(clean.shape, generator=generator)
        with autocast(CPU, torch.bfloat16):
            predicted = network(flow.noised(clean, noise, time), time, prompts, drop)
        loss = (flow.loss(predicted, clean, noise, time) * recipe.weights(time)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.optimiser.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
        ema.update(step + 1)
        losses.append(float(loss.detach()))
    network.load_state_dict(ema.tensors())
    return network.eval(), losses


@torch.no_grad()
def generate(
    codec: LinearCodec,
    network: Denoiser,
    plans: Sequence[Plan],
    guidance: Guidance = GUIDANCE,
) -> Tensor:
    """Latents (b, d, f) of one window per plan, from its start."""
    count, frames = len(plans), window_frames(codec)
    seconds = np.array([plan.seconds for plan in plans])
    noise = torch.stack([item_noise(0, item, (codec.channels, frames)) for item in range(count)])
    with autocast(CPU, torch.bfloat16):
        wanted = network.conditioner(tell(codec, plans, np.zeros(count), seconds))
        return sample(
            network.dit,
            noise,
            wanted,
            network.conditioner.null(wanted),
            guidance=guidance,
            steps=STEPS,
            sigma_min=SIGMAS[0],
            sigma_max=SIGMAS[1],
        ).float()
