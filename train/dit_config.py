"""What a run that trains the denoiser is made of."""

from dataclasses import dataclass, field

from longform.dit.config import ConditionerConfig, DiTConfig
from longform.errors import UserError
from longform.music.guide import FEATURES, GUIDE_FEATURES
from longform.train.config import RunConfig
from longform.train.latents import LatentDataset


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window length and how often a step uses it, relative to the others."""

    frames: int
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.share <= 0:
            raise UserError(f"window {self.frames} x {self.share:g}: both must be above 0")


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """How often what is known is kept from the model, so that at inference it may be absent.

    `condition` trains the null branch of guidance; half of those items lose their guide as well, so
    that the null branch is known with and without one. `guide_features` is the share of items that
    lose guide features one by one, each item at a rate of its own. `context` is how often a mix to
    answer is not heard, whatever else is dropped.
    """

    condition: float = 0.1
    text: float = 0.05
    control: float = 0.3
    guide: float = 0.15
    guide_features: float = 0.3
    context: float = 0.15

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise UserError(f"dropout {name} must lie within 0..1, got {value}")


@dataclass(frozen=True, kw_only=True)
class Accompany:
    """How a run learns to answer a mix with a stem beside making whole pieces.

    `latents` is a folder of `longform train encode --pairs`; `share` of the items of a step with
    the first of the run's windows come from there.
    """

    latents: str
    share: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"accompany.share must lie above 0, up to 1; got {self.share}")


@dataclass(frozen=True, kw_only=True)
class DiTTraining:
    """A run that trains the denoiser on the latents of `longform train encode`.

    `run.batch` counts items at the first of `windows`; a step with another window takes as many
    items as make the same number of frames. `clap` is a run folder, a checkpoint or a bundle.
    """

    run: RunConfig
    latents: str
    clap: str
    dit: DiTConfig
    conditioner: ConditionerConfig
    windows: tuple[Window, ...]
    dropout: Dropout = field(default_factory=Dropout)
    accompany: Accompany | None = None
    whitening: float = 1.0
    """How far the latents' channels are brought to equal variance, 0..1."""
    logit_normal_share: float = 0.5
    """Share of the time steps that are logit-normal; the others are uniform."""
    logit_normal_mean: float = 0.0
    """Where these lie: 0 is centred on as much noise as signal, above it there is more noise."""
    start_share: float = 0.1
    """Share of the windows that begin where the piece begins, as all do at inference."""
    gradient_checkpointing: bool = False
    validation_items: int = 64

    def __post_init__(self) -> None:
        if not self.windows:
            raise UserError("windows: name at least one window length")
        for name in ("guide_channels", "context_channels", "global_width"):
            asked, needed = getattr(self.dit, name), getattr(self.conditioner, name)
            if asked != needed:
                raise UserError(f"dit.{name} is {asked}; this conditioner makes {needed}")
        if self.dit.cond_token_width != self.conditioner.token_width:
            raise UserError(
                f"dit.cond_token_width is {self.dit.cond_token_width}; "
                f"conditioner.token_width is {self.conditioner.token_width}"
            )
        layout = {one.name: slice(one.start, one.stop) for one in self.conditioner.guide_features}
        if layout and layout not in (GUIDE_FEATURES, FEATURES):
            known = ", ".join(f"{name} {one.start}-{one.stop}" for name, one in FEATURES.items())
            raise UserError(
                f"conditioner.guide_features must be the guide's, with or without the last: {known}"
            )
        heard = self.conditioner.context_latents
        if heard not in (0, self.dit.io_channels):
            raise UserError(
                f"conditioner.context_latents is {heard}; dit.io_channels is {self.dit.io_channels}"
            )
        if self.accompany is not None and not heard:
            raise UserError(
                "accompany: this model hears no context; set conditioner.context_latents to "
                f"{self.dit.io_channels} and dit.context_channels to {self.dit.io_channels + 1}"
            )

    def check(self, latents: LatentDataset, text_width: int) -> None:
        """Raise UserError where the config does not fit the latents or the text tower."""
        facts = {
            "dit.io_channels": (self.dit.io_channels, latents.latent_channels),
            "conditioner.latent_rate_hz": (
                self.conditioner.latent_rate_hz,
                latents.latent_rate_hz,
            ),
            "conditioner.text_width": (self.conditioner.text_width, text_width),
        }
        for name, (asked, found) in facts.items():
            if abs(asked - found) > 1e-6:
                raise UserError(f"{name} is {asked}; the data have {found}")
