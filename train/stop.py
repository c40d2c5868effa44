"""SIGTERM and SIGINT ask a run to stop; it does so at the end of the step."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

# A terminal and a launcher may both deliver the same wish to stop.
_SAME_WISH_SECONDS = 2.0


class Stopper:
    """While entered, the first signal sets `signal`; a second one, 2 s later or more, exits now."""

    def __init__(self) -> None:
        self.signal = 0
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stopper":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if not self.signal:
            self.signal, self._since = number, now
            print("stopping after this step; once more stops at once", file=sys.stderr, flush=True)
        elif now - self._since >= _SAME_WISH_SECONDS:
            os._exit(128 + number)
