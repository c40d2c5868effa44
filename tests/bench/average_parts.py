"""Average the weights of a part: the start of a next run, or what will be packed.

    python tests/bench/average_parts.py autoencoder RUN 0.7 OTHER OUT

OUT, a run, has 0.7 of RUN's averaged weights and 0.3 of OTHER's, a run or a model from which RUN
went on. Much of the noise of either's last steps goes: a decoder's distances were lower than in
proportion between those of both (LOG), a student's lower than either. A share above 1 goes as much
further than RUN went.
"""

import argparse
from pathlib import Path

from longform.train import checkpoints
from longform.train.pack import read_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["autoencoder", "student"])
    parser.add_argument("run")
    parser.add_argument("share", type=float)
    parser.add_argument("other")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    one, other = (read_part(name, asked.part).tensors for name in (asked.run, asked.other))
    if one.keys() != other.keys():
        parser.error(f"{asked.run} and {asked.other} are not of one kind")
    facts = checkpoints.read_facts(checkpoints.resolve(asked.run, print))
    prefix = facts["parts"][asked.part]["prefix"]
    mean = {
        prefix + key: asked.share * one[key].float() + (1 - asked.share) * other[key].float()
        for key in one
    }
    step = facts.pop("step")
    tensors = {"networks": mean, "ema": mean}
    print(checkpoints.save(asked.out / "checkpoints", step, tensors, facts, keep=2))


if __name__ == "__main__":
    main()
