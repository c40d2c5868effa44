"""Tones in tune: a bank of oscillators at the pitches of the equal-tempered scale.

A convolutional decoder that makes its own phase can hold a steady tone only at frequencies that
repeat from latent to latent (multiples of the latent rate, 10.8 Hz), for it has no clock to turn a
phase by. Below some 700 Hz that is out of tune. Here the clock is the oscillators' own: the decoder
says how loud each pitch is, at the rate of its output frames, and the bank sounds it: additive
synthesis as in DDSP (Engel et al. 2020, arXiv 2001.04643), on the fixed scale of a tonewheel organ.
"""

import functools
import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

LOWEST_HZ = 27.5
PERIOD_FRAMES = 64
"""Latent frames after which all oscillators are back where they began."""
LOUDEST = 0.5  # log-amplitude; 0 is a full-scale sine
QUIETEST = -9.2
SHORTEST_WINDOW, LONGEST_WINDOW = 2048, 16384
_GOLDEN = (math.sqrt(5) - 1) / 2


class ToneBank(nn.Module):
    """Log-amplitudes of pitches in frames -> windowed blocks of audio, ready to overlap and add.

    Pitch i is A0 (27.5 Hz) and i semitones, moved by at most 0.08 Hz so that it repeats every
    `PERIOD_FRAMES` latents: windows that begin at multiples of that sound as the whole does.
    """

    basis: Tensor
    turn: Tensor

    def __init__(self, tones: int, sample_rate: int, hop_samples: int, window: Tensor) -> None:
        """`window` (w,) shapes the blocks; `hop_samples` is one latent frame."""
        super().__init__()
        self.tones = tones
        base_hz = sample_rate / (PERIOD_FRAMES * hop_samples)
        semitones = torch.arange(tones, dtype=torch.float64) / 12
        self.hz = torch.round(LOWEST_HZ * 2**semitones / base_hz) * base_hz
        self.sample_rate = sample_rate
        angles = 2 * math.pi * torch.outer(self.hz / sample_rate, torch.arange(len(window)))
        shift = 2 * math.pi * _GOLDEN * torch.arange(tones, dtype=torch.float64)
        angles = angles + shift[:, None]  # unlike phases: chords do not begin with a click
        basis = torch.cat([angles.cos(), angles.sin()]) * window.double()
        self.register_buffer("basis", basis.float(), persistent=False)
        self.register_buffer("turn", self.hz / sample_rate, persistent=False)

    def forward(self, log_amplitude: Tensor, hop: int) -> Tensor:
        """(b, c, f, tones), frames `hop` samples apart from the start -> blocks (b, c, f, w)."""
        amplitude = log_amplitude.float().clamp(max=LOUDEST).exp()
        start = torch.arange(log_amplitude.shape[2], device=self.turn.device) * hop
        angle = 2 * math.pi * torch.remainder(torch.outer(start, self.turn), 1.0)
        cosine, sine = angle.cos().float(), angle.sin().float()
        return torch.cat([amplitude * cosine, -amplitude * sine], dim=-1) @ self.basis

    @torch.no_grad()
    def measure(self, audio: Tensor, hop: int) -> Tensor:
        """Log-amplitudes (b, c, f, tones) of audio (b, c, t), frames centred at (n + 1/2) hops.

        Pitches that are quieter than a neighbour are set down to half.
        """
        power = self.power(audio, hop)
        higher = functional.pad(power, (1, 1)).unfold(-1, 3, 1).amax(-1)
        power = torch.where(power < higher, power / 4, power)
        return 0.5 * torch.log(power + math.exp(2 * QUIETEST))

    def power(self, audio: Tensor, hop: int) -> Tensor:
        """Squared amplitudes (b, c, f, tones) of audio (b, c, t), frames centred at (n + 1/2) hops.

        Every pitch is heard through a Hann window long enough to tell it from its neighbours, up
        to `LONGEST_WINDOW` samples.
        """
        half = LONGEST_WINDOW // 2
        padded = functional.pad(audio, (half - hop // 2, half))
        frames = padded.unfold(-1, LONGEST_WINDOW, hop)[..., : audio.shape[-1] // hop, :]
        real, imaginary = (part.to(audio) for part in self._filters)
        return (frames @ real).square() + (frames @ imaginary).square()

    @functools.cached_property
    def _filters(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine parts (LONGEST_WINDOW, tones); a sine of amplitude 1 gives modulus 1."""
        time = torch.arange(LONGEST_WINDOW, dtype=torch.float64) - LONGEST_WINDOW / 2
        resolved = 4 * self.sample_rate / (self.hz * (2 ** (1 / 12) - 1)) / 2
        length = resolved.clamp(SHORTEST_WINDOW, LONGEST_WINDOW)[:, None]
        window = torch.where(time.abs() < length / 2, (math.pi * time / length).cos() ** 2, 0)
        angle = 2 * math.pi * self.hz[:, None] / self.sample_rate * time
        gain = 2 / window.sum(1, keepdim=True)
        parts = (
            rearrange(gain * window * wave, "k t -> t k") for wave in (angle.cos(), angle.sin())
        )
        real, imaginary = parts
        return real.float(), imaginary.float()


class PitchLoss(nn.Module):
    """L1 distance of log-amplitudes at the pitches of the scale, of whatever is not very quiet."""

    HOP_SAMPLES = 2048
    FLOOR = math.exp(2 * -6.0)

    def __init__(self, tones: int, sample_rate: int, hop_samples: int) -> None:
        super().__init__()
        self.bank = ToneBank(tones, sample_rate, hop_samples, torch.ones(1))

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Distance of two batches of audio (b, c, t); scalar."""
        with torch.autocast(prediction.device.type, enabled=False):
            heard, wanted = (
                0.5 * torch.log(self.bank.power(audio.float(), self.HOP_SAMPLES) + self.FLOOR)
                for audio in (prediction, target)
            )
            return functional.l1_loss(heard, wanted)
