"""A model as a folder: `longform.json` says what it is, safetensors files hold its parts.

    longform.json              format, name, licence, configs of the parts, defaults, model card
    autoencoder.safetensors    waveform <-> latents
    clap.safetensors           text and audio towers
    dit.safetensors            the denoiser ("dit.") and its conditioner ("conditioner.")
    tokenizer.json             text -> token ids
    planner.safetensors        text -> the plan of a piece; not every bundle has one
    student.safetensors        like dit.safetensors, for few steps; not every bundle has one

Nothing in a bundle is executed: JSON and safetensors only.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from longform.checkpoint import (
    load_into,
    load_tensors,
    parameter_budget,
    read_json,
    save_tensors,
)
from longform.config import from_mapping, to_mapping
from longform.eight_bit import restore, shrink
from longform.errors import UserError
from longform.manifest import FORMAT, Defaults, Manifest

if TYPE_CHECKING:
    from longform.autoencoder.interface import Autoencoder
    from longform.clap.model import Clap
    from longform.clap.reader import ClapReader
    from longform.clap.tokenizer import Tokenizer
    from longform.dit.conditioner import Conditioner
    from longform.dit.model import DiT
    from longform.planner.model import Planner

MANIFEST = "longform.json"
PARTS = ("autoencoder.safetensors", "clap.safetensors", "dit.safetensors", "tokenizer.json")
PLANNER = "planner.safetensors"
STUDENT = "student"
MODELS = Path(__file__).parent / "models"
MAX_PART_BYTES = 64 << 30
HALF_LIMIT = 65_000.0  # the largest value that goes into 16 bits

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Bundle:
    """A folder whose manifest has been read; each part is loaded when it is asked for.

    Parts come on the CPU, in float32, in eval mode and without gradients.
    """

    folder: Path
    manifest: Manifest
    denoiser: str = "dit"
    """Which file the denoiser and its conditioner are in."""

    @classmethod
    def load(cls, name_or_dir: str | Path) -> "Bundle":
        """Open an installed model by name, or a bundle folder by path.

        Raises:
            UserError: neither exists; a part is missing or a link out of the folder; the manifest
                is broken or of a later format.
        """
        folder = find(name_or_dir)
        if not (folder / MANIFEST).is_file():
            raise UserError(f"{folder}: is not a model bundle ({MANIFEST} is missing)")
        data = read_json(folder / MANIFEST)
        if data.get("format") != FORMAT:
            raise UserError(
                f"{folder / MANIFEST}: format {data.get('format')!r}, this program reads {FORMAT}; "
                "upgrade longform"
            )
        manifest = from_mapping(Manifest, data, str(folder / MANIFEST))
        bundle = cls(folder, manifest)
        for name in bundle.files:
            _check_file(folder, name)
        return bundle

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        more = [PLANNER] if self.manifest.planner else []
        more += [f"{STUDENT}.safetensors"] if self.manifest.student else []
        return (MANIFEST, *PARTS, *more)

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self.manifest.name

    @property
    def family(self) -> str:
        """What kind of model it is: one of this program's own."""
        return "longform"

    @property
    def objective(self) -> str:
        """What the denoiser was trained to predict; see `longform.dit.flow`."""
        from longform.dit.config import DiTConfig

        return self._config(DiTConfig, "dit").objective

    @property
    def defaults(self) -> Defaults:
        """What `generate` uses when it is not told otherwise."""
        return self.manifest.defaults

    def autoencoder(self) -> "Autoencoder":
        """The autoencoder."""
        from longform.autoencoder.build import as_autoencoder, build

        part = self.manifest.autoencoder
        network = self._network("autoencoder", lambda: build(part.kind, part.config))
        return as_autoencoder(network)

    def clap(self) -> "Clap":
        """The text and audio towers."""
        from longform.clap.config import ClapConfig
        from longform.clap.model import Clap

        config = self._config(ClapConfig, "clap")
        return self._network("clap", lambda: Clap(config))

    def text_encoder(self) -> "ClapReader":
        """What turns prompts into text features."""
        from longform.clap.reader import ClapReader

        return ClapReader(self.tokenizer(), self.clap())

    def dit(self) -> "DiT":
        """The denoiser."""
        from longform.dit.config import DiTConfig
        from longform.dit.model import DiT

        config = self._config(DiTConfig, "dit")
        return self._network(self.denoiser, lambda: DiT(config), prefix="dit.")

    def conditioner(self) -> "Conditioner":
        """What turns prompts, times and guides into the denoiser's conditions."""
        from longform.dit.conditioner import Conditioner
        from longform.dit.config import ConditionerConfig

        config = self._config(ConditionerConfig, "conditioner")
        return self._network(self.denoiser, lambda: Conditioner(config), prefix="conditioner.")

    def student(self) -> "Bundle | None":
        """The same model with its few-step denoiser in place of the one it was distilled from."""
        part = self.manifest.student
        if part is None or self.denoiser == STUDENT:
            return None
        defaults = replace(
            self.defaults,
            steps=part.steps,
            effect_steps=part.steps,
            guidance=1.0,
            sampler=part.sampler,
        )
        return replace(self, denoiser=STUDENT, manifest=replace(self.manifest, defaults=defaults))

    def planner(self) -> "Planner | None":
        """What writes the plan of a piece, if the bundle has it."""
        from longform.planner.config import PlannerConfig
        from longform.planner.model import Planner

        if self.manifest.planner is None:
            return None
        config = self._config(PlannerConfig, "planner")
        return self._network("planner", lambda: Planner(config))

    def tokenizer(self) -> "Tokenizer":
        """Text to token ids, as many as the text tower reads."""
        from longform.clap.config import ClapConfig
        from longform.clap.tokenizer import Tokenizer

        text = self._config(ClapConfig, "clap").text
        path = self.folder / "tokenizer.json"
        tokenizer = Tokenizer.load(path, text.max_tokens)
        if len(tokenizer) > text.vocabulary:
            raise UserError(
                f"{path}: {len(tokenizer)} tokens; the text tower has {text.vocabulary}"
            )
        return tokenizer

    def content_hash(self) -> str:
        """SHA-256 over the names and bytes of all files of the bundle, in hex."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            with (self.folder / name).open("rb") as file:
                digest.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _config(self, cls: type, part: str) -> Any:
        return from_mapping(cls, getattr(self.manifest, part).config, f"{self.folder}: {part}")

    def tensors(self, file: str, prefix: str = "") -> dict[str, Tensor]:
        """What `<file>.safetensors` holds under `prefix`, which is cut off; 8 bits made whole."""
        path = self.folder / f"{file}.safetensors"
        found = {
            key.removeprefix(prefix): tensor
            for key, tensor in load_tensors(path).items()
            if key.startswith(prefix)
        }
        return restore(found, str(path))

    def _network(self, part: str, build: Callable[[], N], prefix: str = "") -> N:
        """Build and fill one network, which may not be larger than what the file holds."""
        path, tensors = self.folder / f"{part}.safetensors", self.tensors(part, prefix)
        with parameter_budget(sum(tensor.numel() for tensor in tensors.values()), str(path)):
            network = build()
        load_into(network, tensors, str(path))
        return network.eval().requires_grad_(False)


def list_models() -> dict[str, Path]:
    """Installed models by name."""
    found = sorted(path.parent for path in MODELS.glob(f"*/{MANIFEST}"))
    return {folder.name: folder for folder in found}


def write_bundle(
    out: str | Path,
    manifest: Manifest,
    *,
    autoencoder: Mapping[str, Tensor],
    clap: Mapping[str, Tensor],
    dit: Mapping[str, Tensor],
    conditioner: Mapping[str, Tensor],
    tokenizer: str | Path,
    planner: Mapping[str, Tensor] | None = None,
    student: Mapping[str, Tensor] | None = None,
    eight_bit: bool = False,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle folder, matrices in 16 or 8 bits, and prove that every part of it loads.

    The folder appears whole or not at all. `student` has the prefixes "dit." and "conditioner.".

    Raises:
        UserError: the place is taken or not writable; the tensors do not fit the configs.
    """
    out = Path(out)
    if out.exists() and not overwrite:
        raise UserError(f"{out}: exists already; choose another name or ask to overwrite (--force)")
    if not out.parent.is_dir():
        raise UserError(f"{out}: the folder {str(out.parent)!r} does not exist")
    prefixed = {f"dit.{key}": tensor for key, tensor in dit.items()}
    prefixed |= {f"conditioner.{key}": tensor for key, tensor in conditioner.items()}
    parts = {"autoencoder": autoencoder, "clap": clap, "dit": prefixed}
    parts |= {} if planner is None else {"planner": planner}
    parts |= {} if student is None else {STUDENT: student}
    text = json.dumps(to_mapping(manifest), indent=2, ensure_ascii=False)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        shutil.copyfile(tokenizer, folder / "tokenizer.json")
        for name, tensors in parts.items():
            small = shrink(tensors) if eight_bit else tensors
            halves = {key: _half(tensor) for key, tensor in small.items()}
            save_tensors(folder / f"{name}.safetensors", halves)
        _prove(Bundle.load(folder))
        if out.exists():
            out.rename(Path(scratch) / "replaced")
        folder.rename(out)
    return Bundle.load(out)


