"""What a run says while it trains: lines of JSON for programs, one live line for people."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TextIO

PLAIN_SECONDS = 30.0


class RunLog:
    """`log.jsonl`, appended to, and the progress line. Only the main process owns one."""

    def __init__(self, path: Path, step: int, steps: int, stream: TextIO | None = None) -> None:
        """Lines later than `step` belong to work that was lost, and are cut off."""
        self._steps, self._stream = steps, stream or sys.stderr
        self._live = self._stream.isatty()
        self._shown = -float("inf")
        if path.exists():
            _cut_after(path, step)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def close(self) -> None:
        if self._live:
            print(file=self._stream)
        self._file.close()

    def write(self, step: int, figures: dict[str, float]) -> None:
        """One line of the log."""
        line = {"step": step, "time": round(time.time(), 3), **figures}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def show(self, step: int, text: str, last: bool = False) -> None:
        """The live line; where there is no terminal, a plain line every 30 seconds."""
        now = time.monotonic()
        if not (self._live or last) and now - self._shown < PLAIN_SECONDS:
            return
        self._shown = now
        line = f"step {step}/{self._steps}  {text}"
        end = "" if self._live else "\n"
        print(f"\r\x1b[2K{line}" if self._live else line, end=end, file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """A lasting line of its own."""
        print(f"\r\x1b[2K{text}" if self._live else text, file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """3725 -> '1:02:05'."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _cut_after(path: Path, step: int) -> None:
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:
            continue  # half a line, from a crash
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)
