"""The model that a command is told to use."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longform.bundle import Bundle
    from longform.hub.model import Model
    from longform.pipeline import Pipeline


@dataclass(frozen=True)
class ModelSource:
    """The options that name a model and say how it is loaded."""

    model: str
    device: str
    allow_missing: bool = False
    text_encoder: Path | None = None

    def open(self) -> "Bundle | Model":
        """The model, its description read.

        Raises:
            UserError: it is not there, or broken.
        """
        from longform.hub import open_model

        return open_model(
            self.model, allow_missing=self.allow_missing, text_encoder=self.text_encoder
        )

    def load(self) -> "Pipeline":
        """A pipeline with every part loaded.

        Raises:
            UserError: the model or the device is not there, or a part is missing or broken.
        """
        opened = self.open()  # a missing model is said before the rest is imported
        from longform.pipeline import Pipeline

        pipe = Pipeline(opened, self.device)
        pipe.load()
        return pipe
