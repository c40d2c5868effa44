"""Commands that make something from a prompt besides `generate`: sfx, loop and plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longform.cli_model import ModelSource
from longform.cli_options import (
    MUSIC,
    BpmOption,
    CountOption,
    ForceOption,
    KeyOption,
    MetreOption,
    NegativeOption,
    NoPlannerOption,
    Output,
    Sampling,
    SecondsOption,
    SeedOption,
    grouped,
)
from longform.cli_show import note
from longform.cli_task import (
    Task,
    paths_of,
    request_of,
    run_task,
    slug_of,
)
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.music.plan import Plan
    from longform.request import Request

PromptArgument = Annotated[str, typer.Argument(help="What it should sound like, in words.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (sfx, loop, plan):
        app.command()(command)


@grouped
def sfx(
    prompt: PromptArgument,
    *,
    seconds: SecondsOption = None,
    count: CountOption = 4,
    looped: Annotated[
        bool, typer.Option("--loop", help="Its end meets its start.", rich_help_panel=MUSIC)
    ] = False,
    negative: NegativeOption = None,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Make takes of a sound effect of 0.3 to 30 seconds."""
    request = request_of(prompt, sampling, seconds=seconds, negative=negative)
    paths = paths_of(f"{slug_of(prompt)}-{request.seed}", output, count)
    task = Task(job="sfx", request=request, own={"looped": looped}, paths=paths,
                 finished=False, output=output)  # fmt: skip
    run_task(task, source)


@grouped
def loop(
    prompt: PromptArgument,
    *,
    bars: Annotated[int, typer.Option(help="1 to 64.", rich_help_panel=MUSIC)] = 8,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    negative: NegativeOption = None,
    count: CountOption = 1,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Make a loop of whole bars, exact to the sample, with loop points and tempo in the WAV."""
    request = request_of(prompt, sampling, negative=negative, bpm=bpm, key=key, metre=metre)
    paths = paths_of(f"{slug_of(prompt)}-loop-{request.seed}", output, count)
    task = Task(job="loop", request=request, own={"bars": bars}, paths=paths,
                 finished=False, output=output)  # fmt: skip
    run_task(task, source)


@grouped
def plan(
    prompt: PromptArgument,
    *,
    outline: Annotated[
        str | None, typer.Option("--plan", help="Sections to start from, inline or a YAML file.")
    ] = None,
    seconds: SecondsOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    seed: SeedOption = None,
    no_planner: NoPlannerOption = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A .yaml file to write it to.")
    ] = None,
    force: ForceOption = False,
    source: ModelSource,
) -> None:
    """Print the plan of a piece as YAML, to be edited and given to `generate --plan`."""
    from longform.files import atomic, check_writable
    from longform.music.outline import outline_yaml
    from longform.music.outline_plan import markers_of, outline_of

    settings = {"seconds": seconds, "bpm": bpm, "key": key, "metre": metre}
    settings |= {"plan": plan_text(outline), "no_planner": no_planner}
    request = request_of(prompt, Sampling(seed=seed), **settings)
    if out is not None:
        if out.suffix.lower() not in (".yaml", ".yml"):
            raise UserError(f"{out}: a plan is a .yaml file")
        check_writable(out, force)
    found = _planned(request, source)
    names = [name for name, _ in markers_of(found, request.plan)]
    text = outline_yaml(outline_of(found, names))
    note(f"seed {request.seed}")
    if out is None:
        print(text, end="")
        return
    with atomic(out, force) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(out)


def _planned(request: "Request", source: ModelSource) -> "Plan":
    """The plan of a request, by the model's planner where it has one and may."""
    from longform.planning import length_of, plan_of
    from longform.request import MAX_SECONDS

    seconds = length_of(request, MAX_SECONDS)
    if request.no_planner:
        found = plan_of(request, seconds)
    else:
        opened = source.open()
        from longform.engine import Engine

        found = plan_of(request, seconds, compose=Engine(opened, source.device).composer(request))
    if found is None:
        raise UserError(f"{request.prompt[:60]!r} is a sound effect, which has no plan")
    return found


def plan_text(plan: str | None) -> str | None:
    """The text of a plan that an option gives inline, or as the name of a YAML file."""
    if plan is None or not plan.lower().endswith((".yaml", ".yml")):
        return plan
    path = Path(plan)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size > 1 << 20:
        raise UserError(f"{path}: too large for a plan")
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: not readable as text ({error})") from None
