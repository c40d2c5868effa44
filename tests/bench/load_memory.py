"""How much memory loading takes: a random 1.2-billion-parameter file of the 2.0 configuration.

    python tests/bench/load_memory.py [--folder DIR]

Writes model.safetensors (float32) to the folder (default: a temporary one), then loads all parts in
processes of their own, in float32 and in bfloat16, and prints the peak of each above an idle
process as a fraction of the file. Exits with 1 if one is above 1.2.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from longform.hub.manifest import describe
from longform.hub.model import Model
from longform.hub.networks import parts_of
from longform.hub.tensors import TensorReader
from longform.hub.writing import Planned, stream_tensors

LIMIT = 1.2
SIZES = {"channels": 128, "c_mults": [1, 2, 4, 8, 16], "strides": [2, 4, 4, 8, 8]}
CODER = {
    "encoder": {
        "type": "oobleck",
        "config": {"in_channels": 2, **SIZES, "latent_dim": 128, "use_snake": True},
    },
    "decoder": {
        "type": "oobleck",
        "config": {
            "out_channels": 2,
            **SIZES,
            "latent_dim": 64,
            "use_snake": True,
            "final_tanh": False,
        },
    },
    "bottleneck": {"type": "vae"},
    "latent_dim": 64,
    "downsampling_ratio": 2048,
    "io_channels": 2,
}
NUMBERS = ["seconds_start", "seconds_total"]
CONFIG: dict[str, Any] = {
    "model_type": "diffusion_cond",
    "sample_size": 12_582_912,
    "sample_rate": 44_100,
    "audio_channels": 2,
    "model": {
        "io_channels": 64,
        "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": CODER},
        "conditioning": {
            "cond_dim": 768,
            "configs": [
                {
                    "id": "prompt",
                    "type": "clap_text",
                    "config": {"use_text_features": True, "feature_layer_ix": -2},
                },
                *(
                    {"id": name, "type": "number", "config": {"min_val": 0, "max_val": 512}}
                    for name in NUMBERS
                ),
            ],
        },
        "diffusion": {
            "type": "dit",
            "cross_attention_cond_ids": ["prompt", *NUMBERS],
            "global_cond_ids": NUMBERS,
            "config": {
                "io_channels": 64,
                "embed_dim": 1536,
                "depth": 24,
                "num_heads": 24,
                "cond_token_dim": 768,
                "global_cond_dim": 1536,
                "project_cond_tokens": False,
            },
        },
    },
}


def make(folder: Path) -> Path:
    """Write the file and its configuration, one tensor in memory at a time."""
    planned = []
    for part in parts_of(describe(CONFIG, "bench", "bench"), "bench").values():
        for name, shape in part.expected(2_000_000_000, "bench").items():

            def random(_: TensorReader, shape: tuple[int, ...] = shape) -> torch.Tensor:
                return torch.empty(shape).uniform_(-0.02, 0.02)

            planned.append(Planned(name, "F32", shape, random))
    path = folder / "model.safetensors"
    stream_tensors(path, planned)
    (folder / "model_config.json").write_text(json.dumps(CONFIG))
    return path


def load(path: Path, dtype: str) -> None:
    """Load every part and print the peak above what the process needed before, and the seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began = time.perf_counter()
    model = Model.open(path)
    parts = [getattr(model, part)(getattr(torch, dtype)) for part in model.parts]
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    numbers = sum(one.numel() for part in parts for one in part.parameters())
    print(json.dumps({"peak": peak, "seconds": seconds, "parameters": numbers}))


def main() -> int:
    """Make the file, load it both ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the file is made and kept")
    parser.add_argument("--load", nargs=2, metavar=("FILE", "DTYPE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        load(Path(arguments.load[0]), arguments.load[1])
        return 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        path = folder / "model.safetensors"
        if not path.exists():
            make(folder)
        size = path.stat().st_size
        for dtype in ("float32", "bfloat16"):
            command = [sys.executable, __file__, "--load", str(path), dtype]
            done = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            share = done["peak"] / size
            worst = max(worst, share)
            print(
                f"{dtype}: {done['parameters'] / 1e9:.2f} billion parameters, file "
                f"{size / 1e9:.2f} GB, peak {done['peak'] / 1e9:.2f} GB ({share:.2f} of the file), "
                f"{done['seconds']:.1f} s"
            )
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
