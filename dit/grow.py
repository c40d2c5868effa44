"""A trained denoiser gains inputs: its weights fitted to a configuration that hears more."""

from collections.abc import Mapping

import torch
from torch import Tensor

from longform.dit.config import ConditionerConfig, DiTConfig

GUIDE, CONTEXT = "to_guide_embed.weight", "to_context_embed.weight"


def grown(
    tensors: Mapping[str, Tensor], before: ConditionerConfig, dit: DiTConfig, now: ConditionerConfig
) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors of a `DiT` that was trained with conditioner `before`, as `dit` and `now` need them.

    What is new, guide features and the context, starts at zero: with them the denoiser says at
    first what it said without. Nothing else is touched, so that what else is missing, or has
    another shape, stays an error of whoever loads the tensors.

    Returns:
        The tensors and the names of what is new.
    """
    found, new = dict(tensors), []
    features = [one.name for one in now.guide_features]
    added = [name for name in features if name not in {one.name for one in before.guide_features}]
    if added and GUIDE in found and _keeps_all(before, now):
        found[GUIDE] = _widened(found[GUIDE], before, now, dit.patch_size)
        new += [f"guide feature {name!r}" for name in added]
    if dit.context_channels and CONTEXT not in found:
        found[CONTEXT] = torch.zeros(dit.width, dit.context_channels * dit.patch_size)
        new.append("context")
    return found, new


def _keeps_all(before: ConditionerConfig, now: ConditionerConfig) -> bool:
    widths = {one.name: one.stop - one.start for one in now.guide_features}
    same = all(widths.get(one.name) == one.stop - one.start for one in before.guide_features)
    return same and before.position_features == now.position_features


def _widened(
    weight: Tensor, before: ConditionerConfig, now: ConditionerConfig, patch: int
) -> Tensor:
    """Columns of the guide's projection (width, channels * patch) moved to where `now` has them."""
    wide = weight.new_zeros(len(weight), now.guide_channels, patch)
    wide[:, _columns(before, now)] = weight.view(len(weight), before.guide_channels, patch)
    return wide.flatten(1)


def _columns(before: ConditionerConfig, now: ConditionerConfig) -> list[int]:
    """Where each guide channel of `before` lies in `now`: features, their flags, positions."""
    there = {one.name: (number, one.start) for number, one in enumerate(now.guide_features)}
    features, flags = [], []
    for one in before.guide_features:
        number, start = there[one.name]
        features += range(start, start + one.stop - one.start)
        flags.append(now.feature_channels + number)
    after = now.feature_channels + len(now.guide_features)
    return features + flags + list(range(after, now.guide_channels))
