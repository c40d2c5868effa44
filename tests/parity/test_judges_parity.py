"""OpenL3 and PaSST against the published code, torchopenl3 1.0.1 and hear21passt 0.0.26.

The golden file that tests without them read is made here: with LONGFORM_WRITE_GOLD set, its tensors
of these two packages are written anew. Those of openl3 and kapre stay as they are.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from judges import TINY_PASST, drawn, filled, sound
from safetensors.torch import load_file, save_file
from torch import Tensor

from longform.train.evaluate import openl3, passt

pytestmark = pytest.mark.parity
Figure = Callable[[str, Tensor, Tensor, float], None]
Find = Callable[[str], ModuleType]
GOLD = Path(__file__).parent.parent / "gold" / "judges.safetensors"


@pytest.fixture(scope="module")
def kept() -> Iterator[Callable[[str, Tensor], None]]:
    """Hold a result of the published code against the golden file, or write it there."""
    write = bool(os.environ.get("LONGFORM_WRITE_GOLD"))
    gold = load_file(GOLD)

    def check(name: str, result: Tensor) -> None:
        if write:
            gold[name] = result.contiguous()
        assert (gold[name] - result).abs().max() <= 1e-5 * max(1, result.abs().max()), name

    yield check
    if write:
        save_file(gold, GOLD)


def test_openl3(judges: Find, figure: Figure, kept: Callable[[str, Tensor], None]) -> None:
    theirs = judges("torchopenl3.models").PytorchOpenl3("music", "mel256", 512)
    ours = filled(openl3.OpenL3())
    fixed = {k: v for k, v in theirs.state_dict().items() if k.startswith(openl3.FRONT_END)}
    assert theirs.state_dict().keys() == ours.state_dict().keys() | fixed.keys()
    theirs.load_state_dict(ours.state_dict() | fixed)
    theirs.speclayer = torch.nn.Identity()  # openl3 0.4.2, which scores are made with, has another
    levels = load_file(GOLD)["openl3.kapre_levels"]
    with torch.no_grad():
        wanted, found = theirs.eval()(levels[..., None]), ours(levels)
    assert wanted.shape == (1, 512) and wanted.std() > 0.1
    kept("openl3.torchopenl3", wanted)
    figure("OpenL3, embedding", found, wanted, 1e-4)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 1.3, 7.0])
def test_openl3_windows(judges: Find, figure: Figure, seconds: float) -> None:
    samples = sound(round(seconds * openl3.RATE_HZ), openl3.RATE_HZ)
    cut = judges("torchopenl3.utils").preprocess_audio_batch(
        torch.from_numpy(samples)[None], openl3.RATE_HZ, center=True, hop_size=0.5
    )
    ours = torch.from_numpy(openl3.windows(samples).copy())
    figure("OpenL3, windows", ours, cut[:, 0], 0)


def test_passt_spectrogram(
    judges: Find, figure: Figure, kept: Callable[[str, Tensor], None]
) -> None:
    make = judges("hear21passt.models.preprocess").AugmentMelSTFT
    mel = make(
        n_mels=128, sr=32_000, win_length=800, hopsize=320, n_fft=1024, freqm=48, timem=192,
        htk=False, fmin=0.0, fmax=None, norm=1, fmin_aug_range=10, fmax_aug_range=2000,
    ).eval()  # fmt: skip
    samples = sound(passt.WINDOW_SAMPLES, passt.RATE_HZ)
    for name, part in (("whole", samples), ("short", samples[:30_000])):
        signal = torch.from_numpy(np.ascontiguousarray(part))[None]
        wanted = mel(signal)
        figure(f"PaSST, spectrogram, {name}", passt.mel_levels(signal), wanted, 1e-3)
        if name == "whole":
            kept("passt.levels", wanted[..., ::40])


@pytest.mark.parametrize("sizes", [TINY_PASST, {"width": 768, "depth": 12, "classes": 527}])
def test_passt(
    judges: Find,
    figure: Figure,
    kept: Callable[[str, Tensor], None],
    sizes: dict[str, int],
) -> None:
    theirs = judges("hear21passt.models.passt").PaSST(
        img_size=(128, 998), patch_size=16, stride=10, in_chans=1, num_classes=sizes["classes"],
        embed_dim=sizes["width"], depth=sizes["depth"], num_heads=sizes["width"] // 64,
        distilled=True,
    ).eval()  # fmt: skip
    ours = passt.Passt(**sizes).eval()
    tensors = drawn(ours.state_dict())
    theirs.load_state_dict(tensors)
    ours.load_state_dict(tensors)
    samples = torch.from_numpy(sound(passt.WINDOW_SAMPLES, passt.RATE_HZ))[None]
    levels = passt.mel_levels(samples)
    for name, part in (("logits", levels), ("logits_short", levels[..., :150])):
        with torch.no_grad():
            wanted, found = theirs(part[:, None])[0], ours(part)
        assert wanted.std() > 0.1
        figure(f"PaSST, {name}, {sizes['width']} wide", found, wanted, 1e-5)
        if sizes == TINY_PASST:
            kept(f"passt.{name}", wanted)
