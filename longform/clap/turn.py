"""Hidden states of the text tower for something that was heard and not said.

A denoiser reads what enters the tower's last block, not the shared space that audio is embedded in.
The last block and the mean after it lead from one to the other, and can be followed backwards.
"""

import torch
from torch import Tensor

from longform.clap.model import Clap

STEP = 0.04
"""The length of one step, as a share of the norm of the tokens."""
MAX_STEPS = 40
ALIKE = 0.95
"""The cosine at which the tokens mean the target; further steps would leave what texts give."""


def turned(clap: Clap, tokens: Tensor, mask: Tensor, target: Tensor) -> tuple[Tensor, float]:
    """Tokens of a text moved until the text tower takes them for `target`.

    Gradient ascent on the cosine of their embedding with the target, in steps of even length, as
    textual inversion has it (Gal et al. 2022, arXiv 2208.01618) but for one sound, through one
    block and without weights that change.

    Args:
        tokens, mask: (1, n, w) of `Clap.text_tokens`, and (1, n)
        target: (e,) of unit norm

    Returns:
        Tokens (1, n, w) and the cosine that they reached.
    """
    with torch.inference_mode(False), torch.enable_grad():
        moved, shown, wanted = tokens.detach().clone(), mask.clone(), target.detach().clone()
        length = STEP * float(moved.norm())
        for _ in range(MAX_STEPS):
            moved.requires_grad_(True)
            cosine = clap.embed_tokens(moved, shown)[0] @ wanted
            if cosine >= ALIKE:
                break
            (slope,) = torch.autograd.grad(cosine, moved)
            moved = (moved + length * slope / slope.norm().clamp(min=1e-12)).detach()
    reached = float((clap.embed_tokens(moved.detach(), shown)[0] @ wanted).detach())
    return moved.detach(), reached
