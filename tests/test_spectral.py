"""The spectral autoencoder: shapes, features, exact overlap-add, margins, linear start."""

import math
from dataclasses import replace

import pytest
import torch
from einops import rearrange

from longform.autoencoder.features import BandSpec, LogBands, band_matrix, magnitudes
from longform.autoencoder.head import BINS, HEAD_HOP, HEAD_WINDOW
from longform.autoencoder.noise import even_noise, ripple, white_noise
from longform.autoencoder.spectral import PITCH_BANDS, RHYTHM_BANDS, Spectral
from longform.autoencoder.spectral_start import head_log_magnitude, start_from_data
from longform.autoencoder.tiled import decode_windowed
from longform.autoencoder.tones import LOWEST_HZ, PERIOD_FRAMES, ToneBank, ToneListener
from longform.errors import UserError
from tests.tiny import SPECTRAL

TINY = replace(SPECTRAL, latent_channels=8, tones=0, noise=False)


@pytest.fixture(scope="module")
def network() -> Spectral:
    torch.manual_seed(0)
    return Spectral(TINY).eval()


def tone(hz: float, samples: int) -> torch.Tensor:
    wave = torch.sin(2 * math.pi * hz * torch.arange(samples) / 44100)
    return wave.expand(1, 2, -1).contiguous()


def test_lengths_that_are_no_multiple_of_the_hop_are_padded(network: Spectral) -> None:
    posterior = network.encode(torch.randn(2, 2, 3 * 4096 + 5))
    assert posterior.mean.shape == posterior.std.shape == (2, 8, 4)
    assert network.decode(posterior.mean).shape == (2, 2, 4 * 4096)


def test_head_gives_back_the_signal_whose_spectrum_it_is_given(network: Spectral) -> None:
    """With the true STFT (phase counted from the bin's own turning), the head is the identity."""
    audio = torch.randn(1, 2, 4 * 4096)
    side = (HEAD_WINDOW - HEAD_HOP) // 2
    frames = torch.nn.functional.pad(audio, (side, side)).unfold(-1, HEAD_WINDOW, HEAD_HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(HEAD_WINDOW))
    turns = torch.arange(spectrum.shape[2])[:, None] * torch.arange(BINS) % 4
    unturned = spectrum * torch.exp(-0.5j * math.pi * turns)
    rebuilt = network.head.join(network.head.blocks(torch.stack([unturned.real, unturned.imag])))
    assert torch.allclose(rebuilt, audio, atol=1e-4)


def test_a_steady_tone_at_a_bin_centre_needs_no_turning_vector() -> None:
    """What the rotation is for: relative to it, such a tone has the same phase in every frame."""
    hz = 100 * 44100 / HEAD_WINDOW
    side = (HEAD_WINDOW - HEAD_HOP) // 2
    frames = torch.nn.functional.pad(tone(hz, 8 * 4096), (side, side)).unfold(-1, HEAD_WINDOW, 512)
    spectrum = torch.fft.rfft(frames * torch.hann_window(HEAD_WINDOW))[0, 0, 4:-4, 100]
    turned = spectrum * torch.exp(-0.5j * math.pi * 100 * torch.arange(4, 4 + len(spectrum)))
    assert torch.allclose(turned, turned[:1].expand_as(turned), rtol=1e-3)


def test_margins_cover_the_receptive_field(network: Spectral) -> None:
    """A change of one latent, or of one latent's samples, stays within the margins."""
    frames, middle = 61, 30
    latents = torch.randn(1, 8, frames)
    changed = latents.clone()
    changed[..., middle] += 5.0
    difference = (network.decode(latents) - network.decode(changed)).abs().amax((0, 1))
    touched = difference.view(frames, 4096).amax(1).nonzero().flatten()
    assert (touched - middle).abs().max() <= network.decode_margin_frames
    audio = torch.randn(1, 2, frames * 4096)
    moved = audio.clone()
    moved[..., middle * 4096 : (middle + 1) * 4096] += 1.0
    shift = (network.encode(audio).mean - network.encode(moved).mean).abs().amax((0, 1))
    assert ((shift > 1e-6).nonzero().flatten() - middle).abs().max() <= network.encode_margin_frames


def test_features_forget_the_phase_but_keep_pitch_and_level() -> None:
    bands = LogBands(PITCH_BANDS, RHYTHM_BANDS, 44100, 4096)
    sine = bands(tone(440.0, 8 * 4096))[0, 2:-2]
    shifted = bands(tone(440.0, 8 * 4096 + 37)[..., 37:])[0, 2:-2]
    semitone = bands(tone(440.0 * 2 ** (1 / 12), 8 * 4096))[0, 2:-2]
    pitch = slice(0, PITCH_BANDS.bands)
    loud = sine[:, pitch] > -6
    assert (sine - shifted)[:, pitch][loud].abs().max() < 0.1
    assert (sine - semitone)[:, pitch][loud].abs().max() > 0.5
    quiet = bands(0.1 * tone(440.0, 8 * 4096))[0, 2:-2]
    peak = sine[:, pitch].amax(1) - quiet[:, pitch].amax(1)
    assert torch.allclose(peak, torch.full_like(peak, math.log(10)), atol=0.01)


