"""The variational bottleneck: a diagonal normal posterior over latents."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_STD = 1e-4


@dataclass(frozen=True)
class Posterior:
    """Independent normals with `mean` and `std`, both (b, d, f)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def from_mean_and_scale(cls, parameters: Tensor) -> "Posterior":
        """Split encoder output (b, 2d, f) into mean | scale; std = softplus(scale) + 1e-4."""
        mean, scale = parameters.chunk(2, dim=1)
        return cls(mean=mean, std=F.softplus(scale) + MIN_STD)

    def sample(self, noise: Tensor | torch.Generator | None = None) -> Tensor:
        """Draw latents (b, d, f): mean + std * noise.

        `noise` is standard normal noise (b, d, f), or the generator that draws it on its own
        device, or None for the global generator.
        """
        if not isinstance(noise, Tensor):
            device = noise.device if noise is not None else self.mean.device
            noise = torch.randn(self.mean.shape, generator=noise, device=device)
        return self.mean + self.std * noise.to(self.mean)

    def kl(self) -> Tensor:
        """Divergence from N(0, 1): mean over b, f of the sum over d of mu^2 + var - log var - 1.

        Without the factor 1/2, as in the training of Stable Audio (arXiv 2404.10301).
        """
        variance = self.std.square()
        return (self.mean.square() + variance - variance.log() - 1).sum(dim=1).mean()
