"""Time steps, weighting of the loss and guidance interval: what do they change, at equal compute?

    python tests/bench/denoiser_choices.py CORPUS --hours 2 --steps 250 --out FILE

CORPUS is a built songbook. A small DiT trains on the latents of one linear codec
(`latent_codecs.py`), from the same first weights, over the same windows and noise, for as many
steps, by each recipe. Its loss on held-out excerpts is measured at fixed noise levels, unweighted,
so that recipes compare; it then makes clips for plans that the corpus does not hold. The estimators
listen for tempo and key, and mini's CLAP says how far the clips lie from held-out excerpts that
went through the same codec. All recipes are guided by 3 everywhere; the other guidances share the
network of the first.
"""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from latent_candidates import Bench, bench_parser, gather, judge
from latent_codecs import HOP_SAMPLES, LinearCodec, fit, from_int16
from latent_denoiser import CPU, GUIDANCE, OPTIMISER, Recipe, generate, tell, train
from torch import Tensor

from longform.audio import Waveform
from longform.device import autocast
from longform.dit import flow
from longform.dit.denoiser import Denoiser
from longform.dit.guidance import Guidance
from longform.train.evaluate.distances import frechet_distance
from longform.train.evaluate.measure import towers, window_embeddings

CHANNELS = 128
RECIPES = {
    "half logit-normal (mini)": Recipe(),
    "uniform time": Recipe(logit_normal_share=0.0),
    "logit-normal time": Recipe(logit_normal_share=1.0),
    "min-SNR 5, uniform time": Recipe(logit_normal_share=0.0, least_snr=5.0),
    "logit-normal time, Muon": Recipe(
        logit_normal_share=1.0, optimiser=replace(OPTIMISER, kind="muon")
    ),
}
GUIDANCES = {
    "none": Guidance(),
    "3, projected (mini)": Guidance(scale=3.0, projection=1.0),
    "3, noise below 0.9": Guidance(scale=3.0, interval=(0.0, 0.9)),
    "3, noise 0.2 to 0.9": Guidance(scale=3.0, interval=(0.2, 0.9)),
}
LEVELS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
"""Times at which the held-out loss is measured."""


def main() -> None:
    """Train and listen; the tables are printed, everything goes to the file."""
    options = bench_parser(__doc__, clips=32).parse_args()
    torch.set_flush_denormal(True)
    bench = gather(options)
    audio = [piece.audio for piece in bench.pieces]
    codec, latents = fit("bands", HOP_SAMPLES, audio, CHANNELS)
    real = _embed([codec.decode(codec.encode(from_int16(p.audio)), 0) for p in bench.held_out])
    plans = [piece.plan for piece in bench.pieces]
    rows: list[dict[str, Any]] = []
    first: Denoiser | None = None
    for name, recipe in RECIPES.items():
        started = time.perf_counter()
        network, _ = train(codec, latents, plans, bench.steps, bench.whitening, recipe)
        row = {"recipe": name, "seconds": round(time.perf_counter() - started, 1)}
        row |= {"loss": _held_out_loss(bench, codec, network)}
        rows.append(row | _made(bench, codec, network, GUIDANCE, real))
        first = first or network
        _write(options.out, rows)
    assert first is not None
    for name, guidance in GUIDANCES.items():
        rows.append({"guidance": name} | _made(bench, codec, first, guidance, real))
        _write(options.out, rows)
    print(_table(rows))


@torch.no_grad()
def _held_out_loss(bench: Bench, codec: LinearCodec, network: Denoiser) -> dict[str, float]:
    """Mean squared error of the velocity by time, told everything; and the mean over the times."""
    clean = network.dit.standardise(
        torch.stack([codec.encode(from_int16(piece.audio)) for piece in bench.held_out])
    )
    count = len(clean)
    seconds = np.array([piece.plan.seconds for piece in bench.held_out])
    start_seconds = np.maximum(seconds - clean.shape[-1] / codec.rate_hz, 0) / 2
    prompts = tell(
        codec,
        [piece.plan for piece in bench.held_out],
        np.round(start_seconds * codec.rate_hz),
        seconds,
    )
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    losses = {}
    for level in LEVELS:
        times = torch.full((count,), level)
        with autocast(CPU, torch.bfloat16):
            said = network(flow.noised(clean, noise, times), times, prompts)
        losses[f"{level:g}"] = round(float(flow.loss(said, clean, noise, times).mean()), 4)
    return losses | {"mean": round(float(np.mean(list(losses.values()))), 4)}


def _made(
    bench: Bench, codec: LinearCodec, network: Denoiser, guidance: Guidance, real: np.ndarray
) -> dict[str, Any]:
    """Clips of new plans: tempo, key, and the Fréchet distance to held-out excerpts."""
    made: Tensor = generate(codec, network, bench.plans, guidance)
    clips = [codec.decode(one, seed) for seed, one in enumerate(made)]
    heard = judge(clips, bench.plans)
    apart = round(frechet_distance(_embed(clips), real), 4)
    return {name: heard[name] for name in ("tempo", "key", "key_mirex")} | {"frechet": apart}


def _embed(clips: list[Waveform]) -> np.ndarray:
    return np.concatenate([window_embeddings(towers("mini"), clip) for clip in clips])


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    print(json.dumps(rows[-1]), flush=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> str:
    """One table of recipes and guidances for a document."""
    lines = [
        f"| | held-out loss, mean | at t = {LEVELS[0]:g} | at t = {LEVELS[-1]:g} | tempo | key | "
        "key, MIREX | Fréchet |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        loss = row.get("loss", {})
        cells = [loss.get(key, "") for key in ("mean", f"{LEVELS[0]:g}", f"{LEVELS[-1]:g}")]
        name = row.get("recipe") or f"guidance {row['guidance']}"
        shares = (f"{row['tempo']:.0%}", f"{row['key']:.0%}", f"{row['key_mirex']:.2f}")
        lines.append(f"| {' | '.join(map(str, (name, *cells, *shares, row['frechet'])))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
