"""What the denoiser is told, as tensors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """The input of the denoiser besides latents and time.

    Attributes:
        tokens: cross-attention tokens, (b, n, cond_token_width)
        token_mask: (b, n), True where a token counts; None when all do
        global_: global vector, (b, global_width)
        guide: features aligned with the frames, (b, f, guide_channels), or None
        prepend: tokens in front of the frames, (b, p, prepend_width), or None
        concat: features beside the latents, (b, f, concat_channels), or None
        local: features that every block hears, (b, f, local_channels), or None
        context: a recording to answer, `marked`, (b, f, context_channels), or None
    """

    tokens: Tensor
    token_mask: Tensor | None
    global_: Tensor
    guide: Tensor | None = None
    prepend: Tensor | None = None
    concat: Tensor | None = None
    local: Tensor | None = None
    context: Tensor | None = None


_OPTIONAL = ("guide", "prepend", "concat", "local", "context")


def marked(
    latents: Tensor | None, mask: Tensor | None, empty: tuple[int, int, int], like: Tensor
) -> Tensor:
    """Mask | latents where it is 1: (b, frames, 1 + d).

    Args:
        latents: (b, frames, d), or None for none at all
        mask: (b, frames), 1 on the frames that are there
        empty: the shape of the result, for when there are none; it is all zero then
        like: a tensor on the device and of the dtype of that result
    """
    if latents is None or mask is None:
        return like.new_zeros(empty)
    shown = mask.to(latents.dtype)[..., None]
    return torch.cat([shown, latents * shown], dim=-1)


def join(first: Condition, second: Condition) -> Condition:
    """Both along the batch axis; the shorter row of tokens is padded with hidden ones."""
    a, b = first.tokens, second.tokens
    mask = None
    if first.token_mask is not None or second.token_mask is not None or a.shape[1] != b.shape[1]:
        length = max(a.shape[1], b.shape[1])
        mask = torch.cat([_padded(_mask(first), length), _padded(_mask(second), length)])
        a, b = (F.pad(x, (0, 0, 0, length - x.shape[1])) for x in (a, b))
    return Condition(
        torch.cat([a, b]),
        mask,
        torch.cat([first.global_, second.global_]),
        **_each(first, second, lambda x, y: torch.cat([x, y])),
    )


def choose(use_second: Tensor, first: Condition, second: Condition) -> Condition:
    """`second` where `use_second` (b,) is True, else `first`; both must have the same shapes."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(use_second.view(-1, *[1] * (a.dim() - 1)), b, a)

    return Condition(
        pick(first.tokens, second.tokens),
        first.token_mask,
        pick(first.global_, second.global_),
        **_each(first, second, pick),
    )


def _each(
    first: Condition, second: Condition, combine: Callable[[Tensor, Tensor], Tensor]
) -> dict[str, Tensor]:
    """The optional parts, combined; both conditions must have the same ones."""
    combined = {}
    for name in _OPTIONAL:
        a, b = getattr(first, name), getattr(second, name)
        assert (a is None) == (b is None), f"one condition has {name}, the other has not"
        if a is not None:
            combined[name] = combine(a, b)
    return combined


def _mask(condition: Condition) -> Tensor:
    if condition.token_mask is not None:
        return condition.token_mask
    return condition.tokens.new_ones(condition.tokens.shape[:2], dtype=torch.bool)


def _padded(mask: Tensor, length: int) -> Tensor:
    return F.pad(mask, (0, length - mask.shape[1]), value=False)
