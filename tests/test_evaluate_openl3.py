"""OpenL3: the same numbers as the published code, and the windows that it is given."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from judges import drawn, filled, save_openl3, sound
from safetensors.torch import load_file

from longform.audio import Waveform
from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError
from longform.hub.convert import convert
from longform.train.evaluate.openl3 import (
    OpenL3,
    load_openl3,
    mel_levels,
    openl3_frames,
    windows,
)

GOLD = Path(__file__).parent / "gold" / "judges.safetensors"
RATE = 48_000


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.1, 1), (0.5, 1), (0.6, 2), (1.0, 2), (1.2, 3), (10.0, 20)]
)
def test_windows_start_half_a_second_early_and_reach_the_end(seconds: float, count: int) -> None:
    samples = 1 + np.arange(round(seconds * RATE), dtype=np.float32)
    cut = windows(samples)
    assert cut.shape == (count, RATE)
    assert not cut[0, : RATE // 2].any() and cut[0, RATE // 2] == 1, "centred on the first sample"
    for earlier, later in pairwise(cut):
        assert np.array_equal(earlier[RATE // 2 :], later[: RATE // 2]), "half a second apart"
    last = np.concatenate([np.zeros(RATE, np.float32), samples])[-RATE:]
    end = np.flatnonzero(cut[-1])[-1]
    assert cut[-1, end] == samples[-1], "nothing is left out"
    assert np.array_equal(cut[-1, : end + 1], last[RATE - 1 - end :]), "then silence"


def test_the_spectrogram_is_that_of_numpy_and_librosa() -> None:
    import librosa

    signal = sound(RATE, RATE).astype(np.float64)
    padded = np.pad(signal, (0, 2048))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    parts = [padded[start : start + 2048] * hann for start in range(0, RATE, 242)]
    assert len(parts) == 199
    bank = librosa.filters.mel(
        sr=RATE, n_fft=2048, n_mels=256, fmin=0.0, fmax=24_000.0, htk=False, norm="slaney"
    )
    mel = bank @ np.abs(np.fft.rfft(np.stack(parts))).T
    levels_db = 10 * np.log10(np.maximum(mel, 1e-10))
    wanted = np.maximum(levels_db - levels_db.max(), -80)
    found = mel_levels(torch.from_numpy(signal.astype(np.float32))[None])[0].numpy()
    assert found.shape == (256, 199) and found.max() == 0
    assert np.abs(found - wanted).max() < 1e-2 and (wanted > -40).mean() > 0.9


def test_silence_and_the_level_of_each_window() -> None:
    loud = torch.from_numpy(sound(RATE, RATE))
    three = mel_levels(torch.stack([loud, 0.01 * loud, torch.zeros(RATE)]))
    assert (three[0] - three[1]).abs().max() < 1e-2, "each by its own largest"
    assert three[0].min() == -80 and not three[2].any()


def test_network_and_spectrogram_are_those_of_the_published_code() -> None:
    """Made by tests/parity and by openl3 0.4.2 with kapre 0.3.7; see CONTRIBUTING.md."""
    gold = load_file(GOLD)
    levels = mel_levels(torch.from_numpy(sound(RATE, RATE))[None])
    heard = gold["openl3.kapre_levels"]
    assert (levels - heard).abs().max() < 2e-2
    with torch.inference_mode():
        found = filled(OpenL3())(heard)
    assert found.shape == (1, 512) and found.std() > 0.1
    for name in ("openl3.torchopenl3", "openl3.keras"):
        assert (found - gold[name]).abs().max() < 1e-5 * gold[name].abs().max(), name


def test_left_beside_right_and_mono_on_both(tmp_path: Path) -> None:
    network = save_openl3(tmp_path)
    left = sound(60_000, 44_100)
    right = np.flip(left).copy()
    both = openl3_frames(network, Waveform(np.stack([left, right]), 44_100))
    assert both.shape == (3, 32), "1.36 s"
    turned = openl3_frames(network, Waveform(np.stack([right, left]), 44_100))
    assert np.allclose(both, np.roll(turned, 16, axis=1), atol=1e-4)
    assert np.abs(both[:, :16] - both[:, 16:]).max() > 0.01
    mono = openl3_frames(network, Waveform(left[None], 44_100))
    assert np.array_equal(mono[:, :16], mono[:, 16:])
    twice = openl3_frames(network, Waveform(np.stack([left, left]), 44_100))
    assert np.array_equal(mono, twice)


def test_level_and_rate_of_a_file_do_not_matter(tmp_path: Path) -> None:
    network = save_openl3(tmp_path)
    high = Waveform(np.stack([sound(96_000, 96_000)] * 2), 96_000)
    low = high.resampled(44_100)
    first, second, quiet = (
        openl3_frames(network, one) for one in (high, low, Waveform(0.01 * low.samples, 44_100))
    )
    assert first.shape == (2, 32)
    assert np.abs(first - second).max() < 1e-3 * np.abs(first).max(), "one band for all"
    assert np.abs(second - quiet).max() < 1e-3 * np.abs(first).max()
    silent = openl3_frames(network, Waveform(np.zeros((2, 1000), np.float32), 44_100))
    assert silent.shape == (1, 32) and np.isfinite(silent).all()


def test_weights_come_from_torchopenl3_by_one_command(tmp_path: Path) -> None:
    network = OpenL3(2)
    tensors = drawn(network.state_dict())
    source = tmp_path / "torchopenl3_mel256_music_512.pth.tar"
    fixed = {"speclayer.mel_basis": torch.ones(256, 1025)}
    torch.save(tensors | fixed, source)
    done = convert(source, tmp_path / "openl3", "tensors")
    assert done.tensors == len(tensors) + 1
    loaded = load_openl3(tmp_path / "openl3" / "model.safetensors")
    assert not loaded.training
    assert all(torch.equal(loaded.state_dict()[name], one) for name, one in tensors.items())
    again = convert(tmp_path / "openl3" / "model.safetensors", tmp_path / "again", "tensors")
    kept = load_tensors(again.path / "model.safetensors")
    assert kept.keys() == tensors.keys() | fixed.keys()
    with pytest.raises(UserError, match="no such file"):
        convert(tmp_path / "none.pt", tmp_path / "x", "tensors")


def test_a_broken_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    save_openl3(tmp_path)
    path = tmp_path / "openl3" / "model.safetensors"
    tensors = load_tensors(path)
    short = {name: one for name, one in tensors.items() if name != "conv2d_7.bias"}
    for broken, told in (
        (short, "1 missing: conv2d_7.bias"),
        ({"a": torch.ones(1)}, "not OpenL3"),
        (tensors | {"conv2d_1.weight": torch.ones(500, 1, 3, 3)}, "fewer than the network"),
        (tensors | {"conv2d_7.bias": torch.full((16,), torch.nan)}, "not finite"),
    ):
        save_tensors(path, broken)
        with pytest.raises(UserError, match=told):
            load_openl3(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a whole safetensors file"):
        load_openl3(path)
