"""OpenL3: 512 numbers for what a second of music sounds like (Cramer et al. 2019, ICASSP).

The variant of FD_openl3: 256 mel bands, trained on music. The tensors have the names of torchopenl3
1.0.1. The spectrogram is that of openl3 0.4.2 with kapre 0.3.7, which stable-audio-metrics runs;
torchopenl3 has another one (mel bands after HTK, of powers, with silence on both sides).
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.audio import Waveform
from longform.checkpoint import load_into, load_tensors, parameter_budget
from longform.errors import UserError
from longform.train.evaluate.peak import peaked

RATE_HZ, BANDWIDTH_RATE_HZ = 48_000, 44_100
WINDOW_SAMPLES, HOP_SAMPLES = RATE_HZ, RATE_HZ // 2
FFT_SAMPLES, FFT_HOP_SAMPLES, BANDS = 2048, 242, 256
FRAMES = -(-WINDOW_SAMPLES // FFT_HOP_SAMPLES)
FLOOR, RANGE_DB = 1e-10, 80.0
BATCH = 8
LAYERS = 8
WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8)
"""Channels of each convolution, in those of the first."""
POOLED = (2, 4, 6)
"""The convolutions after which time and bands are halved."""
FRONT_END = "speclayer."
"""Fixed transforms that torchopenl3 stores beside what was learned."""


class OpenL3(nn.Module):
    """Eight convolutions; `width` is the number of channels of the first, published with 64."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        channels = 1
        for number, many in enumerate(WIDTHS, 1):
            self.add_module(f"batch_normalization_{number}", nn.BatchNorm2d(channels, eps=1e-3))
            self.add_module(_name(number), nn.Conv2d(channels, many * width, 3, padding=1))
            channels = many * width

    def forward(self, levels: Tensor) -> Tensor:
        """Mel levels `(n, 256, 199)` to embeddings `(n, 8 width)`."""
        hidden = levels[:, None]
        for number in range(1, LAYERS + 1):
            hidden = self.get_submodule(f"batch_normalization_{number}")(hidden)
            hidden = hidden if number == 1 else F.relu(hidden)
            hidden = F.max_pool2d(hidden, 2) if number - 1 in POOLED else hidden
            hidden = self.get_submodule(_name(number))(hidden)
        return hidden.amax((2, 3))


def _name(number: int) -> str:
    return f"conv2d_{number}" if number < LAYERS else "audio_embedding_layer"


def load_openl3(path: Path) -> OpenL3:
    """The network of a safetensors file with torchopenl3's tensors, ready to listen.

    Raises:
        UserError: no whole safetensors file, or other tensors.
    """
    tensors = {
        name: tensor
        for name, tensor in load_tensors(path).items()
        if not name.startswith(FRONT_END)
    }
    first = tensors.get("conv2d_1.weight")
    if first is None or first.ndim != 4 or not len(first):
        raise UserError(f"{path}: not OpenL3, which has a tensor 'conv2d_1.weight' of 4 axes")
    with parameter_budget(2 * sum(one.numel() for one in tensors.values()), str(path)):
        network = OpenL3(len(first))
    counts = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    load_into(network, counts | tensors, str(path))
    return network.eval()


def openl3_frames(network: OpenL3, waveform: Waveform) -> np.ndarray:
    """Embeddings `(n, 1024)` of windows of 1 s, one every half second: left beside right.

    Settings of stable-audio-metrics (`src/openl3_fd.py`): peak of all channels at -1 dB, brought
    to 44.1 kHz whatever it was, mono on both sides.
    """
    stereo = peaked(waveform).to_channels(2).resampled(BANDWIDTH_RATE_HZ).resampled(RATE_HZ)
    left, right = stereo.samples
    first = _embedded(network, left)
    second = first if np.array_equal(left, right) else _embedded(network, right)
    return np.concatenate([first, second], axis=1)


def windows(samples: np.ndarray) -> np.ndarray:
    """Windows `(n, 48000)` of samples `(t,)` at 48 kHz; the first is centred on the first sample.

    The last window reaches beyond the end, unless it fits, and is filled with silence.
    """
    total = len(samples) + WINDOW_SAMPLES // 2
    more = -(-max(total - WINDOW_SAMPLES, 0) // HOP_SAMPLES)
    whole = WINDOW_SAMPLES + more * HOP_SAMPLES
    padded = np.pad(samples, (WINDOW_SAMPLES // 2, whole - total))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]


def mel_levels(signals: Tensor) -> Tensor:
    """Mel magnitudes `(n, 256, 199)` of windows `(n, 48000)`: dB, 0 the largest of each, -80 least.

    Ten times the logarithm of magnitudes, not of powers, as in kapre 0.1.4, which the published
    weights were trained with.
    """
    beyond = (FRAMES - 1) * FFT_HOP_SAMPLES + FFT_SAMPLES - WINDOW_SAMPLES
    spectrum = torch.stft(
        F.pad(signals, (0, beyond)),
        FFT_SAMPLES,
        FFT_HOP_SAMPLES,
        window=torch.hann_window(FFT_SAMPLES),
        center=False,
        return_complex=True,
    )
    levels_db = 10 * (_bank() @ spectrum.abs()).clamp(min=FLOOR).log10()
    return (levels_db - levels_db.amax((1, 2), keepdim=True)).clamp(min=-RANGE_DB)


@cache
def _bank() -> Tensor:
    """Slaney's mel bands `(256, 1025)`."""
    try:
        from librosa.filters import mel
    except ImportError:
        raise UserError("FD_openl3 needs librosa: pip install 'longform[train]'") from None
    return torch.from_numpy(mel(sr=RATE_HZ, n_fft=FFT_SAMPLES, n_mels=BANDS))


def _embedded(network: OpenL3, samples: np.ndarray) -> np.ndarray:
    """Embeddings `(n, e)` of samples `(t,)`."""
    cut = windows(samples)
    with torch.inference_mode():
        found = [
            network(mel_levels(torch.from_numpy(cut[start : start + BATCH].copy())))
            for start in range(0, len(cut), BATCH)
        ]
    return torch.cat(found).numpy()
