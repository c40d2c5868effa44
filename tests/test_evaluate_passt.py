"""PaSST: the same numbers as the published code, the windows, and the divergence."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from judges import TINY_PASST, filled, save_passt, sound
from safetensors.torch import load_file

from longform.audio import Waveform
from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError
from longform.train.evaluate.passt import (
    Passt,
    load_passt,
    mel_levels,
    passt_kl,
    passt_probabilities,
    windows,
)

GOLD = Path(__file__).parent / "gold" / "judges.safetensors"
RATE = 32_000


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (1.6, [0]),
        (9.0, [0]),
        (10.0, [0]),
        (12.0, [0, 5]),
        (15.0, [0, 5]),
        (15.1, [0, 5, 10]),
        (47.0, [0, 5, 10, 15, 20, 25, 30, 35, 40]),
    ],
)
def test_windows_of_ten_seconds_every_five(seconds: float, starts: list[int]) -> None:
    samples = 1 + np.arange(round(seconds * RATE), dtype=np.float32)
    cut = windows(samples)
    assert [int(part[0] - 1) // RATE for part in cut] == starts
    for part, start in zip(cut, starts, strict=True):
        rest = samples[start * RATE : (start + 10) * RATE]
        assert len(part) == 10 * RATE
        assert np.array_equal(part[: len(rest)], rest) and not part[len(rest) :].any()


def test_a_very_short_clip_is_not_filled_with_silence() -> None:
    assert [len(part) for part in windows(np.ones(RATE, np.float32))] == [RATE]
    assert [len(part) for part in windows(np.ones(48_000, np.float32))] == [48_000], "15 %"
    assert [len(part) for part in windows(np.ones(48_001, np.float32))] == [320_000]
    (least,) = windows(np.ones(100, np.float32))
    levels = mel_levels(torch.from_numpy(least)[None])
    assert levels.shape == (1, 128, 16), "one patch"


def test_the_spectrogram_is_that_of_numpy() -> None:
    signal = sound(RATE, RATE).astype(np.float64)
    sharp = np.pad(signal[1:] - 0.97 * signal[:-1], 512, mode="reflect")
    hann = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 799), 112)
    parts = [sharp[at : at + 1024] * hann for at in range(0, len(sharp) - 1023, 320)]
    power = np.abs(np.fft.rfft(np.stack(parts))).T ** 2
    mel = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    step = 1127 * np.log(1 + 15_000 / 700) / 129
    centres = step * (1 + np.arange(128))[:, None]
    bank = np.maximum(0, 1 - np.abs(mel - centres) / step)
    wanted = (np.log(bank @ power + 1e-5) + 4.5) / 5
    found = mel_levels(torch.from_numpy(signal.astype(np.float32))[None])[0].numpy()
    assert found.shape == wanted.shape == (128, 100)
    assert np.abs(found - wanted).max() < 2e-3
    silent = mel_levels(torch.zeros(1, RATE))
    assert torch.allclose(silent, torch.tensor((math.log(1e-5) + 4.5) / 5))


def test_network_and_spectrogram_are_those_of_the_published_code() -> None:
    """Made by tests/parity."""
    gold = load_file(GOLD)
    levels = mel_levels(torch.from_numpy(sound(10 * RATE, RATE))[None])
    assert levels.shape[-1] == 1000
    assert (levels[..., ::40] - gold["passt.levels"]).abs().max() < 2e-3
    network = filled(Passt(**TINY_PASST))
    with torch.inference_mode():
        for name, part in (("passt.logits", levels), ("passt.logits_short", levels[..., :150])):
            found = network(part)
            assert found.shape == (1, 527) and found.std() > 0.1
            assert (found - gold[name]).abs().max() < 1e-5, name


def test_probabilities_are_the_softmax_of_the_mean_logits(tmp_path: Path) -> None:
    network = save_passt(tmp_path)
    left = sound(12 * RATE, RATE)
    wave = Waveform(np.stack([left, np.flip(left)]), RATE)
    found = passt_probabilities(network, wave)
    mono = (left + np.flip(left)) / 2
    mono = mono * (10 ** (-1 / 20) / np.abs(mono).max())
    second = np.pad(mono[5 * RATE :], (0, 3 * RATE))
    parts = torch.from_numpy(np.stack([mono[: 10 * RATE], second]).astype(np.float32))
    with torch.inference_mode():
        wanted = network(mel_levels(parts)).mean(0).softmax(0)
    assert found.shape == (527,) and found.dtype == np.float64
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - wanted.numpy()).max() < 1e-5
    quiet = passt_probabilities(network, Waveform(0.01 * wave.samples, RATE))
    assert np.abs(quiet - found).max() < 1e-5


def test_the_divergence_is_that_of_torch_and_of_a_sum() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.dirichlet(np.full(527, 0.2), 2)
    one[3], other[5] = 0, 0
    wanted = sum(p * math.log(p / (q + 1e-6)) for p, q in zip(one, other, strict=True) if p)
    assert passt_kl(one, other) == pytest.approx(wanted, rel=1e-12)
    logs = torch.from_numpy(other + 1e-6).log()
    assert passt_kl(one, other) == pytest.approx(
        F.kl_div(logs, torch.from_numpy(one), reduction="sum").item(), rel=1e-12
    )
    assert passt_kl(one, other) != pytest.approx(passt_kl(other, one), rel=0.01), "one direction"
    assert passt_kl(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(
        math.log(2), abs=3e-6
    )
    assert passt_kl(one, one) == pytest.approx(0, abs=1e-3)
    certain = passt_kl(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert certain == pytest.approx(-math.log(1e-6))


def test_the_networks_sizes_are_read_off_its_file(tmp_path: Path) -> None:
    network = save_passt(tmp_path)
    path = tmp_path / "passt" / "model.safetensors"
    loaded = load_passt(path)
    assert not loaded.training and len(loaded.blocks) == 2
    assert all(map(torch.equal, loaded.state_dict().values(), network.state_dict().values()))
    tensors = load_tensors(path)
    short = {name: one for name, one in tensors.items() if name != "norm.bias"}
    wrong = torch.ones(1, 128, 8, 1)  # of the variant whose patches do not overlap
    for broken, told in (
        (short, "1 missing: norm.bias"),
        ({"a": torch.ones(1)}, "not PaSST"),
        (tensors | {"freq_new_pos_embed": wrong}, "wrong shape: freq_new_pos_embed"),
        (tensors | {"blocks.7.norm1.bias": torch.ones(128)}, "missing"),
    ):
        save_tensors(path, broken)
        with pytest.raises(UserError, match=told):
            load_passt(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="not a whole safetensors file"):
        load_passt(path)
