"""Batches drawn ahead of the step that needs them."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def prefetched(
    make: Callable[[int], Any], first: int, last: int, depth: int
) -> Iterator[Callable[[int], Any]]:
    """Lend a function that returns make(first), make(first + 1), … in this order.

    A thread keeps up to `depth` results ready; what `make` raises is raised where the result is
    asked for. With depth 0 there is no thread. Since `make` is a pure function, both are equal.
    """
    if depth == 0:
        yield make
        return
    ready: queue.Queue[tuple[int, Any, BaseException | None]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def work() -> None:
        for number in range(first, last):
            try:
                item = (number, make(number), None)
            except BaseException as error:
                item = (number, None, error)
            while not stopped.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if stopped.is_set() or item[2] is not None:
                return

    def take(number: int) -> Any:
        found, result, error = ready.get()
        if error is not None:
            raise error
        assert found == number, f"batch {found} was ready, {number} was asked for"
        return result

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        yield take
    finally:
        stopped.set()
        thread.join()
