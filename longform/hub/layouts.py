"""The four layouts of a checkpoint, told apart and opened without reading any weights."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from longform.bundle import MANIFEST
from longform.checkpoint import read_json, read_metadata
from longform.dit import keys
from longform.errors import UserError
from longform.hub.diffusers_keys import AUTOENCODER, CONDITIONER, DIT
from longform.hub.diffusers_layout import COMPONENTS, open_diffusers
from longform.hub.families import OPEN, family_of
from longform.hub.infer import infer_config
from longform.hub.manifest import FORMAT, FamilyManifest, read_manifest
from longform.hub.safe import PICKLES, inside, within
from longform.hub.tensors import Pair, Shape, Stored, stored_in
from longform.manifest import FORMAT as OWN

Layout = Literal["toolkit", "wrapped", "diffusers", "bundle"]
WEIGHTS = "model.safetensors"
CONFIG = "model_config.json"
TEXT = "text"
"""A bundle's folder with the text encoder and its tokenizer."""
ROOTS = (DIT, AUTOENCODER, CONDITIONER)
CODER_ROOTS = ("encoder.layers.", "decoder.layers.", "bottleneck.")
WRAPPED = {
    "diffusion_ema.ema_model.": "model.",
    "diffusion.": "",
    "autoencoder_ema.ema_model.": AUTOENCODER,
    "autoencoder.": AUTOENCODER,
}
TWINS = (
    f"{OPEN.title} and 2.0 have the same tensors, so it is taken for {OPEN.title}, which reads T5; "
    "if it is a 2.0, which reads CLAP, put its model_config.json beside it"
)
BUNDLE_FILES: dict[str, Callable[[str], str | None]] = {
    "autoencoder.safetensors": lambda key: AUTOENCODER + key,
    "dit.safetensors": keys.toolkit,
}
"""The files of a bundle, and the toolkit's names of the tensors in them."""
TRAINING_ONLY = (
    "losses.",
    "discriminator.",
    "diffusion_ema.",
    "autoencoder_ema.",
    "teacher_model.",
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint whose headers have been read.

    Attributes:
        stored: every tensor by its own name ("component/name" where a layout has several files)
        pairs: what each tensor of the toolkit's layout is made of here, by the toolkit's name
        config: the toolkit's model_config, found or put together
        manifest: the bundle's own description, for bundles
        text_folders: where the text encoder and its tokenizer lie that come with it, if any
        notes: what a person should know about how it was read
    """

    path: Path
    layout: Layout
    stored: Mapping[str, Stored]
    pairs: Mapping[str, Pair]
    config: dict[str, Any]
    manifest: FamilyManifest | None = None
    text_folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def open_checkpoint(path: str | Path, config: str | Path | None = None) -> Checkpoint:
    """Open a safetensors file or a folder; `config` names a model_config.json that lies elsewhere.

    Raises:
        UserError: nothing is there, it is a pickle, a file is broken or a link out of its folder,
            or it is no model of the family.
    """
    path = Path(path)
    given = None if config is None else read_json(config)
    if path.is_dir():
        return _open_folder(path, given)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder")
    if path.suffix.lower() in PICKLES:
        raise UserError(
            f"{path}: is a pickle, which may hold code and is never loaded; turn it into "
            "safetensors once with `longform convert`"
        )
    return open_flat(path, given)


def _open_folder(folder: Path, config: dict[str, Any] | None) -> Checkpoint:
    if (folder / MANIFEST).is_file():
        return _open_bundle(folder)
    if any((folder / name).exists() for name in COMPONENTS):
        found = open_diffusers(folder)
        shapes = made_shapes(found.pairs, found.stored)
        return Checkpoint(
            path=folder,
            layout="diffusers",
            stored=found.stored,
            pairs=found.pairs,
            config=config or found.model_config(shapes),
            text_folders=found.text_folders,
            files=found.files,
        )
    if (folder / WEIGHTS).exists():
        return replace(open_flat(inside(folder, WEIGHTS), config), path=folder)
    raise UserError(
        f"{folder}: is not a model bundle ({MANIFEST} is missing), and has neither {WEIGHTS} nor "
        "the folders of diffusers"
    )


def open_flat(path: Path, config: dict[str, Any] | None = None) -> Checkpoint:
    """The toolkit's file, plain or as its trainer wrote it, with model_config.json beside it."""
    stored = stored_in(path)
    wrapped = any(key.startswith(tuple(WRAPPED)) for key in stored)
    pairs, notes = _wrapped_pairs(stored) if wrapped else (_flat_pairs(stored), [])
    if not pairs:
        raise UserError(f"{path}: holds no tensor of the Stable Audio family")
    found = config or config_beside(path, path)
    if found is None:
        found = infer_config(made_shapes(pairs, stored), str(path))
        notes.append("no model_config.json: sizes were read off the tensors")
        if family_of(found, str(path)) == OPEN:
            notes.append(TWINS)
    kept = {key for pair in pairs.values() for key in pair.others}
    if wrapped:
        stored = {key: one for key, one in stored.items() if key in kept}
    return Checkpoint(
        path=path,
        layout="wrapped" if wrapped else "toolkit",
        stored=stored,
        pairs=pairs,
        config=found,
        notes=tuple(notes),
        files=(path,),
    )


def made_shapes(pairs: Mapping[str, Pair], stored: Mapping[str, Stored]) -> dict[str, Shape]:
    """Shapes under the toolkit's names, of the tensors that are whole."""
    return {
        name: pair.shape([stored[key].shape for key in pair.others])
        for name, pair in pairs.items()
        if all(key in stored for key in pair.others)
    }


def is_family_file(path: Path) -> bool:
    """Whether a safetensors file holds names of the family, so that it is worth opening."""
    return any(key.startswith((*ROOTS, *CODER_ROOTS, *WRAPPED)) for key in stored_in(path))


def _flat_pairs(stored: Mapping[str, Stored]) -> dict[str, Pair]:
    """The toolkit's names; an autoencoder alone has no prefix there and gets one here."""
    pairs = {}
    for key in stored:
        name = AUTOENCODER + key if key.startswith(CODER_ROOTS) else key
        if name.startswith(ROOTS):
            pairs[name] = Pair(name, (key,))
    return pairs


def _wrapped_pairs(stored: Mapping[str, Stored]) -> tuple[dict[str, Pair], list[str]]:
    """The model inside the trainer's file: averaged weights where there are any."""
    pairs, averaged = {}, 0
    for prefix, root in reversed(WRAPPED.items()):  # averages come last and win
        for key in stored:
            if key.startswith(prefix):
                name = root + key.removeprefix(prefix)
                if name.startswith(ROOTS):
                    averaged += "_ema." in prefix
                    pairs[name] = Pair(name, (key,))
    dropped = sum(key.startswith(TRAINING_ONLY) for key in stored) - averaged
    said = f"averaged (EMA) weights taken for {averaged} tensors, the raw ones left out"
    notes = [said if averaged else "no averaged (EMA) weights in it: the raw ones are taken"]
    if dropped:
        notes.append(f"{dropped} tensors of the training (losses, optimizer) left out")
    return pairs, notes


def config_beside(path: Path, tensors: Path) -> dict[str, Any] | None:
    """The configuration of `path`: in the metadata of `tensors`, or in a JSON file next to it."""
    text = read_metadata(tensors).get("model_config")
    if text is not None:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError(f"{path}: the model_config in its metadata is not JSON") from None
        if isinstance(found, dict):
            return found
    for name in (CONFIG, f"{path.stem}.json", f"{path.stem}_config.json"):
        beside = path.with_name(name)
        if beside.is_file():
            data = read_json(within(path.parent, beside))
            if "model_type" in data:
                return data
    return None


def _open_bundle(folder: Path) -> Checkpoint:
    data = read_json(inside(folder, MANIFEST))
    if data.get("format") != FORMAT:
        raise UserError(
            f"{folder / MANIFEST}: format {data.get('format')!r}; a converted model of the Stable "
            f"Audio family has format {FORMAT}, longform's own models have {OWN} and need no "
            "conversion"
        )
    manifest = read_manifest(data, str(folder / MANIFEST))
    stored: dict[str, Stored] = {}
    pairs: dict[str, Pair] = {}
    files = [folder / MANIFEST]
    for file, toolkit_name in BUNDLE_FILES.items():
        if not (folder / file).exists():
            continue
        files.append(inside(folder, file))
        for key, one in stored_in(folder / file).items():
            stored[f"{file}/{key}"] = one
            name = toolkit_name(key)
            if name is not None:
                pairs[name] = Pair(name, (f"{file}/{key}",))
    return Checkpoint(
        path=folder,
        layout="bundle",
        stored=stored,
        pairs=pairs,
        config=manifest.toolkit,
        manifest=manifest,
        text_folders=(within(folder, folder / TEXT),) if (folder / TEXT).is_dir() else (),
        files=tuple(files),
    )
