"""The fitted numbers of the tempo and key estimators, written by `longform.train.evaluate.fit`."""

import json
from functools import cache
from importlib.resources import files

import numpy as np


@cache
def fitted_weights() -> dict[str, np.ndarray]:
    """Weight vectors by name.

    `tempo`; `chord_major`, `chord_minor` and the scalar `chord_bias`; the same three of `key`.
    """
    text = files("longform.train.evaluate").joinpath("estimators.json").read_text("utf-8")
    return {
        name: np.asarray(value, dtype=np.float64)
        for name, value in json.loads(text)["weights"].items()
    }
