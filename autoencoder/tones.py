"""Tones in tune: a bank of oscillators at the pitches of the equal-tempered scale.

A convolutional decoder that makes its own phase can hold a steady tone only at frequencies that
repeat from latent to latent (multiples of the latent rate, 10.8 Hz), for it has no clock to turn a
phase by. Below some 700 Hz that is out of tune. Here the clock is the oscillators' own: the decoder
says how loud each pitch is, at the rate of its output frames, and the bank sounds it: additive
synthesis as in DDSP (Engel et al. 2020, arXiv 2001.04643), on the fixed scale of a tonewheel organ.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LOWEST_HZ = 27.5
PERIOD_FRAMES = 64
"""Latent frames after which all oscillators are back where they began."""
LOUDEST = 0.5  # log-amplitude; 0 is a full-scale sine
QUIETEST = -9.2
SHORTEST_WINDOW, LONGEST_WINDOW = 2048, 16384
_GOLDEN = (math.sqrt(5) - 1) / 2


def scale_cycles(tones: int, sample_rate: int, hop_samples: int) -> Tensor:
    """How often each pitch turns in `PERIOD_FRAMES` latents, whole numbers (tones,).

    Pitch i is A0 (27.5 Hz) and i semitones, moved by at most half a turn a period (0.08 Hz at
    44.1 kHz and 4096 samples a latent), so that windows that begin at multiples of the period
    sound as the whole does.
    """
    semitones = torch.arange(tones, dtype=torch.float64) / 12
    period_seconds = PERIOD_FRAMES * hop_samples / sample_rate
    return torch.round(LOWEST_HZ * 2**semitones * period_seconds).long()


class ToneBank(nn.Module):
    """Log-amplitudes of pitches in frames -> windowed blocks of audio, ready to overlap and add."""

    basis: Tensor
    cycles: Tensor

    def __init__(self, tones: int, sample_rate: int, hop_samples: int, window: Tensor) -> None:
        """`window` (w,) shapes the blocks; `hop_samples` is one latent frame."""
        super().__init__()
        cycles = scale_cycles(tones, sample_rate, hop_samples)
        self.period_samples = PERIOD_FRAMES * hop_samples
        turns = torch.outer(cycles, torch.arange(len(window))).double() / self.period_samples
        shift = _GOLDEN * torch.arange(tones, dtype=torch.float64)
        angles = 2 * math.pi * (turns + shift[:, None])  # chords begin without a click
        basis = torch.cat([angles.cos(), angles.sin()]) * window.double()
        self.register_buffer("basis", basis.float(), persistent=False)
        self.register_buffer("cycles", cycles, persistent=False)

    def forward(self, log_amplitude: Tensor, hop: int, first: int = 0) -> Tensor:
        """(b, c, f, tones), frames `hop` samples apart from number `first` on -> (b, c, f, w)."""
        amplitude = log_amplitude.float().clamp(max=LOUDEST).exp()
        frames = torch.arange(log_amplitude.shape[2], device=self.cycles.device)
        start = (first + frames) * hop
        turned = torch.outer(start, self.cycles) % self.period_samples  # exact, however late
        angle = 2 * math.pi * turned.double() / self.period_samples
        cosine, sine = angle.cos().float(), angle.sin().float()
        return torch.cat([amplitude * cosine, -amplitude * sine], dim=-1) @ self.basis


class ToneListener(nn.Module):
    """Audio -> how loud each pitch of a `ToneBank` is in it.

    Every pitch is heard through a Hann window long enough to tell it from its neighbours, up to
    `LONGEST_WINDOW` samples.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, tones: int, sample_rate: int, hop_samples: int) -> None:
        super().__init__()
        period_samples = PERIOD_FRAMES * hop_samples
        hz = scale_cycles(tones, sample_rate, hop_samples).double() * sample_rate / period_samples
        time = torch.arange(LONGEST_WINDOW, dtype=torch.float64) - LONGEST_WINDOW / 2
        resolved = 2 * sample_rate / (hz * (2 ** (1 / 12) - 1))
        length = resolved.clamp(SHORTEST_WINDOW, LONGEST_WINDOW)
        window = (math.pi * time[:, None] / length).cos() ** 2
        window = torch.where(time[:, None].abs() < length / 2, window, 0)
        window = window * (2 / window.sum(0))  # a sine of amplitude 1 is heard as 1
        angle = 2 * math.pi * time[:, None] * (hz / sample_rate)
        self.register_buffer("cosine", (window * angle.cos()).float(), persistent=False)
        self.register_buffer("sine", (window * angle.sin()).float(), persistent=False)

    def forward(self, audio: Tensor, hop: int) -> Tensor:
        """Audio (b, c, t) -> squared amplitudes (b, c, f, tones), frames at (n + 1/2) hops."""
        half = LONGEST_WINDOW // 2
        padded = functional.pad(audio, (half - hop // 2, half))
        frames = padded.unfold(-1, LONGEST_WINDOW, hop)[..., : audio.shape[-1] // hop, :]
        return (frames @ self.cosine).square() + (frames @ self.sine).square()

    @torch.no_grad()
    def peaks(self, audio: Tensor, hop: int) -> Tensor:
        """Log-amplitudes (b, c, f, tones), those quieter than a neighbour set down to half."""
        power = self(audio, hop)
        higher = functional.pad(power, (1, 1)).unfold(-1, 3, 1).amax(-1)
        power = torch.where(power < higher, power / 4, power)
        return 0.5 * torch.log(power + math.exp(2 * QUIETEST))


class PitchLoss(nn.Module):
    """L1 distance of log-amplitudes at the pitches of the scale, of whatever is not very quiet."""

    HOP_SAMPLES = 2048
    FLOOR = math.exp(2 * -6.0)

    def __init__(self, tones: int, sample_rate: int, hop_samples: int) -> None:
        super().__init__()
        self.listener = ToneListener(tones, sample_rate, hop_samples)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Distance of two batches of audio (b, c, t); scalar."""
        with torch.autocast(prediction.device.type, enabled=False):
            heard, wanted = (
                0.5 * torch.log(self.listener(audio.float(), self.HOP_SAMPLES) + self.FLOOR)
                for audio in (prediction, target)
            )
            return functional.l1_loss(heard, wanted)
