"""Let a student follow its teacher, which has been trained further: the start of its next run.

    python tests/bench/move_student.py configs/student_mini.yaml mini OUT --set teacher=RUN

Every weight of the model's student moves by what the teacher's has moved since. Losses begin lower
from there than from the teacher (0.069, 0.083). OUT is for `run.start_from`.
"""

import argparse
from pathlib import Path

from longform.config import load_yaml
from longform.train.pack import read_part
from longform.train.state import build
from longform.train.student import StudentTrainee, StudentTraining


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("config", "model", "out"):
        parser.add_argument(name)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    asked = parser.parse_args()
    trainee = StudentTrainee(load_yaml(StudentTraining, asked.config, asked.settings))
    student = read_part(asked.model, "student").tensors
    before = {
        f"{part}.{key}": tensor
        for part in ("dit", "conditioner")
        for key, tensor in read_part(asked.model, part).tensors.items()
    }
    network = trainee.networks["student"]  # begins as the teacher of now
    moved = {
        key: now + (student[key] - before[key]).to(now.dtype)
        for key, now in network.state_dict().items()
    }
    network.load_state_dict(moved)
    print(build(trainee, trainee.config.run).save(Path(asked.out) / "checkpoints", keep=2))


if __name__ == "__main__":
    main()
