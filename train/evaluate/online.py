"""Listening to the denoiser while it trains: a few fixed prompts, and the figures' history."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from longform.bundle import Bundle
from longform.errors import UserError
from longform.manifest import FORMAT, AutoencoderPart, Defaults, Manifest, NetworkPart
from longform.train.config import EVALUATION_FIGURES, EvaluateConfig
from longform.train.log import RunLog

if TYPE_CHECKING:
    from longform.autoencoder.interface import Autoencoder
    from longform.clap import Clap, Tokenizer
    from longform.dit.conditioner import Conditioner
    from longform.dit.denoiser import Denoiser
    from longform.dit.model import DiT
    from longform.train.latents import LatentDataset

HISTORY = "evaluation.jsonl"
SEED = 0


class Evaluations:
    """`evaluation.jsonl` of a run: when the next one is due, and whether the rule says stop."""

    def __init__(self, config: EvaluateConfig, folder: Path, step: int, steps: int) -> None:
        """Evaluations later than `step` belong to work that was lost, and are cut off."""
        path = folder / HISTORY
        self._config, self._steps = config, steps
        self._log = RunLog(path, step, steps)
        self._rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self._at = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def due(self, step: int) -> bool:
        """Whether the minutes are over or this is the last step."""
        return step == self._steps or time.monotonic() - self._at >= 60 * self._config.minutes

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Append one evaluation; the minutes count from here."""
        self._log.write(step, dict(figures))
        self._rows.append({"step": step, **figures})
        self._at = time.monotonic()

    @property
    def plateaued(self) -> bool:
        """Whether the rule of the config says stop."""
        rule = self._config.stop_rule()
        if rule is None:
            return False
        metric, patience = rule
        values = [row[metric] * EVALUATION_FIGURES[metric] for row in self._rows]
        return plateau(values, patience)


def plateau(values: Sequence[float], patience: int) -> bool:
    """Whether none of the last `patience` values exceeds the best before them."""
    before, last = values[:-patience], values[-patience:]
    return bool(before) and max(last) <= max(before)


@dataclass(frozen=True)
class LiveBundle(Bundle):
    """Networks in memory, where the pipeline expects a folder."""

    networks: Mapping[str, Any] = field(default_factory=dict)

    def autoencoder(self) -> "Autoencoder":
        return self.networks["autoencoder"]

    def clap(self) -> "Clap":
        return self.networks["clap"]

    def dit(self) -> "DiT":
        return self.networks["dit"]

    def conditioner(self) -> "Conditioner":
        return self.networks["conditioner"]

    def tokenizer(self) -> "Tokenizer":
        from longform.clap import Tokenizer

        return Tokenizer.load(max_tokens=self.networks["clap"].config.text.max_tokens)


def load_decoder(settings: EvaluateConfig, latents: "LatentDataset") -> "Autoencoder":
    """The autoencoder that makes the latents audible.

    Raises:
        UserError: there is none, or it is not the kind that made the latents.
    """
    from longform.autoencoder.build import as_autoencoder
    from longform.train.coder import load_autoencoder

    autoencoder = as_autoencoder(load_autoencoder(settings.autoencoder)[0])
    shape = (autoencoder.latent_channels, autoencoder.hop_samples)
    if shape != (latents.latent_channels, latents.hop_samples):
        raise UserError(
            f"evaluate.autoencoder {settings.autoencoder!r} has {shape[0]} channels of hop "
            f"{shape[1]}; the latents have {latents.latent_channels} of {latents.hop_samples}"
        )
    return autoencoder


def listen_to(
    denoiser: "Denoiser",
    clap: "Clap",
    autoencoder: "Autoencoder",
    settings: EvaluateConfig,
    defaults: Defaults,
) -> dict[str, float]:
    """`EVALUATION_FIGURES` of clips that the pipeline makes with these networks, as they come.

    They are judged without the finishing of files, so that overshoot counts as clipping.
    """
    from longform.pipeline import Pipeline, Request
    from longform.train.evaluate.clips import listen, summarise
    from longform.train.evaluate.generation import clap_scores, prompt_match
    from longform.train.evaluate.prompts import load_prompts

    everything = load_prompts()
    prompts = everything[:: max(1, len(everything) // settings.prompts)][: settings.prompts]
    bundle = _bundle(denoiser, clap, autoencoder, defaults)
    pipeline = Pipeline(bundle)
    clips, waveforms = [], []
    for number, prompt in enumerate(prompts):
        request = Request(prompt=prompt.text, seconds=settings.seconds, seed=SEED + number)
        waveform = pipeline.run(request).waveform
        waveforms.append(waveform)
        clips.append(
            listen(
                waveform,
                name=prompt.text,
                style=prompt.style,
                asked_bpm=prompt.tempo_bpm,
                asked_key=prompt.key,
            )
        )
    heard = summarise(clips)
    device = next(clap.parameters()).device
    scores = clap_scores(clap.cpu(), bundle.tokenizer(), waveforms, [x.text for x in prompts])
    clap.to(device)
    match = prompt_match(scores, SEED)
    found = {
        "tempo": heard["tempo"]["obeyed_share"],
        "key": heard["key"]["exact_share"],
        "key_mirex": heard["key"]["mirex"],
        "clap_own": match["mean_own"],
        "clap_any": match["above_any_share"],
        "stereo_correct": heard["stereo_correct_share"],
        **{name: heard[name] / len(clips) for name in ("silent", "clipped", "static")},
    }
    return {name: float(found[name]) for name in EVALUATION_FIGURES}


def _bundle(
    denoiser: "Denoiser", clap: "Clap", autoencoder: "Autoencoder", defaults: Defaults
) -> LiveBundle:
    networks = {
        "autoencoder": autoencoder,
        "clap": clap,
        "dit": denoiser.dit.eval().requires_grad_(False),
        "conditioner": cast("Conditioner", denoiser.conditioner).eval().requires_grad_(False),
    }
    manifest = Manifest(
        format=FORMAT,
        name="in training",
        licence="",
        description="",
        autoencoder=AutoencoderPart(kind="", config={}),
        clap=NetworkPart(),
        dit=NetworkPart(),
        conditioner=NetworkPart(),
        defaults=defaults,
    )
    return LiveBundle(Path(), manifest, networks=networks)
