"""A loss against envelopes that beat with the latent rate, as a decoder without a clock makes them.

`longform.train.evaluate.artefacts` hears the same pulse in finished audio, with numbers of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from longform.autoencoder.stft import stft_magnitude
from longform.errors import UserError

STEPS = 32  # readings of the envelope per latent
TEETH = 8  # multiples of the latent rate that are looked at
BANDS_HZ = ((60.0, 250.0), (250.0, 1_000.0), (1_000.0, 4_000.0), (4_000.0, 12_000.0))
SHORTEST = 128  # samples of a window
FEWEST_LATENTS = 4
QUIETEST = 0.02  # magnitude of a band (a full-scale sine has 128) below which nothing beats
EVENEST = 4
"""Of so many signals the evenest is judged apart too: held sounds, where a pulse stands bare."""


class PulseLoss(nn.Module):
    """How far the multiples of the latent rate stand out of the modulation spectra, in nepers.

    Raises:
        UserError: a latent is too short for an envelope of several readings.
    """

    window: Tensor

    def __init__(self, sample_rate: int, hop_samples: int) -> None:
        super().__init__()
        window_samples = 4 * hop_samples // STEPS
        if window_samples < SHORTEST:
            raise UserError(
                f"loss.pulse is for latents of {SHORTEST * STEPS // 4} samples or more, "
                f"these have {hop_samples}"
            )
        self.hop_samples = hop_samples
        self.register_buffer("window", torch.hann_window(window_samples), persistent=False)
        hz_per_bin = sample_rate / window_samples
        bins = [slice(*(round(hz / hz_per_bin) for hz in band)) for band in BANDS_HZ]
        # Short windows cannot tell the lowest band from the level.
        self.bins = [band for band in bins if band.start > 0]

    def forward(self, audio: Tensor) -> Tensor:
        """Audio (b, c, f * hop), decoded from f latents, to a scalar: the mean over the bands of
        max(0, log(power at the multiples / power between them)), of all signals together and
        of the evenest quarter.

        Noise in 8 stereo crops of 16 latents has less than 0.15 of it by chance, and hides a
        pulse that three times as many latents show: a tooth is one bin, of as many as latents.
        """
        latents = audio.shape[-1] // self.hop_samples
        with torch.autocast(audio.device.type, enabled=False):
            signals = audio.float().flatten(0, 1)[:, : latents * self.hop_samples]
            power = stft_magnitude(signals, self.window)[:, :-1].square()
            bands = [self._beating(power[..., bins].sum(-1), latents) for bins in self.bins]
            return torch.stack(bands).mean()

    def _beating(self, power: Tensor, latents: int) -> Tensor:
        """Of one band's power (n, f * STEPS)."""
        envelope = power.sqrt()
        mean = envelope.mean(-1, keepdim=True)
        heard = mean[:, 0] > QUIETEST
        if not heard.any():
            return power.new_zeros(())
        ripple = envelope[heard] / mean[heard] - 1
        order = ripple.square().mean(-1).argsort()
        taper = torch.hann_window(ripple.shape[-1], device=ripple.device)
        spectrum = torch.fft.rfft(ripple * taper).abs().square()
        around = functional.avg_pool1d(spectrum[:, None], latents, 1, latents // 2)[:, 0]
        relative = spectrum / around[:, : spectrum.shape[1]].clamp(min=1e-12)
        inside = relative[:, latents : latents * (TEETH + 1)].unflatten(-1, (TEETH, latents))
        evenest = inside[order[: -(-len(order) // EVENEST)]]
        groups = (part.mean((0, 1)).clamp(min=1e-6) for part in (inside, evenest))
        return torch.stack([(g[0] / g[1:].mean()).log().relu() for g in groups]).mean()
