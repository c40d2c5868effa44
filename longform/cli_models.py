"""Commands about models: inspect, convert, models."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longform.cli_options import JsonOption
from longform.cli_show import note
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.bundle import Bundle
    from longform.hub.registry import Entry

TENSORS_SUFFIX = ".safetensors"

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A model_config.json that lies elsewhere.")
]

models = typer.Typer(invoke_without_command=True, help="List, add and remove models.")


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(inspect)
    app.command()(convert)
    app.add_typer(models, name="models")


def inspect(
    target: Annotated[str, typer.Argument(help="A model, an audio file or a .safetensors file.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model or a file is: family, layout, sizes, licence, and every key."""
    facts = _facts(target, config)
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print_facts(_readable(facts))


def convert(
    source: Annotated[Path, typer.Argument(help="A checkpoint of any layout, .ckpt included.")],
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    to: Annotated[str, typer.Option("--to", help="bundle, diffusers, toolkit; clap; or tensors.")],
    name: Annotated[
        str | None, typer.Option(help="The model's name; default: the folder's.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="The licence, if yours differs.")] = None,
    config: ConfigOption = None,
    text_encoder: Annotated[
        Path | None, typer.Option(help="A folder with a text encoder, to go with it.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on although keys are missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a model in another layout; every tensor keeps every bit.

    --to clap makes a text encoder of a LAION-CLAP checkpoint, with roberta-base's tokenizer out of
    --text-encoder. --to tensors makes a model.safetensors of any file, such as the weights that
    eval --full reads.
    """
    from longform.hub.convert import convert as run

    done = run(
        source,
        out,
        to,
        name=name,
        licence=licence,
        config=config,
        text_encoder=text_encoder,
        allow_missing=allow_missing,
    )
    if as_json:
        row = {"path": str(done.path), "family": done.family, "tensors": done.tensors}
        print(json.dumps({**row, "bytes": done.nbytes, "notes": done.notes}))
        return
    for text in done.notes:
        note(text)
    note(f"{done.family}: {done.tensors} tensors, {done.nbytes / 1e6:.1f} MB")
    print(done.path)


@models.callback()
def _list_when_alone(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_all(as_json)


@models.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """List the installed models and those that were added."""
    from longform.bundle import Bundle, list_models
    from longform.config import to_mapping
    from longform.hub.registry import registered

    bundles, added = [Bundle.load(name) for name in list_models()], registered()
    if as_json:
        rows = [{"name": one.folder.name, "path": str(one.folder)} for one in bundles]
        rows += [{"name": name, **to_mapping(one)} for name, one in added.items()]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not bundles and not added:
        print("no model is installed; name a bundle folder with --model")
    for one in bundles:
        print(f"{one.folder.name}  {one.manifest.licence}  {one.manifest.description}")
    for name, entry in added.items():
        gone = "" if Path(entry.path).exists() else "  (its files are gone)"
        print(f"{name}  {entry.licence}  {entry.family}, {entry.path}{gone}")


@models.command("add")
def add(
    source: Annotated[str, typer.Argument(help="A checkpoint file or folder, or a model hub id.")],
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Keep a copy as a bundle instead of referring to it.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on although keys are missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a model a name for --model; its licence is shown."""
    from longform.hub import registry

    given, entry = registry.add(source, name=name, copy=copy, allow_missing=allow_missing)
    _show(given, entry, as_json)


@models.command("remove")
def remove(name: Annotated[str, typer.Argument(help="A name that was added.")]) -> None:
    """Forget a model; files that are yours stay where they are."""
    from longform.hub import registry

    entry = registry.remove(name)
    print(f"{name} removed; " + ("its copy is deleted" if entry.owned else f"kept: {entry.path}"))


def _show(name: str, entry: "Entry", as_json: bool) -> None:
    from longform.config import to_mapping

    if as_json:
        print(json.dumps({"name": name, **to_mapping(entry)}, indent=2, ensure_ascii=False))
        return
    from longform.hub import open_model
    from longform.hub.model import Model

    note(f"{entry.family}, licence: {entry.licence}")
    for line in entry.conditions:
        note(f"  {line}")
    opened = open_model(name)
    for line in opened.checkpoint.notes if isinstance(opened, Model) else ():
        note(line)
    print(name)


def _facts(target: str, config: Path | None) -> dict[str, Any]:
    """What the target is: a model by name or folder, a checkpoint, tensors, or audio."""
    from longform.bundle import Bundle, list_models
    from longform.hub.registry import registered
    from longform.hub.safe import PICKLES

    path = Path(target)
    if path.is_file() and path.suffix.lower() in PICKLES:
        raise UserError(
            f"{path}: is a pickle, which may hold code; turn it into safetensors with `longform "
            "convert` and inspect those"
        )
    if target in list_models() or target in registered() or path.is_dir():
        from longform.hub import open_model
        from longform.hub.inspect import facts

        model = open_model(target)
        return _bundle_facts(model) if isinstance(model, Bundle) else facts(model)
    if path.suffix.lower() == TENSORS_SUFFIX:
        return _tensor_facts(path, config)
    return _audio_facts(path)


def _bundle_facts(bundle: "Bundle") -> dict[str, Any]:
    from longform.config import to_mapping

    manifest = bundle.manifest
    return {
        "model": manifest.name,
        "folder": str(bundle.folder),
        "licence": manifest.licence,
        "description": manifest.description,
        "sha256": bundle.content_hash(),
        "parameters": _parameters(bundle),
        "defaults": to_mapping(manifest.defaults),
        "card": manifest.card,
    }


def _parameters(bundle: "Bundle") -> dict[str, int]:
    """How many numbers each part holds, from the headers alone."""
    from math import prod

    from longform.checkpoint import read_shapes
    from longform.eight_bit import SUFFIX

    counts: dict[str, int] = {}
    for part in ("autoencoder", "clap", "dit"):
        for key, (_, shape) in read_shapes(bundle.folder / f"{part}.safetensors").items():
            if key.endswith(SUFFIX):
                continue
            name = key.partition(".")[0] if part == "dit" else part
            counts[name] = counts.get(name, 0) + prod(shape)
    return counts


def _tensor_facts(path: Path, config: Path | None) -> dict[str, Any]:
    """A checkpoint of the family, or else any tensors."""
    from longform.checkpoint import read_metadata, read_shapes
    from longform.hub.layouts import is_family_file
    from longform.tags import clean

    if is_family_file(path):
        from longform.hub.inspect import facts
        from longform.hub.model import Model

        return facts(Model.open(path, config=config))
    tensors = {
        clean(key): f"{kind} {list(shape)}" for key, (kind, shape) in read_shapes(path).items()
    }
    metadata = {clean(key): clean(text) for key, text in sorted(read_metadata(path).items())}
    return {"file": str(path), "metadata": metadata, "tensors": tensors}


def _audio_facts(path: Path) -> dict[str, Any]:
    from longform.audio import info, read
    from longform.provenance import describe

    header = info(path)
    waveform = read(path)
    loudness = waveform.loudness_lufs()
    return {
        "file": str(path),
        "format": header.format,
        "sample_rate": header.sample_rate,
        "channels": header.channels,
        "seconds": round(waveform.seconds, 3),
        "peak_db": round(waveform.peak_db, 2),
        "true_peak_db": round(waveform.true_peak_db, 2),
        "loudness_lufs": None if loudness is None else round(loudness, 2),
        **describe(path),
    }


def _readable(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a checkpoint for people: sizes in MB, and of the keys counts and faults."""
    if "keys" not in facts:
        return facts
    shown = {name: value for name, value in facts.items() if value != []}
    sizes = {"bytes": facts["bytes"], **facts["memory_bytes"]}
    megabytes = {name: f"{value / 1e6:,.1f} MB" for name, value in sizes.items()}
    shown["bytes"] = megabytes.pop("bytes")
    shown["memory_bytes"] = megabytes
    shown["keys"] = {}
    for part, kinds in facts["keys"].items():
        counts = {name: one if isinstance(one, int) else len(one) for name, one in kinds.items()}
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        faults = {name: one for name, one in kinds.items() if one and isinstance(one, list)}
        shown["keys"][part] = {"in all": told, **faults}
    return shown


def _print_facts(facts: dict[str, Any], indent: str = "") -> None:
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            print(f"{indent}{name}:")
            _print_facts(value, indent + "  ")
        elif isinstance(value, list) and value:
            print(f"{indent}{name}:")
            print("\n".join(f"{indent}  {one}" for one in value))
        else:
            print(f"{indent}{name}: {value}")
