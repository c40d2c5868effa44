"""PaSST: a transformer that names what a recording holds, 527 classes of AudioSet.

Koutini et al. 2022, Efficient training of audio transformers with Patchout, arXiv 2110.05069. The
tensors have the names of hear21passt 0.0.26, whose variant passt_s_swa_p16_128_ap476 is meant;
Patchout drops patches in training alone, so there is none of it here.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.audio import Waveform
from longform.checkpoint import load_into, load_tensors, parameter_budget
from longform.errors import UserError
from longform.mel import mel_from_hz, triangles
from longform.train.evaluate.peak import peaked

RATE_HZ = 32_000
WINDOW_SAMPLES, STEP_SAMPLES = 10 * RATE_HZ, 5 * RATE_HZ
SHORT_SAMPLES = int(0.15 * WINDOW_SAMPLES)
"""A window of no more than this is heard as it is, not filled with silence."""
FFT_SAMPLES, FFT_WINDOW_SAMPLES, FFT_HOP_SAMPLES = 1024, 800, 320
BANDS, HIGHEST_HZ, PREEMPHASIS = 128, 15_000.0, 0.97
PATCH, STRIDE, GRID = 16, 10, (12, 99)
"""Bands and frames of a patch, from one to the next, and how many patches each way."""
LEAST_SAMPLES = (PATCH - 1) * FFT_HOP_SAMPLES + 1
"""What one patch needs."""
HEAD_WIDTH = 64
REFERENCE_FLOOR = 1e-6


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_WIDTH)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, tokens, width)` to the same shape."""
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind()
        heard = F.scaled_dot_product_attention(query, key, value)
        return self.proj(heard.transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = _Attention(width), _Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Passt(nn.Module):
    """What is published is 768 wide, 12 blocks deep and tells 527 classes."""

    def __init__(self, width: int = 768, depth: int = 12, classes: int = 527) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, PATCH, STRIDE)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, GRID[0], 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, GRID[1]))
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.head_dist = nn.Linear(width, classes)  # stored, but only distillation reads it

    def forward(self, levels: Tensor) -> Tensor:
        """Mel levels `(n, 128, frames)`, 1000 frames at the most, to logits `(n, classes)`."""
        patches = self.patch_embed["proj"](levels[:, None])
        patches = patches + self.time_new_pos_embed[..., : patches.shape[-1]]
        patches = (patches + self.freq_new_pos_embed).flatten(2).transpose(1, 2)
        extra = torch.cat([self.cls_token, self.dist_token], 1) + self.new_pos_embed
        tokens = torch.cat([extra.expand(len(patches), -1, -1), patches], 1)
        heard = self.norm(self.blocks(tokens))
        return self.head((heard[:, 0] + heard[:, 1]) / 2)


def load_passt(path: Path) -> Passt:
    """The network of a safetensors file with PaSST's tensors, ready to listen.

    Raises:
        UserError: no whole safetensors file, or other tensors.
    """
    tensors = load_tensors(path)
    width, depth, classes = _sizes(tensors, path)
    with parameter_budget(2 * sum(one.numel() for one in tensors.values()), str(path)):
        network = Passt(width, depth, classes)
    load_into(network, tensors, str(path))
    return network.eval()


def _sizes(tensors: Mapping[str, Tensor], path: Path) -> tuple[int, int, int]:
    """Width, depth and classes, read off the shapes."""
    found = [tensors.get(name) for name in ("cls_token", "head.1.weight")]
    token, head = found
    if token is None or head is None or token.ndim != 3 or head.ndim != 2:
        raise UserError(f"{path}: not PaSST, which has tensors 'cls_token' and 'head.1.weight'")
    numbers = {int(one[1]) for name in tensors if (one := re.match(r"blocks\.(\d+)\.", name))}
    return token.shape[-1], len(numbers), head.shape[0]


def passt_probabilities(network: Passt, waveform: Waveform) -> np.ndarray:
    """Probabilities `(classes,)` float64: softmax of the mean of the logits of all windows.

    Settings of stable-audio-metrics (`src/passt_kld.py`): mono at 32 kHz, peak at -1 dB.
    """
    mono = peaked(waveform.to_channels(1).resampled(RATE_HZ)).samples[0]
    with torch.inference_mode():
        logits = [
            network(mel_levels(torch.from_numpy(part)[None]))[0].double() for part in windows(mono)
        ]
        return torch.stack(logits).mean(0).softmax(0).numpy()


def windows(samples: np.ndarray) -> list[np.ndarray]:
    """Pieces of 10 s, one every 5 s, of samples `(t,)` at 32 kHz; none begins in the last 5 s.

    A shorter last one is filled with silence; but what is no longer than `SHORT_SAMPLES`, which
    only a whole clip can be, stays as it is, so that it is not heard as mostly silence.
    """
    parts = []
    for start in range(0, max(STEP_SAMPLES, len(samples) - STEP_SAMPLES), STEP_SAMPLES):
        part = samples[start : start + WINDOW_SAMPLES]
        wanted = WINDOW_SAMPLES if len(part) > SHORT_SAMPLES else LEAST_SAMPLES
        parts.append(np.pad(part, (0, max(wanted - len(part), 0))))
    return parts


def mel_levels(signals: Tensor) -> Tensor:
    """Log-mel levels `(n, 128, frames)` of signals `(n, t)`, frames 10 ms apart, for PaSST.

    The spectra of what pre-emphasis leaves, 128 bands up to 15 kHz, about -1.4 where it is silent.
    """
    spectrum = torch.stft(
        signals[:, 1:] - PREEMPHASIS * signals[:, :-1],
        FFT_SAMPLES,
        FFT_HOP_SAMPLES,
        FFT_WINDOW_SAMPLES,
        torch.hann_window(FFT_WINDOW_SAMPLES, periodic=False),
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    return ((_bank() @ power + 1e-5).log() + 4.5) / 5


@cache
def _bank() -> Tensor:
    """Kaldi's mel bands `(128, 513)`: triangles whose flanks are straight in mel, not in hertz."""
    bins = mel_from_hz(np.arange(FFT_SAMPLES // 2 + 1) * RATE_HZ / FFT_SAMPLES)
    edges = np.linspace(0.0, mel_from_hz(np.array(HIGHEST_HZ)), BANDS + 2)
    return torch.from_numpy(triangles(edges, bins).T.astype(np.float32))


def passt_kl(generated: np.ndarray, reference: np.ndarray) -> float:
    """KL(generated || reference) of two probabilities `(classes,)`, in nats.

    `REFERENCE_FLOOR` is added to the reference, as in stable-audio-metrics, so that the value can
    fall a little below 0.
    """
    from scipy.special import xlogy

    return float(
        np.sum(xlogy(generated, generated) - generated * np.log(reference + REFERENCE_FLOOR))
    )
