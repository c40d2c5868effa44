"""Commands about files and this machine: encode, decode, doctor."""

import json
from pathlib import Path
from typing import Annotated

import typer

from longform.cli_options import (
    AllowMissingOption,
    DeviceOption,
    ForceOption,
    JsonOption,
    ModelOption,
)
from longform.cli_show import note, reporter
from longform.errors import UserError

LATENTS_SUFFIX = ".safetensors"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (encode, decode, doctor):
        app.command()(command)


def encode(
    audio: Annotated[Path, typer.Argument(help="Any audio file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="A .safetensors file.")],
    model: ModelOption = "mini",
    device: DeviceOption = "auto",
    allow_missing: AllowMissingOption = False,
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
    from longform.hub import open_model
    from longform.pipeline import Pipeline

    pipe = Pipeline(open_model(model, allow_missing=allow_missing), device)
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
    allow_missing: AllowMissingOption = False,
    force: ForceOption = False,
) -> None:
    """Turn latents back into audio."""
    from longform.audio import Waveform, check_target
    from longform.checkpoint import load_tensors, read_metadata

    check_target(out, force)
    tensors, facts = load_tensors(latents), read_metadata(latents)
    if set(tensors) != {"latents"}:
        raise UserError(f"{latents}: holds {len(tensors)} tensors; expected one named 'latents'")
    from longform.hub import open_model
    from longform.pipeline import Pipeline

    pipe = Pipeline(open_model(model, allow_missing=allow_missing), device)
    with reporter() as on_progress:
        waveform = pipe.decode(tensors["latents"], on_progress=on_progress)
    samples = waveform.samples
    if facts.get("samples", "").isdecimal():
        samples = samples[:, : int(facts["samples"])]
    Waveform(samples, waveform.sample_rate).save(out, overwrite=force)
    print(out)


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
