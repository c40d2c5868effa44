"""Names of the tensors of denoiser and conditioner in the training toolkit's files, both ways.

The toolkit is stable-audio-tools and Stable Audio 3's own code, which share their names. Ours are
those of `DiT` below "dit." and of `FamilyConditioner` below "conditioner.":

    model.model.<name>                   dit.<name>
    conditioner.conditioners.<id>.       conditioner.parts.<id>.
        embedder.embedding.0.weights         frequencies
        embedder.embedding.1.<name>          linear.<name>
        proj_out.<name>                      projection.<name>
        padding_embedding                    padding
        int_embedder.weight                  int_embedder.weight

Rotary frequencies are kept in the toolkit's files but follow from the configuration: `derived`
makes them. The latents' mean and scale are kept in ours alone.
"""

import torch
from torch import Tensor

from longform.dit.config import DiTConfig

OURS_ALONE = ("dit.latent_mean", "dit.latent_scale")
"""Tensors that the toolkit does not know; without them latents are taken as they are."""

DERIVED = "model.model.transformer.rotary_pos_emb.inv_freq"

_DIT = ("model.model.", "dit.")
_CONDITIONER = ("conditioner.conditioners.", "conditioner.parts.")
_INSIDE = (
    ("embedder.embedding.0.weights", "frequencies"),
    ("embedder.embedding.1.", "linear."),
    ("proj_out.", "projection."),
    ("padding_embedding", "padding"),
)


def ours(key: str) -> str | None:
    """Our name of a toolkit tensor; None for one that is derived, or of neither network."""
    return None if key == DERIVED else _renamed(key, 0, 1)


def toolkit(key: str) -> str | None:
    """The toolkit's name of one of our tensors; None for one that it does not know."""
    return None if key in OURS_ALONE else _renamed(key, 1, 0)


def derived(config: DiTConfig) -> dict[str, Tensor]:
    """Tensors that the toolkit's strict loader wants and that follow from the configuration."""
    exponents = torch.arange(0, config.rotary_width, 2).float() / config.rotary_width
    return {DERIVED: 1.0 / (config.rotary_base**exponents)}


def _renamed(key: str, source: int, target: int) -> str | None:
    if key.startswith(_DIT[source]):
        return _DIT[target] + key.removeprefix(_DIT[source])
    if not key.startswith(_CONDITIONER[source]):
        return None
    name, _, rest = key.removeprefix(_CONDITIONER[source]).partition(".")
    for pair in _INSIDE:
        if rest.startswith(pair[source]):
            rest = pair[target] + rest.removeprefix(pair[source])
            break
    return f"{_CONDITIONER[target]}{name}.{rest}"
