"""The command that answers a recording: accompany."""

from pathlib import Path
from typing import Annotated

import typer

from longform.cli_model import ModelSource
from longform.cli_options import (
    FILE,
    MUSIC,
    BpmOption,
    KeyOption,
    NegativeOption,
    Output,
    Sampling,
    grouped,
)
from longform.cli_task import Task, beside, paths_of, recording_of, request_of, run_task


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(accompany)


@grouped
def accompany(
    mix: Annotated[Path, typer.Argument(help="Any audio file: what is there already.")],
    prompt: Annotated[str, typer.Argument(help="The stem to add, such as 'bass line'.")],
    *,
    context_guidance: Annotated[
        float | None,
        typer.Option(
            help="How strictly to follow the mix, 0 to 30. Default: 1.", rich_help_panel=MUSIC
        ),
    ] = None,
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    together: Annotated[
        Path | None,
        typer.Option(help="A file for both, mixed, as well.", rich_help_panel=FILE),
    ] = None,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Answer a recording with a stem that fits it, as long as it, and say how well it fits."""
    from longform.jobs.checks import check_context_guidance
    from longform.request import MAX_SECONDS

    if context_guidance is not None:
        check_context_guidance(context_guidance)
    request = request_of(prompt, sampling, negative=negative, bpm=bpm, key=key)
    paths = paths_of(f"{mix.stem}-accompany-{request.seed}", output)
    task = Task(
        job="accompany",
        request=request,
        own={"context_guidance": context_guidance},
        audio=recording_of(mix, MAX_SECONDS),
        paths=paths,
        together=None if together is None else beside(together, paths, output),
        finished=False,
        output=output,
    )
    run_task(task, source)
