"""From (kind, config) to a network."""

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from longform.autoencoder.interface import Autoencoder
from longform.config import from_mapping
from longform.errors import UserError

KINDS = ("spectral", "oobleck", "same")


def build(kind: str, config: Mapping[str, Any]) -> nn.Module:
    """The autoencoder named `kind` with the sizes of `config`, randomly initialised.

    The result follows `longform.autoencoder.interface.Autoencoder`.

    Raises:
        UserError: the kind, or a key of the config, is unknown.
    """
    where = f"autoencoder {kind}"
    if kind == "oobleck":
        from longform.autoencoder.config import OobleckConfig
        from longform.autoencoder.oobleck import Oobleck

        return Oobleck(from_mapping(OobleckConfig, dict(config), where))
    if kind == "same":
        from longform.autoencoder.config import SameConfig
        from longform.autoencoder.same import Same

        return Same(from_mapping(SameConfig, dict(config), where))
    if kind == "spectral":
        from longform.autoencoder.spectral import Spectral, SpectralConfig

        return Spectral(from_mapping(SpectralConfig, dict(config), where))
    raise UserError(f"autoencoder kind {kind!r} is unknown; known kinds: {', '.join(KINDS)}")


def as_autoencoder(network: nn.Module) -> Autoencoder:
    """The same network, typed by its interface."""
    return cast(Autoencoder, network)
