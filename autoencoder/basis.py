"""The latents of one spectral autoencoder in the basis of another, so that denoisers stay valid.

Training an encoder further turns and scales its latents. What moved is an affine map, nearly: it is
fitted by least squares on audio and folded into the layers that write and read latents, all of
which are linear. The autoencoder as a whole stays the same function.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from longform.autoencoder.interface import pad_to_hop
from longform.autoencoder.spectral import Spectral


@torch.no_grad()
def take_basis(network: Spectral, reference: Spectral, batches: Iterable[Tensor]) -> float:
    """Turn the latents of `network` into the basis of `reference`, in place.

    Args:
        batches: audio batches (b, c, t); many more latents than channels in all

    Returns:
        The share of the latents' variance that no affine map brings together.
    """
    own, wanted = [], []
    for audio in batches:
        audio = pad_to_hop(audio.float(), network.hop_samples)
        own.append(network.encode(audio).mean.mT.flatten(0, 1).double())
        wanted.append(reference.encode(audio).mean.mT.flatten(0, 1).double())
    new, old = torch.cat(own), torch.cat(wanted)
    design = torch.cat([old, torch.ones_like(old[:, :1])], dim=1)
    solution = torch.linalg.lstsq(design, new).solution
    matrix, offset = solution[:-1].T, solution[-1]  # new = matrix old + offset
    missed = (new - design @ solution).square().sum() / (new - new.mean(0)).square().sum()

    decoder, encoder = network.decoder, network.encoder
    for layer in [decoder.linear, decoder.stem, *([decoder.tone_linear] if decoder.tones else [])]:
        weight = layer.weight.double()
        layer.bias.add_((weight @ offset).to(layer.bias))
        layer.weight.copy_(weight @ matrix)
    inverse = torch.linalg.inv(matrix)
    encoder.linear.weight.copy_(inverse @ encoder.linear.weight.double())
    _turn_mean(encoder.project_out, inverse, offset)
    return float(missed)


def _turn_mean(layer: nn.Linear, inverse: Tensor, offset: Tensor) -> None:
    """Of the two halves that `layer` writes, mean and log-deviation, the first alone is turned."""
    d = len(offset)
    layer.weight[:d] = (inverse @ layer.weight[:d].double()).to(layer.weight)
    layer.bias[:d] = (inverse @ (layer.bias[:d].double() - offset)).to(layer.bias)
