"""Adaptive normalisation (adaLN): the global vector scales, shifts and gates every block.

Without it (no modulation) both functions pass their input on.
"""

import torch
from torch import Tensor


def modulate(x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    """x (1 + scale) + shift, after the norm (arXiv 2212.09748, section 3.2)."""
    return x if scale is None or shift is None else x * (1 + scale) + shift


def gate(branch: Tensor, gate: Tensor | None) -> Tensor:
    """branch * sigmoid(1 - gate), the form of published adaLN checkpoints of this family.

    Branch outputs start from zero weights, so a block is the identity at the start.
    """
    return branch if gate is None else branch * torch.sigmoid(1 - gate)