def test_every_band_hears_something_and_sums_to_one() -> None:
    for spec, bank in (
        (PITCH_BANDS, band_matrix(PITCH_BANDS, 44100, "octave")),
        (RHYTHM_BANDS, band_matrix(RHYTHM_BANDS, 44100, "mel")),
    ):
        assert torch.allclose(bank.sum(0), torch.ones(spec.bands), atol=1e-5)


def test_a_sample_rate_below_the_bands_is_refused() -> None:
    with pytest.raises(UserError, match="sample_rate 8000"):
        Spectral(replace(TINY, sample_rate=8000))


def test_a_full_scale_sine_has_magnitude_one() -> None:
    spec = BandSpec(window=2048, hop=512, low_hz=0, high_hz=22050, bands=4)
    peak = magnitudes(tone(64 * 44100 / 2048, 8192), spec.window, spec.hop).amax(-1)
    assert torch.allclose(peak[..., 4:-4], torch.ones(1), atol=1e-2)


def test_linear_start_keeps_most_of_the_variance_and_the_spectrum(network: Spectral) -> None:
    """From data alone, before any step, the decoder's magnitudes follow those of new audio."""
    generator = torch.Generator().manual_seed(1)

    def clip() -> torch.Tensor:
        loud = torch.rand(2, 1, 16, generator=generator).repeat_interleave(4096, -1)
        return loud.square() * torch.randn(2, 2, 16 * 4096, generator=generator)

    fresh = Spectral(TINY).eval()
    kept = start_from_data(fresh, [clip() for _ in range(4)])
    assert kept > 0.5
    audio = clip()
    fresh.requires_grad_(False)
    wanted = rearrange(head_log_magnitude(fresh, audio), "b c (f r) n -> b f (r c n)", r=8)
    latents = fresh.encode(audio).mean
    assert float(latents.std()) == pytest.approx(1.0, rel=0.8)
    got = fresh.decoder.linear(latents.transpose(1, 2))
    constant = (wanted - wanted.mean()).square().mean()
    assert (wanted - got).square().mean() < 0.6 * constant
    assert network.decoder.linear.weight is not fresh.decoder.linear.weight


@pytest.fixture(scope="module")
def bank() -> ToneBank:
    return ToneBank(96, 44100, 4096, torch.hann_window(HEAD_WINDOW))


@pytest.fixture(scope="module")
def listener() -> ToneListener:
    return ToneListener(96, 44100, 4096)


def hertz(bank: ToneBank) -> torch.Tensor:
    return bank.cycles.double() * 44100 / bank.period_samples


def test_pitches_are_the_scale_and_repeat_with_the_windows(bank: ToneBank) -> None:
    """No pitch is more than 5 cents off, and after 64 latents every oscillator is at its start."""
    scale = LOWEST_HZ * 2 ** (torch.arange(96) / 12)
    assert (1200 * torch.log2(hertz(bank) / scale)).abs().max() < 5
    levels = torch.zeros(1, 1, 2 * 8 * PERIOD_FRAMES, 96)
    first, second = bank(levels, HEAD_HOP).chunk(2, dim=2)
    assert torch.equal(first, second)


def test_the_clock_is_exact_in_any_precision_of_the_network(bank: ToneBank) -> None:
    half = ToneBank(96, 44100, 4096, torch.hann_window(HEAD_WINDOW)).to(torch.bfloat16).float()
    assert torch.equal(half.cycles, bank.cycles)


def test_a_pitch_sounds_as_one_steady_sine_of_its_level(network: Spectral, bank: ToneBank) -> None:
    """Frames of equal amplitude join to A4 without a beat: what an own phase cannot hold."""
    levels = torch.full((1, 2, 160, 96), -30.0)
    levels[..., 48] = math.log(0.5)
    audio = network.head.join(bank(levels, HEAD_HOP))[..., 4096:-4096]
    time = torch.arange(audio.shape[-1], dtype=torch.float64) / 44100
    angle = 2 * math.pi * hertz(bank)[48] * time
    waves = torch.stack([angle.cos(), angle.sin()], 1)
    fitted = torch.linalg.lstsq(waves, audio[0].T.double()).solution
    assert torch.allclose(fitted.square().sum(0).sqrt(), torch.tensor(0.5).double(), atol=1e-3)
    assert torch.allclose(waves @ fitted, audio[0].T.double(), atol=2e-3)


def test_measuring_hears_the_levels_and_sets_neighbours_down(
    network: Spectral, bank: ToneBank, listener: ToneListener
) -> None:
    levels = torch.full((1, 2, 160, 96), -30.0)
    levels[..., 40], levels[..., 47] = math.log(0.3), math.log(0.1)
    heard = listener.peaks(network.head.join(bank(levels, HEAD_HOP)), HEAD_HOP)[0, 0, 80]
    assert heard[40].exp() == pytest.approx(0.3, rel=0.02)
    assert heard[47].exp() == pytest.approx(0.1, rel=0.02)
    assert heard[[38, 39, 41, 42]].exp().max() < 0.03


