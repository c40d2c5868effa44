"""Two reports of `longform eval` side by side: one model or setting against another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longform.errors import UserError
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.targets import TARGETS, readable

FORMAT = 1
MUST_AGREE = ("scorer_sha256", "reference", "split")
"""What a report was measured with: figures made with others are not comparable."""
BETTER: dict[str, int] = {
    **{one.figure: 1 if one.side == "least" else -1 for one in TARGETS},
    "obedience.tempo_unfolded": 1,
    "obedience.key_mirex": 1,
    "obedience.key_profile": 1,
    "obedience.style_top3": 1,
    "obedience.instruments": 1,
    "obedience.clap_own": 1,
    "obedience.clap_any": 1,
    "obedience.laion_clap": 1,
    "distribution.clap_fd": -1,
    "distribution.clap_mmd": -1,
    "distribution.density": 1,
    "distribution.coverage": 1,
    "distribution.tag_kl": -1,
    "distribution.openl3": -1,
    "distribution.passt": -1,
    "distribution.mirdd": -1,
    "signal.duration_error": -1,
    "signal.seam_largest": -1,
    "signal.tail_reached": 1,
    "autoencoder.si_sdr": 1,
    "autoencoder.chroma": 1,
    "autoencoder.key": 1,
}
"""1 where more is better, -1 where less is; of the other figures neither can be said."""
OF_CLIPS = {
    "obedience.tempo": ("tempo_obeyed", True),
    "obedience.key": ("key_relation", "exact"),
    "signal.stereo_correct": ("stereo_correct", True),
    "signal.silent_share": ("silent", False),
    "signal.clipped_share": ("clipped", False),
    "signal.static_share": ("static", False),
}
"""Figures that count clips: the entry of a clip's row, and what it is for a good one."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One figure of both reports.

    `gained` and `lost` count the clips of the same prompt and seed that are good in one report
    alone; None where the figure does not count clips.
    """

    figure: str
    first: float
    second: float
    within_percent: float
    gained: int | None = None
    lost: int | None = None

    @property
    def percent(self) -> float | None:
        """How far the second lies from the first, in per cent of the first; None of nothing."""
        if self.first == 0:
            return 0.0 if self.second == 0 else None
        return round(100 * (self.second - self.first) / abs(self.first), 2)

    @property
    def within(self) -> bool | None:
        """Whether the second is better or at most `within_percent` worse; None where neither."""
        better = BETTER.get(self.figure)
        if better is None:
            return None
        worse = better * (self.first - self.second)
        return worse <= abs(self.first) * self.within_percent / 100 + 1e-9

    @property
    def judged(self) -> bool:
        """Whether the figure has a target: those alone decide."""
        return any(self.figure == one.figure for one in TARGETS)

    def to_json(self) -> dict[str, Any]:
        """One row of the comparison."""
        return vars(self) | {
            "percent": self.percent,
            "within": self.within,
            "judged": self.judged,
        }


def compare_command(
    first: str | Path,
    second: str | Path,
    *,
    within_percent: float = 5.0,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Print what two reports of the same prompts and seeds differ in, and keep it as JSON.

    Raises:
        UserError: a file that is no report; reports of other prompts, seeds, scorers or real
            pieces; a file in the way.
    """
    from longform.files import atomic, check_writable

    if out is not None:
        check_writable(out, overwrite)
    reports = read_report(first), read_report(second)
    found = compare(*reports, within_percent=within_percent)
    judged = [one for one in found if one.judged and one.within is not None]
    result = {
        "format": FORMAT,
        "first": _named(reports[0]),
        "second": _named(reports[1]),
        "clips": reports[0]["clips"],
        "within_percent": within_percent,
        "within": all(one.within for one in judged),
        "figures": [one.to_json() for one in found],
    }
    if out is not None:
        with atomic(out, overwrite) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(_told(result, found))
    return result


