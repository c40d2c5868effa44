"""What a denoiser and its conditioner are made of: plain numbers, one dataclass each."""

from dataclasses import dataclass
from typing import Literal

from longform.dit.time_shift import TimeShift
from longform.errors import UserError

POSITION_CHANNELS = 20
"""Channels of `longform.dit.features.position_features`."""


Objective = Literal["v", "rectified_flow", "rf_denoiser"]
"""What the network predicts; "rf_denoiser" is a rectified flow post-trained for few steps."""
FeatureKind = Literal["learned", "expo"]
"""Fourier features of random frequencies, or of fixed, exponentially spaced ones."""


@dataclass(frozen=True, kw_only=True)
class DiTConfig:
    """One transformer for the whole family; the defaults are Stable Audio 2.0 (arXiv 2404.10301).

    `project_tokens` widens the condition tokens to `width` before the blocks attend to them.
    `cross_heads` None gives the reference's grouping: as many key-value heads as head widths fit
    into the tokens. `rotary_width` is how many of each head's channels rotate.

    Inputs that are absent at 0: `prepend_width` (tokens in front of the frames), `concat_channels`
    (beside the latents), `local_channels` (heard by every block, frame by frame), and
    `guide_channels` and `context_channels` (added to the input tokens once; what a context adds
    starts at zero, so that a model that gains one is at first the model it was).

    `timestep_features` have random frequencies ("learned") or fixed, exponentially spaced ones
    ("expo"); with `timestep_log_snr` they describe log((1 - t) / t) in place of t. `time_shift` is
    how flows space the times of sampling.
    """

    objective: Objective = "v"
    io_channels: int = 64
    patch_size: int = 1
    width: int = 1536
    depth: int = 24
    heads: int = 24
    cond_token_width: int = 768
    project_tokens: bool = False
    cross_heads: int | None = None
    global_width: int = 1536
    global_mode: Literal["prepend", "adaln"] = "prepend"
    prepend_width: int = 0
    concat_channels: int = 0
    local_channels: int = 0
    guide_channels: int = 0
    context_channels: int = 0
    norm: Literal["layer", "rms"] = "layer"
    qk_norm: Literal["layer", "rms", "l2"] | None = None
    differential: bool = False
    ff_width: int = 6144
    ff_gated: bool = True
    ff_out_bias: bool = True
    rotary_width: int = 32
    rotary_base: float = 10_000.0
    memory_tokens: int = 0
    timestep_frequencies: int = 128
    timestep_features: FeatureKind = "learned"
    timestep_log_snr: bool = False
    time_shift: TimeShift | None = None
    attention: Literal["sdpa", "flash"] = "sdpa"

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.rotary_width % 2 or not 0 < self.rotary_width <= self.head_width:
            raise UserError(
                f"rotary_width {self.rotary_width} must be even and at most {self.head_width}"
            )
        if self.cross_heads is None and self.cross_width % self.head_width:
            raise UserError(
                f"cond_token_width {self.cross_width} is not a multiple of the head width "
                f"{self.head_width}; give cross_heads"
            )
        if self.heads % self.kv_heads:
            raise UserError(f"heads {self.heads} is not a multiple of cross_heads {self.kv_heads}")
        if self.timestep_log_snr and self.objective == "v":
            raise UserError("timestep_log_snr describes a flow; the objective is 'v'")

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def cross_width(self) -> int:
        """Width of the condition tokens as the blocks see them."""
        return self.width if self.project_tokens else self.cond_token_width

    @property
    def kv_heads(self) -> int:
        """Key-value heads of the cross-attention."""
        if self.cross_heads is not None:
            return self.cross_heads
        return self.cross_width // self.head_width


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
    `position_features` tells every frame where in the piece it lies. `context_latents` are the
    channels of the latents of a recording that the denoiser can be given to answer (StemGen, arXiv
    2312.08723); 0 for one that cannot.
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
    context_latents: int = 0
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
    def context_channels(self) -> int:
        """Channels of the recording to answer: whether it is there, and its latents."""
        return 1 + self.context_latents if self.context_latents else 0

    @property
    def global_width(self) -> int:
        """Width of the global vector: start | total | text mean | controls."""
        return self.token_width * (2 + self.global_text + self.controls)
