"""Fit the tempo, chord and key estimators on the songbook; run once, the numbers are kept.

python -m longform.train.evaluate.fit CORPUS [COUNT]

All three are softmax choices with linear scores (561 tempi, 24 triads, 24 keys), fitted by maximum
likelihood with a ridge. Audio comes from the train split alone; the key's weights also see plans,
which cost nothing: their chords are mistaken at random, as the recogniser mistakes them.
`longform eval calibrate` measures everything on the test split.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longform.audio import read
from longform.music.draw import draw_plan
from longform.music.plan import Plan
from longform.music.styles import STYLES
from longform.train.evaluate.chords import plan_path
from longform.train.evaluate.features import analysis_mono
from longform.train.evaluate.harmony import (
    FRAME_RATE_HZ,
    TRIADS,
    Chords,
    Harmony,
    chord_features,
    hear_harmony,
    recognise_chords,
)
from longform.train.evaluate.key import KEYS, key_features
from longform.train.evaluate.selection import select_music
from longform.train.evaluate.tempo import CANDIDATES_BPM, onset_autocorrelation, tempo_features
from longform.train.evaluate.weights import fitted_weights

EXCERPT_SECONDS = 47.0
RIDGE = 2e-3
FAINT_RIDGE = 1e-4
HALF_CREDIT = 0.3
"""How much of the likelihood of half and double tempo counts as right."""
CHORD_FRAMES = 60
"""Frames of each excerpt that the chord weights are fitted on."""
PLANS = 2000
MISTAKES = 0.5
"""Plans have up to this share of their triads mistaken for another throughout."""


@dataclass
class Heard:
    """One excerpt of a training piece: what was heard, and the truth."""

    harmony: Harmony
    autocorrelation: np.ndarray
    plan: Plan
    start_seconds: float


@dataclass
class Fitted:
    """Weights by name, as `fitted_weights` returns them."""

    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: Path, about: str) -> None:
        """Write the JSON file that `fitted_weights` reads."""
        rounded = {name: np.round(value, 4).tolist() for name, value in self.weights.items()}
        path.write_text(json.dumps({"about": about, "weights": rounded}) + "\n", "utf-8")


def hear_corpus(data: str | Path, count: int) -> list[Heard]:
    """The middle and the end of `count` training pieces."""
    heard = []
    for item in select_music(data, split="train", count=count, seed=0):
        plan = Plan.from_json(item.facts["plan"])
        room = max(item.seconds - EXCERPT_SECONDS, 0.0)
        for start in sorted({room / 2, room}):
            mono = analysis_mono(read(item.path, start_seconds=start, seconds=EXCERPT_SECONDS))
            autocorrelation, harmony = onset_autocorrelation(mono), hear_harmony(mono)
            if np.any(autocorrelation) and harmony.sounds:
                heard.append(Heard(harmony, autocorrelation, plan, start))
    return heard


def fit_all(heard: Sequence[Heard], path: Path) -> None:
    """Fit tempo, chords, then the key on the chords as recognised; write them to `path`."""
    tempo = np.stack([tempo_features(one.autocorrelation) for one in heard])
    fitted = Fitted({"tempo": fit_tempo(tempo, np.array([one.plan.tempo_bpm for one in heard]))})
    frames, triads = chord_examples(heard)
    fitted.weights |= fit_pair("chord", frames, triads, FAINT_RIDGE / 10)
    fitted.weights |= {
        name: fitted_weights()[name] for name in ("key_major", "key_minor", "key_bias")
    }
    about = f"fitted by longform.train.evaluate.fit on {len(heard)} excerpts of songbook pieces"
    fitted.save(path, about)
    fitted_weights.cache_clear()
    real = np.stack([key_features(recognise_chords(one.harmony)) for one in heard])
    planned, keys = plan_examples(PLANS)
    features = np.concatenate([planned, real, real])
    index = np.array([KEYS.index(one.plan.key) for one in heard])
    fitted.weights |= fit_pair("key", features, np.concatenate([keys, index, index]), FAINT_RIDGE)
    fitted.save(path, f"{about} and {PLANS} plans")
    fitted_weights.cache_clear()


def fit_tempo(features: np.ndarray, bpm: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Weights `(features,)` that make the true tempo (within 1 %) the likeliest candidate."""
    ratio = CANDIDATES_BPM / bpm[:, None]
    right = torch.from_numpy(np.abs(ratio - 1) < 0.01)
    folded = torch.from_numpy((np.abs(ratio * 2 - 1) < 0.01) | (np.abs(ratio / 2 - 1) < 0.01))
    credit = right.float() + HALF_CREDIT * folded
    known = torch.from_numpy(features).float()

    def loss(weights: Tensor) -> Tensor:
        share = torch.softmax(known @ weights, dim=1)
        return -torch.log((share * credit).sum(1) + 1e-9).mean()

    return _maximise(loss, features.shape[2], ridge)


