"""Windowed coding equals the whole at every boundary, for any length and window."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longform.autoencoder.build import as_autoencoder, build
from longform.autoencoder.interface import Autoencoder
from longform.autoencoder.tiled import decode_windowed, encode_windowed
from longform.errors import UserError
from longform.progress import Progress

CONFIGS = {
    "oobleck": {"channels": 2, "multipliers": (1, 2), "strides": (4, 8), "latent_channels": 3},
    "spectral": {
        "latent_channels": 4,
        "encoder_width": 8,
        "encoder_depth": 1,
        "decoder_widths": (8, 8, 8),
        "decoder_depths": (1, 1, 1),
    },
}


@cache
def _network(kind: str) -> Autoencoder:
    torch.manual_seed(0)
    network = build(kind, CONFIGS[kind])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return as_autoencoder(network)


@pytest.mark.parametrize("kind", CONFIGS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(frames=st.integers(1, 24), surplus=st.integers(1, 4096), window=st.integers(1, 30))
def test_windowed_equals_whole(kind: str, frames: int, surplus: int, window: int) -> None:
    network = _network(kind)
    hop = network.hop_samples
    samples = (frames - 1) * hop + (surplus - 1) % hop + 1
    generator = torch.Generator().manual_seed(samples)
    audio = torch.randn(1, 2, samples, generator=generator)
    with torch.no_grad():
        whole = network.encode(audio)
        audio_whole = network.decode(whole.mean)
    windowed = encode_windowed(network, audio, window)
    torch.testing.assert_close(windowed.mean, whole.mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(windowed.std, whole.std, atol=1e-4, rtol=1e-4)
    decoded = decode_windowed(network, whole.mean, window)
    torch.testing.assert_close(decoded, audio_whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_network_sees_no_more_than_a_window_and_its_margins(kind: str) -> None:
    network = _network(kind)
    assert isinstance(network, torch.nn.Module)
    longest = []
    entry = network.encoder
    assert isinstance(entry, torch.nn.Module)
    handle = entry.register_forward_pre_hook(lambda _, inputs: longest.append(inputs[0].shape))
    audio = torch.zeros(1, 2, 40 * network.hop_samples)
    encode_windowed(network, audio, 4)
    handle.remove()
    most = 4 + 2 * network.encode_margin_frames
    per_frame = network.hop_samples if kind == "oobleck" else 1
    axis = -1 if kind == "oobleck" else 1
    assert max(shape[axis] for shape in longest) == most * per_frame


def test_progress_is_told_per_window() -> None:
    network, told = _network("oobleck"), []
    latents = torch.zeros(1, 3, 10)
    decode_windowed(network, latents, 4, told.append)
    encode_windowed(network, torch.zeros(1, 2, 9 * 32 + 1), 5, told.append)
    assert told == [
        *(Progress("decode", step, 3) for step in (1, 2, 3)),
        *(Progress("encode", step, 2) for step in (1, 2)),
    ]


def test_a_window_below_one_frame_is_an_error() -> None:
    with pytest.raises(UserError, match="window_frames must be at least 1, got 0"):
        decode_windowed(_network("oobleck"), torch.zeros(1, 3, 10), 0)
