"""The contrastive loss of CLIP (2103.00020, figure 3) as CLAP uses it (2211.06687, equation 1)."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(
    audio: Tensor, text: Tensor, scale: Tensor, group: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE over the batch, a scalar.

    `audio` and `text` (b, e) have unit norm, row i of one belongs to row i of the other; `scale` is
    the inverse temperature. Rows with the same `group` (b,) number (say, one caption drawn twice)
    are not each other's negatives: the target is spread evenly over them (Khosla et al. 2020,
    2004.11362, eq. 2). Without groups this is plain InfoNCE.
    """
    logits = scale * audio.float() @ text.float().T  # (b audio, b text)
    if group is None:
        target = torch.eye(len(logits), device=logits.device)
    else:
        same = (group[:, None] == group[None, :]).float()
        target = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def gather_ranks(x: Tensor) -> Tensor:
    """Every rank's rows, in rank order, with gradients to all of them; one process: `x` itself.

    With the whole batch's loss on each rank, the backward pass sums and the data-parallel mean
    divides by the number of ranks, so the gradient is that of one large batch.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return x
    from torch.distributed.nn.functional import all_gather

    return torch.cat(list(all_gather(x)))
