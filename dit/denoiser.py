"""Conditioner and transformer as one network, which is what training optimises."""

from torch import Tensor, nn

from longform.dit.condition import choose
from longform.dit.conditioner import Conditioner, Prompts
from longform.dit.model import DiT


class Denoiser(nn.Module):
    """Prompts and noisy latents -> velocity, with condition dropout."""

    def __init__(self, dit: DiT, conditioner: Conditioner) -> None:
        super().__init__()
        self.dit = dit
        self.conditioner = conditioner

    def forward(
        self, latents: Tensor, time: Tensor, prompts: Prompts, drop: Tensor | None = None
    ) -> Tensor:
        """Standardised noisy latents (b, d, f), time (b,) -> v (b, d, f).

        `drop` (b,) is True for items that train the null branch; their guide stays as it is.
        """
        condition = self.conditioner(prompts)
        if drop is not None:
            null = self.conditioner.null(condition, keep_guide=True)
            condition = choose(drop, condition, null)
        return self.dit(latents, time, condition)
