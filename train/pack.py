"""From training runs to one bundle: the averaged weights of their newest checkpoints."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from longform.bundle import MANIFEST, Bundle, write_bundle
from longform.config import from_mapping, load_yaml, to_mapping
from longform.dit.config import DiTConfig
from longform.errors import UserError
from longform.manifest import FORMAT, AutoencoderPart, Defaults, Manifest, NetworkPart, StudentPart
from longform.train import checkpoints

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a bundle says about itself, read from a YAML file."""

    description: str = ""
    licence: str = "MIT"
    defaults: Defaults | None = None
    card: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """One part as a run left it."""

    kind: str | None
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    source: str


def pack(
    out: str | Path,
    *,
    name: str,
    autoencoder: str | Path,
    clap: str | Path,
    dit: str | Path,
    planner: str | Path | None = None,
    student: str | Path | None = None,
    about: str | Path | None = None,
    eight_bit: bool = False,
    overwrite: bool = False,
    say: checkpoints.Say = print,
) -> Bundle:
    """Write the bundle `out`; each run is a run folder (its newest checkpoint) or a checkpoint.

    A planner must have been trained with the text tower of `clap`, a student have been distilled
    from `dit`.

    Raises:
        UserError: a run without a whole checkpoint or without the part; see also `write_bundle`.
    """
    label = load_yaml(About, about) if about is not None else About()
    coder = read_part(autoencoder, "autoencoder", say)
    towers = read_part(clap, "clap", say)
    denoiser = read_part(dit, "dit", say)
    conditioner = read_part(dit, "conditioner", say)
    writer = None if planner is None else read_part(planner, "planner", say)
    pupil = None if student is None else read_part(student, "student", say)
    trained_as = from_mapping(DiTConfig, denoiser.config, f"{denoiser.source}: dit")
    if coder.kind is None:
        raise UserError(f"{coder.source}: does not say which kind of autoencoder it is")
    sources = {"autoencoder": coder.source, "clap": towers.source, "dit": denoiser.source}
    sources |= {} if writer is None else {"planner": writer.source}
    sources |= {} if pupil is None else {"student": pupil.source}
    manifest = Manifest(
        format=FORMAT,
        name=name,
        licence=label.licence,
        description=label.description,
        autoencoder=AutoencoderPart(kind=coder.kind, config=coder.config),
        clap=NetworkPart(config=towers.config),
        dit=NetworkPart(config=denoiser.config),
        conditioner=NetworkPart(config=conditioner.config),
        planner=None if writer is None else NetworkPart(config=writer.config),
        student=None if pupil is None else from_mapping(StudentPart, pupil.config, pupil.source),
        defaults=label.defaults or Defaults.of(trained_as.objective),
        card={**label.card, "checkpoints": sources},
    )
    import longform.clap

    return write_bundle(
        out,
        manifest,
        autoencoder=coder.tensors,
        clap=towers.tensors,
        dit=denoiser.tensors,
        conditioner=conditioner.tensors,
        planner=None if writer is None else writer.tensors,
        student=None if pupil is None else pupil.tensors,
        tokenizer=Path(longform.clap.__path__[0]) / TOKENIZER,
        eight_bit=eight_bit,
        overwrite=overwrite,
    )


def read_part(source: str | Path, name: str, say: checkpoints.Say = print) -> Trained:
    """The part `name` of a run, a checkpoint or a bundle; a run's average where it kept one.

    Raises:
        UserError: there is no whole checkpoint and no such bundle, or it does not hold the part.
    """
    if not checkpoints.is_run(source):
        if Path(source).is_dir() and not (Path(source) / MANIFEST).is_file():
            raise UserError(f"folder {str(source)!r} holds no checkpoint of a run, and no model")
        return _bundled(Bundle.load(source), name)
    checkpoint = checkpoints.resolve(source, say)
    facts = checkpoints.read_facts(checkpoint)
    parts = facts["parts"]
    if name not in parts:
        held = ", ".join(sorted(parts)) or "nothing"
        raise UserError(f"{checkpoint}: holds {held}, not the part {name!r}")
    part = parts[name]
    tensors = checkpoints.read(checkpoint, "networks") | checkpoints.read(checkpoint, "ema")
    prefix = part["prefix"]
    own = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
    return Trained(part["kind"], part["config"], own, f"{Path(source).name}, step {facts['step']}")


def _bundled(bundle: Bundle, name: str) -> Trained:
    """One part of a bundle, which came from where the bundle's card says."""
    part = getattr(bundle.manifest, name)
    if part is None:
        raise UserError(f"model {bundle.name!r} has no {name}")
    file, prefix = ("dit", f"{name}.") if name in ("dit", "conditioner") else (name, "")
    came_from = bundle.manifest.card.get("checkpoints", {}).get(name)
    source = f"model {bundle.name!r}"
    if came_from:  # a model that was packed from itself is named once
        source = came_from if came_from.startswith(source) else f"{source} ({came_from})"
    kind = part.kind if isinstance(part, AutoencoderPart) else None
    config = to_mapping(part) if isinstance(part, StudentPart) else part.config
    return Trained(kind, config, bundle.tensors(file, prefix), source)
