"""Prompt, seconds and seed become a whole piece: plan, condition, denoise, decode."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from longform.audio import Waveform
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.bundle import Bundle
from longform.device import autocast, pick_device, pick_dtype
from longform.dit.conditioner import Condition, Prompts
from longform.dit.sampling import Guidance, item_noise, sample
from longform.errors import UserError
from longform.music.draw import MIN_SECONDS, draw_plan
from longform.music.guide import guide
from longform.music.plan import Plan
from longform.music.prompt import read_prompt
from longform.music.theory import Key
from longform.progress import OnProgress, quiet
from longform.request import Request

DECODE_WINDOW_FRAMES = 256
T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """A finished piece, what is known about it, and the seconds that each stage took."""

    waveform: Waveform
    facts: dict[str, Any]
    timings: dict[str, float] = field(default_factory=dict)


class Pipeline:
    """A loaded model: text towers, denoiser and autoencoder on one device.

    Everything is random only through seeds: the same request gives the same samples.
    """

    def __init__(self, bundle: Bundle, device: str | None = None) -> None:
        self.bundle = bundle
        self.device = pick_device(device)
        self.dtype = pick_dtype(self.device)
        self.defaults = bundle.defaults
        self.tokenizer = bundle.tokenizer()
        self.clap = bundle.clap().to(self.device)
        self.conditioner = bundle.conditioner().to(self.device)
        self.dit = bundle.dit().to(self.device)
        self.autoencoder = bundle.autoencoder()
        cast(torch.nn.Module, self.autoencoder).to(self.device)

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path = "mini", device: str | None = None
    ) -> "Pipeline":
        """Load a bundle by name (`mini` comes with the package) or from a folder.

        Raises:
            UserError: the model or the device is not there, or a file of the model is broken.
        """
        return cls(Bundle.load(name_or_dir), device)

    def generate(
        self, prompt: str, *, on_progress: OnProgress = quiet, **settings: Any
    ) -> Waveform:
        """Make one piece; `settings` are the fields of `Request`.

        Returns:
            A waveform of exactly the asked length, stereo, at the model's sample rate.
        """
        return self.run(Request(prompt=prompt, **settings), on_progress=on_progress).waveform

    @torch.inference_mode()
    def run(self, request: Request, item: int = 0, on_progress: OnProgress = quiet) -> Result:
        """Make item number `item` of a request; items differ in their noise and their plan."""
        settings = self._settle(request)
        timings: dict[str, float] = {}
        plan = self._plan(request, settings["seconds"], item)
        condition, null = self._timed(
            "condition", timings, lambda: self._conditions(request, plan, settings["seconds"])
        )
        frames = math.ceil(settings["seconds"] * self.autoencoder.latent_rate_hz)
        noise = item_noise(request.seed, item, (self.autoencoder.latent_channels, frames))
        latents = self._timed(
            "denoise",
            timings,
            lambda: self._denoise(noise, condition, null, settings, request, item, on_progress),
        )
        waveform = self._timed(
            "decode", timings, lambda: self._decode(latents, settings["seconds"], on_progress)
        )
        return Result(waveform, self._facts(request, item, settings, plan), timings)

    @torch.inference_mode()
    def encode(self, waveform: Waveform, on_progress: OnProgress = quiet) -> Tensor:
        """Latents (d, f) of a recording of any rate and length: the posterior's mean, float32."""
        prepared = waveform.to_channels(2).resampled(self.autoencoder.sample_rate)
        audio = torch.from_numpy(np.ascontiguousarray(prepared.samples))[None].to(self.device)
        with autocast(self.device, self.dtype):
            posterior = encode_windowed(
                self.autoencoder, audio, DECODE_WINDOW_FRAMES, on_progress=on_progress
            )
        return posterior.mean[0].float().cpu()

    @torch.inference_mode()
    def decode(self, latents: Tensor, on_progress: OnProgress = quiet) -> Waveform:
        """Audio of latents (d, f), as long as they are: f * hop samples.

        Raises:
            UserError: the latents do not have this model's number of channels.
        """
        if latents.dim() != 2 or latents.shape[0] != self.autoencoder.latent_channels:
            raise UserError(
                f"latents of shape {tuple(latents.shape)} do not fit model {self.bundle.name!r}, "
                f"which has {self.autoencoder.latent_channels} channels: use the one that made them"
            )
        return self._decode(
            latents[None].to(self.device),
            latents.shape[1] / self.autoencoder.latent_rate_hz,
            on_progress,
        )

    def _settle(self, request: Request) -> dict[str, Any]:
        """The request's settings with the model's defaults filled in."""
        names = ("seconds", "steps", "guidance")
        asked = {name: getattr(request, name) for name in names}
        return {
            name: getattr(self.defaults, name) if value is None else value
            for name, value in asked.items()
        }

    def _plan(self, request: Request, seconds: float, item: int) -> Plan | None:
        """The musical plan, or None for an effect, for `free`, and for models without a guide."""
        asked = (request.bpm, request.key, request.metre) != (None, None, None)
        is_effect = read_prompt(request.prompt).effect is not None and not asked
        follows = bool(self.conditioner.config.guide_features) and seconds >= MIN_SECONDS
        if request.free or is_effect or not follows:
            return None
        return draw_plan(
            prompt=request.prompt,
            seconds=seconds,
            seed=int(np.random.SeedSequence([request.seed, item]).generate_state(1)[0]),
            bpm=request.bpm,
            key=Key.parse(request.key) if request.key else None,
            metre=request.metre,
        )

    def _conditions(
        self, request: Request, plan: Plan | None, seconds: float
    ) -> tuple[Condition, Condition]:
        """The prompt's condition and the one that guidance pushes away from."""
        wanted = self.conditioner(self._prompts(request.prompt, request, plan, seconds))
        if request.negative:
            return wanted, self.conditioner(self._prompts(request.negative, request, plan, seconds))
        return wanted, self.conditioner.null(wanted)

    def _prompts(self, text: str, request: Request, plan: Plan | None, seconds: float) -> Prompts:
        ids, mask = (part.to(self.device) for part in self.tokenizer([text]))
        words = read_prompt(request.prompt)
        bpm = plan.tempo_bpm if plan else request.bpm or words.bpm
        key = plan.key if plan else Key.parse(request.key) if request.key else words.key
        metre = plan.metre if plan else request.metre or words.metre
        frames = math.ceil(seconds * self.autoencoder.latent_rate_hz)
        lines = guide(plan, frames, self.autoencoder.latent_rate_hz) if plan else None

        def number(value: float) -> Tensor:
            return torch.tensor([value], dtype=torch.float32, device=self.device)

        return Prompts(
            text=self.clap.text_tokens(ids, mask),
            text_mask=mask,
            seconds_start=number(0.0),
            seconds_total=number(math.ceil(seconds)),
            frames=frames,
            tempo_bpm=number(bpm if bpm else math.nan),
            key=number(key.tonic + 12 * (key.mode == "minor") if key else -1),
            metre=number(metre if metre else -1),
            guide=None if lines is None else torch.from_numpy(lines)[None].to(self.device),
        )

    def _denoise(
        self,
        noise: Tensor,
        condition: Condition,
        null: Condition,
        settings: dict[str, Any],
        request: Request,
        item: int,
        on_progress: OnProgress,
    ) -> Tensor:
        with autocast(self.device, self.dtype):
            return sample(
                self.dit,
                noise[None].to(self.device),
                condition,
                null,
                guidance=Guidance(scale=settings["guidance"]),
                sampler=self.defaults.sampler,
                steps=settings["steps"],
                sigma_min=self.defaults.sigma_min,
                sigma_max=self.defaults.sigma_max,
                seeds=[(request.seed, item)],
                on_progress=on_progress,
            )

    def _decode(self, latents: Tensor, seconds: float, on_progress: OnProgress) -> Waveform:
        with autocast(self.device, self.dtype):
            audio = decode_windowed(
                self.autoencoder, latents, DECODE_WINDOW_FRAMES, on_progress=on_progress
            )
        samples = audio[0, :, : round(seconds * self.autoencoder.sample_rate)].float().cpu().numpy()
        return Waveform(np.ascontiguousarray(samples), self.autoencoder.sample_rate)

    def _facts(
        self, request: Request, item: int, settings: dict[str, Any], plan: Plan | None
    ) -> dict[str, Any]:
        facts = {**asdict(request), **settings, "item": item, "model": self.bundle.name}
        if plan is None:
            return facts
        return facts | {
            "style": plan.style,
            "tempo_bpm": plan.tempo_bpm,
            "key": str(plan.key),
            "metre": plan.metre,
            "sources": dict(plan.sources),
            "sections": [
                [section.name, round(section.start_bar * plan.bar_seconds, 3)]
                for section in plan.sections
            ],
        }

    def _timed(self, stage: str, timings: dict[str, float], work: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = work()
        timings[stage] = round(time.perf_counter() - start, 3)
        return result