def test_windows_with_tones_equal_the_whole() -> None:
    """Windows of any length: they begin where the oscillators do."""
    torch.manual_seed(3)
    tuned = Spectral(replace(TINY, tones=24, noise=True)).eval()
    torch.nn.init.normal_(tuned.decoder.tone_linear.weight, std=0.5)
    torch.nn.init.constant_(tuned.decoder.tone_linear.bias, -3.0)
    latents = torch.randn(1, 8, 150)
    whole = tuned.decode(latents)
    for window in (13, 64, 100):
        parts = decode_windowed(tuned, latents, window)
        assert torch.allclose(parts, whole, atol=1e-4), window
    tuned.decoder.tone_linear.bias.data.sub_(40.0)
    assert (tuned.decode(latents) - whole).abs().max() > 0.01


def test_the_tones_start_from_what_is_heard(bank: ToneBank, listener: ToneListener) -> None:
    """Fitted to sines of the scale alone, before any step the decoder sounds a new one in tune."""
    generator = torch.Generator().manual_seed(5)
    time = torch.arange(24 * 4096, dtype=torch.float64) / 44100

    def clip(pitch: int) -> torch.Tensor:
        level = 0.1 + 0.4 * torch.rand(2, 1, generator=generator).double()
        wave = level * torch.sin(2 * math.pi * hertz(bank)[pitch] * time)
        return wave.float()[None] + 1e-4 * torch.randn(1, 2, len(time), generator=generator)

    tuned = Spectral(replace(TINY, tones=96, latent_channels=32)).eval()
    start_from_data(tuned, [clip(pitch) for pitch in range(36, 60)])
    heard = listener.peaks(tuned.decode(tuned.encode(clip(45)).mean), HEAD_HOP)[0, 0, 48:-48]
    assert (heard.argmax(-1) == 45).float().mean() > 0.9


def test_noise_takes_the_comb_out_of_what_has_no_pitch() -> None:
    """Equal latents without noise give a signal that repeats with every latent; with it, none."""
    torch.manual_seed(4)
    plain = Spectral(TINY).eval()
    noisy = Spectral(replace(TINY, noise=True)).eval()
    noisy.load_state_dict(plain.state_dict(), strict=False)
    noisy.decoder.noise.bias.data.fill_(2.0)
    latents = torch.randn(1, 8, 1).expand(1, 8, 40)

    def repeats(network: Spectral) -> float:
        audio = network.decode(latents)[0, 0, 16 * 4096 : 24 * 4096].view(8, 4096)
        return float(torch.corrcoef(audio.detach())[0, 1:].mean())

    assert repeats(plain) > 0.99
    assert abs(repeats(noisy)) < 0.1
    noisy.decoder.noise.bias.data.fill_(-20.0)  # its own phases alone: they wander
    assert abs(repeats(noisy)) < 0.3


def test_low_phases_turn_with_the_tones_and_not_with_the_latents() -> None:
    """Of equal latents, whatever phase the decoder draws, low down nothing sounds but the tone."""
    torch.manual_seed(6)
    tuned = Spectral(replace(TINY, tones=96)).eval()
    tuned.decoder.tone_linear.bias.data.view(8, 2, 96)[..., 40] = -2.0  # A#4 - 26 Hz off the comb
    torch.nn.init.normal_(tuned.decoder.phase.weight, std=3.0)
    tuned.decoder.linear.bias.data.fill_(2.0)
    audio = tuned.decode(torch.randn(1, 8, 1).expand(1, 8, 64)).detach()[0, 0, 4 * 4096 : 60 * 4096]
    spectrum = torch.fft.rfft(audio * torch.hann_window(len(audio))).abs()[
        : int(800 * 56 * 4096 / 44100)
    ]
    tone_bin = 27.5 * 2 ** (40 / 12) * 56 * 4096 / 44100
    assert abs(int(spectrum.argmax()) - tone_bin) < 1
    comb = (torch.arange(1, 70) * 56).clamp(max=len(spectrum) - 1)
    assert spectrum[comb].max() < 0.1 * spectrum.max()


def test_even_noise_ripples_less_than_white_and_never_repeats() -> None:
    noise, white = even_noise(16384, 60), white_noise(16384)
    for window in (2048, 1200, 600, 240):
        assert ripple(noise, window) < 0.75 * ripple(white, window)
    power = torch.fft.rfft(noise).abs().square()
    repeats = torch.fft.irfft(power)[300:8192] / torch.fft.irfft(power)[0]
    assert repeats.abs().max() < 0.06
    thirds = power[:8190].view(3, -1).mean(1)  # white: as loud low as high
    assert thirds.max() < 1.3 * thirds.min()
    assert noise.std() == pytest.approx(1.0, abs=1e-3)
