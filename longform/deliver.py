"""From a result to files: finish it, write it with its recipe in the tags, and a side-car."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from longform.audio_write import WriteReport, check_target, write
from longform.files import check_writable
from longform.finish import Finished, Finishing, finish
from longform.hub.adapters import adapted_hash
from longform.planning import WRITTEN
from longform.provenance import Recipe, sidecar_of, tags_of, write_sidecar
from longform.riff import write_marked
from longform.waveform import Waveform

if TYPE_CHECKING:
    from longform.pipeline import Pipeline
    from longform.result import Result


FINISHED_JOBS = frozenset({"generate", "transfer", "vary"})
"""Jobs that make whole pieces; what others make fits a recording, or closes on itself."""

_HASHES: "WeakKeyDictionary[Pipeline, str]" = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A written file: what the writer says, how it was finished (None: not), and its recipe."""

    report: WriteReport
    waveform: Waveform
    finished: Finished | None
    recipe: Recipe
    facts: dict[str, Any]


def check_output(path: str | Path, overwrite: bool = False, bits: int | None = None) -> Path:
    """The path, if audio and its side-car can be written there.

    Raises:
        UserError: as `longform.audio.check_target`; a side-car in the way.
    """
    path = check_target(path, overwrite, bits)
    check_writable(sidecar_of(path), overwrite)
    return path


def finished_result(result: "Result", finishing: Finishing | None) -> Finished | None:
    """The result's waveform finished; its `end_seconds` fact says where the music ends."""
    if finishing is None:
        return None
    end_seconds = result.facts.get("end_seconds")
    return finish(result.waveform, **asdict(finishing), end_seconds=end_seconds)


def recipe_of(
    pipe: "Pipeline",
    *,
    job: str,
    parameters: Mapping[str, Any],
    item: int = 0,
    inputs: Mapping[str, Waveform] | None = None,
    finishing: Finishing | None = None,
    samples_sha256: str = "",
    plan: str | None = None,
) -> Recipe:
    """The recipe of what a job of this pipeline makes, or is about to make."""
    manifest = pipe.bundle.manifest
    return Recipe(
        job=job,
        parameters={
            name: value
            for name, value in parameters.items()
            if value is not None and value is not False
        },
        item=item,
        inputs={name: recording.sha256 for name, recording in (inputs or {}).items()},
        model=manifest.name,
        model_sha256=model_hash(pipe),
        licence=manifest.licence,
        finishing=None if finishing is None else asdict(finishing),
        samples_sha256=samples_sha256,
        made_on=machine_of(pipe),
        plan=plan,
    )


def deliver(
    result: "Result",
    path: str | Path,
    *,
    pipe: "Pipeline",
    job: str,
    parameters: Mapping[str, Any],
    item: int = 0,
    inputs: Mapping[str, Waveform] | None = None,
    finishing: Finishing | None = Finishing(),  # noqa: B008 (frozen)
    bits: int | None = None,
    overwrite: bool = False,
) -> Delivered:
    """Finish a result and write it to `path`, its recipe in the tags and in `path` + ".json".

    Args:
        job, parameters, item, inputs: what `longform.replay.make` needs to make it again.
        finishing: None writes what the model made, as it is.

    Raises:
        UserError: as `longform.audio.write`; a side-car in the way.
    """
    path = check_output(path, overwrite, bits)
    finished = finished_result(result, finishing)
    waveform = finished.waveform if finished else result.waveform
    facts = {**result.facts, **result.measured}
    recipe = recipe_of(
        pipe,
        job=job,
        parameters=parameters,
        item=item,
        inputs=inputs,
        finishing=finishing,
        samples_sha256=waveform.sha256,
        plan=facts.pop(WRITTEN, None),
    )
    if finished:
        facts["finish"] = finished.facts()
    tags, marks = tags_of(recipe, facts), result.marks
    if marks is None:
        report = write(path, waveform, bits=bits, tags=tags, overwrite=overwrite)
    else:
        report = write_marked(path, waveform, marks, bits=bits, tags=tags, overwrite=overwrite)
    try:
        write_sidecar(path, recipe, facts, overwrite)
    except BaseException:  # an interrupt too: one of the two alone is half of what was asked for
        if not sidecar_of(path).exists():
            path.unlink(missing_ok=True)
        raise
    return Delivered(
        report=report, waveform=waveform, finished=finished, recipe=recipe, facts=facts
    )


def model_hash(pipe: "Pipeline") -> str:
    """The hash of a loaded model's files, its adapters' among them, computed once."""
    if pipe not in _HASHES:
        _HASHES[pipe] = adapted_hash(pipe.bundle.content_hash(), pipe.adapters)
    return _HASHES[pipe]


def machine_of(pipe: "Pipeline") -> str:
    """What a pipeline computes on and with, such as "cpu bfloat16"."""
    return f"{pipe.device.type} {str(pipe.dtype).removeprefix('torch.')}"
