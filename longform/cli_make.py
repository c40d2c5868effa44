"""Commands that make something from a prompt besides `generate`: sfx, loop and plan."""

from pathlib import Path
from typing import Annotated

import typer

from longform.cli_model import ModelSource
from longform.cli_options import (
    MUSIC,
    AllowMissingOption,
    BitsOption,
    BpmOption,
    CountOption,
    DeviceOption,
    ForceOption,
    GuidanceOption,
    JsonOption,
    KeyOption,
    MetreOption,
    ModelOption,
    NegativeOption,
    OutOption,
    SecondsOption,
    SeedOption,
    StepsOption,
    TextEncoderOption,
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

PromptArgument = Annotated[str, typer.Argument(help="What it should sound like, in words.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (sfx, loop, plan):
        app.command()(command)


def sfx(
    prompt: PromptArgument,
    seconds: SecondsOption = None,
    count: CountOption = 4,
    looped: Annotated[
        bool, typer.Option("--loop", help="Its end meets its start.", rich_help_panel=MUSIC)
    ] = False,
    negative: NegativeOption = None,
    out: OutOption = None,
    bits: BitsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    seed: SeedOption = None,
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    allow_missing: AllowMissingOption = False,
    text_encoder: TextEncoderOption = None,
) -> None:
    """Make takes of a sound effect of 0.3 to 30 seconds."""
    request = request_of(
        prompt, seed, seconds=seconds, steps=steps, guidance=guidance, negative=negative
    )
    paths = paths_of(f"{slug_of(prompt)}-{request.seed}", out, count, force, bits)
    task = Task(job="sfx", request=request, own={"looped": looped}, paths=paths,
                 finished=False, bits=bits, force=force, as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


def loop(
    prompt: PromptArgument,
    bars: Annotated[int, typer.Option(help="1 to 64.", rich_help_panel=MUSIC)] = 8,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    negative: NegativeOption = None,
    count: CountOption = 1,
    out: OutOption = None,
    bits: BitsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    seed: SeedOption = None,
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    allow_missing: AllowMissingOption = False,
    text_encoder: TextEncoderOption = None,
) -> None:
    """Make a loop of whole bars, exact to the sample, with loop points and tempo in the WAV."""
    request = request_of(
        prompt, seed, steps=steps, guidance=guidance, negative=negative, bpm=bpm, key=key,
        metre=metre,
    )  # fmt: skip
    paths = paths_of(f"{slug_of(prompt)}-loop-{request.seed}", out, count, force, bits)
    task = Task(job="loop", request=request, own={"bars": bars}, paths=paths,
                 finished=False, bits=bits, force=force, as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


def plan(
    prompt: PromptArgument,
    outline: Annotated[
        str | None, typer.Option("--plan", help="Sections to start from, inline or a YAML file.")
    ] = None,
    seconds: SecondsOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    seed: SeedOption = None,
) -> None:
    """Print the plan of a piece as YAML, to be edited and given to `generate --plan`."""
    from longform.music.outline import outline_yaml
    from longform.music.outline_plan import markers_of, outline_of
    from longform.planning import length_of, plan_of
    from longform.request import MAX_SECONDS

    request = request_of(
        prompt, seed, seconds=seconds, bpm=bpm, key=key, metre=metre, plan=plan_text(outline)
    )
    drawn = plan_of(request, length_of(request, MAX_SECONDS))
    if drawn is None:
        raise UserError(f"{prompt[:60]!r} is a sound effect, which has no plan")
    names = [name for name, _ in markers_of(drawn, request.plan)]
    note(f"seed {request.seed}")
    print(outline_yaml(outline_of(drawn, names)), end="")


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
