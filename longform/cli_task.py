"""What the commands of jobs share: paths, requests, and running a task to its files."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longform.cli_model import ModelSource
from longform.cli_show import note, reporter
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.deliver import Delivered
    from longform.request import Request
    from longform.result import Result
    from longform.waveform import Waveform

MAX_COUNT = 64


@dataclass(frozen=True, kw_only=True)
class Task:
    """A job with everything it needs; `own` are its parameters besides the request's."""

    job: str
    request: "Request"
    own: dict[str, Any] = field(default_factory=dict)
    audio: "Waveform | None" = None
    paths: list[Path]
    finished: bool
    bits: int | None
    force: bool
    as_json: bool


def request_of(prompt: str, seed: int | None, **settings: Any) -> "Request":
    """The request of options; without a seed one is drawn."""
    from longform.cli_generate import drawn_seed
    from longform.request import Request

    return Request(prompt=prompt, seed=drawn_seed() if seed is None else seed, **settings)


def recording_of(path: Path, max_seconds: float | None = None) -> "Waveform":
    """The recording in a file, refused when it is longer."""
    from longform.audio import MAX_SECONDS, read

    return read(path, max_seconds=MAX_SECONDS if max_seconds is None else max_seconds)


def slug_of(prompt: str) -> str:
    """A file name from a prompt."""
    from longform.request import slug

    return slug(prompt)


def exact_bits(paths: list[Path], bits: int | None) -> int | None:
    """Floats, if nothing else was asked for, so that kept samples stay as they are."""
    return 32 if bits is None and paths[0].suffix.lower() == ".wav" else bits


def paths_of(stem: str, out: Path | None, count: int, force: bool, bits: int | None) -> list[Path]:
    """Where each of `count` results goes, every place checked; a free name without `out`."""
    from longform.deliver import check_output
    from longform.provenance import sidecar_of

    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"count {count} is outside 1..{MAX_COUNT}")
    base, number = out or Path(f"{stem}.wav"), 1
    while out is None and any(
        path.exists() or sidecar_of(path).exists() for path in _numbered(base, count)
    ):
        number += 1
        base = Path(f"{stem}-take{number}.wav")
    return [check_output(path, force, bits) for path in _numbered(base, count)]


def _numbered(base: Path, count: int) -> list[Path]:
    if count == 1:
        return [base]
    return [base.with_name(f"{base.stem}-{item + 1}{base.suffix}") for item in range(count)]


def run_task(task: Task, source: ModelSource) -> None:
    """Load the model once, then make and write one result after the other."""
    began = time.perf_counter()
    pipe = source.load()
    from longform.deliver import deliver
    from longform.finish import Finishing
    from longform.jobs import parameters_of, rerun

    load_seconds = time.perf_counter() - began
    for line in pipe.remarks(task.request):
        note(line)
    parameters = parameters_of(task.request, **task.own)
    given = {name: value for name, value in parameters.items() if value is not None}
    inputs = {} if task.audio is None else {"audio": task.audio}
    for item, path in enumerate(task.paths):
        with reporter() as on_progress:
            result = rerun(pipe, task.job, given, inputs, item, on_progress)
        delivered = deliver(
            result,
            path,
            pipe=pipe,
            job=task.job,
            parameters=given,
            item=item,
            inputs=inputs,
            finishing=Finishing() if task.finished else None,
            bits=task.bits,
            overwrite=task.force,
        )
        _announce(delivered, result, load_seconds, task.as_json)


def _announce(delivered: "Delivered", result: "Result", load_seconds: float, as_json: bool) -> None:
    """Measurements to stderr and the path to stdout, or everything as one JSON object to stdout."""
    from longform.cli_generate import level_line, levels_of

    timings = {"load": round(load_seconds, 3), **result.timings}
    seconds, path = delivered.waveform.seconds, str(delivered.report.path)
    if as_json:
        row = {"path": path, **delivered.facts, "seconds": seconds}
        row |= {**levels_of(delivered), "timings": timings}
        print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
        return
    note(f"seed {result.facts['seed']}")
    for name, value in result.measured.items():
        note(f"{name.replace('_', ' ')}: {json.dumps(value)}")
    note(level_line(delivered))
    note(f"{seconds:.1f} s of audio in {sum(timings.values()):.1f} s")
    print(path, flush=True)
