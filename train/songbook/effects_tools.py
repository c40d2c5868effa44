"""What the effect recipes share: noise, moving filters, events scattered in time and space."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter, oaconvolve

from longform.train.songbook.synth_core import add_at
from longform.train.songbook.synth_drums import band
from longform.train.songbook.wavetable import sine


@dataclass(frozen=True)
class Scene:
    """One effect to be made: its random generator, length and rate."""

    rng: np.random.Generator
    samples: int
    sample_rate: int

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate

    @property
    def time(self) -> np.ndarray:
        """(n,) seconds."""
        return np.arange(self.samples) / self.sample_rate

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def white(self, channels: int = 2) -> np.ndarray:
        """(channels, n) Gaussian noise."""
        return self.rng.standard_normal((channels, self.samples))

    def band(self, sound: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
        return band(sound, low_hz, high_hz, self.sample_rate)

    def noise(self, low_hz: float, high_hz: float, channels: int = 2) -> np.ndarray:
        """(channels, n) band-limited noise of unit RMS."""
        return unit(self.band(self.white(channels), low_hz, high_hz))

    def drift(self, hz: float, channels: int = 1) -> np.ndarray:
        """(channels, n) smooth random curve from 0 to 1 that moves `hz` times a second."""
        points = max(4, int(self.seconds * hz) + 4)
        knots = self.rng.random((channels, points))
        place = self.time * hz + 1
        index, part = place.astype(int) % (points - 1), place % 1
        part = part * part * (3 - 2 * part)
        return knots[:, index] * (1 - part) + knots[:, index + 1] * part

    def sine(self, hz: float | np.ndarray) -> np.ndarray:
        """(n,) sine of a fixed or moving frequency, random phase."""
        moving = np.broadcast_to(np.asarray(hz, dtype=np.float64), (self.samples,))
        return sine(np.cumsum(moving) / self.sample_rate + self.rng.random())

    def saw(self, hz: float | np.ndarray, top_hz: float = 9000.0) -> np.ndarray:
        """(n,) band-limited saw: partials below `top_hz`, at most 40."""
        moving = np.broadcast_to(np.asarray(hz, dtype=np.float64), (self.samples,))
        phase = np.cumsum(moving) / self.sample_rate
        count = int(np.clip(top_hz / moving.max(), 1, 40))
        total = np.zeros(self.samples)
        for k in range(1, count + 1):
            total += sine(k * phase) / k
        return total * 0.6

    def sub(self, seconds: float) -> "Scene":
        """A shorter scene with the same generator, for one event."""
        return Scene(self.rng, max(64, int(seconds * self.sample_rate)), self.sample_rate)

    def scatter(
        self,
        starts: np.ndarray | list[float],
        make: Callable[["Scene"], np.ndarray],
        seconds: float,
        width: float = 0.8,
        variants: int = 12,
    ) -> np.ndarray:
        """(2, n): short mono events at `starts` seconds, each panned and levelled by chance."""
        out = np.zeros((2, self.samples))
        sounds = [make(self.sub(seconds)) for _ in range(min(variants, max(1, len(starts))))]
        for start in starts:
            angle = (1 + self.between(-width, width)) * np.pi / 4
            sound = sounds[int(self.rng.integers(len(sounds)))] * self.between(0.4, 1.0)
            sides = np.stack([sound * np.cos(angle), sound * np.sin(angle)])
            add_at(out, sides, start * self.sample_rate, 1.0)
        return out

    def random_starts(self, per_second: float) -> np.ndarray:
        """Poisson event times."""
        count = int(self.rng.poisson(max(per_second * self.seconds, 1)))
        return np.sort(self.rng.uniform(0, self.seconds, max(count, 1)))

    def regular_starts(self, period_seconds: float, jitter: float = 0.0) -> np.ndarray:
        """Evenly spaced event times from 0, each moved by up to `jitter` periods."""
        starts = np.arange(0, max(self.seconds - 0.05, 0.01), period_seconds)
        return np.maximum(
            starts + self.rng.uniform(-jitter, jitter, len(starts)) * period_seconds, 0
        )

    def wide(self, sound: np.ndarray, pan: float | np.ndarray = 0.0) -> np.ndarray:
        """(2, n) of a mono sound at a fixed or moving place (-1..1)."""
        angle = (1 + np.clip(pan, -1, 1)) * np.pi / 4
        return np.stack([sound * np.cos(angle), sound * np.sin(angle)]) * np.sqrt(2)

    def ring(self, partials: list[tuple[float, float, float]]) -> np.ndarray:
        """(n,) sum of decaying sines (hertz, level, seconds to fall to 1/e)."""
        total = np.zeros(self.samples)
        for hz, level, decay in partials:
            if hz < 0.45 * self.sample_rate:
                total += level * sine(hz * self.time) * np.exp(-self.time / decay)
        return total * np.minimum(self.time / 0.0007, 1)

    def swell(self, rise: float = 0.1, fall: float = 0.1) -> np.ndarray:
        """(n,) fade in and out over shares of the length."""
        up = np.clip(self.time / max(rise * self.seconds, 1e-3), 0, 1)
        down = np.clip((self.seconds - self.time) / max(fall * self.seconds, 1e-3), 0, 1)
        return np.sin(up * np.pi / 2) * np.sin(down * np.pi / 2)

    def swept(self, sound: np.ndarray, centres_hz: np.ndarray, width: float = 0.6) -> np.ndarray:
        """Noise-like `sound` through a band-pass that moves along `centres_hz` (n,).

        Fixed bands in steps of a third are cross-faded by a bell around the moving centre.
        """
        low, high = max(60.0, centres_hz.min() / 1.5), min(16000.0, centres_hz.max() * 1.5)
        out = np.zeros_like(sound)
        steps = max(2, round(np.log2(high / low) * 3) + 1)
        for centre in np.geomspace(low, high, steps):
            weight = np.exp(-((np.log(centres_hz / centre) / width) ** 2))
            out += weight * self.band(sound, centre / 1.2, centre * 1.2)
        return out

    def space(self, sound: np.ndarray, seconds: float, level: float) -> np.ndarray:
        """The (2, n) sound plus its diffuse room."""
        count = int(seconds * self.sample_rate)
        fall = np.exp(-5 * np.arange(count) / count)
        response = self.rng.standard_normal((2, count)) * fall
        response = np.asarray(lfilter([0.4], [1, -0.6], response))
        response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
        mono = sound.mean(axis=0)
        tail = np.stack([oaconvolve(mono, side)[: self.samples] for side in response])
        return sound + level * tail


def unit(sound: np.ndarray) -> np.ndarray:
    """The sound scaled to unit RMS (silence stays silence)."""
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9)
