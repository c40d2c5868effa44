"""Bring a run of the autoencoder into the latent basis of a model, as a run folder to pack.

    python tests/bench/take_basis.py runs/autoencoder_mini_adversarial mini CORPUS OUT

The averaged weights of the run are turned, so that the model's denoisers stay valid with them; see
`longform.autoencoder.basis`. Prints the share of the latents' variance that could not be turned.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longform.audio import read
from longform.autoencoder.basis import take_basis
from longform.autoencoder.spectral import Spectral
from longform.train import checkpoints
from longform.train.coder import load_autoencoder
from longform.train.evaluate.selection import select_music

PIECES, SECONDS = 80, 40


def heard(corpus: str) -> Iterator[Tensor]:
    """The beginnings of training pieces, one at a time."""
    for item in select_music(corpus, split="train", count=PIECES, seed=0):
        samples = read(item.path).to_channels(2).samples[:, : SECONDS * 44_100]
        yield torch.from_numpy(np.ascontiguousarray(samples))[None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("run", "model", "corpus", "out"):
        parser.add_argument(name)
    asked = parser.parse_args()
    checkpoint = checkpoints.resolve(asked.run, print)
    facts = checkpoints.read_facts(checkpoint)
    network, reference = (load_autoencoder(source)[0] for source in (asked.run, asked.model))
    assert isinstance(network, Spectral) and isinstance(reference, Spectral)
    missed = take_basis(network, reference, heard(asked.corpus))
    weights = {f"generator.{key}": tensor for key, tensor in network.state_dict().items()}
    step = facts.pop("step")
    held = {"networks": weights, "ema": weights}
    print(checkpoints.save(Path(asked.out) / "checkpoints", step, held, facts, keep=2))
    print(f"{missed:.2%} of the latents' variance is not the model's")


if __name__ == "__main__":
    main()