def _prove(bundle: Bundle) -> None:
    for part in (bundle.autoencoder, bundle.clap, bundle.dit, bundle.conditioner, bundle.tokenizer):
        part()
    bundle.planner()
    student = bundle.student()
    if student is not None:
        student.dit()
        student.conditioner()


def _half(tensor: Tensor) -> Tensor:
    """Matrices and larger in 16 bits; vectors (biases, scales, statistics) stay as they are."""
    if tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    fits = tensor.numel() == 0 or float(tensor.abs().max()) < HALF_LIMIT
    return tensor.to(torch.float16 if fits else torch.bfloat16)


def find(name_or_path: str | Path) -> Path:
    """Where a model lies: installed or added by name, else a file or folder.

    Raises:
        UserError: it is none of these.
    """
    from longform.hub.registry import registered

    installed = list_models()
    if str(name_or_path) in installed:
        return installed[str(name_or_path)]
    added = registered()
    if str(name_or_path) in added:
        return Path(added[str(name_or_path)].path)
    if Path(name_or_path).exists():
        return Path(name_or_path)
    known = ", ".join([*installed, *added]) or "none"
    raise UserError(
        f"model {str(name_or_path)!r} is neither installed nor a folder; installed: {known}"
    )


def _check_file(folder: Path, name: str) -> None:
    path = folder / name
    if not path.is_file():
        raise UserError(f"{folder}: {name} is missing from the bundle")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{path}: is a link out of the bundle; copy the file in")
    if path.stat().st_size > MAX_PART_BYTES:
        raise UserError(f"{path}: {path.stat().st_size} bytes; the limit is {MAX_PART_BYTES}")
