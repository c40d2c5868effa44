"""Training of the autoencoders: a VAE against discriminators (arXiv 2404.10301, section 4.1)."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.autoencoder.bottleneck import Posterior
from longform.autoencoder.build import as_autoencoder, build
from longform.autoencoder.discriminator import ConvStack, MultiScaleSTFTDiscriminator
from longform.autoencoder.interface import frames_of
from longform.autoencoder.losses import (
    SampledSTFTLoss,
    StereoSTFTLoss,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    scale_invariant_sdr_db,
)
from longform.autoencoder.pulse import FEWEST_LATENTS, PulseLoss
from longform.autoencoder.spectral import Spectral
from longform.autoencoder.spectral_start import start_from_data
from longform.autoencoder.tones import PitchLoss
from longform.config import load_yaml
from longform.errors import UserError
from longform.progress import Progress
from longform.train import checkpoints
from longform.train.audio_cache import AudioCache, CachedItem, cache_audio
from longform.train.autoencoder_config import AutoencoderTrainConfig, LossConfig
from longform.train.loop import fit
from longform.train.trainee import Batch, Draw, Part, Trainee

SILENCE = 1e-3  # a crop whose peak is lower is drawn again, at most REDRAWS times
REDRAWS = 4
HELD_OUT_SHARE = 0.05  # of a folder without a validation split


def train(config_path: str | Path, overrides: Sequence[str] = ()) -> None:
    """Train the autoencoder of a YAML file; `overrides` are `dotted.key=value` texts."""
    config = load_yaml(AutoencoderTrainConfig, config_path, overrides)
    fit(AutoencoderTrainee(config), config.run)


class AutoencoderTrainee(Trainee):
    """Generator (the autoencoder) and discriminator, each with its own optimiser."""

    def __init__(self, config: AutoencoderTrainConfig) -> None:
        self.config = config
        torch.manual_seed(config.run.seed)
        network = build(config.kind, config.model)
        self.autoencoder = as_autoencoder(network)
        if config.decoder_only:
            network.get_submodule("encoder").requires_grad_(False)
        channels, rate = self.autoencoder.channels, self.autoencoder.sample_rate
        self.discriminator = MultiScaleSTFTDiscriminator(config.discriminator, channels)
        self.networks = {"generator": network, "discriminator": self.discriminator}
        self._check_crops()
        self.spectral_loss = _spectral_loss(config.loss, rate)
        self.pitch_loss = _pitch_loss(config)
        hop = self.autoencoder.hop_samples
        self.pulse_loss = PulseLoss(rate, hop) if config.loss.pulse else None
        cache = config.data.cache or Path(config.data.folder) / ".cache"
        self.cache = cache_audio(
            config.data.folder, cache, sample_rate=rate, channels=channels, on_progress=_show
        )
        self.training, self.held_out = split_items(self.cache)
        lengths = np.array([item.samples for item in self.training], dtype=np.float64)
        self.share = np.cumsum(lengths / lengths.sum())

    @property
    def averaged(self) -> Sequence[str]:
        """Only the generator is used after training."""
        return ("generator",)

    def phases(self, step: int) -> tuple[str, ...]:
        """The generator alone until `adversarial.start_step`, then both as configured."""
        adversarial = self.config.adversarial
        if step < adversarial.start_step:
            return ("generator",)
        if adversarial.alternate:
            return ("discriminator",) if step % 2 == 0 else ("generator",)
        return ("discriminator", "generator")

    def prepare(self, device: torch.device) -> None:
        """Move the losses; start the linear paths from data unless the weights come from a run."""
        processes = torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
        if processes and self.config.discriminator.scales_per_step:
            raise UserError("discriminator.scales_per_step is for one process; set it to 0")
        self.spectral_loss.to(device)
        if self.pitch_loss is not None:
            self.pitch_loss.to(device)
        if self.pulse_loss is not None:
            self.pulse_loss.to(device)
        run = self.config.run
        resumed = checkpoints.newest(Path(run.out) / "checkpoints", lambda _: None) is not None
        network = self.networks["generator"]
        if self.config.init == "pca" and not resumed and run.start_from is None:
            assert isinstance(network, Spectral)
            kept = start_from_data(network, self._init_batches(device))
            print(f"principal components keep {kept:.1%} of the variance", file=sys.stderr)

    def compile(self) -> None:
        """Compile the generator, and of the discriminators the part after the STFT."""
        self.networks["generator"].compile()
        for module in self.discriminator.modules():
            if isinstance(module, ConvStack):
                module.compile()

    def draw(self, draw: Draw) -> Batch:
        """Random crops of random items, every second of the corpus equally likely: (b, c, t)."""
        rng = draw.rng("crops")
        crops = [self._random_crop(rng) for _ in range(self.config.run.batch)]
        audio = np.stack([crop for crop, _ in crops])
        low, high = self.config.data.gain_db
        audio *= 10 ** (rng.uniform(low, high, (len(crops), 1, 1)) / 20)
        return {
            "audio": torch.from_numpy(audio),
            "ids": [item.id for _, item in crops],
            "adversarial": draw.step >= self.config.adversarial.start_step,
        }

    def losses(
        self,
        phase: str,
        networks: Mapping[str, nn.Module],
        batch: Batch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Losses of one phase; see `Trainee.losses`."""
        if phase == "discriminator":
            return self._discriminator_losses(networks, batch["audio"], generator)
        return self._generator_losses(networks, batch["audio"], batch["adversarial"], generator)

    def validate(self, networks: Mapping[str, nn.Module], step: int) -> dict[str, float]:
        """STFT and MEL distance (auraloss) and SI-SDR in dB of held-out crops, from the mean."""
        from auraloss.freq import MelSTFTLoss, MultiResolutionSTFTLoss

        device = next(networks["generator"].parameters()).device
        distances = {
            "stft": MultiResolutionSTFTLoss().to(device),
            "mel": MelSTFTLoss(self.autoencoder.sample_rate).to(device),
        }
        sums = {"stft": 0.0, "mel": 0.0, "si_sdr_db": 0.0}
        crops = list(self._validation_crops())
        for crop in crops:
            audio = crop.to(device)
            fake, _ = networks["generator"](audio, torch.zeros_like(self._noise(audio, None)))
            fake = fake.float()
            for name, distance in distances.items():
                sums[name] += float(distance(fake, audio))
            sums["si_sdr_db"] += float(scale_invariant_sdr_db(fake, audio).mean())
        return {name: value / len(crops) for name, value in sums.items()}

    def parts(self) -> dict[str, Part]:
        """The autoencoder of a bundle."""
        config = self.config
        return {"autoencoder": Part(prefix="generator.", config=config.model, kind=config.kind)}

    def _discriminator_losses(
        self, networks: Mapping[str, nn.Module], audio: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        audio = self._judged(audio)
        with torch.no_grad():
            fake, _ = networks["generator"](audio, self._noise(audio, generator))
        scales = self.config.discriminator.draw_scales(generator)
        logits, _ = networks["discriminator"](torch.cat((audio, fake.float())), scales)
        real, false = zip(*(scale.chunk(2) for scale in logits), strict=True)
        margin = torch.stack(
            [r.float().mean() - f.float().mean() for r, f in zip(real, false, strict=True)]
        )
        return {"loss": hinge_discriminator(real, false), "margin": margin.mean()}

    def _generator_losses(
        self,
        networks: Mapping[str, nn.Module],
        audio: Tensor,
        adversarial: bool,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        weights = self.config.loss
        fake, posterior = networks["generator"](audio, self._noise(audio, generator))
        fake = fake.float()
        losses = {
            "stft": self._spectral_distance(fake, audio, generator),
            "kl": Posterior(mean=posterior.mean.float(), std=posterior.std.float()).kl(),
        }
        if self.pitch_loss is not None:
            losses["pitch"] = self.pitch_loss(fake, audio)
        if self.pulse_loss is not None:
            losses["pulse"] = self.pulse_loss(fake)
        if weights.waveform:
            losses["waveform"] = F.l1_loss(fake, audio)
        if adversarial:
            losses |= self._adversarial_losses(networks["discriminator"], fake, audio, generator)
        total = sum(getattr(weights, name) * value for name, value in losses.items())
        assert isinstance(total, Tensor)
        return {"loss": total} | losses

    def _adversarial_losses(
        self, discriminator: nn.Module, fake: Tensor, audio: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        scales = self.config.discriminator.draw_scales(generator)
        with torch.no_grad():
            _, real_features = discriminator(self._judged(audio), scales)
        logits, features = discriminator(self._judged(fake), scales)
        return {
            "adversarial": hinge_generator(logits),
            "feature_matching": feature_matching(real_features, features),
        }

    def _spectral_distance(self, fake: Tensor, audio: Tensor, generator: torch.Generator) -> Tensor:
        if isinstance(self.spectral_loss, SampledSTFTLoss):
            return self.spectral_loss(fake, audio, generator)
        return self.spectral_loss(fake, audio)

    def _judged(self, audio: Tensor) -> Tensor:
        """The part of the batch that the discriminators see."""
        return audio[: self.config.adversarial.items or len(audio)]

    def _noise(self, audio: Tensor, generator: torch.Generator | None) -> Tensor:
        """Standard normal noise (b, d, f) for the latents of audio (b, c, t)."""
        frames = frames_of(audio.shape[-1], self.autoencoder.hop_samples)
        shape = (len(audio), self.autoencoder.latent_channels, frames)
        return torch.randn(shape, generator=generator).to(audio.device)

    def _random_crop(self, rng: np.random.Generator) -> tuple[np.ndarray, CachedItem]:
        length, left = self.config.data.crop_samples, REDRAWS
        while True:
            item = self.training[int(np.searchsorted(self.share[:-1], rng.random(), side="right"))]
            start = int(rng.integers(max(1, item.samples - length + 1)))
            crop = self.cache.crop(item, start, length)
            if left == 0 or np.abs(crop).max() >= SILENCE:
                return crop, item
            left -= 1

    def _validation_crops(self) -> Iterator[Tensor]:
        """The same crops of held-out items in every validation: (1, c, t) each."""
        data, hop = self.config.data, self.autoencoder.hop_samples
        rng = np.random.default_rng(0)
        for item in self.held_out[: data.validation_items]:
            length = max(hop, min(data.validation_samples, item.samples) // hop * hop)
            start = int(rng.integers(max(1, item.samples - length + 1)))
            yield torch.from_numpy(self.cache.crop(item, start, length))[None]

    def _init_batches(self, device: torch.device) -> Iterator[Tensor]:
        """Training crops of `init_seconds` in all."""
        data, batch = self.config.data, self.config.run.batch
        wanted = self.config.init_seconds * self.autoencoder.sample_rate
        for step in range(-(-int(wanted) // (batch * data.crop_samples))):
            yield self.draw(Draw(self.config.run.seed, step))["audio"].to(device)

    def _check_crops(self) -> None:
        data, hop = self.config.data, self.autoencoder.hop_samples
        if data.crop_samples < 1 or data.crop_samples % hop:
            raise UserError(
                f"data.crop_samples is {data.crop_samples}, not a multiple of the {hop} samples of "
                f"a latent frame; {max(1, data.crop_samples // hop) * hop} would do"
            )
        if self.config.loss.pulse and data.crop_samples < FEWEST_LATENTS * hop:
            raise UserError(
                f"loss.pulse needs crops of {FEWEST_LATENTS} latents, {FEWEST_LATENTS * hop} "
                f"samples; data.crop_samples is {data.crop_samples}"
            )
        longest = max(self.config.loss.fft_sizes + self.config.discriminator.fft_sizes)
        if data.crop_samples <= longest // 2:
            raise UserError(
                f"data.crop_samples is {data.crop_samples}: too short for an FFT of {longest}"
            )


def split_items(cache: AudioCache) -> tuple[list[CachedItem], list[CachedItem]]:
    """Items to train on and items held out for validation.

    Where no item is in the validation split, one in twenty of the others, at least one, is held
    out. A single file serves as both.

    Raises:
        UserError: no item is left to train on.
    """
    train_items = [item for item in cache.items if item.split == "train"]
    held_out = [item for item in cache.items if item.split == "validation"]
    if not train_items:
        raise UserError("no item of the data folder is in the train split")
    if not held_out:
        order = np.random.default_rng(0).permutation(len(train_items))
        chosen = set(order[: max(1, round(HELD_OUT_SHARE * len(order)))].tolist())
        held_out = [item for i, item in enumerate(train_items) if i in chosen]
        rest = [item for i, item in enumerate(train_items) if i not in chosen]
        train_items = rest or train_items
    return train_items, held_out


def _spectral_loss(config: LossConfig, sample_rate: int) -> nn.Module:
    if config.spectral == "paper":
        return StereoSTFTLoss(
            config.fft_sizes, sample_rate=sample_rate, a_weighting=config.a_weighting
        )
    return SampledSTFTLoss(
        config.fft_sizes,
        sample_rate=sample_rate,
        resolutions_per_step=config.resolutions_per_step,
        mel_weight=config.mel,
    )


def _pitch_loss(config: AutoencoderTrainConfig) -> PitchLoss | None:
    if not config.loss.pitch or config.spectral is None:
        return None
    model = config.spectral
    return PitchLoss(model.tones, model.sample_rate, model.hop_samples)


def _show(progress: Progress) -> None:
    """One line on stderr that counts up, or a line per tenth where stderr is a file."""
    done, total = progress.step, progress.total
    terminal = sys.stderr.isatty()
    if terminal or done == total or done * 10 // total > (done - 1) * 10 // total:
        end = "\r" if terminal and done < total else "\n"
        print(f"{progress.stage} {done}/{total}", end=end, file=sys.stderr)
