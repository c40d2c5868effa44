"""Folders of latents as `longform train encode` leaves them, made without an autoencoder."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from longform.music.draw import draw_plan
from tests.tiny import LATENT_CHANNELS

RATE_HZ = 44_100 / 4096
SILENCE = [9.0, -9.0, 9.0, -9.0]
SHARD = "latents-00000.safetensors"


def piece_facts(name: str, frames: int) -> dict[str, Any]:
    """What a composed piece of this many frames came with."""
    plan = draw_plan(style="house", seconds=frames / RATE_HZ, seed=len(name))
    return {
        "kind": "music",
        "plan": plan.to_json(),
        "tempo_bpm": plan.tempo_bpm,
        "key": "A minor",
        "metre": 4,
    }


def write_latents(out: Path, items: dict[str, tuple[int, str, dict[str, Any]]]) -> Path:
    """Write random latents of items (frames, split, facts); channel 0 counts their frames.

    Every item has the captions "caption one of NAME" and "NAME two".
    """
    generator = torch.Generator().manual_seed(0)
    tensors, entries = {}, []
    for name, (frames, split, facts) in items.items():
        latents = torch.randn(LATENT_CHANNELS, frames, generator=generator)
        latents[0] = torch.arange(frames)
        tensors[name] = latents.half()
        entry = {"id": name, "shard": SHARD, "frames": frames, "seconds": frames / RATE_HZ}
        entry |= {"split": split, "facts": facts}
        entries.append(entry | {"captions": [f"caption one of {name}", f"{name} two"]})
    save_file(tensors, out / SHARD)
    index = {
        "format": 1,
        "autoencoder": {"kind": "spectral", "config": {}, "source": "none", "sha256": "0"},
        "sample_rate": 44_100,
        "hop_samples": 4096,
        "latent_channels": LATENT_CHANNELS,
        "mean": [100.0, 0.0, 0.0, 0.0],
        "std": [50.0, 1.0, 1.0, 1.0],
        "silence": SILENCE,
        "items": sorted(entries, key=lambda item: item["id"]),
    }
    (out / "index.json").write_text(json.dumps(index))
    return out


def write_pairs(out: Path) -> Path:
    """Two pairs to train on, a held-out one, and one whose sides never sound together."""
    items: dict[str, tuple[int, str, dict[str, Any]]] = {}
    for name, frames, split, active in (
        ("p.0", 200, "train", [[2.0, 9.0]]),
        ("p.1", 30, "train", [[0.0, 2.5]]),
        ("p.2", 100, "train", []),
        ("q.0", 90, "validation", [[1.0, 8.0]]),
    ):
        facts = piece_facts(name, frames) | {"kind": "stem", "families": ["bass"]}
        facts |= {"context": f"{name}.context", "active": active}
        items[name] = (frames, split, facts)
        items[f"{name}.context"] = (frames, split, {"kind": "context", "families": ["drums"]})
    return write_latents(out, items)
