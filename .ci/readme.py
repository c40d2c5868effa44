"""Print a set-up command of the README, so that CI runs exactly what newcomers are told.

`readme.py track|tests` prints the whole command, `... install` what goes before its last part, and
`... run` its last part.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
ENDINGS = {"track": "longform generate", "tests": "-m pytest"}


def command(kind: str) -> str:
    """The one README line that makes an environment and ends in making a track or in the tests."""
    lines = re.findall(r"^python3 -m venv .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    (found,) = (line for line in lines if ENDINGS[kind] in line)
    return found


def main(kind: str, part: str = "whole") -> None:
    install, _, run = command(kind).rpartition(" && ")
    print({"whole": command(kind), "install": install, "run": run}[part])


if __name__ == "__main__":
    main(*sys.argv[1:])
