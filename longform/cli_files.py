"""Commands about files and models: encode, decode, models, inspect, doctor."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longform.cli_options import DeviceOption, ForceOption, JsonOption, ModelOption
from longform.cli_show import note, reporter
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.bundle import Bundle

LATENTS_SUFFIX = ".safetensors"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (encode, decode, models, inspect, doctor):
        app.command()(command)


def encode(
    audio: Annotated[Path, typer.Argument(help="Any audio file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="A .safetensors file.")],
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    force: ForceOption = False,
) -> None:
    """Squeeze a recording into latents."""
    from longform.audio import info, read
    from longform.files import check_writable

    if out.suffix.lower() != LATENTS_SUFFIX:
        raise UserError(f"{out}: latents are written to {LATENTS_SUFFIX} files")
    check_writable(out, force)
    info(audio)
    from longform.checkpoint import save_tensors
    from longform.pipeline import Pipeline

    pipe = Pipeline.from_pretrained(model, device=device)
    network = pipe.autoencoder
    waveform = read(audio, sample_rate=network.sample_rate, channels=network.channels)
    with reporter() as on_progress:
        latents = pipe.encode(waveform, on_progress=on_progress)
    facts = {
        "model": pipe.bundle.manifest.name,
        "sample_rate": str(network.sample_rate),
        "samples": str(waveform.samples.shape[1]),
        "latent_rate_hz": repr(network.latent_rate_hz),
    }
    save_tensors(out, {"latents": latents}, facts, overwrite=force)
    note(f"{waveform.seconds:.1f} s of audio are {tuple(latents.shape)} latents")
    print(out)


def decode(
    latents: Annotated[Path, typer.Argument(help="A .safetensors file that `encode` wrote.")],
    out: Annotated[Path, typer.Option("-o", "--out", help=".wav, .flac, .mp3 or .ogg file.")],
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    force: ForceOption = False,
) -> None:
    """Turn latents back into audio."""
    from longform.audio import Waveform, check_target
    from longform.checkpoint import load_tensors, read_metadata

    check_target(out, force)
    tensors, facts = load_tensors(latents), read_metadata(latents)
    if set(tensors) != {"latents"}:
        raise UserError(f"{latents}: holds {len(tensors)} tensors; expected one named 'latents'")
    from longform.pipeline import Pipeline

    pipe = Pipeline.from_pretrained(model, device=device)
    with reporter() as on_progress:
        waveform = pipe.decode(tensors["latents"], on_progress=on_progress)
    samples = waveform.samples
    if facts.get("samples", "").isdecimal():
        samples = samples[:, : int(facts["samples"])]
    Waveform(samples, waveform.sample_rate).save(out, overwrite=force)
    print(out)


def models(as_json: JsonOption = False) -> None:
    """List the installed models."""
    from longform.bundle import Bundle, list_models

    bundles = [Bundle.load(name) for name in list_models()]
    if as_json:
        rows = [{"name": one.folder.name, "path": str(one.folder)} for one in bundles]
        print(json.dumps(rows, indent=2))
        return
    if not bundles:
        print("no model is installed; name a bundle folder with --model")
    for one in bundles:
        print(f"{one.folder.name}  {one.manifest.licence}  {one.manifest.description}")


def inspect(
    target: Annotated[str, typer.Argument(help="A model, an audio file or a .safetensors file.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a model or a file is."""
    from longform.bundle import list_models

    path = Path(target)
    if path.is_dir() or target in list_models():
        facts = _bundle_facts(target)
    elif path.suffix.lower() == LATENTS_SUFFIX:
        facts = _tensor_facts(path)
    else:
        facts = _audio_facts(path)
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print_facts(facts)


def doctor(as_json: JsonOption = False) -> None:
    """Check this machine and installation; each line says ok, or what to do."""
    from dataclasses import asdict

    from longform.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(one) for one in findings], indent=2, ensure_ascii=False))
    else:
        for one in findings:
            print(one)
    if any(one.state == "fail" for one in findings):
        raise typer.Exit(1)


def _bundle_facts(target: str) -> dict[str, Any]:
    from longform.bundle import Bundle
    from longform.config import to_mapping

    bundle = Bundle.load(target)
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

    counts: dict[str, int] = {}
    for part in ("autoencoder", "clap", "dit"):
        for key, (_, shape) in read_shapes(bundle.folder / f"{part}.safetensors").items():
            name = key.partition(".")[0] if part == "dit" else part
            counts[name] = counts.get(name, 0) + prod(shape)
    return counts


def _tensor_facts(path: Path) -> dict[str, Any]:
    from longform.checkpoint import read_metadata, read_shapes
    from longform.tags import clean

    tensors = {
        clean(key): f"{kind} {list(shape)}" for key, (kind, shape) in read_shapes(path).items()
    }
    metadata = {clean(key): clean(text) for key, text in sorted(read_metadata(path).items())}
    return {"file": str(path), "metadata": metadata, "tensors": tensors}


def _audio_facts(path: Path) -> dict[str, Any]:
    from longform.audio import info, read
    from longform.tags import read_tags

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
        "tags": read_tags(path),
    }


def _print_facts(facts: dict[str, Any], indent: str = "") -> None:
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            print(f"{indent}{name}:")
            _print_facts(value, indent + "  ")
        else:
            print(f"{indent}{name}: {value}")
