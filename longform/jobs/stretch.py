"""A region of a recording together with what surrounds it."""

from dataclasses import dataclass

import numpy as np

from longform.jobs.splice import aligned, fade_samples, put
from longform.waveform import Waveform, from_db

CONTEXT_SECONDS = 20.0
MAX_MATCH_DB = 3.0


@dataclass(frozen=True, eq=False)
class Stretch:
    """`first` of the surroundings, `start` and `stop` of the region: samples of the recording."""

    surroundings: Waveform
    first: int
    start: int
    stop: int
    total_seconds: float

    @classmethod
    def around(cls, audio: Waveform, start: int, stop: int) -> "Stretch":
        reach = round(CONTEXT_SECONDS * audio.sample_rate)
        first, last = max(0, start - reach), min(audio.samples.shape[1], stop + reach)
        part = Waveform(audio.samples[:, first:last], audio.sample_rate)
        return cls(part, first, start, stop, audio.seconds)

    def seconds(self, sample: int) -> float:
        """Where a sample of the recording lies in the surroundings."""
        return (sample - self.first) / self.surroundings.sample_rate

    def known(self) -> tuple[Waveform, float]:
        """The longer side of the surroundings, without the region, and where it starts."""
        rate, samples = self.surroundings.sample_rate, self.surroundings.samples
        left, right = self.start - self.first, self.stop - self.first
        if left >= samples.shape[1] - right:
            return Waveform(samples[:, : max(left, 1)], rate), 0.0
        return Waveform(samples[:, right:], rate), right / rate

    def joined(self, audio: Waveform, made: Waveform) -> Waveform:
        """The recording with the region out of `made`, at the level of what surrounds it."""
        new = aligned(made.to_channels(audio.channels), self.surroundings).samples
        left, right = self.start - self.first, self.stop - self.first
        kept = np.ones(new.shape[1], bool)
        kept[left:right] = False
        levels = [float(np.sqrt((x[:, kept] ** 2).mean())) if kept.any() else 0.0
                  for x in (self.surroundings.samples, new)]  # fmt: skip
        most = from_db(MAX_MATCH_DB)
        gain = np.clip(levels[0] / levels[1], 1 / most, most) if min(levels) > 1e-4 else 1.0
        fade = fade_samples(right - left, audio.sample_rate)
        fade_in = fade if self.start > 0 else 0
        fade_out = fade if self.stop < audio.samples.shape[1] else 0
        new = new[:, left:right] * gain
        return Waveform(put(audio.samples, new, self.start, fade_in, fade_out), audio.sample_rate)
