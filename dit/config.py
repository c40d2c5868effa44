"""What a denoiser and its conditioner are made of: plain numbers, one dataclass each."""

from dataclasses import dataclass
from typing import Literal

from longform.errors import UserError

POSITION_CHANNELS = 20
"""Channels of `longform.dit.features.position_features`."""


@dataclass(frozen=True, kw_only=True)
class DiTConfig:
    """One transformer for the whole family; the defaults are Stable Audio 2.0 (arXiv 2404.10301).

    `cross_heads` None gives the reference's grouping: `cond_token_width / head_width` key-value
    heads. `rotary_width` is how many of each head's channels rotate. `guide_channels` 0 means that
    no time-aligned guide is read.
    """

    io_channels: int = 64
    width: int = 1536
    depth: int = 24
    heads: int = 24
    cond_token_width: int = 768
    cross_heads: int | None = None
    global_width: int = 1536
    global_mode: Literal["prepend", "adaln"] = "prepend"
    norm: Literal["layer", "rms"] = "layer"
    qk_norm: Literal["layer", "rms"] | None = None
    ff_width: int = 6144
    rotary_width: int = 32
    rotary_base: float = 10_000.0
    memory_tokens: int = 0
    guide_channels: int = 0
    timestep_frequencies: int = 128
    attention: Literal["sdpa", "flash"] = "sdpa"

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.rotary_width % 2 or not 0 < self.rotary_width <= self.head_width:
            raise UserError(
                f"rotary_width {self.rotary_width} must be even and at most {self.head_width}"
            )
        if self.cross_heads is None and self.cond_token_width % self.head_width:
            raise UserError(
                f"cond_token_width {self.cond_token_width} is not a multiple of the head width "
                f"{self.head_width}; give cross_heads"
            )
        if self.heads % self.kv_heads:
            raise UserError(f"heads {self.heads} is not a multiple of cross_heads {self.kv_heads}")

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def kv_heads(self) -> int:
        """Key-value heads of the cross-attention."""
        if self.cross_heads is not None:
            return self.cross_heads
        return self.cond_token_width // self.head_width


@dataclass(frozen=True, kw_only=True)
class GuideFeature:
    """One feature of the guide: its name and its channels, `start` up to but without `stop`."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class ConditionerConfig:
    """What the denoiser is told; the defaults are Stable Audio 2.0 (text and timing only).

    `project_text` normalises and projects text features to `token_width` and learns a token for
    "no text"; without it, text features enter as they are. `mask_text` hides padding from the
    cross-attention; without it padding enters as zero vectors, as in the reference. `controls` adds
    tempo, key and metre. `global_text` adds the mean text token to the global vector.
    `position_features` tells every frame where in the piece it lies.
    """

    text_width: int = 768
    token_width: int = 768
    project_text: bool = False
    mask_text: bool = False
    seconds_max: float = 512.0
    number_frequencies: int = 128
    controls: bool = False
    global_text: bool = False
    guide_features: tuple[GuideFeature, ...] = ()
    position_features: bool = False
    latent_rate_hz: float = 44_100 / 2048

    def __post_init__(self) -> None:
        if not self.project_text and self.text_width != self.token_width:
            raise UserError(
                f"text_width {self.text_width} differs from token_width {self.token_width}; "
                "set project_text: true"
            )
        edge = 0
        for feature in self.guide_features:
            if feature.start != edge or feature.stop <= feature.start:
                raise UserError(f"guide feature {feature.name!r} must start at channel {edge}")
            edge = feature.stop

    @property
    def feature_channels(self) -> int:
        """Channels of the guide as the user gives it."""
        return self.guide_features[-1].stop if self.guide_features else 0

    @property
    def guide_channels(self) -> int:
        """Channels that reach the denoiser: features, one "given" flag each, positions."""
        given = self.feature_channels + len(self.guide_features)
        return given + (POSITION_CHANNELS if self.position_features else 0)

    @property
    def global_width(self) -> int:
        """Width of the global vector: start | total | text mean | controls."""
        return self.token_width * (2 + self.global_text + self.controls)
