"""Making a file again from its recipe, and proving that it is the same."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longform.audio import info, read
from longform.audio_write import write
from longform.config import from_mapping
from longform.deliver import Delivered, deliver, finished_result, model_hash
from longform.errors import UserError
from longform.finish import Finishing
from longform.music.outline import read_outline
from longform.planning import WRITTEN
from longform.progress import OnProgress, quiet
from longform.provenance import Recipe
from longform.tags import clean
from longform.waveform import Waveform, to_db

if TYPE_CHECKING:
    from longform.pipeline import Pipeline
    from longform.result import Result

_BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a replay compares.

    Attributes:
        same_samples: the samples before encoding have the recorded hash.
        same_file: the file, decoded, holds exactly what the replay holds when it is encoded and
            decoded the same way.
        difference_db: the largest difference between those two, dB of full scale.
        note: why it may differ, or nothing.
    """

    same_samples: bool
    same_file: bool
    difference_db: float
    note: str

    def __str__(self) -> str:
        if self.same_samples and self.same_file:
            return "the same audio, to the last bit"
        what = f"not the same: differs by up to {self.difference_db:.1f} dB of full scale"
        return f"{what} ({self.note})" if self.note else what


def make(
    pipe: "Pipeline",
    *,
    job: str,
    parameters: Mapping[str, Any],
    item: int = 0,
    inputs: Mapping[str, Waveform] | None = None,
    on_progress: OnProgress = quiet,
) -> "Result":
    """Run a job by its name, as recipes and batches name it.

    Raises:
        UserError: no such job, or parameters that it does not take.
    """
    if job == "generate":
        from longform.request import Request

        request, given = from_mapping(Request, dict(parameters), job), inputs or {}
        return pipe.run(
            request,
            item=item,
            on_progress=on_progress,
            like=given.get("like"),
            melody=given.get("melody"),
        )
    from longform.jobs import rerun

    return rerun(pipe, job, dict(parameters), dict(inputs or {}), item, on_progress)


def check_model(recipe: Recipe, model_sha256: str) -> None:
    """Raises:
    UserError: the recipe was made with another model.
    """
    if recipe.model_sha256 != model_sha256:
        raise UserError(
            f"made with model {recipe.model!r}, hash {recipe.model_sha256[:12]}; the one at hand "
            f"has {model_sha256[:12]}: name the right one with --model, what comes apart with "
            "--text-encoder and --adapter"
        )


def find_inputs(recipe: Recipe, paths: Iterable[str | Path]) -> dict[str, Waveform]:
    """The recordings that a recipe asks for, found among files by the hash of their samples.

    Raises:
        UserError: one is not among them.
    """
    found = {waveform.sha256: waveform for waveform in map(read, paths)}
    for name, sha256 in recipe.inputs.items():
        if sha256 not in found:
            raise UserError(
                f"the recipe needs the recording {name!r} with samples {sha256[:12]}; give its "
                "file with --input"
            )
    return {name: found[sha256] for name, sha256 in recipe.inputs.items()}


def make_again(
    recipe: Recipe,
    pipe: "Pipeline",
    *,
    inputs: Mapping[str, Waveform] | None = None,
    on_progress: OnProgress = quiet,
) -> tuple["Result", Waveform]:
    """Make it again: the raw result, and its waveform finished as the recipe says.

    Raises:
        UserError: another model, or a recipe that this program cannot follow.
    """
    check_model(recipe, model_hash(pipe))
    result = make(
        pipe,
        job=recipe.job,
        parameters=planned(recipe),
        item=recipe.item,
        inputs=inputs,
        on_progress=on_progress,
    )
    if recipe.plan is not None:
        result = replace(result, facts=result.facts | {WRITTEN: recipe.plan})
    finished = finished_result(result, finishing_of(recipe))
    return result, finished.waveform if finished else result.waveform


def planned(recipe: Recipe) -> dict[str, Any]:
    """The parameters of a recipe; a plan that the planner wrote is among them as if asked for.

    But such a plan does not call for the teacher, as a person's own does.
    """
    asked = recipe.parameters
    if recipe.plan is None:
        return asked
    seconds = asked.get("seconds") or read_outline(recipe.plan).total_seconds
    whose = {} if asked.get("plan") else {"teacher": False}
    return whose | asked | {"plan": recipe.plan, "seconds": seconds}


def deliver_again(
    recipe: Recipe,
    result: "Result",
    path: str | Path,
    *,
    pipe: "Pipeline",
    inputs: Mapping[str, Waveform] | None = None,
    bits: int | None = None,
    overwrite: bool = False,
) -> Delivered:
    """Write a replayed result to `path`, finished and with tags as the recipe has them."""
    return deliver(
        result,
        path,
        pipe=pipe,
        job=recipe.job,
        parameters=recipe.parameters,
        item=recipe.item,
        inputs=inputs,
        finishing=finishing_of(recipe),
        bits=bits,
        overwrite=overwrite,
    )


def finishing_of(recipe: Recipe) -> Finishing | None:
    """How the recipe's result was finished."""
    if recipe.finishing is None:
        return None
    return from_mapping(Finishing, recipe.finishing, "recipe: finishing")


def compare(path: str | Path, recipe: Recipe, waveform: Waveform, made_on: str) -> Verdict:
    """Compare an audio file and its recipe with what the replay made, `waveform`, on this machine.

    MP3 and OGG lose something in encoding, so the replay is encoded too before it is compared.
    """
    path = Path(path)
    same_samples = waveform.sha256 == recipe.samples_sha256
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / f"again{path.suffix.lower()}"
        write(again, waveform, bits=_BITS.get(info(path).format.split()[1]))
        old, new = read(path), read(again)
    same_shape = old.samples.shape == new.samples.shape and old.sample_rate == new.sample_rate
    difference = float(np.abs(old.samples - new.samples).max()) if same_shape else np.inf
    note = ""
    if not same_samples and made_on != recipe.made_on:
        note = f"made on {clean(recipe.made_on, 80)}, replayed on {made_on}: the last bits differ"
    elif same_samples and difference > 0:
        note = "the recipe was followed exactly, so the file was changed after it was written"
    return Verdict(
        same_samples=same_samples,
        same_file=difference == 0,
        difference_db=to_db(difference) if np.isfinite(difference) else 0.0,
        note=note,
    )
