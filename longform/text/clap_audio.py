"""Audio to the space that a CLAP shares with text (LAION-CLAP, arXiv 2211.06687)."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.errors import UserError
from longform.text.folder import import_transformers, load_config, load_model

SAMPLE_RATE = 48_000
WINDOW_SAMPLES = 480_000
FREQUENCIES_HZ = (50, 14_000)
"""What LAION's checkpoints were trained with; the default of transformers starts at 0."""


class ClapAudio(nn.Module):
    """The audio tower: windows of 10 s, the mean of their embeddings.

    Windows lie side by side, the last one at the end of the audio; shorter audio is repeated as
    often as it fits and filled with silence. (The reference takes 10 s at a random place.)
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        transformers: Any = import_transformers()
        self.network = network
        settings: Any = network.config
        self.width = int(settings.projection_dim)
        low, high = FREQUENCIES_HZ
        self.extract = transformers.ClapFeatureExtractor(
            feature_size=settings.num_mel_bins,
            frequency_min=low,
            frequency_max=high,
            truncation="rand_trunc",  # no window is longer, so nothing is random
        )

    @torch.no_grad()
    def forward(self, audio: Tensor) -> Tensor:
        """Mono audio (b, t), 48 kHz, to embeddings (b, width) of length 1."""
        count = audio.shape[-1]
        starts = [*range(0, max(count - WINDOW_SAMPLES, 0), WINDOW_SAMPLES)]
        starts.append(max(count - WINDOW_SAMPLES, 0))
        windows = torch.stack([audio[:, at : at + WINDOW_SAMPLES] for at in starts], dim=1)
        made = self.extract(
            list(windows.flatten(0, 1).cpu().numpy()),
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
        )
        one: Any = next(self.network.parameters())
        features = made["input_features"].to(one)
        embedded = F.normalize(self.network(input_features=features).audio_embeds.float(), dim=-1)
        return F.normalize(embedded.unflatten(0, windows.shape[:2]).mean(dim=1), dim=-1)


def load_clap_audio(folder: str | Path, dtype: torch.dtype = torch.float32) -> ClapAudio:
    """The audio tower of CLAP, from a folder of transformers' ClapModel.

    Raises:
        UserError: a file is missing, or is not what it should be; a checkpoint with fusion.
    """
    config = load_config(folder, ("clap", "clap_audio_model"))
    audio = config.audio_config if config.model_type == "clap" else config
    if audio.enable_fusion:
        raise UserError(f"{folder}: its audio tower has fusion, which is not supported")
    return ClapAudio(load_model("ClapAudioModelWithProjection", folder, audio, dtype))
