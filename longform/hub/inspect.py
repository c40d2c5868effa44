"""What a checkpoint is, as plain facts for people and programs."""

from math import prod
from typing import Any

from longform.config import to_mapping
from longform.hub.model import Model

DECODE_WINDOW_FRAMES = 256
LIVE_DECODE_TENSORS = 3
"""Of the widest stage: a residual unit's input, its inner value and its output."""
LIVE_DIT_WIDTHS = 16
"""Per token, in widths of the model: both halves of the gated MLP (8), its product, q, k, v, x."""


def facts(model: Model) -> dict[str, Any]:
    """Family, layout, sizes, terms, memory, and the state of every key."""
    manifest, checkpoint = model.manifest, model.checkpoint
    reports = model.reports.values()
    stored = checkpoint.stored.values()
    return {
        "model": manifest.name,
        "path": str(checkpoint.path),
        "layout": checkpoint.layout,
        "family": manifest.family,
        "description": manifest.description,
        "objective": manifest.objective,
        "sample_rate": manifest.sample_rate,
        "window_seconds": round(manifest.defaults.seconds, 3),
        "conditioners": _conditioners(model),
        "licence": manifest.licence,
        "conditions": list(manifest.conditions),
        "parameters": {one.part: one.parameters for one in reports if one.parameters},
        "bytes": sum(one.nbytes for one in stored),
        "dtypes": _dtypes(model),
        "memory_bytes": memory_needed(model),
        "defaults": to_mapping(manifest.defaults),
        "loads": all(one.loads for one in reports),
        "keys": {
            one.part: {
                "matched": one.matched,
                "missing": list(one.missing),
                "unexpected": list(one.unexpected),
                "misshaped": list(one.misshaped),
                "mistyped": list(one.mistyped),
            }
            for one in reports
        },
        "notes": list(checkpoint.notes),
    }


def memory_needed(model: Model) -> dict[str, int]:
    """Estimated bytes to generate one full window, by precision; the text encoder comes on top.

    Weights, and the larger of one guided step of the denoiser and one window of the decoder.
    """
    weights = sum(one.parameters for one in model.reports.values())
    manifest = model.manifest
    decode, denoise, hop = 0, 0, 2048
    if manifest.autoencoder is not None:
        sizes = manifest.autoencoder.config
        hop = prod(sizes["strides"]) * sizes.get("patch_samples", 1)
        if manifest.autoencoder.kind == "oobleck":
            decode = LIVE_DECODE_TENSORS * sizes["channels"] * DECODE_WINDOW_FRAMES * hop
        else:  # attention over a frame and its `stride` finer ones, at the fastest stage
            tokens = DECODE_WINDOW_FRAMES * (prod(sizes["strides"]) + 1)
            decode = LIVE_DIT_WIDTHS * tokens * sizes["channels"] * sizes["multipliers"][0]
    if manifest.dit is not None:
        frames = manifest.defaults.seconds * manifest.sample_rate / hop
        denoise = int(2 * frames * LIVE_DIT_WIDTHS * manifest.dit.config["width"])
    numbers = weights + max(decode, denoise)
    return {"float32": 4 * numbers, "bfloat16": 2 * numbers}


def _conditioners(model: Model) -> list[str]:
    """One line each: text encoder, then numbers with their ranges."""
    text, conditioner = model.manifest.text, model.manifest.conditioner
    lines = []
    if text is not None:
        here = "in it" if model.checkpoint.text_folders else "not in it"
        lines.append(f"prompt: {text.kind} {text.name}, {text.max_tokens} tokens ({here})")
    for one in conditioner.config["numbers"] if conditioner else ():
        lines.append(f"{one['id']}: number {one['low']:g} to {one['high']:g}")
    return lines


def _dtypes(model: Model) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in model.reports.values():
        for dtype, number in one.dtypes.items():
            counts[dtype] = counts.get(dtype, 0) + number
    return counts
