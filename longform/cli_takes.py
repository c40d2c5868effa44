"""What `generate` does around a request: places for files, several takes, and what was asked."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from longform.cli_options import Output
from longform.cli_show import reporter
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.choose import Heard
    from longform.finish import Finishing
    from longform.pipeline import Pipeline
    from longform.request import Request
    from longform.result import Result
    from longform.waveform import Waveform

MAX_COUNT = 64


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What to do with a request besides running it."""

    request: "Request"
    like: "Waveform | None"
    melody: "Waveform | None"
    finishing: "Finishing | None"
    best_of: int
    retry: int
    keep_all: bool
    output: Output

    @property
    def recordings(self) -> "dict[str, Waveform]":
        """Recordings that lead the piece, by what they are to it."""
        given = {"like": self.like, "melody": self.melody}
        return {name: one for name, one in given.items() if one is not None}


@dataclass(frozen=True, kw_only=True)
class Take:
    item: int
    result: "Result"
    heard: "Heard"


def takes_of(pipe: "Pipeline", wish: Wish, number: int) -> list[Take]:
    """`best_of` takes, and up to `retry` more while none of them does what was asked."""
    takes: list[Take] = []
    for attempt in range(wish.best_of + wish.retry):
        if attempt >= wish.best_of and any(take.heard.obeys for take in takes):
            break
        # Further takes are items that no other variation has, however many are asked for.
        takes.append(_take(pipe, wish, number + MAX_COUNT * attempt))
    return takes


def _take(pipe: "Pipeline", wish: Wish, item: int) -> Take:
    from longform.choose import Heard, clap_match, hear
    from longform.deliver import finished_result

    with reporter() as on_progress:
        result = pipe.run(
            wish.request,
            item=item,
            on_progress=on_progress,
            like=wish.recordings.get("like"),
            melody=wish.recordings.get("melody"),
        )
    chooses, asked = wish.best_of + wish.retry > 1, asked_of(wish.request)
    if not chooses and not asked:
        return Take(item=item, result=result, heard=Heard(item=item))
    began, request = time.perf_counter(), wish.request
    finished = finished_result(result, wish.finishing)
    waveform = finished.waveform if finished else result.waveform
    facts = result.facts
    heard = hear(
        waveform,
        item=item,
        wanted_bpm=facts.get("tempo_bpm", wish.request.bpm)
        if chooses or "tempo" in asked
        else None,
        wanted_key=facts.get("key") if chooses or "key" in asked else None,
        match=clap_match(pipe, waveform, request.prompt, wish.like, request.like_amount or 0.0)
        if chooses
        else None,
    )
    timings = {**result.timings, "listen": time.perf_counter() - began}
    return Take(item=item, result=replace(result, timings=timings), heard=heard)


def check_choice(request: "Request", best_of: int, retry: int) -> None:
    from longform.choose import MAX_TAKES

    if not 1 <= best_of <= MAX_TAKES:
        raise UserError(f"best-of {best_of} is outside 1..{MAX_TAKES}")
    if not 0 <= retry <= MAX_TAKES:
        raise UserError(f"retry {retry} is outside 0..{MAX_TAKES}")
    if retry and not asked_of(request):
        raise UserError("retry needs a tempo or a key to wait for: give --bpm or --key")


def asked_of(request: "Request") -> set[str]:
    """Which of tempo and key the person named, by option or in the prompt."""
    from longform.music.prompt import read_prompt

    words = read_prompt(request.prompt)
    named = {"tempo": request.bpm or words.bpm, "key": request.key or words.key}
    return {name for name, value in named.items() if value}


def output_paths(name: str, count: int, wish: Wish) -> list[Path]:
    """Where each of `count` tracks goes, every place checked, those of other takes too.

    If no file was named, one of `name` and the seed, in the current folder, that is still free.
    """
    from longform.deliver import check_output
    from longform.provenance import sidecar_of
    from longform.request import slug

    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"count {count} is outside 1..{MAX_COUNT}")
    stem, out = f"{slug(name)}-{wish.request.seed}", wish.output.out
    base = out or Path(f"{stem}.wav")
    number = 1

    def is_taken(path: Path) -> bool:
        return path.exists() or sidecar_of(path).exists()

    while out is None and any(map(is_taken, _all_paths(base, count, wish))):
        number += 1
        base = Path(f"{stem}-take{number}.wav")
    for path in _all_paths(base, count, wish):
        check_output(path, wish.output.force, wish.output.bits)
    return _numbered(base, count)


def _all_paths(base: Path, count: int, wish: Wish) -> list[Path]:
    paths = _numbered(base, count)
    others = wish.best_of + wish.retry - 1 if wish.keep_all else 0
    return paths + [other_path(path, rank) for path in paths for rank in range(1, others + 1)]


def _numbered(base: Path, count: int) -> list[Path]:
    if count == 1:
        return [base]
    return [base.with_name(f"{base.stem}-{item + 1}{base.suffix}") for item in range(count)]


def other_path(path: Path, rank: int) -> Path:
    return path.with_name(f"{path.stem}-other{rank}{path.suffix}")
