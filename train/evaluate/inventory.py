"""Which clips are judged, and what is known to have been asked of each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longform.audio import info
from longform.errors import UserError
from longform.music.plan import Plan
from longform.music.prompt import read_prompt
from longform.music.theory import Key
from longform.tags import MAX_LONG_TEXT, read_tags
from longform.train.dataset import Item, scan
from longform.train.evaluate.chords import ChordPlan
from longform.train.evaluate.selection import select_music, style_of

EARLIER = "report.json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One clip to measure and its truth; None or empty where nothing was asked or is known.

    `start_seconds` and `excerpt_seconds` choose a part of the file, None its whole.
    `asked_seconds` is the length ordered, `end_seconds` where the planned music stops.
    `seed` and `steps` are what a generated file says of its making, `captions` all those of a real
    piece.
    """

    path: Path
    name: str
    prompt: str | None = None
    style: str | None = None
    bpm: float | None = None
    key: Key | None = None
    families: frozenset[str] = frozenset()
    asked_seconds: float | None = None
    end_seconds: float | None = None
    chords: ChordPlan | None = None
    start_seconds: float = 0.0
    excerpt_seconds: float | None = None
    seed: int | None = None
    steps: int | None = None
    captions: tuple[str, ...] = ()


def find_clips(folder: str | Path) -> list[Asked]:
    """Every audio file of a folder: its tags say what was asked, else report.json, else side-cars.

    A prompt is judged by its words first, and by the plan that the file reports for the rest.

    Raises:
        UserError: no such folder, or no audio in it.
    """
    earlier = _earlier(Path(folder))
    return [_asked(item, earlier.get(item.path.name, {})) for item in scan(folder)]


def find_real(
    data: str | Path, *, seconds: float, seed: int, count: int, split: str = "all"
) -> list[Asked]:
    """The last `seconds` of the pieces of music of a corpus, as generated clips end as well.

    Raises:
        UserError: no such folder, or no music of that split in it.
    """
    pieces = select_music(data, split=split, count=count, seed=seed)
    return [_excerpt(item, seconds) for item in pieces]


def _excerpt(item: Item, seconds: float) -> Asked:
    key, bpm, plan = (item.facts.get(name) for name in ("key", "tempo_bpm", "plan"))
    return Asked(
        path=item.path,
        name=item.id,
        prompt=item.captions[0] if item.captions else None,
        style=None if style_of(item) == "unknown" else style_of(item),
        bpm=float(bpm) if bpm else None,
        key=Key.parse(str(key)) if key else None,
        families=_families(item),
        chords=ChordPlan.of_plan(Plan.from_json(plan)) if plan else None,
        start_seconds=max(item.seconds - seconds, 0.0),
        excerpt_seconds=seconds,
        captions=item.captions,
    )


def _asked(item: Item, earlier: dict[str, Any]) -> Asked:
    tags = read_tags(item.path, MAX_LONG_TEXT)
    facts = _json(tags.get("facts")) or earlier or item.facts
    prompt = tags.get("prompt") or earlier.get("name") or next(iter(item.captions), None)
    words = read_prompt(prompt or "")
    bpm = words.bpm or facts.get("tempo_bpm") or facts.get("asked_bpm")
    key = words.key or facts.get("key") or facts.get("asked_key")
    families = words.families or _families(item)
    return Asked(
        path=item.path,
        name=prompt or item.id,
        prompt=prompt,
        style=words.style or facts.get("style"),
        bpm=float(bpm) if bpm else None,
        key=key if isinstance(key, Key) or key is None else Key.parse(str(key)),
        families=families,
        asked_seconds=facts.get("seconds") if tags.get("facts") else None,
        end_seconds=facts.get("end_seconds"),
        chords=ChordPlan.of_facts(facts),
        seed=_whole(tags.get("seed")),
        steps=_whole(_json(tags.get("facts")).get("steps")),
    )


def _families(item: Item) -> frozenset[str]:
    """The instrument families that a composed piece's plan lets sound."""
    text = item.facts.get("plan")
    if text is None:
        return frozenset()
    return frozenset().union(*(section.families for section in Plan.from_json(text).sections))


def _earlier(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows by file name of a report that `longform eval` left beside the clips."""
    try:
        rows = json.loads((folder / EARLIER).read_text(encoding="utf-8"))["each"]
        return {row["file"]: row for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _json(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:  # tags are capped, so the facts of a very long form can be cut
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: object) -> int | None:
    """A whole number out of a tag, which anybody may have written."""
    text = str(value)
    return int(text) if text.isdecimal() else None


def median_seconds(clips: list[Asked]) -> float:
    """The usual length of the clips, which real excerpts are cut to.

    Raises:
        UserError: there are no clips.
    """
    if not clips:
        raise UserError("there are no clips to evaluate")
    lengths = sorted(info(clip.path).seconds for clip in clips)
    return round(lengths[len(lengths) // 2], 2)
