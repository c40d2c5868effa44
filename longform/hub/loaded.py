"""The parts of a model on one device, whatever layout or family it is of."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor

from longform.autoencoder.interface import Autoencoder
from longform.autoencoder.oobleck import fold_weight_norm
from longform.bundle import Bundle
from longform.device import pick_device, pick_dtype
from longform.dit.adapters import load_adapter, merge
from longform.dit.conditioner import Conditioner
from longform.dit.model import DiT
from longform.hub.adapters import Adapters

if TYPE_CHECKING:
    from longform.dit.family_conditioner import FamilyConditioner
    from longform.hub.model import Model as FamilyModel
    from longform.planner.model import Planner

T = TypeVar("T")

EncodeText = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
"""Prompts -> text features (b, n, w) and their mask (b, n), True on real tokens."""


class Loaded:
    """Text encoder, conditioner, denoiser and autoencoder of one model on one device.

    Each part is loaded when it is first used, or by `load`. `encode_text` takes the place of the
    model's own text encoder; `adapters` are merged into the denoiser.
    """

    def __init__(
        self,
        bundle: "Bundle | FamilyModel",
        device: str | None = None,
        encode_text: EncodeText | None = None,
        adapters: Adapters = (),
    ) -> None:
        self.bundle = bundle
        self.adapters = adapters
        self.device = pick_device(device)
        self.dtype = pick_dtype(self.device)
        self.defaults = bundle.defaults
        self._given_text = encode_text

    @cached_property
    def encode_text(self) -> EncodeText:
        """What turns prompts into text features."""
        return self._given_text or self._placed(self.bundle.text_encoder)

    @cached_property
    def conditioner(self) -> "Conditioner | FamilyConditioner":
        """What turns text features, numbers and guides into conditions."""
        return self._placed(self.bundle.conditioner)

    @cached_property
    def dit(self) -> DiT:
        """The denoiser, with its adapters."""

        def adapted() -> DiT:
            network = self.bundle.dit()
            merge(network, [(load_adapter(path), strength) for path, strength in self.adapters])
            return network

        return self._placed(adapted)

    @cached_property
    def autoencoder(self) -> Autoencoder:
        """Waveform <-> latents, its weights as convolutions use them."""

        def folded() -> Autoencoder:
            network = self.bundle.autoencoder()
            fold_weight_norm(cast(torch.nn.Module, network))
            return network

        return self._placed(folded)

    @cached_property
    def planner(self) -> "Planner | None":
        """What writes plans, if the model has it; on the CPU, where it is fast and repeatable."""
        with torch.inference_mode(False):
            return self.bundle.planner() if isinstance(self.bundle, Bundle) else None

    def load(self) -> None:
        """Load every part now.

        Raises:
            UserError: a part is missing or broken.
        """
        for part in ("encode_text", "conditioner", "dit", "autoencoder", "planner"):
            getattr(self, part)

    def _placed(self, load: Callable[[], T]) -> T:
        """A part on the device; its weights are ordinary tensors wherever it is first used."""
        with torch.inference_mode(False):
            part = load()
            return cast(T, cast(torch.nn.Module, part).to(self.device))
