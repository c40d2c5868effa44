"""Try an installed `longform` away from its source: smoke.py PATH/TO/longform."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = """
import soundfile
samples, rate = soundfile.read("x.wav")
assert rate == 44100 and samples.shape == (5 * 44100, 2), (rate, samples.shape)
assert 0.01 < abs(samples).max() <= 1.0, abs(samples).max()
"""


def main(program: str) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def call(*arguments: str) -> str:
            done = subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.PIPE)
            return done.stdout.decode()

        print(call(program, "doctor"))
        make = ("generate", "slow piano ballad", "--seconds", "5", "--seed", "1", "--json")
        facts = json.loads(call(program, *make, "-o", "x.wav"))
        print(facts)
        call(str(Path(program).with_name("python")), "-c", CHECK)
        again = json.loads(call(program, *make, "-o", "y.wav"))
        assert again["seed"] == facts["seed"] == 1
        same = (Path(folder) / "x.wav").read_bytes() == (Path(folder) / "y.wav").read_bytes()
        assert same, "the same seed gave other bytes"


if __name__ == "__main__":
    main(sys.argv[1])
