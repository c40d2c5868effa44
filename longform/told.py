"""What a denoiser is told besides the prompt, frame by frame."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from longform.music.guide import GUIDE_FEATURES


@dataclass(frozen=True, kw_only=True)
class Guide:
    """What the denoiser is led by: `lines` (frames, channels) as `longform.music.guide` draws them.

    Of the features only those `given` count; the model plays the others as it likes. `tempo_bpm`
    is the tempo that the lines hold.
    """

    lines: np.ndarray
    given: frozenset[str] = frozenset(GUIDE_FEATURES)
    tempo_bpm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a model is told to keep or to answer: latents (1, d, f), and where, (f,)."""

    latents: Tensor
    kept: Tensor

    def part(self, start: int, stop: int) -> "Known":
        """Frames `start` up to but without `stop`."""
        return Known(latents=self.latents[..., start:stop], kept=self.kept[start:stop])
