"""From any layout to any other, bit by bit the same tensors."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from longform.bundle import MANIFEST
from longform.checkpoint import load_tensors, read_json, read_shapes, save_tensors
from longform.config import from_mapping, to_mapping
from longform.dit import keys
from longform.dit.config import DiTConfig
from longform.errors import UserError
from longform.hub.diffusers_keys import AUTOENCODER, CONDITIONER, DIT
from longform.hub.diffusers_write import write_diffusers
from longform.hub.layouts import (
    BUNDLE_FILES,
    CONFIG,
    TEXT,
    WEIGHTS,
    Checkpoint,
    config_beside,
    open_checkpoint,
    open_flat,
)
from longform.hub.model import Model
from longform.hub.pickles import unpickled
from longform.hub.report import check_complete
from longform.hub.safe import PICKLES
from longform.hub.tensors import Pair, Stored, TensorReader
from longform.hub.writing import Planned, copy_texts, new_folder, stream_tensors, write_json
from longform.text.laion import convert_clap

Target = Literal["bundle", "diffusers", "toolkit", "clap", "tensors"]
TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What `convert` wrote, and what a person should know about it."""

    path: Path
    family: str
    tensors: int
    nbytes: int
    notes: tuple[str, ...]


def convert(
    source: str | Path,
    out: str | Path,
    to: str,
    *,
    config: str | Path | None = None,
    name: str | None = None,
    licence: str | None = None,
    text_encoder: str | Path | None = None,
    allow_missing: bool = False,
) -> Converted:
    """Write the model in `source` to the new folder `out`, in the layout `to`.

    "clap" is apart: a checkpoint of laion_clap becomes the folder of a text encoder, with the
    tokenizer of roberta-base in `text_encoder`. "tensors" takes any file as it is: what it
    holds, by its own names, in one model.safetensors.

    Tensors keep every bit and their data type. Pickled files (.ckpt, .pt) are read here alone, and
    only their plain tensors. Nothing is ever overwritten, and `out` is there whole or not at all.

    Args:
        config: a model_config.json that does not lie beside the file
        name: what the model is called in the bundle; else the name of `out`
        text_encoder: a folder with a text encoder and its tokenizer, to go with it

    Raises:
        UserError: `out` exists; the source is broken, incomplete (without `allow_missing`), would
            run code, or cannot be expressed in the layout.
    """
    source, out = Path(source), Path(out)
    if to not in get_args(Target):
        raise UserError(f"layout {to!r} is unknown; choose {', '.join(get_args(Target))}")
    if to == "clap":
        return _convert_clap(source, out, text_encoder)
    if to == "tensors":
        return _convert_plain(source, out)
    with new_folder(out) as folder:
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            model = _opened(source, Path(scratch), config, name or out.name)
            warnings = check_complete(model.reports, str(source), allow_missing=allow_missing)
            carried = _Carried.of(model.checkpoint)
            texts = _copy_text(folder, model.checkpoint, text_encoder, to)
            if licence is not None:
                model = replace(model, manifest=replace(model.manifest, licence=licence))
            if to == "diffusers":
                write_diffusers(folder, model.manifest, carried.first, carried.make, texts)
            elif to == "toolkit":
                _write_toolkit(folder, model, carried)
            else:
                _write_bundle(folder, model, carried)
        _prove(folder, carried, model)
    return Converted(
        path=out,
        family=model.family,
        tensors=len(carried.first),
        nbytes=sum(path.stat().st_size for path in out.rglob("*.safetensors")),
        notes=(*model.checkpoint.notes, *warnings, *_text_notes(model, texts, to)),
    )


def _convert_clap(source: Path, out: Path, tokenizer: str | Path | None) -> Converted:
    if tokenizer is None:
        raise UserError(
            f"{source}: a CLAP needs the tokenizer of roberta-base; name its folder with "
            "--text-encoder"
        )
    with new_folder(out) as folder, tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        is_pickle = source.suffix.lower() in PICKLES
        plain = unpickled(source, Path(scratch) / "plain.safetensors") if is_pickle else source
        written = convert_clap(load_tensors(plain), tokenizer, folder)
    heard = any(name.startswith("audio_model.") for name in written)
    return Converted(
        path=out,
        family="laion-clap",
        tensors=len(written),
        nbytes=sum(tensor.nbytes for tensor in written.values()),
        notes=() if heard else ("its text tower alone: there is no audio tower without fusion",),
    )


def _convert_plain(source: Path, out: Path) -> Converted:
    """The tensors of any file, whatever network they are of."""
    if not source.is_file():
        raise UserError(f"{source}: no such file; --to tensors takes one file")
    with new_folder(out) as folder:
        if source.suffix.lower() == ".safetensors":
            save_tensors(folder / WEIGHTS, load_tensors(source), {"format": "pt"})
        else:
            unpickled(source, folder / WEIGHTS)
        shapes = read_shapes(folder / WEIGHTS)
    nbytes = (out / WEIGHTS).stat().st_size
    return Converted(path=out, family="tensors", tensors=len(shapes), nbytes=nbytes, notes=())


