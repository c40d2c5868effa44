"""The model that a command is told to use."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longform.cli_options import (
    AdapterOption,
    AllowMissingOption,
    DeviceOption,
    ModelOption,
    TextEncoderOption,
)
from longform.cli_show import note

if TYPE_CHECKING:
    from longform.bundle import Bundle
    from longform.hub.model import Model
    from longform.pipeline import Pipeline


@dataclass(frozen=True)
class ModelSource:
    """The options that name a model and say how it is loaded."""

    model: ModelOption = "mini"
    device: DeviceOption = "auto"
    allow_missing: AllowMissingOption = False
    text_encoder: TextEncoderOption = None
    adapter: AdapterOption = None

    def open(self) -> "Bundle | Model":
        """The model, its description read.

        Raises:
            UserError: it is not there, or broken.
        """
        from longform.hub import open_model

        return open_model(
            self.model, allow_missing=self.allow_missing, text_encoder=self.text_encoder
        )

    def content_hash(self) -> str:
        """The hash of the model's files, its adapters' among them.

        Raises:
            UserError: one of them is not there, or broken.
        """
        from longform.hub.adapters import adapted_hash, read_adapters

        return adapted_hash(self.open().content_hash(), read_adapters(self.adapter or ()))

    def load(self) -> "Pipeline":
        """A pipeline with every part loaded.

        Raises:
            UserError: the model or the device is not there, or a part is missing or broken.
        """
        opened = self.open()  # a missing model is said before the rest is imported
        _introduce(opened)
        from longform.hub.adapters import read_adapters
        from longform.pipeline import Pipeline

        pipe = Pipeline(opened, self.device, adapters=read_adapters(self.adapter or ()))
        pipe.load()
        return pipe


def _introduce(opened: "Bundle | Model") -> None:
    """Whose model it is, before it is used, and what a person should know about its file.

    Raises:
        UserError: its file lacks tensors, and that was not allowed; nothing was loaded yet.
    """
    from longform.hub.model import Model
    from longform.hub.report import check_complete

    if not isinstance(opened, Model):
        return
    terms = " (conditions: longform inspect)" if opened.manifest.conditions else ""
    note(f"{opened.name}: {opened.manifest.description}, licence: {opened.manifest.licence}{terms}")
    for line in opened.checkpoint.notes:
        note(line)
    check_complete(opened.reports, str(opened.folder), allow_missing=opened.allow_missing)
