"""Commands that start from a recording or a seed: transfer, inpaint, extend, vary."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    RawOption,
    SecondsOption,
    SeedOption,
    StepsOption,
    TextEncoderOption,
)
from longform.cli_task import (
    Task,
    exact_bits,
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


def transfer(
    audio: AudioArgument,
    prompt: PromptArgument,
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
    out: OutOption = None,
    bits: BitsOption = None,
    raw: RawOption = False,
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
    """Restyle a recording along a prompt, and say what was kept of it."""
    from longform.jobs.checks import intended
    from longform.request import MAX_SECONDS

    intended(strength, keep)
    request = request_of(
        prompt, seed, steps=steps, guidance=guidance, negative=negative, bpm=bpm, key=key
    )
    paths = paths_of(f"{audio.stem}-transfer-{request.seed}", out, 1, force, bits)
    recording = recording_of(audio, MAX_SECONDS)
    own = {"strength": strength, "keep": keep}
    task = Task(job="transfer", request=request, own=own, audio=recording, paths=paths,
                 finished=not raw, bits=bits, force=force, as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


def inpaint(
    audio: AudioArgument,
    prompt: PromptArgument,
    region: Annotated[
        list[str], typer.Option(help="Seconds such as 20-35 or 1:20-1:35; may be repeated.")
    ],
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
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
    """Make regions of a recording anew; the rest stays as it is, to the last bit in 32-bit WAV."""
    from longform.jobs.checks import checked_regions, joinable

    request = request_of(
        prompt, seed, steps=steps, guidance=guidance, negative=negative, bpm=bpm, key=key
    )
    regions = [read_region(one) for one in region]
    paths = paths_of(f"{audio.stem}-inpaint-{request.seed}", out, 1, force, bits)
    recording = joinable(recording_of(audio))
    checked_regions(regions, recording.seconds)
    task = Task(job="inpaint", request=request, own={"regions": regions}, audio=recording,
                 paths=paths, finished=False, bits=exact_bits(paths, bits), force=force,
                 as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


def extend(
    audio: AudioArgument,
    prompt: PromptArgument,
    after: Annotated[float, typer.Option(help="Seconds to add after the end.")] = 0.0,
    before: Annotated[float, typer.Option(help="Seconds to add before the start.")] = 0.0,
    negative: NegativeOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
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
    """Go on after the end of a recording, or lead up to its start."""
    from longform.jobs.checks import check_lengths, joinable

    check_lengths(before, after)
    request = request_of(
        prompt, seed, steps=steps, guidance=guidance, negative=negative, bpm=bpm, key=key
    )
    paths = paths_of(f"{audio.stem}-extend-{request.seed}", out, 1, force, bits)
    own = {"after_seconds": after, "before_seconds": before}
    task = Task(job="extend", request=request, own=own, audio=joinable(recording_of(audio)),
                 paths=paths, finished=False, bits=exact_bits(paths, bits), force=force,
                 as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


def vary(
    source: Annotated[str, typer.Argument(help="An audio file, or a seed.")],
    prompt: Annotated[
        str | None, typer.Argument(help="Of a seed, its prompt. Of a file, if it has no recipe.")
    ] = None,
    amount: Annotated[float, typer.Option(help="0 changes nothing, 1 everything.")] = 0.3,
    count: CountOption = 1,
    seconds: SecondsOption = None,
    bpm: BpmOption = None,
    key: KeyOption = None,
    metre: MetreOption = None,
    out: OutOption = None,
    bits: BitsOption = None,
    raw: RawOption = False,
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
    """Make other versions of a piece: of a seed, of a file with its recipe, or of any recording."""
    from longform.jobs.checks import check_amount

    check_amount(amount)
    settings = {"seconds": seconds, "bpm": bpm, "key": key, "metre": metre}
    request, recording = _source(
        source, prompt, seed, settings | {"steps": steps, "guidance": guidance}
    )
    stem = slug_of(request.prompt) if recording is None else Path(source).stem
    paths = paths_of(f"{stem}-vary-{request.seed}", out, count, force, bits)
    task = Task(job="vary", request=request, own={"amount": amount}, audio=recording,
                 paths=paths, finished=not raw, bits=bits, force=force,
                 as_json=as_json)  # fmt: skip
    run_task(task, ModelSource(model, device, allow_missing, text_encoder))


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


def _source(
    source: str, prompt: str | None, seed: int | None, settings: dict[str, Any]
) -> "tuple[Request, Waveform | None]":
    """What to vary: the request of a seed or of a file's recipe, or a recording and its request."""
    from longform.config import from_mapping
    from longform.provenance import read_recipe
    from longform.request import MAX_SECONDS, Request

    if source.isdecimal() and not Path(source).exists():
        if prompt is None:
            raise UserError(f"seed {source} needs the prompt of its piece after it")
        if seed is not None:
            raise UserError("the seed is what is varied: leave --seed out")
        return Request(prompt=prompt, seed=int(source), **settings), None
    if prompt is None:
        recipe = read_recipe(source)
        if recipe.job != "generate":
            raise UserError(f"{source}: was made by {recipe.job}; give a prompt to vary its sound")
        return from_mapping(Request, recipe.parameters, f"{source}: recipe"), None
    if settings.pop("seconds") is not None:
        raise UserError("seconds cannot be set here: the recording decides the length")
    return request_of(prompt, seed, **settings), recording_of(Path(source), MAX_SECONDS)