def _opened(source: Path, scratch: Path, config: str | Path | None, name: str) -> Model:
    """The model, pickles included."""
    if not source.is_file() or source.suffix.lower() not in PICKLES:
        checkpoint = open_checkpoint(source, config)
        return Model.of(checkpoint, name)
    plain = unpickled(source, scratch / "plain.safetensors")
    given = read_json(config) if config is not None else config_beside(source, plain)
    return Model.of(replace(open_flat(plain, given), path=source), name)


@dataclass(frozen=True)
class _Carried:
    """The tensors of a checkpoint that go along, by the toolkit's name."""

    first: dict[str, tuple[Pair, Stored]]
    stored: Mapping[str, Stored]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "_Carried":
        first = {}
        for name, pair in checkpoint.pairs.items():
            found = [checkpoint.stored.get(key) for key in pair.others]
            whole = [one for one in found if one is not None]
            if len(whole) < len(found):
                continue
            if len({one.dtype for one in whole}) > 1:
                raise UserError(f"{checkpoint.path}: {', '.join(pair.others)} differ in data type")
            first[name] = (pair, whole[0])
        return cls(first, checkpoint.stored)

    def make(self, name: str, reader: TensorReader) -> Tensor:
        pair = self.first[name][0]
        return pair.join([reader.read(self.stored[key]) for key in pair.others])

    def planned(self, name: str, written: str) -> Planned:
        pair, one = self.first[name]
        shape = pair.shape([self.stored[key].shape for key in pair.others])
        return Planned(written, one.dtype, shape, lambda reader: self.make(name, reader))


def _write_toolkit(folder: Path, model: Model, carried: _Carried) -> None:
    """model.safetensors and model_config.json, as the training toolkit reads them."""
    alone = model.manifest.dit is None
    planned = [
        carried.planned(name, name.removeprefix(AUTOENCODER) if alone else name)
        for name in carried.first
    ]
    if not alone:
        planned += _derived(model, carried)
    stream_tensors(folder / WEIGHTS, planned, {"format": "pt"})
    write_json(folder / CONFIG, model.manifest.toolkit)


def _derived(model: Model, carried: _Carried) -> list[Planned]:
    """Tensors that follow from the configuration and that the toolkit wants in the file."""
    assert model.manifest.dit is not None
    dtype = carried.first[f"{DIT}transformer.project_in.weight"][1].dtype
    config = from_mapping(DiTConfig, model.manifest.dit.config)
    return [
        Planned(name, dtype, tuple(value.shape), lambda _, value=value: value.to(TYPES[dtype]))
        for name, value in keys.derived(config).items()
        if name not in carried.first
    ]


def _write_bundle(folder: Path, model: Model, carried: _Carried) -> None:
    """Our own folder: longform.json, the autoencoder, and the denoiser with its conditioner."""
    coder, rest = [], []
    for name in carried.first:
        if name.startswith(AUTOENCODER):
            coder.append(carried.planned(name, name.removeprefix(AUTOENCODER)))
        else:
            own = keys.ours(name) or f"dit.{name.removeprefix(DIT)}"
            rest.append(carried.planned(name, own))
    for file, planned in zip(BUNDLE_FILES, (coder, rest), strict=True):
        if planned:
            stream_tensors(folder / file, planned, {"format": "pt"})
    write_json(folder / MANIFEST, to_mapping(model.manifest))


def _copy_text(
    folder: Path, checkpoint: Checkpoint, given: str | Path | None, to: str
) -> dict[str, Path]:
    """Copy the text encoder and its tokenizer along, where there is one."""
    sources = checkpoint.text_folders
    if given is not None:
        sources = (Path(given),)
        if not sources[0].is_dir():
            raise UserError(f"{given}: is no folder with a text encoder")
    if not sources or to == "toolkit":
        return {}
    if to == "bundle":
        copy_texts(sources, encoder=folder / TEXT, tokenizer=folder / TEXT)
        return {TEXT: folder / TEXT}
    names = ("text_encoder", "tokenizer")
    places = {name: folder / name for name in names}
    copy_texts(sources, encoder=places[names[0]], tokenizer=places[names[1]])
    return places


def _text_notes(model: Model, texts: Mapping[str, Path], to: str) -> list[str]:
    text = model.manifest.text
    if text is None or texts:
        return []
    if to == "toolkit":
        return [f"the toolkit's layout has no text encoder in it; it loads {text.name} by name"]
    return [f"no text encoder in it: add {text.name} with --text-encoder FOLDER"]


def _prove(folder: Path, carried: _Carried, model: Model) -> None:
    """Read the headers back: every tensor is there, with its type and shape."""
    written = _Carried.of(open_checkpoint(folder))
    roots = (DIT, AUTOENCODER, CONDITIONER)
    wanted = {name for name in carried.first if name.startswith(roots) and name != keys.DERIVED}
    lost = wanted - written.first.keys()
    assert not lost, f"{model.name}: {sorted(lost)[:4]} were not written"
