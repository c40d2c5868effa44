"""What the command line shows while it works: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longform.progress import OnProgress, Progress

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY_SECONDS = 5.0


@contextmanager
def reporter() -> Iterator[OnProgress]:
    """Yield a callback that shows stage, step, total and time left on stderr."""
    if not sys.stderr.isatty():
        yield PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _Bars(bars)


@dataclass
class PlainLines:
    """One line at most every few seconds: stage, step of total, seconds left at the pace so far.

    A stage whose steps go back begins anew.
    """

    every_seconds: float = LINE_EVERY_SECONDS
    _stage: str = ""
    _began: float = 0.0
    _first: int = 0
    _last: int = 0
    _shown: float = field(default_factory=lambda: time.monotonic())

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or progress.step < max(self._last, 1):
            self._stage, self._began, self._first = progress.stage, now, progress.step
        self._last = progress.step
        if now - self._shown < self.every_seconds:
            return
        self._shown = now
        line = f"{progress.stage} {progress.step}/{progress.total}"
        done = progress.step - self._first
        if done > 0 and progress.step < progress.total:
            left = (now - self._began) / done * (progress.total - progress.step)
            line += f", {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)


@dataclass
class _Bars:
    """One rich bar per stage."""

    bars: "rich.progress.Progress"
    _tasks: dict[str, "rich.progress.TaskID"] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        from rich.markup import escape

        if progress.stage not in self._tasks:
            task = self.bars.add_task(escape(progress.stage), total=progress.total)
            self._tasks[progress.stage] = task
        task = self._tasks[progress.stage]
        if progress.step < self.bars.tasks[task].completed:
            self.bars.reset(task)
        self.bars.update(task, completed=progress.step, total=progress.total)


def note(text: str) -> None:
    """One line for the person, apart from the result on stdout."""
    print(text, file=sys.stderr, flush=True)
