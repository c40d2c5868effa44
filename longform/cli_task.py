"""What the commands of jobs share: paths, requests, and running a task to its files."""

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longform.cli_model import ModelSource
from longform.cli_options import Output, Sampling
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
    """A job with everything it needs; `own` are its parameters besides the request's.

    `together` is a file for the stem and the recording that it answers, mixed.
    """

    job: str
    request: "Request"
    own: dict[str, Any] = field(default_factory=dict)
    audio: "Waveform | None" = None
    paths: list[Path]
    together: Path | None = None
    finished: bool
    output: Output


def request_of(prompt: str, sampling: Sampling, **settings: Any) -> "Request":
    """The request of options; without a seed one is drawn."""
    from longform.cli_generate import drawn_seed
    from longform.request import Request

    seed = drawn_seed() if sampling.seed is None else sampling.seed
    settings |= {"steps": sampling.steps, "guidance": sampling.guidance}
    settings |= {"teacher": sampling.teacher or None}
    return Request(prompt=prompt, seed=seed, **settings)


def recording_of(path: Path, max_seconds: float | None = None) -> "Waveform":
    """The recording in a file, refused when it is longer."""
    from longform.audio import MAX_SECONDS, read

    return read(path, max_seconds=MAX_SECONDS if max_seconds is None else max_seconds)


def slug_of(prompt: str) -> str:
    """A file name from a prompt."""
    from longform.request import slug

    return slug(prompt)


def exact(output: Output, paths: list[Path]) -> Output:
    """With floats, if nothing else was asked for, so that kept samples stay as they are."""
    is_wav = paths[0].suffix.lower() == ".wav"
    return replace(output, bits=32) if output.bits is None and is_wav else output


def paths_of(stem: str, output: Output, count: int = 1) -> list[Path]:
    """Where each of `count` results goes, every place checked; a free name if none was given."""
    from longform.deliver import check_output
    from longform.provenance import sidecar_of

    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"count {count} is outside 1..{MAX_COUNT}")
    base, number = output.out or Path(f"{stem}.wav"), 1
    while output.out is None and any(
        path.exists() or sidecar_of(path).exists() for path in _numbered(base, count)
    ):
        number += 1
        base = Path(f"{stem}-take{number}.wav")
    return [check_output(path, output.force, output.bits) for path in _numbered(base, count)]


def beside(path: Path, others: list[Path], output: Output) -> Path:
    """The path of one more file beside `others`, checked like theirs."""
    from longform.deliver import check_output

    if path.resolve() in {one.resolve() for one in others}:
        raise UserError(f"{path}: two results cannot go to one file; name another")
    return check_output(path, output.force, output.bits)


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
        how: dict[str, Any] = {
            "pipe": pipe,
            "job": task.job,
            "item": item,
            "inputs": inputs,
            "finishing": Finishing() if task.finished else None,
            "bits": task.output.bits,
            "overwrite": task.output.force,
        }
        delivered = deliver(result, path, parameters=given, **how)
        if task.together is not None and task.audio is not None:
            _deliver_together(result, task.audio, task.together, given, how)
        _announce(delivered, result, load_seconds, task)


def _deliver_together(
    result: "Result", audio: "Waveform", path: Path, given: dict[str, Any], how: dict[str, Any]
) -> None:
    """Write a stem mixed with the recording that it answers, under a recipe of its own."""
    from longform.deliver import deliver
    from longform.jobs.accompany import AccompanyResult, with_mix

    assert isinstance(result, AccompanyResult)
    deliver(with_mix(result, audio), path, parameters=given | {"together": True}, **how)


def _announce(delivered: "Delivered", result: "Result", load_seconds: float, task: Task) -> None:
    """Measurements to stderr and paths to stdout, or everything as one JSON object to stdout."""
    from longform.cli_generate import level_line, levels_of

    timings = {"load": round(load_seconds, 3), **result.timings}
    seconds = delivered.waveform.seconds
    paths = {"path": str(delivered.report.path)}
    if task.together is not None:
        paths["together"] = str(task.together)
    if task.output.as_json:
        row = {**paths, **delivered.facts, "seconds": seconds}
        row |= {**levels_of(delivered), "timings": timings}
        print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
        return
    note(f"seed {result.facts['seed']}")
    for name, value in result.measured.items():
        note(f"{name.replace('_', ' ')}: {json.dumps(value)}")
    note(level_line(delivered))
    note(f"{seconds:.1f} s of audio in {sum(timings.values()):.1f} s")
    print(*paths.values(), sep="\n", flush=True)
