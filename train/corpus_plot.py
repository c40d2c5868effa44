"""One picture of what a corpus covers: tempo, key, metre, length, styles, instruments."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from longform.errors import UserError
from longform.files import atomic, check_writable
from longform.train.corpus_check import audio_files

_MOST = 30  # bars of a chart
_COLOUR, _SECOND = "#3b6ea5", "#c0653a"


def draw(folder: str | Path, path: str | Path, overwrite: bool = False) -> None:
    """Draw the coverage of a folder's side-cars.

    Raises:
        UserError: matplotlib is missing, the folder has no side-cars, or the file cannot be made.
    """
    check_writable(path, overwrite)
    records = side_cars(folder)
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise UserError("plots need matplotlib: pip install 'longform[train]'") from None
    figure = Figure(figsize=(16, 13), layout="constrained")
    axes = figure.subplots(3, 3).ravel()
    hours = sum(_numbers(records, "seconds")) / 3600
    figure.suptitle(f"{Path(folder).name}: {len(records)} items, {hours:.2f} hours")
    _histogram(axes[0], _numbers(records, "tempo_bpm"), "tempo, BPM")
    _histogram(axes[1], _numbers(records, "seconds"), "length, seconds")
    _bars(axes[2], Counter(str(row["metre"]) for row in records if row.get("metre")), "metre")
    _bars(axes[3], _counted(records, "key"), "key")
    _bars(axes[4], _counted(records, "style"), "style or kind of effect")
    _bars(axes[5], _counted(records, "moods"), "mood")
    _bars(axes[6], _families(records), "share of pieces with a family", share=_pieces(records))
    _bars(axes[7], _counted(records, "instruments"), "pieces with an instrument")
    _bars(axes[8], _counted(records, "split"), "split")
    with atomic(path, overwrite) as temporary:
        figure.savefig(temporary, dpi=90, format=Path(path).suffix.lstrip(".") or "png")


def side_cars(folder: str | Path) -> list[dict[str, Any]]:
    """What is known about the items of a folder, of those that have a readable side-car.

    Raises:
        UserError: the folder does not exist, or no item has one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} does not exist")
    records = []
    for audio in audio_files(root):
        try:
            record = json.loads(audio.with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict):
            records.append(record)
    if not records:
        raise UserError(f"corpus folder {str(root)!r} has no side-cars (.json): nothing to draw")
    return records


def _numbers(records: Sequence[dict[str, Any]], key: str) -> list[float]:
    return [float(row[key]) for row in records if isinstance(row.get(key), int | float)]


def _counted(records: Sequence[dict[str, Any]], key: str) -> Counter[str]:
    """How often each text stands under a key, alone or in a list."""
    found: Counter[str] = Counter()
    for row in records:
        value = row.get(key)
        texts = value if isinstance(value, list) else [value]
        found.update(text for text in texts if isinstance(text, str))
    return found


def _pieces(records: Sequence[dict[str, Any]]) -> int:
    return sum(isinstance(row.get("stem_instruments"), dict) for row in records)


def _families(records: Sequence[dict[str, Any]]) -> Counter[str]:
    named = (row.get("stem_instruments") for row in records)
    return Counter(family for row in named if isinstance(row, dict) for family in row)


def _histogram(axes: Any, values: Sequence[float], title: str) -> None:
    axes.hist(values, bins=30, color=_COLOUR)
    axes.set_title(title)


def _bars(axes: Any, counts: Counter[str], title: str, share: int = 0) -> None:
    """The most frequent first, from the top down; of `share` pieces if that is given."""
    rows = counts.most_common(_MOST)[::-1]
    heights = [count / share if share else count for _, count in rows]
    axes.barh([name for name, _ in rows], heights, color=_SECOND if share else _COLOUR)
    left = len(counts) - len(rows)
    axes.set_title(f"{title} ({left} more)" if left > 0 else title)
    axes.tick_params(axis="y", labelsize=8)
