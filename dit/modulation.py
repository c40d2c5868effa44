"""Adaptive normalisation (adaLN): the global vector scales, shifts and gates every block."""

import torch
from torch import Tensor


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x (1 + scale) + shift, after the norm (arXiv 2212.09748, section 3.2)."""
    return x * (1 + scale) + shift


def gate(branch: Tensor, gate: Tensor) -> Tensor:
    """branch * sigmoid(1 - gate), the form of published adaLN checkpoints of this family.

    Branch outputs start from zero weights, so a block is the identity at the start.
    """
    return branch * torch.sigmoid(1 - gate)
