"""What the estimators make of real pieces whose tempo and key are known."""

from pathlib import Path
from typing import Any

from longform.audio import read
from longform.music.plan import Plan
from longform.music.theory import Key
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.chords import ChordPlan
from longform.train.evaluate.clips import Clip, listen, summarise
from longform.train.evaluate.selection import select_music, style_of


def calibrate(
    data: str | Path,
    *,
    count: int,
    seconds: float,
    seed: int,
    split: str,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Listen to the last `seconds` of real pieces as if they had been generated on request.

    A generated clip is a whole short piece with an ending, so excerpts end where the piece ends.

    Raises:
        UserError: the corpus has no music in that split.
    """
    items = select_music(data, split=split, count=count, seed=seed)
    clips: list[Clip] = []
    for index, item in enumerate(items):
        start = max(item.seconds - seconds, 0.0)
        waveform = read(item.path, start_seconds=start, seconds=seconds)
        key, plan = item.facts.get("key"), item.facts.get("plan")
        clips.append(
            listen(
                waveform,
                name=item.id,
                style=style_of(item),
                asked_bpm=item.facts.get("tempo_bpm"),
                asked_key=Key.parse(str(key)) if key else None,
                chords=ChordPlan.of_plan(Plan.from_json(plan)) if plan else None,
                start_seconds=start,
            )
        )
        on_progress(Progress("listen", index + 1, len(items)))
    return {
        "split": split,
        "seconds": seconds,
        **summarise(clips),
        "each": [clip.to_json() for clip in clips],
    }
