"""Losses against auraloss, librosa, torch.stft and closed forms."""

import itertools

import auraloss.freq
import librosa
import pytest
import torch

from longform.autoencoder.losses import (
    SampledSTFTLoss,
    StereoSTFTLoss,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    scale_invariant_sdr_db,
)
from longform.autoencoder.stft import stft_magnitude, stft_pairs
from longform.errors import UserError
from longform.mel import unit_mel_bands

RATE = 44_100


def _pair(channels: int = 2, samples: int = 4096) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = 0.1 * torch.randn(3, channels, samples, generator=generator)
    return target + 0.05 * torch.randn(target.shape, generator=generator), target


def _auraloss(kind: type, sizes: tuple[int, ...], **options: object) -> torch.nn.Module:
    hops = [size // 4 for size in sizes]
    return kind(
        fft_sizes=list(sizes), hop_sizes=hops, win_lengths=list(sizes), sample_rate=RATE, **options
    )


def _seed_of(mid_side: bool, resolutions: int) -> int:
    """A seed whose coin falls as wanted after the draw of the resolutions."""
    for seed in itertools.count():
        generator = torch.Generator().manual_seed(seed)
        torch.randperm(resolutions, generator=generator)
        if bool(torch.rand((), generator=generator) < 0.5) == mid_side:
            return seed
    raise AssertionError


@pytest.mark.parametrize("a_weighting", [False, True])
def test_paper_loss_is_auraloss_on_mid_side_and_half_of_each_channel(a_weighting: bool) -> None:
    sizes = (512, 128, 32)
    prediction, target = _pair()
    options = {"perceptual_weighting": a_weighting}
    both = _auraloss(auraloss.freq.SumAndDifferenceSTFTLoss, sizes, **options)
    single = _auraloss(auraloss.freq.MultiResolutionSTFTLoss, sizes, **options)
    wanted = both(prediction, target)
    for channel in (0, 1):
        wanted = wanted + 0.5 * single(prediction[:, [channel]], target[:, [channel]])
    loss = StereoSTFTLoss(sizes, sample_rate=RATE, a_weighting=a_weighting)
    torch.testing.assert_close(loss(prediction, target), wanted)


def test_paper_loss_of_mono_and_of_half_precision() -> None:
    prediction, target = _pair(channels=1)
    loss = StereoSTFTLoss((256,), sample_rate=RATE)
    wanted = _auraloss(auraloss.freq.MultiResolutionSTFTLoss, (256,), perceptual_weighting=True)
    torch.testing.assert_close(loss(prediction, target), wanted(prediction, target))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(prediction.bfloat16(), target)
    assert value.dtype == torch.float32


def test_losses_have_no_trainable_parameters() -> None:
    sampled = SampledSTFTLoss((256,), sample_rate=RATE, resolutions_per_step=1)
    paper = StereoSTFTLoss((256,), sample_rate=RATE)
    assert not any(p.requires_grad for loss in (sampled, paper) for p in loss.parameters())
    assert not sampled.state_dict()


def test_sampled_loss_of_all_resolutions_is_auraloss() -> None:
    sizes = (512, 128, 32)
    prediction, target = _pair()
    loss = SampledSTFTLoss(sizes, sample_rate=RATE, resolutions_per_step=3)
    single = _auraloss(auraloss.freq.MultiResolutionSTFTLoss, sizes)
    wanted = {
        True: _auraloss(auraloss.freq.SumAndDifferenceSTFTLoss, sizes)(prediction, target),
        False: sum(single(prediction[:, [c]], target[:, [c]]) for c in (0, 1)) / 2,
    }
    for mid_side, value in wanted.items():
        generator = torch.Generator().manual_seed(_seed_of(mid_side, 3))
        torch.testing.assert_close(loss(prediction, target, generator), value)


def test_sampled_loss_is_a_pure_function_of_its_generator() -> None:
    prediction, target = _pair()
    loss = SampledSTFTLoss(
        (512, 256, 128, 64), sample_rate=RATE, resolutions_per_step=1, mel_weight=0.5
    )
    values = [
        float(loss(prediction, target, torch.Generator().manual_seed(seed)))
        for seed in [*range(40), *range(40)]
    ]
    assert values[:40] == values[40:]
    assert len(set(values)) == 8  # 4 resolutions, 2 views


def test_the_mel_term_is_added_with_its_weight() -> None:
    prediction, target = _pair()
    values = {
        weight: float(
            SampledSTFTLoss((512,), sample_rate=RATE, resolutions_per_step=1, mel_weight=weight)(
                prediction, target, torch.Generator().manual_seed(_seed_of(False, 1))
            )
        )
        for weight in (0.0, 1.0, 2.0)
    }
    window, bank = (
        torch.hann_window(512),
        unit_mel_bands(sample_rate=RATE, fft_samples=512, bands=80),
    )
    mels = [
        torch.stft(x.flatten(0, 1), 512, 128, window=window, return_complex=True)
        .abs()
        .clamp(min=1e-4)
        .transpose(1, 2)
        @ bank
        for x in (prediction, target)
    ]
    mel = float((mels[0].clamp(min=1e-5).log() - mels[1].clamp(min=1e-5).log()).abs().mean())
    assert values[1.0] - values[0.0] == pytest.approx(mel, rel=1e-4)
    assert values[2.0] - values[0.0] == pytest.approx(2 * mel, rel=1e-4)


def test_sampled_loss_of_silence_is_zero_and_its_gradient_finite() -> None:
    loss = SampledSTFTLoss((256,), sample_rate=RATE, resolutions_per_step=1, mel_weight=1.0)
    silence = torch.zeros(1, 2, 2048, requires_grad=True)
    value = loss(silence, torch.zeros(1, 2, 2048), torch.Generator().manual_seed(0))
    value.backward()
    assert float(value.detach()) == 0
    assert silence.grad is not None and torch.isfinite(silence.grad).all()


def test_too_many_resolutions_per_step_is_an_error() -> None:
    with pytest.raises(UserError, match="resolutions_per_step is 3, but there are 2"):
        SampledSTFTLoss((256, 128), sample_rate=RATE, resolutions_per_step=3)


@pytest.mark.parametrize("size", [8, 16])
def test_spectra_and_their_gradients_are_those_of_torch_stft(size: int) -> None:
    signal = torch.randn(2, 3, 64, dtype=torch.float64, requires_grad=True)
    window = torch.hann_window(size, dtype=torch.float64)

    def reference(x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x.flatten(0, 1), size, size // 4, window=window, return_complex=True)
        return spectrum.transpose(1, 2).unflatten(0, (2, 3))

    torch.testing.assert_close(stft_pairs(signal, window), torch.view_as_real(reference(signal)))
    torch.testing.assert_close(stft_magnitude(signal, window), reference(signal).abs())
    assert torch.autograd.gradcheck(lambda x: stft_pairs(x, window), signal)
    assert torch.autograd.gradcheck(lambda x: stft_magnitude(x, window), signal)


def test_unit_mel_bands_against_librosa() -> None:
    bank = unit_mel_bands(sample_rate=RATE, fft_samples=2048, bands=40)
    reference = torch.from_numpy(
        librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=40, htk=True, norm=None)
    ).T
    reference = reference / reference.sum(dim=0)
    torch.testing.assert_close(bank[:, 5:], reference[:, 5:], atol=1e-5, rtol=1e-4)
    narrow = unit_mel_bands(sample_rate=RATE, fft_samples=64, bands=40)
    torch.testing.assert_close(narrow.sum(dim=0), torch.ones(40))


def test_si_sdr_ignores_gain_and_measures_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    target, noise = torch.randn(2, 200_000, generator=generator)
    for gain in (0.1, 1.0, 7.0):
        value = scale_invariant_sdr_db(gain * (target + 0.1 * noise), target)
        assert float(value) == pytest.approx(20.0, abs=0.1)


def test_hinge_losses_in_closed_form() -> None:
    real, fake = [torch.tensor([2.0, 0.5])], [torch.tensor([-3.0, 0.0])]
    assert float(hinge_discriminator(real, fake)) == pytest.approx(0.25 + 0.5)
    assert float(hinge_generator(fake)) == pytest.approx(1.5)
    assert float(hinge_discriminator(real * 2, fake * 2)) == pytest.approx(0.75)


def test_feature_matching_is_relative_and_reaches_only_the_fake() -> None:
    real = [[torch.full((2, 3), 4.0, requires_grad=True)]]
    fake = [[torch.full((2, 3), 5.0, requires_grad=True)]]
    loss = feature_matching(real, fake)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.25)
    scaled = feature_matching([[10 * real[0][0]]], [[10 * fake[0][0]]])
    assert float(scaled.detach()) == pytest.approx(0.25)
    assert real[0][0].grad is None and fake[0][0].grad is not None
