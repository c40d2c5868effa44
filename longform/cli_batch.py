"""Commands that make many files, or one again: batch, replay."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longform.cli_generate import finishing_of, level_line
from longform.cli_model import ModelSource
from longform.cli_options import (
    AdapterOption,
    AllowMissingOption,
    BitsOption,
    DeviceOption,
    ForceOption,
    JsonOption,
    LufsOption,
    ModelOption,
    RawOption,
    TextEncoderOption,
    TruePeakOption,
)
from longform.cli_show import note, reporter
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.batch_list import Failure, Item


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(batch)
    app.command()(replay)


def batch(
    items: Annotated[Path, typer.Argument(help="A .csv or .jsonl file, one item a row.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder. Default: the list's name.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="wav, flac, mp3 or ogg.")] = "wav",
    bits: BitsOption = None,
    lufs: LufsOption = -14.0,
    true_peak: TruePeakOption = -1.0,
    raw: RawOption = False,
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    allow_missing: AllowMissingOption = False,
    text_encoder: TextEncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make every item of a list; started again, it goes on where it stopped.

    Columns: the options of `generate`, name, item, and job, audio and parameters of other jobs;
    audio without a job is restyled (transfer).
    """
    from longform.audio import check_target
    from longform.batch import run_batch
    from longform.batch_list import read_list

    rows, unusable = read_list(items)
    finishing = finishing_of(lufs, true_peak, raw)
    folder = out or items.with_suffix("")
    _make_folder(folder)
    suffix = f".{form.lower().lstrip('.')}"
    check_target(folder / f"x{suffix}", True, bits)
    pipe = ModelSource(model, device, allow_missing, text_encoder).load()

    def tell(item: "Item", path: Path | None, outcome: str) -> None:
        what = outcome if path else f"failed: {outcome}"
        note(
            f"{item.number}/{len(rows) + len(unusable)} {path.name if path else item.name}: {what}"
        )

    with reporter() as on_progress:
        report = run_batch(
            pipe,
            rows,
            folder,
            suffix=suffix,
            bits=bits,
            finishing=finishing,
            on_item=tell,
            on_progress=on_progress,
        )
    failures = sorted(unusable + report.failures, key=lambda one: one.number)
    if as_json:
        row = {
            "made": [str(path) for path in report.made],
            "there": [str(path) for path in report.skipped],
            "failed": [asdict(one) for one in failures],
        }
        print(json.dumps(row, ensure_ascii=False), flush=True)
    else:
        for path in report.made:
            print(path)
    _end(len(report.made), len(report.skipped), failures)


def _end(made: int, there: int, failures: "list[Failure]") -> None:
    note(f"{made} made, {there} there already, {len(failures)} failed")
    for one in failures:
        note(f"failed: row {one.number} ({one.prompt[:60] or 'no prompt'}): {one.reason}")
    if failures:
        raise typer.Exit(1)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}") from None


def replay(
    file: Annotated[Path, typer.Argument(help="An audio file that longform made, or its .json.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where the new file goes.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare, and write nothing unless --out is given.")
    ] = False,
    recordings: Annotated[
        list[Path] | None,
        typer.Option("--input", help="A recording that the recipe asks for; repeatable."),
    ] = None,
    bits: BitsOption = None,
    model: Annotated[
        str | None, typer.Option(help="The model. Default: by the recipe's name.")
    ] = None,
    device: DeviceOption = "auto",
    allow_missing: AllowMissingOption = False,
    text_encoder: TextEncoderOption = None,
    adapter: AdapterOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a file again from its own tags, and with --verify prove that it is the same."""
    from longform.deliver import check_output, machine_of
    from longform.provenance import read_recipe
    from longform.replay import check_model, compare, deliver_again, find_inputs, make_again

    recipe = read_recipe(file)
    out = _replay_target(file, out, verify)
    if out is not None:
        check_output(out, force, bits)
    inputs = find_inputs(recipe, recordings or [])
    from longform.bundle import list_models
    from longform.hub.registry import registered

    if model is None and recipe.model not in list_models() and recipe.model not in registered():
        raise UserError(f"{file}: model {recipe.model!r} is not installed; give --model FOLDER")
    source = ModelSource(model or recipe.model, device, allow_missing, text_encoder, adapter)
    check_model(recipe, source.content_hash())
    pipe = source.load()
    with reporter() as on_progress:
        result, waveform = make_again(recipe, pipe, inputs=inputs, on_progress=on_progress)
    row: dict[str, Any] = {"file": str(file), "recipe": asdict(recipe)}
    if out is not None:
        delivered = deliver_again(
            recipe, result, out, pipe=pipe, inputs=inputs, bits=bits, overwrite=force
        )
        note(level_line(delivered))
        row["path"] = str(out)
    same = True
    if verify:
        verdict = compare(file, recipe, waveform, machine_of(pipe))
        same = verdict.same_samples and verdict.same_file
        row |= asdict(verdict)
        note(f"{file}: {verdict}")
    if as_json:
        print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
    elif out is not None:
        print(out, flush=True)
    if not same:
        raise typer.Exit(1)


def _replay_target(file: Path, out: Path | None, verify: bool) -> Path | None:
    """Where the replay is written: as asked, else beside the file, else, to verify it, nowhere."""
    is_sidecar = file.suffix.lower() == ".json"
    if verify and is_sidecar:
        raise UserError(f"{file}: --verify compares audio; name the audio file")
    if out is not None or verify:
        return out
    audio = file.with_suffix("") if is_sidecar else file
    return audio.with_name(f"{audio.stem}-replay{audio.suffix}")
