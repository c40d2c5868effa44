"""A model of the family, opened from any layout; its parts are loaded when they are asked for."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from longform.errors import UserError
from longform.hub.layouts import WEIGHTS, Checkpoint, open_checkpoint
from longform.hub.manifest import FamilyManifest, describe
from longform.hub.networks import Part, fill, parts_of
from longform.hub.report import PartReport, check_complete, compare
from longform.hub.safe import plain_files
from longform.manifest import Defaults

if TYPE_CHECKING:
    from longform.autoencoder.interface import Autoencoder
    from longform.dit.family_conditioner import FamilyConditioner
    from longform.dit.model import DiT
    from longform.text.encoders import TextEncoder

OnWarning = Callable[[str], None]


def _to_stderr(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Model:
    """A published or converted model, with the same access as `longform.bundle.Bundle`.

    Parts come on the CPU, in eval mode and without gradients.
    """

    checkpoint: Checkpoint
    manifest: FamilyManifest
    parts: dict[str, Part]
    reports: dict[str, PartReport]
    allow_missing: bool = False
    text_folder: Path | None = None
    on_warning: OnWarning = field(default=_to_stderr)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        config: str | Path | None = None,
        name: str | None = None,
        allow_missing: bool = False,
        text_encoder: str | Path | None = None,
        on_warning: OnWarning = _to_stderr,
    ) -> "Model":
        """Open a file or folder of any layout; family, layout and sizes are recognised.

        `text_encoder` is a folder with the text encoder and its tokenizer, for models without one.

        Nothing but headers is read, and nothing is refused yet for keys that do not fit: `reports`
        holds them, and loading a part refuses.

        Raises:
            UserError: nothing is there, a file is broken, or it is no model of the family.
        """
        model = cls.of(open_checkpoint(path, config), name)
        return replace(
            model,
            allow_missing=allow_missing,
            text_folder=None if text_encoder is None else Path(text_encoder),
            on_warning=on_warning,
        )

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str | None = None) -> "Model":
        """The model in a checkpoint that has been opened."""
        where = str(checkpoint.path)
        manifest = checkpoint.manifest
        if manifest is None:
            manifest = describe(checkpoint.config, name or _name(checkpoint.path), where)
        elif name is not None:
            manifest = replace(manifest, name=name)
        parts = parts_of(manifest, where)
        return cls(checkpoint, manifest, parts, compare(checkpoint, parts))

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.manifest.name

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.checkpoint.path

    @property
    def family(self) -> str:
        """The member of the family that it is; see `longform.hub.families`."""
        return self.manifest.family

    @property
    def objective(self) -> str:
        """What the denoiser was trained to predict: "v", "rectified_flow" or "rf_denoiser"."""
        return self.manifest.objective

    @property
    def defaults(self) -> Defaults:
        """What `generate` uses when it is not told otherwise."""
        return self.manifest.defaults

    def autoencoder(self, dtype: torch.dtype = torch.float32) -> "Autoencoder":
        """The autoencoder."""
        from longform.autoencoder.build import as_autoencoder

        return as_autoencoder(self._network("autoencoder", dtype))

    def dit(self, dtype: torch.dtype = torch.float32) -> "DiT":
        """The denoiser; its latents are the autoencoder's, divided by the manifest's scale."""
        network = cast("DiT", self._network("dit", dtype))
        network.latent_scale.fill_(1 / self.manifest.latent_scale)
        return network

    def conditioner(self, dtype: torch.dtype = torch.float32) -> "FamilyConditioner":
        """What turns text features and numbers into the denoiser's conditions."""
        return cast("FamilyConditioner", self._network("conditioner", dtype))

    def text_encoder(
        self, folder: str | Path | None = None, dtype: torch.dtype = torch.float32
    ) -> "TextEncoder":
        """What turns prompts into text features.

        It is read from `folder`, else from the folder that was given for it, else from the model.

        Raises:
            UserError: the model has none in it and no folder is given; a file of it is missing.
        """
        text = self.manifest.text
        if text is None:
            raise UserError(f"{self.folder}: is a {self.manifest.description}, which reads no text")
        folders = self.text_folders if folder is None else (Path(folder),)
        if not folders:
            made = "; `longform convert CLAP.pt FOLDER --to clap` makes one"
            raise UserError(
                f"{self.folder}: has no text encoder in it; give the folder of {text.name} "
                "(config.json, model.safetensors, tokenizer files) with --text-encoder FOLDER"
                + (made if text.kind == "laion-clap" else "")
            )
        from longform.hub.texts import load_text

        return load_text(text, folders, dtype)

    @property
    def text_folders(self) -> tuple[Path, ...]:
        """Where the text encoder and its tokenizer lie: as given, else in the model; if at all."""
        if self.manifest.text is None:
            return ()
        return self.checkpoint.text_folders if self.text_folder is None else (self.text_folder,)

    def content_hash(self) -> str:
        """SHA-256 over the names and bytes of the model's files and its text encoder's, in hex."""
        digest = hashlib.sha256()
        text = sorted(plain_files(self.text_folders), key=lambda path: path.name)
        for path in [*sorted(self.checkpoint.files), *text]:
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _network(self, part: str, dtype: torch.dtype) -> nn.Module:
        where = str(self.checkpoint.path)
        if part not in self.parts:
            raise UserError(f"{where}: is a {self.manifest.description}, which has no {part}")
        report = self.reports[part]
        one = {part: report}
        for text in check_complete(one, where, allow_missing=self.allow_missing):
            self.on_warning(text)
        checkpoint = self.checkpoint
        return fill(
            self.parts[part],
            checkpoint.pairs,
            checkpoint.stored,
            dtype,
            where,
            allow_missing=self.allow_missing,
        )


def _name(path: Path) -> str:
    """A model's name from where it lies: its folder's where the file has the usual name."""
    if path.is_dir():
        return path.resolve().name
    return path.parent.resolve().name if path.name == WEIGHTS else path.stem
