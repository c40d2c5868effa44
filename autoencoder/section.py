"""A section of the training toolkit's settings: what its factory reads of an autoencoder."""

from dataclasses import dataclass, field
from typing import Any

from longform.errors import UserError

WHERE = "autoencoder settings"


@dataclass(frozen=True, kw_only=True)
class Part:
    type: str
    config: dict[str, Any] = field(default_factory=dict)
    requires_grad: bool = True
    soft_clip: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    encoder: Part
    decoder: Part
    bottleneck: Part
    latent_dim: int
    downsampling_ratio: int
    io_channels: int
    in_channels: int | None = None
    out_channels: int | None = None
    pretransform: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Side:
    """Arguments that the encoders and decoders of all kinds share, and their defaults."""

    in_channels: int = 2
    out_channels: int = 2
    channels: int = 128
    latent_dim: int = 32
    c_mults: tuple[int, ...] = (1, 2, 4, 8)
    strides: tuple[int, ...] = (2, 4, 8, 8)


def require(name: str, value: object, wanted: object) -> None:
    """Stop at a setting that our networks cannot follow.

    Raises:
        UserError: `value` is not `wanted`; the message has its name.
    """
    if value != wanted:
        raise UserError(f"{WHERE}: {name} is {value!r}; only {wanted!r} is supported here")
