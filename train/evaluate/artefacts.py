"""Does a decoder ring, buzz or pulse at a rate of its own?

A convolutional decoder that makes its own phase has no clock: where its latents stand still its
output repeats with every latent, whatever the music. Repeated noise is heard as motorboating or
as a metallic ring (Guttman & Julesz 1963, JASA 35, 610), and its spectrum is a comb of the latent
rate's multiples; repetition with every frame of a decoder's head is a buzz. Music keeps to no such
grid, so both can be measured without a reference, and recordings tell what is usual.
"""

from dataclasses import dataclass

import numpy as np

from longform.train.evaluate.features import magnitudes

BANDS_HZ: dict[str, tuple[float, float]] = {
    "60-250 Hz": (60.0, 250.0),
    "250-1000 Hz": (250.0, 1_000.0),
    "1-4 kHz": (1_000.0, 4_000.0),
    "4-12 kHz": (4_000.0, 12_000.0),
}
FRAME_SAMPLES = 512
"""Hop of a decoder's head: 86.1 Hz at 44.1 kHz."""
WINDOW_LATENTS, PULSE_LATENTS = 8, 16
PULSE_STEPS = 32
"""Readings of the envelope per latent."""
PULSE_TEETH = 8
FEWEST_TEETH = 8
SOUNDING = 1e-3
"""Frames below this share of the strongest frame's power are not heard."""

LEVELS_DB = {"ring": 1.0, "buzz": 4.0, "pulse": 2.0}
"""Alarm when any band exceeds it. In 135 excerpts of 24 s of 45 songbook pieces, which went through
no decoder, the largest of any band are 0.5, 3.3 and 1.7 dB; noise that repeats with every latent
has 11 dB ring, and still rings under steady noise that is 10 dB louder."""

Bands = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Artefacts:
    """By band of `BANDS_HZ`, dB; a band that holds too few multiples of the rate is absent.

    Attributes:
        ring: power at the multiples of the latent rate over the power beside them, in spectra of
            `WINDOW_LATENTS`, each bin over the mean of the latent rate around it.
        buzz: power at the multiples of 44.1 kHz / `FRAME_SAMPLES` over that at the other multiples
            of the latent rate.
        pulse: as `ring`, in the modulation spectrum of the band's envelope, up to `PULSE_TEETH`
            times the latent rate.
    """

    ring: Bands
    buzz: Bands
    pulse: Bands

    def alarms(self) -> tuple[str, ...]:
        """Which of the three exceed their level of `LEVELS_DB` in any band."""
        return tuple(
            name
            for name, level in LEVELS_DB.items()
            if max(getattr(self, name).values(), default=0.0) > level
        )


def hear_artefacts(samples: np.ndarray, sample_rate: int, hop_samples: int) -> Artefacts:
    """Artefacts of audio `(c, t)` that a decoder of `hop_samples` per latent could have made."""
    size = WINDOW_LATENTS * hop_samples
    power = _sounding(np.concatenate([magnitudes(x, size, size // 2) ** 2 for x in samples]))
    hz = sample_rate / size
    buzz = {}
    if hop_samples > FRAME_SAMPLES:
        folded = _folded(power, hz, size // FRAME_SAMPLES)
        buzz = {band: _excess_db(one, WINDOW_LATENTS) for band, one in folded.items()}
    folded = _folded(power, hz, WINDOW_LATENTS)
    return Artefacts(
        ring={band: _excess_db(one, 1) for band, one in folded.items()},
        buzz=buzz,
        pulse=_pulse(samples, sample_rate, hop_samples),
    )


def _folded(power: np.ndarray, hz_per_bin: float, period: int) -> dict[str, np.ndarray]:
    """Mean of each bin's power over its surroundings, by place within `period` bins, by band."""
    from scipy.ndimage import uniform_filter1d

    around = uniform_filter1d(power, period, axis=1, mode="nearest")
    relative = power / np.maximum(around, 1e-20)
    found = {}
    for band, (low, high) in BANDS_HZ.items():
        first, last = (int(np.ceil(edge / hz_per_bin / period)) for edge in (low, high))
        if last - first >= FEWEST_TEETH and last * period <= relative.shape[1]:
            inside = relative[:, first * period : last * period]
            found[band] = inside.reshape(len(inside), -1, period).mean((0, 1))
    return found


def _excess_db(folded: np.ndarray, step: int) -> float:
    """The tooth over the mean of every `step`-th other place, dB."""
    others = folded[step::step].mean()
    return round(10 * float(np.log10(max(folded[0], 1e-9) / max(others, 1e-9))), 2)


def _pulse(samples: np.ndarray, sample_rate: int, hop_samples: int) -> Bands:
    step = hop_samples // PULSE_STEPS
    if step == 0:
        return {}
    spectra = [magnitudes(x, 4 * step, step) ** 2 for x in samples]
    hz = np.fft.rfftfreq(4 * step, 1 / sample_rate)
    found = {}
    for band, (low, high) in BANDS_HZ.items():
        inside = (hz >= low) & (hz < high)
        if inside.any() and high < sample_rate / 2:
            envelopes = [np.sqrt(one[:, inside].sum(1)) for one in spectra]
            modulation = np.concatenate([_modulation(one) for one in envelopes])
            if len(modulation):
                found[band] = _excess_db(_teeth(modulation), 1)
    return found


def _modulation(envelope: np.ndarray) -> np.ndarray:
    """Modulation power `(stretches, bins)`, `PULSE_LATENTS` bins to the latent rate."""
    size = PULSE_LATENTS * PULSE_STEPS
    if len(envelope) < size:
        return np.zeros((0, size // 2 + 1))
    parts = np.lib.stride_tricks.sliding_window_view(envelope, size)[:: size // 2]
    means = parts.mean(1, keepdims=True)
    heard = means[:, 0] > SOUNDING**0.5 * max(float(means.max()), 1e-9)
    parts = parts[heard] / means[heard] - 1
    return np.abs(np.fft.rfft(parts * np.hanning(size + 1)[:-1], axis=1)) ** 2


def _teeth(modulation: np.ndarray) -> np.ndarray:
    """As `_folded`, of the first `PULSE_TEETH` multiples of the latent rate."""
    from scipy.ndimage import uniform_filter1d

    around = uniform_filter1d(modulation, PULSE_LATENTS, axis=1, mode="nearest")
    relative = modulation / np.maximum(around, 1e-20)
    inside = relative[:, PULSE_LATENTS : PULSE_LATENTS * (PULSE_TEETH + 1)]
    return inside.reshape(len(inside), -1, PULSE_LATENTS).mean((0, 1))


def _sounding(power: np.ndarray) -> np.ndarray:
    total = power.sum(1)
    return power[total > SOUNDING * total.max()] if total.any() else power
