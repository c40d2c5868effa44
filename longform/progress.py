"""The one callback through which long work reports itself."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`step` of `total` steps of the named stage are done."""

    stage: str
    step: int
    total: int


OnProgress = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Report to nobody."""