def read_report(path: str | Path) -> dict[str, Any]:
    """A `report.json` of `longform eval`, or of the folder that holds one.

    Raises:
        UserError: there is none, or it is something else.
    """
    file = Path(path) / "report.json" if Path(path).is_dir() else Path(path)
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"report {str(file)!r} cannot be read as JSON") from None
    if not isinstance(report, dict) or not {"figures", "each", "of"} <= report.keys():
        raise UserError(
            f"report {str(file)!r} is not one of longform eval CLIPS or longform eval --model M"
        )
    return report


def compare(
    first: Mapping[str, Any], second: Mapping[str, Any], *, within_percent: float
) -> list[Difference]:
    """Every figure that both reports hold, in the order of the definitions.

    Raises:
        UserError: they are of other prompts, seeds, scorers or real pieces.
    """
    _check_alike(first, second)
    differences = []
    for name in DEFINITIONS:
        if name in first["figures"] and name in second["figures"]:
            values = (report["figures"][name]["value"] for report in (first, second))
            gained, lost = _changed(name, first["each"], second["each"])
            differences.append(
                Difference(
                    figure=name,
                    first=next(values),
                    second=next(values),
                    within_percent=within_percent,
                    gained=gained,
                    lost=lost,
                )
            )
    return differences


def _check_alike(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    for name in MUST_AGREE:
        one, other = first.get(name), second.get(name)
        if one != other:
            raise UserError(
                f"the reports differ in {name}: {one} and {other}; measure both in the same way"
            )
    tasks = [_tasks(report) for report in (first, second)]
    if tasks[0] != tasks[1]:
        alone = sorted(tasks[0] ^ tasks[1], key=str)[0]
        raise UserError(
            f"the reports are not of the same prompts and seeds: one alone has {alone[0]!r} with "
            f"seed {alone[1]} and {alone[2]} s; give both the same --prompts, --count and --seed"
        )


def _tasks(report: Mapping[str, Any]) -> set[tuple[str, int | None, int]]:
    """Prompt, seed and length in whole seconds of every clip."""
    return {_task(row) for row in report["each"]}


def _task(row: Mapping[str, Any]) -> tuple[str, int | None, int]:
    return row["name"], row.get("seed"), round(row["signal"]["seconds"])


def _changed(name: str, first: Any, second: Any) -> tuple[int, int] | tuple[None, None]:
    if name not in OF_CLIPS:
        return None, None
    entry, good = OF_CLIPS[name]
    before = {_task(row): row[entry] == good for row in first if row[entry] is not None}
    after = {_task(row): row[entry] == good for row in second if row[entry] is not None}
    both = before.keys() & after.keys()
    gained = sum(after[task] and not before[task] for task in both)
    return gained, sum(before[task] and not after[task] for task in both)


def _named(report: Mapping[str, Any]) -> str:
    """What a report is of, with the settings that its clips were made with."""
    settings = report.get("settings") or {}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    return f"{report['of']} ({told})" if told else str(report["of"])


def _told(result: Mapping[str, Any], found: list[Difference]) -> str:
    from longform.train.evaluate.tables import plain_table

    rows = []
    for one in found:
        unit = DEFINITIONS[one.figure].unit
        percent = "" if one.percent is None else f"{one.percent:+.1f} %"
        verdict = {True: "within", False: "WORSE", None: ""}[one.within]
        changed = "" if one.gained is None else f"+{one.gained} -{one.lost}"
        title = f"{'* ' if one.judged else '  '}{one.figure.partition('.')[0]}: "
        title += DEFINITIONS[one.figure].title
        values = readable(one.first, unit), readable(one.second, unit)
        rows.append([title, *values, percent, changed, verdict])
    within = f"{result['within_percent']:g} %"
    head = f"first: {result['first']}\nsecond: {result['second']}\n{result['clips']} clips each"
    titles = ["figure", "first", "second", "difference", "clips", f"within {within}"]
    worse = [one.figure for one in found if one.judged and one.within is False]
    foot = f"* has a target; every one is within {within} of the first, or better"
    if worse:
        foot = f"* has a target; worse by more than {within}: {', '.join(worse)}"
    return f"{head}\n\n{plain_table(titles, rows)}\n\n{foot}"