def fit_pair(
    name: str, features: np.ndarray, index: np.ndarray, ridge: float
) -> dict[str, np.ndarray]:
    """Weights for a choice among 12 major and 12 minor from `(n, 12, width)`, and minor's bias."""
    known, width = torch.from_numpy(features).float(), features.shape[2]
    target = torch.from_numpy(index)

    def loss(weights: Tensor) -> Tensor:
        major = known @ weights[:width]
        minor = known @ weights[width : 2 * width] + weights[2 * width]
        return torch.nn.functional.cross_entropy(torch.cat([major, minor], dim=1), target)

    weights = _maximise(loss, 2 * width + 1, ridge)
    return {
        f"{name}_major": weights[:width],
        f"{name}_minor": weights[width : 2 * width],
        f"{name}_bias": weights[2 * width],
    }


def chord_examples(heard: Sequence[Heard]) -> tuple[np.ndarray, np.ndarray]:
    """Frames `(n, 12, 48)` in which a triad is known to sound, and which `(n,)`."""
    rng = np.random.default_rng(0)
    rows, truth = [], []
    for one in heard:
        count = len(one.harmony.treble)
        triads = plan_path(one.plan, one.start_seconds, count)
        known = np.flatnonzero((triads >= 0) & (one.harmony.treble.sum(1) > 0))
        chosen = rng.permutation(known)[:CHORD_FRAMES]
        rows.append(chord_features(one.harmony)[chosen])
        truth.append(triads[chosen])
    return np.concatenate(rows), np.concatenate(truth)


def plan_examples(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Key features `(n, 12, 96)` of drawn plans and their keys `(n,)`.

    Half are whole pieces of 47 s, half are 47 s from the middle of longer ones.
    """
    styles, rows, keys = sorted(STYLES), [], []
    for number in range(count):
        rng = np.random.default_rng(number)
        seconds = EXCERPT_SECONDS * (1 if number % 2 else rng.uniform(1.5, 5))
        # Plans of seeds this large are in no corpus.
        style = styles[number // 2 % len(styles)]
        plan = draw_plan(style=style, seconds=seconds, seed=2**40 + number)
        start = (seconds - EXCERPT_SECONDS) / 2
        path = plan_path(plan, start, int(EXCERPT_SECONDS * FRAME_RATE_HZ))
        path = mistaken(path[path >= 0], rng)
        rows.append(key_features(Chords(shares=np.eye(TRIADS)[path], path=path)))
        keys.append(KEYS.index(plan.key))
    return np.stack(rows), np.array(keys)


def mistaken(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The path with some triads heard as a neighbour, throughout or now and then."""
    share = rng.uniform(0, MISTAKES)
    always = np.array([_neighbour(t, rng) if rng.random() < share else t for t in range(TRIADS)])
    heard = always[path]
    for edge in np.split(np.arange(len(path)), np.flatnonzero(np.diff(path)) + 1):
        if rng.random() < 0.2 * share:
            heard[edge] = _neighbour(int(path[edge[0]]), rng)
    return heard


def _neighbour(triad: int, rng: np.random.Generator) -> int:
    root, minor = triad % 12, triad >= 12
    near = (
        [(root + 3, 0), (root + 8, 0), (root, 0), (root + 7, 1), (root + 5, 1)]
        if minor
        else [(root + 9, 1), (root + 4, 1), (root, 1), (root + 7, 0), (root + 5, 0)]
    )
    other, mode = near[rng.integers(len(near))]
    return other % 12 + 12 * mode


def _maximise(loss: Callable[[Tensor], Tensor], size: int, ridge: float) -> np.ndarray:
    weights = torch.zeros(size, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        total = loss(weights) + ridge * weights.square().sum()
        total.backward()
        return total

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    return weights.detach().double().numpy()


if __name__ == "__main__":
    amount = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    fit_all(hear_corpus(sys.argv[1], amount), Path(__file__).with_name("estimators.json"))
