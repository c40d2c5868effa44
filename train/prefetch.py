"""Work done ahead by threads, taken in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

READERS = min(16, os.cpu_count() or 1)
"""Threads that read and decode files ahead of what is done with them."""


def made_ahead(
    make: Callable[[Given], Made], items: Iterable[Given], depth: int
) -> Generator[Made, None, None]:
    """make(item) of each item, in order; `depth` more than was taken are ready or in the making.

    What `make` raises is raised where its result is asked for.
    """
    with ThreadPoolExecutor(depth, thread_name_prefix="prefetch") as pool:
        waiting = deque[Future[Made]]()
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def prefetched(
    make: Callable[[int], Any], first: int, last: int, depth: int
) -> Iterator[Callable[[int], Any]]:
    """Lend a function that returns make(first), make(first + 1), … up to make(last - 1), in order.

    `depth` threads work ahead; with 0 there is none. Since `make` is a pure function, both are
    equal.
    """
    if depth == 0:
        yield make
        return
    numbered = made_ahead(lambda number: (number, make(number)), range(first, last), depth)
    with closing(numbered) as batches:

        def take(number: int) -> Any:
            found, result = next(batches)
            assert found == number, f"batch {found} was ready, {number} was asked for"
            return result

        yield take
