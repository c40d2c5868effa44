"""Fit the tempo and key estimators on real training pieces; run once, the numbers are kept.

python -m longform.train.evaluate.fit CORPUS [COUNT]

Both are softmax choices with linear scores (561 tempi, 24 keys), fitted by maximum likelihood with
a ridge. They see the train split only; `longform eval calibrate` measures on the test split.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longform.audio import read
from longform.music.theory import Key
from longform.train.evaluate.features import analysis_mono
from longform.train.evaluate.key import KEYS, hear_harmony, key_features
from longform.train.evaluate.selection import excerpt_start_seconds, select_music
from longform.train.evaluate.tempo import CANDIDATES_BPM, onset_autocorrelation, tempo_features

EXCERPT_SECONDS = 47.0
RIDGE = 2e-3
HALF_CREDIT = 0.3
"""How much of the likelihood of half and double tempo counts as right."""


def gather(data: str | Path, count: int) -> dict[str, np.ndarray]:
    """Features and truth of the middle of `count` training pieces.

    `tempo` (n, candidates, features), `bpm` (n,), `key` (n, 12, features), `key_index` (n,).
    """
    rows: dict[str, list[Any]] = {"tempo": [], "bpm": [], "key": [], "key_index": []}
    for item in select_music(data, split="train", count=count, seed=0):
        start = excerpt_start_seconds(item.seconds, EXCERPT_SECONDS)
        mono = analysis_mono(read(item.path, start_seconds=start, seconds=EXCERPT_SECONDS))
        correlation, harmony = onset_autocorrelation(mono), hear_harmony(mono)
        if not (np.any(correlation) and np.any(harmony.treble)):
            continue
        rows["tempo"].append(tempo_features(correlation).astype(np.float32))
        rows["bpm"].append(float(item.facts["tempo_bpm"]))
        rows["key"].append(key_features(harmony).astype(np.float32))
        rows["key_index"].append(KEYS.index(Key.parse(item.facts["key"])))
    return {name: np.asarray(values) for name, values in rows.items()}


def fit_tempo(features: np.ndarray, bpm: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Weights `(features,)` that make the true tempo (within 1 %) the likeliest candidate."""
    ratio = CANDIDATES_BPM / bpm[:, None]
    right = torch.from_numpy(np.abs(ratio - 1) < 0.01)
    folded = torch.from_numpy((np.abs(ratio * 2 - 1) < 0.01) | (np.abs(ratio / 2 - 1) < 0.01))
    credit = right.double() + HALF_CREDIT * folded
    known = torch.from_numpy(features).double()

    def loss(weights: Tensor) -> Tensor:
        share = torch.softmax(known @ weights, dim=1)
        return -torch.log((share * credit).sum(1) + 1e-9).mean()

    return _maximise(loss, features.shape[2], ridge)


def fit_key(features: np.ndarray, index: np.ndarray, ridge: float = RIDGE) -> dict[str, np.ndarray]:
    """Weights `(features,)` for major and minor tonics, and the bias of minor."""
    known, width = torch.from_numpy(features).double(), features.shape[2]
    target = torch.from_numpy(index)

    def loss(weights: Tensor) -> Tensor:
        major = known @ weights[:width]
        minor = known @ weights[width : 2 * width] + weights[2 * width]
        return torch.nn.functional.cross_entropy(torch.cat([major, minor], dim=1), target)

    weights = _maximise(loss, 2 * width + 1, ridge)
    return {
        "key_major": weights[:width],
        "key_minor": weights[width : 2 * width],
        "key_bias": weights[2 * width],
    }


def _maximise(loss: Callable[[Tensor], Tensor], size: int, ridge: float) -> np.ndarray:
    weights = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        total = loss(weights) + ridge * weights.square().sum()
        total.backward()
        return total

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    return weights.detach().numpy()


def main(arguments: Sequence[str]) -> None:
    """Fit on CORPUS and write `estimators.json` beside this file."""
    rows = gather(arguments[0], int(arguments[1]) if len(arguments) > 1 else 1000)
    weights = {"tempo": fit_tempo(rows["tempo"], rows["bpm"])}
    weights |= fit_key(rows["key"], rows["key_index"])
    about = f"fitted by longform.train.evaluate.fit on {len(rows['bpm'])} songbook training pieces"
    record = {"about": about, "weights": {n: np.round(w, 4).tolist() for n, w in weights.items()}}
    Path(__file__).with_name("estimators.json").write_text(json.dumps(record) + "\n", "utf-8")
    print(about)


if __name__ == "__main__":
    main(sys.argv[1:])
