"""Clips made to be judged: one file per prompt and take, never overwritten, gone on with."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longform.deliver import Finishing, deliver, recipe_of
from longform.errors import UserError
from longform.pipeline import Pipeline
from longform.progress import OnProgress, Progress, quiet
from longform.provenance import read_recipe
from longform.request import Request
from longform.train.evaluate.prompts import load_prompts

JOB = "generate"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A clip on disk; `seconds` is how long it took, None where it was there already."""

    path: Path
    seconds: float | None


def requests_of(
    prompts: Sequence[str],
    *,
    seconds: float,
    seed: int,
    takes: int = 1,
    settings: Mapping[str, Any] | None = None,
) -> list[Request]:
    """`takes` requests per prompt; request i has seed `seed + i`, all have the same `settings`."""
    texts = [text for text in prompts for _ in range(takes)]
    return [
        Request(prompt=text, seconds=seconds, seed=seed + index, **(settings or {}))
        for index, text in enumerate(texts)
    ]


def make_clips(
    pipeline: Pipeline, requests: Sequence[Request], folder: Path, on_progress: OnProgress = quiet
) -> list[Made]:
    """Write `000.flac`, `001.flac`, ... as a user would get them; what is there is kept.

    Raises:
        UserError: a file in the way was made from another request or by another model; nothing is
            generated then.
    """
    paths = [folder / f"{index:03d}.flac" for index in range(len(requests))]
    for path, request in zip(paths, requests, strict=True):
        if path.exists():
            _check_same(pipeline, request, path)
    made: list[Made] = []
    for path, request in zip(paths, requests, strict=True):
        seconds = None if path.exists() else _make(pipeline, request, path)
        made.append(Made(path=path, seconds=seconds))
        on_progress(Progress("generate", len(made), len(requests)))
    return made


def generate_clips(
    model: str,
    prompts: str | Path | None,
    count: int,
    folder: Path,
    *,
    takes: int = 1,
    seconds: float,
    seed: int,
    settings: Mapping[str, Any] | None = None,
    on_progress: OnProgress = quiet,
) -> list[Made]:
    """`make_clips` by model `model` of the first `count` of `load_prompts(prompts)`.

    Raises:
        UserError: no such model, unreadable prompts, other clips in the way.
    """
    texts = [prompt.text for prompt in load_prompts(prompts)[:count]]
    requests = requests_of(texts, seconds=seconds, seed=seed, takes=takes, settings=settings)
    return make_clips(Pipeline.from_pretrained(model), requests, folder, on_progress)


def make_folder(path: str | Path) -> Path:
    """The folder, made if it is not there.

    Raises:
        UserError: it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None
    return folder


def _make(pipeline: Pipeline, request: Request, path: Path) -> float:
    started = time.perf_counter()
    result = pipeline.run(request)
    seconds = round(time.perf_counter() - started, 2)
    deliver(result, path, pipe=pipeline, bits=16, **_task(request))
    return seconds


def _check_same(pipeline: Pipeline, request: Request, path: Path) -> None:
    wanted = recipe_of(pipeline, **_task(request))
    if not read_recipe(path).same_task(wanted):
        raise UserError(
            f"{path}: exists already, made from another request or by another model; "
            "name another folder with --out"
        )


def _task(request: Request) -> dict[str, Any]:
    return {"job": JOB, "parameters": asdict(request), "finishing": Finishing()}
