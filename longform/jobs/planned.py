"""Whether a piece did what its plan over time said: how loud each section became."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from longform.music.outline_plan import markers_of
from longform.music.plan import Plan
from longform.result import Result
from longform.waveform import Waveform, to_db


@dataclass(frozen=True, kw_only=True)
class SectionHeard:
    """A section under the name that the plan gave it, its planned energy and its level."""

    name: str
    start_seconds: float
    energy: float
    level_db: float


@dataclass(frozen=True)
class PlannedResult(Result):
    """A piece made along a plan.

    `energy_rank_correlation` is Spearman's between planned energy and level, over the sections;
    None where all are planned alike or there is only one.
    """

    sections: tuple[SectionHeard, ...] = ()
    energy_rank_correlation: float | None = None

    @property
    def measured(self) -> dict[str, Any]:
        return {
            "sections_heard": [asdict(section) for section in self.sections],
            "energy_rank_correlation": self.energy_rank_correlation,
        }


def against_plan(result: Result, plan: Plan, text: str | None) -> PlannedResult:
    """The result with its sections measured against the plan that the outline `text` became."""
    marks = markers_of(plan, text)
    starts = [start for _, start in marks] + [plan.end_seconds]
    sections = tuple(
        SectionHeard(
            name=name,
            start_seconds=round(start, 3),
            energy=section.energy,
            level_db=round(_level_db(result.waveform, start, stop), 2),
        )
        for (name, start), stop, section in zip(marks, starts[1:], plan.sections, strict=True)
    )
    correlation = rank_correlation(
        [section.energy for section in sections], [section.level_db for section in sections]
    )
    facts = result.facts | {"sections": [[name, round(start, 3)] for name, start in marks]}
    return PlannedResult(result.waveform, facts, result.timings, sections, correlation)


def rank_correlation(first: list[float], second: list[float]) -> float | None:
    """Spearman's rho, ties sharing their mean rank; None where either does not vary."""
    ranks = [_ranks(np.asarray(values)) for values in (first, second)]
    if min(rank.std() for rank in ranks) == 0:
        return None
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 3)


def _ranks(values: np.ndarray) -> np.ndarray:
    below = (values[:, None] > values).sum(axis=1)
    equal = (values[:, None] == values).sum(axis=1)
    return below + (equal - 1) / 2


def _level_db(waveform: Waveform, start_seconds: float, stop_seconds: float) -> float:
    first, last = (round(at * waveform.sample_rate) for at in (start_seconds, stop_seconds))
    part = waveform.samples[:, first : max(last, first + 1)]
    return to_db(float(np.sqrt((part.astype(np.float64) ** 2).mean()))) if part.size else -120.0
