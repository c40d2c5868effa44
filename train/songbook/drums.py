"""The drummer: a groove per piece, dynamics by energy, fills at phrase ends, rolls into drops."""

import numpy as np

from longform.train.songbook.bass import root_pitch
from longform.train.songbook.fills import fill_beats, fill_kind, fill_strokes
from longform.train.songbook.manner import Manner
from longform.train.songbook.patterns_drums import DRUMS, GROOVES, ROW_LEVELS
from longform.train.songbook.score import Track
from longform.train.songbook.stage import STEPS, Span, Stage
from longform.train.songbook.transitions import MakeTrack, Transitions

_STROKES = {"X": 112.0, "x": 90.0, "-": 42.0}
_CRASHES = (49, 57)
_KICK, _SNARE = 36, 38
_QUIETER_OFF_BEAT = frozenset("hormfbt")
_OFF_BEAT_SHARES = (0.82, 0.6, 0.74, 0.58)
_KICK_VOICES = {"synth:drums909": "synth:kick909", "synth:drums808": "synth:kick808"}
_GHOSTED = frozenset(["rock", "funk", "soul", "boombap", "lofi", "pop", "down", "dnb", "shuffle"])


class Drummer:
    """Plays a kit; in an orchestra the timpani too, in a club a kick of its own and risers."""

    def __init__(self, stage: Stage, manner: Manner, make: MakeTrack) -> None:
        self.stage, self.manner = stage, manner
        rng = stage.rng("kit")
        self._groove = manner.drums[rng.integers(len(manner.drums))]
        voice = manner.kits[rng.integers(len(manner.kits))]
        self.kit = make("drums", "drums", "drum machine" if "synth" in voice else "drums", voice)
        self._kick: Track | None = None
        self._timpani: Track | None = None
        if manner.electronic and voice != "gm:drums:48" and rng.random() < 0.5:
            own = _KICK_VOICES.get(voice, "synth:kick909")
            self._kick = make("kick", "drums", "kick drum", own)
        if voice == "gm:drums:48":
            self._timpani = make("timpani", "drums", "timpani", "gm:47")
        self._transitions = Transitions(stage, make) if manner.electronic else None
        self._fills = fill_kind(self._groove, voice, manner.electronic)
        ghosted = "synth" not in voice and self._groove.rstrip("0123456789") in _GHOSTED
        self._ghosts = float(rng.uniform(0.05, 0.22)) if ghosted else 0.0
        self._rolls = 0.3 if manner.bass == ("sub808",) else 0.08

    def play(self, span: Span) -> None:
        """Play one section."""
        rows = self._rows(span)
        loudness = _loudness(span)
        rng = self.stage.rng("fills", span.section.start_bar)
        metre = self.stage.plan.metre
        rise = self._rise(span)
        for bar in span.played_bars:
            if span.name == "build":
                self._roll(bar, span, loudness)
                left = span.section.end_bar - bar
                self._bar(bar, rows, (metre - (left == 1)) * STEPS, loudness, rng)
                continue
            beats = fill_beats(span, bar, rise, metre, rng)
            self._bar(bar, rows, (metre - beats) * STEPS, loudness, rng)
            if beats:
                for step, pitch, loud in fill_strokes(self._fills, beats, rng):
                    at = metre - beats + step / STEPS
                    self._hit(pitch, bar, at, 0.25, 112 * loud * loudness)
        self._accents(span, loudness)
        if self._transitions is not None:
            self._transitions.play(span)

    def _rise(self, span: Span) -> float:
        """How much more energy the next section has."""
        after = [
            other for other in self.stage.spans if other.section.start_bar > span.section.start_bar
        ]
        return after[0].section.energy - span.section.energy if after else 0.0

    def end(self, span: Span) -> None:
        """The last stroke under the final chord."""
        bar = self.stage.plan.bars - 1
        loudness = _loudness(span)
        self._hit(_KICK, bar, 0.0, 1.0, 100 * loudness)
        self.stage.add(self.kit, bar, 0.0, 2.0, _CRASHES[0], (60 + 40 * span.level) * loudness)
        if self._timpani is not None:
            root = root_pitch(self.stage.chord(bar).root) + 12
            for step in range(self.stage.plan.metre * 2):
                self.stage.add(self._timpani, bar, step / 8, 0.5, root, (90 - 6 * step) * loudness)

    def _rows(self, span: Span) -> dict[str, str]:
        rng = self.stage.section_rng("groove", span)
        names = self.manner.drums
        contrast = span.name in ("bridge", "solo", "break") and rng.random() < 0.5
        name = names[rng.integers(len(names))] if contrast else self._groove
        groove = self.stage.groove(GROOVES, name)
        level = max(span.level, 0.1)
        rows = {row: pattern for row, pattern in groove.items() if level >= ROW_LEVELS[row]}
        if span.name == "break" and self.manner.electronic and len(rows) > 1:
            rows.pop("k", None)
        return rows

    def _hit(self, pitch: int, bar: int, beat: float, beats: float, velocity: float) -> None:
        track = self._kick if pitch == _KICK and self._kick is not None else self.kit
        self.stage.add(track, bar, beat, beats, pitch, velocity)

    def _bar(
        self, bar: int, rows: dict[str, str], cut: int, loudness: float, rng: np.random.Generator
    ) -> None:
        for row, pattern in rows.items():
            for step, symbol in enumerate(self.stage.bar_steps(pattern, bar)[:cut]):
                if symbol == "." or (symbol == "-" and rng.random() < 0.25):
                    continue
                velocity = _STROKES[symbol] * loudness
                if row in _QUIETER_OFF_BEAT:
                    velocity *= _OFF_BEAT_SHARES[step % STEPS]
                self._hit(DRUMS[row], bar, step / STEPS, 0.25, velocity)
        self._ghost_strokes(bar, rows, cut, loudness, rng)
        if "h" in rows and rng.random() < self._rolls:
            strokes = int(rng.choice([3, 4, 6]))
            at = float(rng.integers(0, self.stage.plan.metre)) + 0.5
            for stroke in range(strokes):
                loud = (46 + 34 * stroke / strokes) * loudness
                self._hit(DRUMS["h"], bar, at + 0.5 * stroke / strokes, 0.1, loud)
        if self._timpani is not None and "j" in rows:
            root = root_pitch(self.stage.chord(bar).root) + 12
            self.stage.add(self._timpani, bar, 0.0, 1.5, root, 84 * loudness)

    def _ghost_strokes(
        self, bar: int, rows: dict[str, str], cut: int, loudness: float, rng: np.random.Generator
    ) -> None:
        """Soft snare strokes between the written ones."""
        if not self._ghosts or "s" not in rows:
            return
        written = self.stage.bar_steps(rows["s"], bar)
        for step in range(1, cut, 2):
            near = written[step - 1 : step + 2]
            if rng.random() < self._ghosts and written[step] == "." and "X" not in near[:1]:
                self._hit(_SNARE, bar, step / STEPS, 0.15, rng.uniform(24, 38) * loudness)

    def _roll(self, bar: int, span: Span, loudness: float) -> None:
        """A snare roll that doubles its rate towards the next section and stops just before it."""
        bars = max(len(span.played_bars), 1)
        share = (bar - span.section.start_bar) / bars
        every = 4 if share < 0.5 else 2 if share < 0.75 else 1
        length = self.stage.plan.metre * STEPS
        stop = length - (STEPS if span.section.end_bar - bar == 1 else 0)
        for step in range(0, stop, every):
            ramp = share + step / length / bars
            self._hit(_SNARE, bar, step / STEPS, 0.2, (45 + 60 * ramp) * loudness)

    def _accents(self, span: Span, loudness: float) -> None:
        """A crash on the first beat, a lighter one where a long section begins its second half."""
        section = span.section
        if not len(span.played_bars):
            return
        crash = _CRASHES[section.start_bar // 4 % 3 == 2]
        if span.level > 0.3 or span.name == "chorus":
            self.stage.add(self.kit, section.start_bar, 0.0, 2.0, crash, 100 * loudness)
        if span.level > 0.6 and section.bars >= 16:
            middle = section.start_bar + section.bars // 2 // 4 * 4
            self.stage.add(self.kit, middle, 0.0, 2.0, crash, 82 * loudness)


def _loudness(span: Span) -> float:
    return 0.62 + 0.42 * span.section.energy
