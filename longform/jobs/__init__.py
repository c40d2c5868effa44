"""What a pipeline does beyond making a piece from a prompt: one file a job."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from longform.config import from_mapping
from longform.errors import UserError
from longform.progress import OnProgress, quiet
from longform.request import Request

if TYPE_CHECKING:
    from longform.pipeline import Pipeline
    from longform.result import Result
    from longform.waveform import Waveform

JOBS = {
    "transfer": {"strength", "keep"},
    "sfx": {"looped"},
    "inpaint": {"regions"},
    "extend": {"after_seconds", "before_seconds"},
    "vary": {"amount"},
    "loop": {"bars"},
    "accompany": {"context_guidance", "together"},
}
"""Names of jobs, as recipes and batches call them, and their parameters besides a `Request`'s."""

_HEARS = {"transfer", "inpaint", "extend", "accompany"}
_TAKES = {"sfx", "vary", "loop"}


def rerun(
    pipe: "Pipeline",
    job: str,
    parameters: Mapping[str, Any],
    inputs: "Mapping[str, Waveform]",
    item: int = 0,
    on_progress: OnProgress = quiet,
) -> "Result":
    """Run a job by its name; `parameters` are the fields of a `Request` and the job's own.

    Raises:
        UserError: no such job, parameters that it does not take, a recording that is missing.
    """
    if job not in JOBS:
        raise UserError(f"job {job!r} is unknown; known: generate, {', '.join(JOBS)}")
    if job in _HEARS and "audio" not in inputs:
        raise UserError(f"{job} starts from a recording: give its file")
    own = {name: value for name, value in parameters.items() if name in JOBS[job]}
    asked = {name: value for name, value in parameters.items() if name not in JOBS[job]}
    request = from_mapping(Request, asked, job)
    own |= {"item": item} if job in _TAKES else {}
    positional: list[Any] = [request]
    if job in _HEARS:
        positional = [inputs["audio"], request]
    elif job == "vary" and "audio" in inputs:
        own["audio"] = inputs["audio"]
    try:
        return getattr(pipe, job)(*positional, **own, on_progress=on_progress)
    except TypeError as error:
        raise UserError(f"{job}: its parameters do not fit ({error})") from None


def parameters_of(request: Request, **own: Any) -> dict[str, Any]:
    """What `rerun` needs to run a job again: the request and the job's own parameters, as JSON."""
    return {one.name: getattr(request, one.name) for one in fields(request)} | own
