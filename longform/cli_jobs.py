"""Commands that start from a recording or a seed: transfer, inpaint, extend, vary."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longform.cli_model import ModelSource
from longform.cli_options import (
    MUSIC,
    BpmOption,
    CountOption,
    KeyOption,
    MetreOption,
    NegativeOption,
    Output,
    RawOption,
    Sampling,
    SecondsOption,
    grouped,
)
from longform.cli_task import (
    Task,
    exact,
    paths_of,
    recording_of,
    request_of,
    run_task,
    slug_of,
)
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.request import Request
    from longform.waveform import Waveform

_REGION = re.compile(r"^\s*(?:(\d+):)?(\d+(?:\.\d+)?)\s*-\s*(?:(\d+):)?(\d+(?:\.\d+)?)\s*$")

AudioArgument = Annotated[Path, typer.Argument(help="Any audio file.")]
PromptArgument = Annotated[str, typer.Argument(help="What it should sound like, in words.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (transfer, inpaint, extend, vary):
        app.command()(command)


@grouped
def transfer(
    audio: AudioArgument,
    prompt: PromptArgument,
    *,
    strength: Annotated[
        float | None,
        typer.Option(help="0 keeps the recording, 1 makes a new piece.", rich_help_panel=MUSIC),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="groove, melody, everything-but-timbre or loose, in place of a strength.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    raw: RawOption = False,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Restyle a recording along a prompt, and say what was kept of it."""
    from longform.jobs.checks import intended
    from longform.request import MAX_SECONDS

    intended(strength, keep)
    request = request_of(prompt, sampling, negative=negative, bpm=bpm, key=key)
    paths = paths_of(f"{audio.stem}-transfer-{request.seed}", output)
    recording = recording_of(audio, MAX_SECONDS)
    own = {"strength": strength, "keep": keep}
    task = Task(job="transfer", request=request, own=own, audio=recording, paths=paths,
                 finished=not raw, output=output)  # fmt: skip
    run_task(task, source)


@grouped
def inpaint(
    audio: AudioArgument,
    prompt: PromptArgument,
    *,
    region: Annotated[
        list[str], typer.Option(help="Seconds such as 20-35 or 1:20-1:35; may be repeated.")
    ],
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Make regions of a recording anew; the rest stays as it is, to the last bit in 32-bit WAV."""
    from longform.jobs.checks import checked_regions, joinable

    request = request_of(prompt, sampling, negative=negative, bpm=bpm, key=key)
    regions = [read_region(one) for one in region]
    paths = paths_of(f"{audio.stem}-inpaint-{request.seed}", output)
    recording = joinable(recording_of(audio))
    checked_regions(regions, recording.seconds)
    task = Task(job="inpaint", request=request, own={"regions": regions}, audio=recording,
                 paths=paths, finished=False, output=exact(output, paths))  # fmt: skip
    run_task(task, source)


@grouped
def extend(
    audio: AudioArgument,
    prompt: PromptArgument,
    *,
    after: Annotated[float, typer.Option(help="Seconds to add after the end.")] = 0.0,
    before: Annotated[float, typer.Option(help="Seconds to add before the start.")] = 0.0,
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Go on after the end of a recording, or lead up to its start."""
    from longform.jobs.checks import check_lengths, joinable

    check_lengths(before, after)
    request = request_of(prompt, sampling, negative=negative, bpm=bpm, key=key)
    paths = paths_of(f"{audio.stem}-extend-{request.seed}", output)
    own = {"after_seconds": after, "before_seconds": before}
    task = Task(job="extend", request=request, own=own, audio=joinable(recording_of(audio)),
                 paths=paths, finished=False, output=exact(output, paths))  # fmt: skip
    run_task(task, source)


@grouped
def vary(
    origin: Annotated[str, typer.Argument(metavar="AUDIO|SEED", help="An audio file, or a seed.")],
    prompt: Annotated[
        str | None, typer.Argument(help="Of a seed, its prompt. Of a file, if it has no recipe.")
    ] = None,
    *,
    amount: Annotated[float, typer.Option(help="0 changes nothing, 1 everything.")] = 0.3,
    count: CountOption = 1,
    seconds: SecondsOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    raw: RawOption = False,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Make other versions of a piece: of a seed, of a file with its recipe, or of any recording."""
    from longform.jobs.checks import check_amount

    check_amount(amount)
    settings = {"seconds": seconds, "bpm": bpm, "key": key, "metre": metre}
    request, recording = _origin(origin, prompt, sampling, settings)
    stem = slug_of(request.prompt) if recording is None else Path(origin).stem
    paths = paths_of(f"{stem}-vary-{request.seed}", output, count)
    task = Task(job="vary", request=request, own={"amount": amount}, audio=recording,
                 paths=paths, finished=not raw, output=output)  # fmt: skip
    run_task(task, source)


def read_region(text: str) -> tuple[float, float]:
    """Seconds of "20-35" or "1:20-1:35".

    Raises:
        UserError: it is not of that form.
    """
    match = _REGION.match(text)
    if match is None:
        raise UserError(f"region {text!r} is not of the form 20-35 (seconds) or 1:20-1:35")
    minutes, seconds, end_minutes, end_seconds = match.groups()
    return 60 * int(minutes or 0) + float(seconds), 60 * int(end_minutes or 0) + float(end_seconds)


def _origin(
    origin: str, prompt: str | None, sampling: Sampling, settings: dict[str, Any]
) -> "tuple[Request, Waveform | None]":
    """What to vary: the request of a seed or of a file's recipe, or a recording and its request."""
    from longform.config import from_mapping
    from longform.provenance import read_recipe
    from longform.replay import planned
    from longform.request import MAX_SECONDS, Request

    if origin.isdecimal() and not Path(origin).exists():
        if prompt is None:
            raise UserError(f"seed {origin} needs the prompt of its piece after it")
        if sampling.seed is not None:
            raise UserError("the seed is what is varied: leave --seed out")
        return request_of(prompt, replace(sampling, seed=int(origin)), **settings), None
    if prompt is None:
        recipe = read_recipe(origin)
        if recipe.job != "generate":
            raise UserError(f"{origin}: was made by {recipe.job}; give a prompt to vary its sound")
        if recipe.inputs:
            raise UserError(
                f"{origin}: was made after a recording; give a prompt to vary its sound"
            )
        return from_mapping(Request, planned(recipe), f"{origin}: recipe"), None
    if settings.pop("seconds") is not None:
        raise UserError("seconds cannot be set here: the recording decides the length")
    return request_of(prompt, sampling, **settings), recording_of(Path(origin), MAX_SECONDS)
