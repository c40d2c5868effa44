"""A loaded model and the stages that every job is made of: plan, condition, denoise, decode."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from longform.autoencoder.interface import frames_of
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.bundle import STUDENT, Bundle
from longform.clap.reader import ClapReader
from longform.device import autocast
from longform.dit.condition import Condition
from longform.dit.conditioner import Prompts
from longform.dit.guidance import Denoise, Guidance, Model, guided
from longform.dit.sampling import Between, item_noise, solve
from longform.errors import UserError
from longform.hub.loaded import Loaded
from longform.music.draw import MIN_SECONDS, Composer, draw_plan
from longform.music.guide import guide
from longform.music.plan import Plan
from longform.music.prompt import read_prompt
from longform.music.theory import Key
from longform.planner.writer import Writer
from longform.planning import in_words, length_of, plan_of, written
from longform.progress import OnProgress, quiet
from longform.request import MAX_SECONDS, Request
from longform.told import Guide, Known
from longform.waveform import Waveform

DECODE_WINDOW_FRAMES = 256
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A request's settings with the model's defaults filled in."""

    seconds: float
    steps: int
    guidance: float


class Engine(Loaded):
    """A loaded model, and the stages that every job goes through."""

    @property
    def reads_guide(self) -> bool:
        """Whether the denoiser can be led by tempo, chords, energy and the rest."""
        return bool(self.conditioner.guide_features)

    @property
    def window_frames(self) -> int | None:
        """Latent frames of the one window that the model knows; None where any length will do."""
        seconds = self.defaults.window_seconds
        return None if seconds is None else round(seconds * self.autoencoder.latent_rate_hz)

    def frames(self, seconds: float) -> int:
        """Latent frames that hold `seconds`."""
        return math.ceil(seconds * self.autoencoder.latent_rate_hz)

    def span(self, seconds: float) -> int:
        """Latent frames to denoise for `seconds` of audio.

        Raises:
            UserError: they do not fit into the model's window.
        """
        window = self.window_frames
        if window is None:
            return self.frames(seconds + self.defaults.headroom_seconds)
        if self.frames(seconds) > window:
            raise UserError(
                f"{seconds:g} s are more than the {self.defaults.window_seconds:.2f} s that model "
                f"{self.bundle.name!r} makes at once: make less, and extend it afterwards"
            )
        return window

    def remarks(self, request: Request) -> list[str]:
        """What a person should know about how this model takes the request, a line each."""
        usual = {"steps": self.defaults.steps, "guidance": self.defaults.guidance}
        asked = {name: getattr(request, name) for name in usual}
        off = [
            f"{name} {value:g} (usually {usual[name]:g})"
            for name, value in asked.items()
            if value not in (None, usual[name])
        ]
        lines = [f"not as model {self.bundle.name!r} is made for: {', '.join(off)}"] if off else []
        if self._speaks_controls(request):
            lines.append(
                f"model {self.bundle.name!r} has no musical controls: tempo, key and metre are "
                "only added to the words of the prompt"
            )
        if isinstance(self.encode_text, ClapReader):
            unread = self.encode_text.tokenizer.cut_off(request.prompt)
            if unread:
                lines.append(f"the prompt is too long: its last {unread} word pieces are not read")
        return lines

    def settle(self, request: Request, seconds: float | None = None) -> Settings:
        """The request's settings, the model's where it has none; `seconds` overrules both."""
        steps, guidance = request.steps, request.guidance
        length = length_of(request, self.defaults.seconds) if seconds is None else seconds
        return Settings(
            seconds=length,
            steps=self.defaults.steps if steps is None else steps,
            guidance=self.defaults.guidance if guidance is None else guidance,
        )

    def composer(self, request: Request, text: tuple[Tensor, Tensor] | None = None) -> Composer:
        """What decides what the request leaves open: the model's planner, where it has one.

        `text`, features and mask, stands in place of the prompt's own.
        """
        if self.planner is None or request.no_planner:
            return draw_plan
        return Writer(self.planner, self.encode_text if text is None else lambda _: text)

    def plan(
        self, request: Request, seconds: float, item: int = 0, compose: Composer = draw_plan
    ) -> Plan | None:
        """The musical plan, or None for an effect, for `free`, and for models without a guide.

        Raises:
            UserError: a plan over time for a model without a guide.
        """
        if request.plan is not None and not self.reads_guide:
            raise UserError(
                f"model {self.bundle.name!r} cannot follow a plan over time; leave it out, or use "
                "one that reads a guide, such as mini"
            )
        if not self.reads_guide or seconds < MIN_SECONDS:
            return None
        return plan_of(request, seconds, item, compose)

    def planned(self, plan: Plan | None, seconds: float) -> Guide | None:
        """The guide that a plan draws over `seconds`."""
        if plan is None:
            return None
        lines = guide(plan, self.frames(seconds), self.autoencoder.latent_rate_hz)
        return Guide(lines=lines, tempo_bpm=plan.tempo_bpm)

    def condition(
        self,
        request: Request,
        seconds: float,
        plan: Plan | None,
        led_by: Guide | None,
        *,
        frames: int | None = None,
        start_seconds: float = 0.0,
        known: Known | None = None,
        context: Known | None = None,
        text: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Condition, Condition]:
        """The prompt's condition and the one that guidance pushes away from.

        Both are for the `frames` latents (all, if not given) that follow `start_seconds` of a piece
        of `seconds`; the lines of `led_by` and what is `known` are those of these frames, and
        so are those of `context`, a recording to answer.
        `text`, features and their mask, takes the place of the prompt's words.
        """
        count = self.span(seconds) if frames is None else frames

        def prompts(features: tuple[Tensor, Tensor]) -> Prompts:
            found = self._prompts(features, request, seconds, plan, led_by)
            start = torch.full_like(found.seconds_start, start_seconds)
            found = replace(found, frames=count, seconds_start=start)
            for name, part in (("known", known), ("context", context)):
                if part is not None:
                    latents = self.dit.standardise(part.latents).mT
                    found = replace(found, **{name: latents, f"{name}_mask": part.kept[None]})
            return found

        if text is None:
            spoken = self._speaks_controls(request)
            words = in_words(request.prompt, request) if spoken else request.prompt
            text = self.encode_text([words])
        wanted = self.conditioner(prompts(text))
        if request.negative:
            unwanted = prompts(self.encode_text([request.negative]))
            return wanted, self.conditioner.unwanted(unwanted)
        return wanted, self.conditioner.null(wanted)

    def noise(self, request: Request, item: int, frames: int) -> Tensor:
        """Standard normal numbers (1, d, f) of one item of a request, on the device."""
        shape = (self.autoencoder.latent_channels, frames)
        return item_noise(request.seed, item, shape)[None].to(self.device)

    def guided(
        self,
        condition: Condition,
        null: Condition,
        settings: Settings,
        network: Model | None = None,
    ) -> Denoise:
        """The network under classifier-free guidance: (x_t, t) -> velocity."""
        guidance = Guidance(scale=settings.guidance, projection=self.defaults.projection)
        objective = self.dit.config.objective
        return guided(network or self.dit, condition, null, guidance, objective)

    def denoise(
        self,
        denoise: Denoise,
        noise: Tensor,
        request: Request,
        settings: Settings,
        item: int = 0,
        *,
        init: Tensor | None = None,
        sigma_max: float | None = None,
        between: Between | None = None,
        on_progress: OnProgress = quiet,
    ) -> Tensor:
        """Latents of the autoencoder (1, d, f) from noise, or from latents `init` under noise."""
        start = None if init is None else self.dit.standardise(init.to(self.device))
        with autocast(self.device, self.dtype):
            latents = solve(
                denoise,
                noise,
                sampler=self.defaults.sampler,
                steps=settings.steps,
                sigma_min=self.defaults.sigma_min,
                sigma_max=self.defaults.sigma_max if sigma_max is None else sigma_max,
                seeds=[(request.seed, item)],
                objective=self.dit.config.objective,
                shift=self.dit.config.time_shift,
                init=start,
                between=between,
                on_progress=on_progress,
            )
        return self.dit.restore(latents)

    @torch.inference_mode()
    def encode(
        self, waveform: Waveform, on_progress: OnProgress = quiet, *, fill: bool = False
    ) -> Tensor:
        """Latents (d, f) of a recording of any rate and length: the posterior's mean, float32.

        With `fill`, silence follows it until it fills the window of a model that has one, or over
        the headroom of others.
        """
        prepared = waveform.to_channels(2).resampled(self.autoencoder.sample_rate)
        audio = torch.from_numpy(np.ascontiguousarray(prepared.samples))[None].to(self.device)
        if fill:
            audio = torch.nn.functional.pad(audio, (0, self._silence_samples(audio.shape[-1])))
        with autocast(self.device, self.dtype):
            posterior = encode_windowed(
                self.autoencoder, audio, DECODE_WINDOW_FRAMES, on_progress=on_progress
            )
        return posterior.mean[0].float().cpu()

    @torch.inference_mode()
    def decode(
        self, latents: Tensor, on_progress: OnProgress = quiet, seconds: float | None = None
    ) -> Waveform:
        """Audio of latents (d, f), as long as they are (f * hop samples), or its first `seconds`.

        Latents that the first `seconds` do not hear are not decoded.

        Raises:
            UserError: the latents do not have this model's number of channels.
        """
        if latents.dim() != 2 or latents.shape[0] != self.autoencoder.latent_channels:
            raise UserError(
                f"latents of shape {tuple(latents.shape)} do not fit model {self.bundle.name!r}, "
                f"which has {self.autoencoder.latent_channels} channels: use the one that made them"
            )
        heard = None if seconds is None else self._heard_frames(seconds)
        with autocast(self.device, self.dtype):
            audio = decode_windowed(
                self.autoencoder,
                latents[None, :, :heard].to(self.device),
                DECODE_WINDOW_FRAMES,
                on_progress=on_progress,
            )
        rate = self.autoencoder.sample_rate
        samples = audio[0, :, : None if seconds is None else round(seconds * rate)]
        return Waveform(np.ascontiguousarray(samples.float().cpu().numpy()), rate)

    def facts(
        self, request: Request, settings: Settings, plan: Plan | None = None, item: int = 0
    ) -> dict[str, Any]:
        """Everything that is known before a note sounds, ready for JSON."""
        asked = asdict(request)
        for rare in ("plan", "like_amount", "teacher"):
            if asked[rare] is None or asked[rare] is False:
                del asked[rare]
        facts = {**asked, **asdict(settings), "item": item, "model": self.bundle.name}
        if isinstance(self.bundle, Bundle) and self.bundle.denoiser == STUDENT:
            facts["denoiser"] = STUDENT
        if self.adapters:
            facts["adapters"] = {path.name: strength for path, strength in self.adapters}
        if plan is None:
            return facts
        return facts | {
            "style": plan.style,
            "tempo_bpm": plan.tempo_bpm,
            "key": str(plan.key),
            "metre": plan.metre,
            **written(plan, request.plan),
            "end_seconds": round(plan.end_seconds, 3),
            "sources": dict(plan.sources),
            "sections": [
                [section.name, round(section.start_bar * plan.bar_seconds, 3)]
                for section in plan.sections
            ],
            "chords": [",".join(map(str, bar)) for bar in plan.chords],
        }

    def _speaks_controls(self, request: Request) -> bool:
        """Whether tempo, key or metre are asked for that the model hears in words alone."""
        asked = (request.bpm, request.key, request.metre) != (None, None, None)
        return asked and not self.conditioner.reads_controls

    def _silence_samples(self, samples: int) -> int:
        """How much silence follows `samples` of a recording for the model to take them."""
        if self.window_frames is None:
            return round(self.defaults.headroom_seconds * self.autoencoder.sample_rate)
        return max(self.window_frames * self.autoencoder.hop_samples - samples, 0)

    def _heard_frames(self, seconds: float) -> int:
        """Latent frames that the first `seconds` of the decoded audio hear."""
        samples = round(seconds * self.autoencoder.sample_rate)
        margin = self.autoencoder.decode_margin_frames
        whole = frames_of(samples, self.autoencoder.hop_samples) + margin
        return frames_of(whole, self.autoencoder.align_frames) * self.autoencoder.align_frames

    def _prompts(
        self,
        text: tuple[Tensor, Tensor],
        request: Request,
        seconds: float,
        plan: Plan | None,
        led_by: Guide | None,
    ) -> Prompts:
        tokens, mask = (part.to(self.device) for part in text)
        words = read_prompt(request.prompt)
        bpm = led_by.tempo_bpm if led_by else request.bpm or words.bpm
        key = plan.key if plan else Key.parse(request.key) if request.key else words.key
        metre = plan.metre if plan else request.metre or words.metre
        lines, given = self._led(led_by)

        def number(value: float) -> Tensor:
            return torch.tensor([value], dtype=torch.float32, device=self.device)

        return Prompts(
            text=tokens,
            text_mask=mask,
            seconds_start=number(0.0),
            seconds_total=number(math.ceil(seconds)),
            frames=self.frames(seconds),
            tempo_bpm=number(bpm if bpm else math.nan),
            key=number(key.tonic + 12 * (key.mode == "minor") if key else -1),
            metre=number(metre if metre else -1),
            guide=lines,
            guide_mask=given,
        )

    def _led(self, led_by: Guide | None) -> tuple[Tensor | None, Tensor | None]:
        """Guide (1, frames, feature_channels) and which of its features are given (1, features)."""
        features = self.conditioner.guide_features
        if led_by is None or not features:
            return None, None
        lines = torch.from_numpy(led_by.lines)[None].to(self.device)
        missing = features[-1].stop - lines.shape[-1]
        given = torch.tensor([[one.name in led_by.given for one in features]], device=self.device)
        return torch.nn.functional.pad(lines, (0, missing)), given


def checked_length(waveform: Waveform, what: str) -> Waveform:
    """The waveform, if it is not longer than one pass.

    Raises:
        UserError: it is longer, or empty.
    """
    if not 0 < waveform.seconds <= MAX_SECONDS:
        raise UserError(
            f"{what} lasts {waveform.seconds:.1f} s; up to {MAX_SECONDS:g} s go through in one "
            "pass: cut it first"
        )
    return waveform


def timed(stage: str, timings: dict[str, float], work: Callable[[], T]) -> T:
    """Do the work and note the seconds that it took under `stage`."""
    start = time.perf_counter()
    result = work()
    timings[stage] = round(timings.get(stage, 0.0) + time.perf_counter() - start, 3)
    return result
