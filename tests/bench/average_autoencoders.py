"""Average two autoencoders' weights: the start of a next run, or a part to be packed.

    python tests/bench/average_autoencoders.py RUN 0.7 OTHER OUT

OUT has 0.7 of RUN's averaged weights and 0.3 of OTHER's, a run or a model. Two decoders of which
one went on from the other may be averaged: what was won stays for the greater part, and STFT and
MEL are better than halfway between.
"""

import argparse
from pathlib import Path

from longform.train import checkpoints
from longform.train.pack import read_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("share", type=float)
    parser.add_argument("other")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    facts = checkpoints.read_facts(checkpoints.resolve(asked.run, print))
    one, other = (read_part(name, "autoencoder").tensors for name in (asked.run, asked.other))
    if one.keys() != other.keys():
        parser.error(f"{asked.run} and {asked.other} are not two autoencoders of one kind")
    mean = {
        f"generator.{key}": asked.share * one[key].float() + (1 - asked.share) * other[key].float()
        for key in one
    }
    step = facts.pop("step")
    tensors = {"networks": mean, "ema": mean}
    print(checkpoints.save(asked.out / "checkpoints", step, tensors, facts, keep=2))


if __name__ == "__main__":
    main()
