"""Another version of the same piece: its plan, and noise that is partly that of its seed."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from longform.engine import Engine
from longform.jobs.checks import check_amount
from longform.request import Request
from longform.result import Result

_FIRST_ITEM = 1 << 20  # beyond the items that `--count` numbers, so that no variation is a take


@dataclass(frozen=True)
class VaryResult(Result):
    """A variation, and the correlation of its noise with that of the kept seed."""

    noise_kept: float = 1.0

    @property
    def measured(self) -> dict[str, Any]:
        return {"noise_kept": round(self.noise_kept, 4)}


def varied_noise(
    engine: Engine, request: Request, amount: float, item: int, frames: int
) -> tuple[Tensor, float]:
    """The seed's noise (1, d, f) turned by `amount` of a right angle towards fresh noise.

    It stays standard normal, as on a great circle. Also its correlation with the seed's.

    Raises:
        UserError: an amount outside 0..1.
    """
    check_amount(amount)
    kept, changed = math.cos(amount * math.pi / 2), math.sin(amount * math.pi / 2)
    own = engine.noise(request, 0, frames)
    if changed == 0:
        return own, 1.0
    fresh = engine.noise(request, _FIRST_ITEM + item, frames)
    return kept * own + changed * fresh, kept
