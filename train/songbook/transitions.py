"""Transitions of electronic styles: risers into a section, an impact or a fall where it opens."""

from collections.abc import Callable

from longform.train.songbook.score import Track
from longform.train.songbook.stage import Span, Stage

MakeTrack = Callable[[str, str, str, str], Track]
_RISERS = (("riser", "synth:riser"), ("riser", "synth:riser"), ("reverse cymbal", "gm:119"))
_OPENERS = (("impact", "synth:impact"), ("downlifter", "synth:downlifter"))
_LONGEST_SECONDS = 7.0
_BACK_DB = 5.0  # noise is louder than its loudness says


class Transitions:
    """Which of them a piece has is drawn once."""

    def __init__(self, stage: Stage, make: MakeTrack) -> None:
        self.stage = stage
        rng = stage.rng("transitions")
        self._riser: Track | None = None
        self._opener: Track | None = None
        if rng.random() < 0.75:
            name, voice = _RISERS[rng.integers(len(_RISERS))]
            self._riser = make("riser", "drums", name, voice)
            self._riser.gain_db -= _BACK_DB
        if rng.random() < 0.7:
            name, voice = _OPENERS[rng.integers(len(_OPENERS))]
            self._opener = make("opener", "drums", name, voice)
            self._opener.gain_db -= _BACK_DB

    def play(self, span: Span) -> None:
        """What leads out of a section and what opens it."""
        plan, section = self.stage.plan, span.section
        if self._opener is not None and span.name == "chorus" and len(span.played_bars):
            beats = min(2.0 * plan.metre, 3.0 / plan.beat_seconds, section.bars * plan.metre)
            self.stage.add(self._opener, section.start_bar, 0.0, beats, 60, 70 + 40 * span.level)
        if self._riser is None or span.last or span.name not in ("build", "break", "verse"):
            return
        last = section.end_bar - 1
        ends = plan.metre - 1.0 if last in self.stage.silent_bars else float(plan.metre)
        beats = min(4.0, ends)
        first = last
        if self._riser.voice == "synth:riser" and span.name != "verse":
            bars = min(section.bars, 4, max(int(_LONGEST_SECONDS / plan.bar_seconds), 1))
            first, beats = last - bars + 1, (bars - 1) * plan.metre + ends
            self.stage.add(self._riser, first, 0.0, beats, 60, 88)
        else:
            self.stage.add(self._riser, last, ends - beats, beats, 60, 88)
