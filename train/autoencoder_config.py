"""Configuration of an autoencoder run."""

from dataclasses import dataclass, field
from typing import Any, Literal

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.discriminator import DiscriminatorConfig
from longform.autoencoder.spectral import SpectralConfig
from longform.config import to_mapping
from longform.errors import UserError
from longform.train.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """Where the audio comes from and how training crops are drawn."""

    folder: str
    cache: str | None = None
    """Folder of the decoded copy (635 MB per hour of 44.1 kHz stereo); <folder>/.cache if unset."""
    crop_samples: int = 65_536
    gain_db: tuple[float, float] = (0.0, 0.0)
    """Range of the random gain of each crop."""
    validation_items: int = 16
    validation_samples: int = 262_144


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Which spectral loss, and the weight of every term; by default those of Stable Audio 2.0.

    `spectral` "paper" sums all resolutions on mid/side and left/right; "sampled" draws
    `resolutions_per_step` of them and one of the two views per step.
    """

    spectral: Literal["paper", "sampled"] = "paper"
    fft_sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128, 64, 32)
    a_weighting: bool = True
    """A-weighting before the STFT; "paper" alone."""
    resolutions_per_step: int = 2
    """For "sampled" alone."""
    stft: float = 1.0
    mel: float = 0.0
    """Log-mel L1 on the drawn resolutions; "sampled" alone."""
    waveform: float = 0.0
    pitch: float = 0.0
    """Log-amplitudes at the pitches of the scale, on long windows: for `spectral.tones` alone."""
    pulse: float = 0.0
    """Envelopes that beat with the latent rate: crops of 48 latents tell what 16 do not."""
    adversarial: float = 0.1
    feature_matching: float = 5.0
    kl: float = 1e-4

    def __post_init__(self) -> None:
        if self.spectral == "paper" and self.mel:
            raise UserError('loss.mel needs loss.spectral: "sampled"')


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig:
    """When and on how much of the batch the discriminators take part."""

    start_step: int = 0
    alternate: bool = True
    """Discriminator on even steps, generator on odd ones; otherwise both in every step."""
    items: int = 0
    """Items of each batch that the discriminators see; 0 is all of them."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderTrainConfig:
    """A whole autoencoder run; exactly one of `spectral` and `oobleck` is given."""

    run: RunConfig
    data: CropConfig
    spectral: SpectralConfig | None = None
    oobleck: OobleckConfig | None = None
    loss: LossConfig = field(default_factory=LossConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    init: Literal["random", "pca"] = "random"
    """"pca" starts the linear paths of a spectral autoencoder from principal components."""
    init_seconds: float = 480.0
    decoder_only: bool = False
    """The encoder stays as `run.start_from` has it, so that latents made with it stay valid."""

    def __post_init__(self) -> None:
        if (self.spectral is None) == (self.oobleck is None):
            raise UserError("give exactly one of the sections spectral and oobleck")
        if self.init == "pca" and self.spectral is None:
            raise UserError("init: pca is for the spectral autoencoder")
        if self.loss.pitch and not (self.spectral and self.spectral.tones):
            raise UserError("loss.pitch needs a spectral autoencoder with tones")
        if self.decoder_only and self.run.start_from is None:
            raise UserError("decoder_only: true needs run.start_from, which gives the encoder")

    @property
    def kind(self) -> str:
        """Name of the network for `longform.autoencoder.build`."""
        return "oobleck" if self.spectral is None else "spectral"

    @property
    def model(self) -> dict[str, Any]:
        """Config of the network as a plain mapping."""
        return to_mapping(self.oobleck if self.spectral is None else self.spectral)
