"""Prompt, seconds and seed become a whole piece: plan, condition, denoise, decode."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longform.bundle import Bundle
from longform.engine import Engine, timed
from longform.finish import finish
from longform.hub import open_model
from longform.hub.adapters import Adapters
from longform.jobs.accompany import AccompanyResult, accompany
from longform.jobs.checks import Region, check_amount
from longform.jobs.edit import EditResult, extend, inpaint
from longform.jobs.like import alike, liken
from longform.jobs.loop import LoopResult, loop
from longform.jobs.melody import along, hear_tune
from longform.jobs.planned import against_plan
from longform.jobs.sfx import SfxResult, sfx
from longform.jobs.transfer import TransferResult, transfer
from longform.jobs.vary import VaryResult, varied_noise
from longform.progress import OnProgress, quiet
from longform.request import Request, like_amount
from longform.result import Result
from longform.waveform import Waveform

__all__ = ["Pipeline", "Request", "Result"]


class Pipeline(Engine):
    """A loaded model and everything that it can be asked for.

    Everything is random only through seeds: the same request gives the same samples. Each job
    returns a `Result` that carries what was measured on the finished audio. Where the model has a
    few-step student, it makes what is new (see `suited`); recordings are edited by its teacher.
    """

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | Path = "mini",
        device: str | None = None,
        *,
        allow_missing: bool = False,
        text_encoder: str | Path | None = None,
        adapters: Adapters = (),
    ) -> "Pipeline":
        """Load a model by name (`mini` comes with the package), or from a file or folder.

        Args:
            allow_missing: initial values stand where the model's file lacks tensors
            text_encoder: a folder with the text encoder, for models that come without theirs
            adapters: LoRA files and their strengths, merged into the denoiser in this order

        Raises:
            UserError: the model or the device is not there, or a file of the model is broken.
        """
        model = open_model(name_or_dir, allow_missing=allow_missing, text_encoder=text_encoder)
        pipe = cls(model, device, adapters=adapters)
        pipe.load()
        return pipe

    @cached_property
    def student(self) -> "Pipeline | None":
        """The same model with its few-step denoiser, where it has one; all else is shared."""
        bundle = self.bundle.student() if isinstance(self.bundle, Bundle) else None
        if bundle is None:
            return None
        student = Pipeline(bundle, str(self.device))
        for shared in ("encode_text", "autoencoder", "planner"):
            setattr(student, shared, getattr(self, shared))
        return student

    def suited(self, request: Request) -> "Pipeline":
        """Who makes a new piece of `request`: the student, unless only the teacher can.

        The teacher follows guidance, negative prompts and adapters, takes more steps than the
        student, and is there where it is asked for. It is also nearer to a person's own plan, to a
        melody, and to silence at the seam of a loop.
        """
        student = self.student
        if student is None or request.teacher or self.adapters:
            return self
        if request.plan is not None and request.teacher is None:
            return self
        if request.negative is not None or request.guidance is not None:
            return self
        return self if (request.steps or 0) > student.defaults.steps else student

    def remarks(self, request: Request) -> list[str]:
        """What a person should know about how this model takes the request, a line each."""
        return Engine.remarks(self.suited(request), request)

    def load(self) -> None:
        """Load every part now, those of the student too."""
        super().load()
        if self.student is not None:
            Engine.load(self.student)

    def generate(
        self,
        prompt: str = "",
        *,
        like: Waveform | None = None,
        melody: Waveform | None = None,
        on_progress: OnProgress = quiet,
        **settings: Any,
    ) -> Waveform:
        """Make one piece and finish it; `settings` are the fields of `Request`.

        Args:
            like: a recording that it shall be like, in place of a prompt or beside one
            melody: a recording of a tune, sung or played, that it shall follow

        Returns:
            A waveform of exactly the asked length, stereo, at the model's sample rate, faded,
            levelled and limited by `longform.finish.finish`; `run` gives what the model made.
        """
        if like is not None:
            settings["like_amount"] = like_amount(prompt, settings.get("like_amount"))
        request = Request(prompt=prompt, **settings)
        result = self.run(request, on_progress=on_progress, like=like, melody=melody)
        return finish(result.waveform, end_seconds=result.facts.get("end_seconds")).waveform

    @torch.inference_mode()
    def run(
        self,
        request: Request,
        item: int = 0,
        on_progress: OnProgress = quiet,
        noise: Tensor | None = None,
        like: Waveform | None = None,
        melody: Waveform | None = None,
    ) -> Result:
        """Make item number `item` of a request; items differ in their noise and their plan.

        `noise` (1, d, f) takes the place of the item's own. `like` is a recording that the piece
        shall be like, which gives a `LikeResult`; `melody` one of a tune that it shall follow: a
        `MelodyResult`, with length, tempo and key of the tune where none were asked for. A request
        with a plan over time gives a `PlannedResult`, in which each section is measured against the
        plan.

        Raises:
            UserError: a recording to be like, for a model that cannot listen; a melody, for one
                that cannot follow any, or none in its recording.
        """
        suited = self.suited(request)
        if suited is not self and melody is None:
            return suited.run(request, item, on_progress, noise, like)
        timings: dict[str, float] = {}
        tune = None
        if melody is not None:
            tune = timed("listen", timings, lambda: hear_tune(self, request, melody))
            request = tune.request
        settings = self.settle(request)
        seconds = settings.seconds
        counts = like is not None or request.like_amount is not None
        liked = timed("listen", timings, lambda: liken(self, request, like)) if counts else None
        asked = liked.request if liked else request
        text = liked.text if liked else None
        compose = self.composer(asked, text)
        plan = timed("plan", timings, lambda: self.plan(asked, seconds, item, compose))
        condition, null = timed(
            "condition",
            timings,
            lambda: self.condition(
                asked,
                seconds,
                plan,
                tune.guide(self, plan, seconds) if tune else self.planned(plan, seconds),
                text=text,
            ),
        )
        start = self.noise(request, item, self.span(seconds)) if noise is None else noise
        denoise = self.guided(condition, null, settings)
        latents = timed(
            "denoise",
            timings,
            lambda: self.denoise(denoise, start, request, settings, item, on_progress=on_progress),
        )
        waveform = timed("decode", timings, lambda: self.decode(latents[0], on_progress, seconds))
        facts = self.facts(request, settings, plan, item)
        result = Result(waveform, facts | (liked.facts(plan) if liked else {}), timings)
        result = along(result, tune) if tune else result
        result = alike(self, result, liked) if liked else result
        return against_plan(result, plan, request.plan) if plan and request.plan else result

    @torch.inference_mode()
    def transfer(
        self,
        audio: Waveform,
        request: Request,
        *,
        strength: float | None = None,
        keep: str | None = None,
        on_progress: OnProgress = quiet,
    ) -> TransferResult:
        """Restyle a recording of up to 285 s along a prompt, sample by sample aligned with it.

        Args:
            audio: any rate; mono or stereo
            request: the new sound; its tempo and key are the recording's unless they are asked for
            strength: 0 gives the recording back through the autoencoder, 1 a new piece
            keep: an intention in place of a strength: one of `longform.jobs.transfer.INTENTIONS`

        Returns:
            Stereo, at the rate and of the length of `audio`, with what was retained.

        Raises:
            UserError: a recording that is too long; both a strength and what to keep.
        """
        return transfer(self, audio, request, strength=strength, keep=keep, on_progress=on_progress)

    @torch.inference_mode()
    def accompany(
        self,
        audio: Waveform,
        request: Request,
        *,
        context_guidance: float | None = None,
        together: bool = False,
        on_progress: OnProgress = quiet,
    ) -> AccompanyResult:
        """Answer a recording of up to 285 s with a stem that fits it, aligned sample by sample.

        Args:
            audio: the mix to answer; any rate, mono or stereo
            request: the stem, in words such as "bass line"; `guidance` is that of the words
            context_guidance: how strictly to follow the mix, 0 to 30; 1 does not exaggerate it
            together: give both, mixed, in place of the stem alone

        Returns:
            Stereo, at the rate and of the length of `audio`, with how it agrees with the mix.

        Raises:
            UserError: a model that hears no recording to answer; a recording that is too long.
        """
        return accompany(
            self,
            audio,
            request,
            context_guidance=context_guidance,
            together=together,
            on_progress=on_progress,
        )

    @torch.inference_mode()
    def sfx(
        self,
        request: Request,
        item: int = 0,
        *,
        looped: bool = False,
        on_progress: OnProgress = quiet,
    ) -> SfxResult:
        """One take of a sound effect of 0.3 to 30 s: no plan, few steps, cut to what sounds.

        With `looped` it is exactly as long as asked, and its end meets its start.

        Raises:
            UserError: a length out of range.
        """
        engine = self if looped else self.suited(request)
        return sfx(engine, request, item, looped=looped, on_progress=on_progress)

    @torch.inference_mode()
    def inpaint(
        self,
        audio: Waveform,
        request: Request,
        regions: Sequence[Region],
        *,
        on_progress: OnProgress = quiet,
    ) -> EditResult:
        """Make regions of a recording anew; outside of them every sample stays as it is.

        Args:
            audio: any rate and length, mono or stereo
            regions: start and end in seconds; the cross-fades lie inside

        Raises:
            UserError: regions that overlap or do not lie in the recording.
        """
        return inpaint(self, audio, request, regions, on_progress=on_progress)

    @torch.inference_mode()
    def extend(
        self,
        audio: Waveform,
        request: Request,
        *,
        after_seconds: float = 0.0,
        before_seconds: float = 0.0,
        on_progress: OnProgress = quiet,
    ) -> EditResult:
        """Go on after the end of a recording, lead up to its start, or both.

        The new part takes over within a short cross-fade at the last (or first) sound; silence at
        that end is replaced. What is longer than one window is denoised in overlapping ones.

        Raises:
            UserError: nothing to add, or too much.
        """
        return extend(
            self,
            audio,
            request,
            after_seconds=after_seconds,
            before_seconds=before_seconds,
            on_progress=on_progress,
        )

    @torch.inference_mode()
    def vary(
        self,
        request: Request,
        amount: float,
        *,
        audio: Waveform | None = None,
        item: int = 0,
        on_progress: OnProgress = quiet,
    ) -> Result:
        """Another version of the piece that `request` makes, or of a recording.

        `amount` 0 gives the piece itself (of a recording: what the autoencoder keeps), 1 another
        one; plan and tempo stay. Variations of a piece differ by `item`.

        Returns:
            A `VaryResult`, or for a recording a `TransferResult`.

        Raises:
            UserError: an amount outside 0..1.
        """
        check_amount(amount)
        if audio is not None:
            return transfer(self, audio, request, strength=amount, on_progress=on_progress)
        frames = self.span(self.settle(request).seconds)
        noise, kept = varied_noise(self, request, amount, item, frames)
        made = self.run(request, noise=noise, on_progress=on_progress)
        facts = made.facts | {"job": "vary", "amount": amount, "item": item}
        return VaryResult(made.waveform, facts, made.timings, kept)

    @torch.inference_mode()
    def loop(
        self, request: Request, bars: int = 8, item: int = 0, on_progress: OnProgress = quiet
    ) -> LoopResult:
        """A loop of whole bars, exact to the sample, that closes without a seam.

        Tempo and metre are the request's, else the prompt's, else drawn to fit the style.

        Raises:
            UserError: too many bars, or an effect without a tempo.
        """
        return loop(self, request, bars, item, on_progress)
