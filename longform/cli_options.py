"""Options that several commands share, and the panels that `--help` sorts them into."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

MUSIC, CHOICE, FILE, MODEL = "Music", "Choice of takes", "Sound and file", "Model and seed"

ModelOption = Annotated[
    str,
    typer.Option("--model", help="A model by name, or its file or folder.", rich_help_panel=MODEL),
]
AllowMissingOption = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Go on although the model's file lacks tensors.",
        rich_help_panel=MODEL,
    ),
]
TextEncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="The folder of its text encoder, for models that come without.", rich_help_panel=MODEL
    ),
]
AdapterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter",
        help="A LoRA file, as FILE or FILE:STRENGTH; repeatable.",
        rich_help_panel=MODEL,
    ),
]
DeviceOption = Annotated[
    str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=MODEL)
]
OutOption = Annotated[
    Path | None,
    typer.Option("-o", "--out", help=".wav, .flac, .mp3 or .ogg file.", rich_help_panel=FILE),
]
BitsOption = Annotated[
    int | None,
    typer.Option(help="16, 24 or 32 (WAV); 16 or 24 (FLAC).", rich_help_panel=FILE),
]
LufsOption = Annotated[
    float, typer.Option(help="Loudness to bring it to, LUFS.", rich_help_panel=FILE)
]
TruePeakOption = Annotated[
    float, typer.Option(help="What no peak exceeds, dBTP.", rich_help_panel=FILE)
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="As the model made it: no fade, level or limiter.", rich_help_panel=FILE
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace files that exist.", rich_help_panel=FILE)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
SeedOption = Annotated[
    int | None, typer.Option(help="Same seed, same result. Default: drawn.", rich_help_panel=MODEL)
]
StepsOption = Annotated[int | None, typer.Option(help="Denoising steps.", rich_help_panel=MODEL)]
GuidanceOption = Annotated[
    float | None, typer.Option(help="How strictly to follow, 0 to 30.", rich_help_panel=MODEL)
]
TeacherOption = Annotated[
    bool,
    typer.Option(
        "--teacher",
        help="The denoiser that the few-step student was made from; slower.",
        rich_help_panel=MODEL,
    ),
]
NegativeOption = Annotated[
    str | None, typer.Option(help="What to keep away from.", rich_help_panel=MUSIC)
]
BpmOption = Annotated[float | None, typer.Option(help="Tempo, 40 to 220.", rich_help_panel=MUSIC)]
KeyOption = Annotated[
    str | None, typer.Option(help='Such as "A minor" or "F# major".', rich_help_panel=MUSIC)
]
MetreOption = Annotated[
    int | None, typer.Option(help="Beats in a bar, 2 to 7.", rich_help_panel=MUSIC)
]
NoPlannerOption = Annotated[
    bool,
    typer.Option(
        "--no-planner",
        help="Draw the plan from the style's habits; the model's planner writes none.",
        rich_help_panel=MUSIC,
    ),
]
SecondsOption = Annotated[float | None, typer.Option(help="Length.", rich_help_panel=MUSIC)]
CountOption = Annotated[int, typer.Option(help="How many.", rich_help_panel=FILE)]


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a result goes, and how it is told."""

    out: OutOption = None
    bits: BitsOption = None
    force: ForceOption = False
    as_json: JsonOption = False


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What is drawn, and how carefully."""

    seed: SeedOption = None
    steps: StepsOption = None
    guidance: GuidanceOption = None
    teacher: TeacherOption = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter of a dataclass type spread out: one option for each field.

    Typer reads signatures, and this is how commands share options without repeating them.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)
    }
    spread: dict[str, inspect.Parameter] = {}
    for name, parameter in own.items():
        options = _options(groups[name]) if name in groups else [parameter]
        spread |= {one.name: one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in options}

    @wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        command(**given)

    call.__annotations__ = {name: one.annotation for name, one in spread.items()}
    vars(call)["__signature__"] = inspect.Signature(list(spread.values()))
    return call


def _options(group: Any) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters."""
    return [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=one.type,
        )
        for one in fields(group)
    ]
