"""Accompaniment: held, struck, strummed, broken and picked chords."""

import numpy as np

from longform.music.theory import Chord
from longform.train.songbook.bass import root_pitch
from longform.train.songbook.patterns_pitched import COMP
from longform.train.songbook.score import Track
from longform.train.songbook.stage import STEPS, Span, Stage, events
from longform.train.songbook.voicing import chord_tones, open_strings, voice

_CENTRES = {"keys": 62, "guitar": 59, "strings": 64, "winds": 62, "pad": 62, "lead": 72}
_STRUMMED = frozenset(
    {"strum", "boomchick", "bossa", "skank", "funk16", "disco16", "power", "chug"}
)
_STRUM_SECONDS = 0.011
_ARPS = {"arp16": 1, "arp8": 2, "arpslow": 4, "alberti": 2}
_DECAYING = frozenset(
    {
        *(
            f"gm:{program}"
            for program in (*range(16), *range(24, 29), 45, 46, 104, 105, 106, 107, 108)
        )
    }
    | {"synth:pluck", "synth:bell", "synth:fmkeys"}
)
_ORDERS = ("up", "down", "updown", "skip", "random")


class Comper:
    """One accompanying family: leads its voices from chord to chord and keeps its pattern."""

    def __init__(
        self, stage: Stage, family: str, track: Track, how: str, double: Track | None = None
    ) -> None:
        self.stage, self.family, self.track, self.how = stage, family, track, how
        self._double = double
        rng = stage.rng(f"comp {family}")
        self._count = 4 if family in ("keys", "pad") and rng.random() < 0.6 else 3
        self._wide = bool(rng.random() < 0.35) and how not in ("funk16", "stab")
        self._home = self._centre = _CENTRES[family] + int(rng.integers(-3, 4))
        self._order = str(rng.choice(_ORDERS))
        self._last: list[int] | None = None
        self._decays = track.voice in _DECAYING  # then a chord is struck again in every bar

    def play(self, span: Span) -> None:
        """Play one section in the family's own way."""
        calm = span.level < 0.2 and self.how in COMP and self.family != "guitar"
        how = "whole" if calm else self.how
        self._centre = self._home + (3 if span.name == "chorus" and span.level > 0.6 else 0)
        velocity = 52 + 38 * span.section.energy
        if how in _ARPS:
            self._arpeggio(span, _ARPS[how], velocity, alberti=how == "alberti")
        elif how == "pick":
            self._pick(span, velocity)
        elif how == "boogie":
            self._boogie(span, velocity)
        elif how in COMP:
            self._rhythm(span, how, velocity)
        else:
            self._hold(span, velocity * 0.9)

    def end(self, span: Span) -> None:
        """The final chord."""
        bar = self.stage.plan.bars - 1
        pitches = self._pitches(self.stage.chord(bar), self.how)
        self._strike(bar, 0.0, self.stage.plan.metre, pitches, 50 + 36 * span.section.energy)

    def _pitches(self, chord: Chord, how: str) -> list[int]:
        if self.family == "guitar" and how in ("power", "chug"):
            low = 40 + (chord.root - 40) % 12
            return [low, low + 7, low + 12]
        if self.family == "guitar" and how in ("strum", "boomchick"):
            return open_strings(chord)
        count = 3 if how in ("skank", "funk16", "disco16", "brass") else self._count
        self._last = voice(chord, self._last, self._centre, count, wide=self._wide)
        return self._last

    def _strike(
        self,
        bar: int,
        beat: float,
        beats: float,
        pitches: list[int],
        velocity: float,
        up: bool = False,
    ) -> None:
        spread = _STRUM_SECONDS if self.family == "guitar" and self.how in _STRUMMED else 0.0
        if spread and self.how in ("power", "chug"):
            spread = 0.004
        for index, pitch in enumerate(reversed(pitches) if up else pitches):
            top = 1.04 if pitch == pitches[-1] else 0.97
            for track in (self.track,) if self._double is None else (self.track, self._double):
                self.stage.add(
                    track, bar, beat, beats, pitch, velocity * top, later_seconds=index * spread
                )

    def _hold(self, span: Span, velocity: float) -> None:
        for bar in span.played_bars:
            for beat, beats, chord in self.stage.chord_spans(bar):
                before = self.stage.chord(bar - 1, self.stage.plan.metre - 0.5) if bar else None
                odd = (bar - span.section.start_bar) % 2 == 1
                if before == chord and odd and beat == 0 and not self._decays:
                    continue
                follows = bar + 1 < span.played_bars.stop and len(self.stage.plan.chords[bar]) == 1
                same = follows and self.stage.plan.chords[bar + 1] == (chord,)
                longer = same and (bar - span.section.start_bar) % 2 == 0 and not self._decays
                length = 2 * self.stage.plan.metre if longer else beats
                pitches = self._pitches(chord, "hold")
                self._strike(bar, beat, length - 0.03, pitches, velocity)

    def _rhythm(self, span: Span, how: str, velocity: float) -> None:
        rng = self.stage.section_rng(f"rhythm {self.family}", span)
        choices = self.stage.rhythms("comp", COMP, how)
        first, second = (choices[i] for i in rng.integers(len(choices), size=2))
        loose = how in ("charleston", "chops", "brass")
        for bar in span.played_bars:
            turn = (bar - span.section.start_bar) % (2 if loose else 4) == (1 if loose else 3)
            pattern = second if turn else first
            held: tuple[Chord, list[int]] | None = None
            if how == "boomchick":
                self._boom(bar, velocity)
            for step, length, symbol in events(pattern):
                chord = self.stage.chord(bar, step / STEPS)
                if held is None or held[0] != chord:
                    held = (chord, self._pitches(chord, how))
                beats = 0.17 if symbol == "v" else length / STEPS - 0.03
                accent = {"X": 1.1, "x": 0.96, "v": 0.92}[symbol]
                off = step % 4 == 2 and how == "strum"
                pitches = held[1][2:] if off or how == "boomchick" else held[1]
                self._strike(
                    bar, step / STEPS, max(beats, 0.15), pitches, velocity * accent, up=off
                )

    def _boom(self, bar: int, velocity: float) -> None:
        """The thumb: the root on the first beat, in even metres the fifth in mid-bar."""
        metre = self.stage.plan.metre
        for beat in (0, metre // 2) if metre % 2 == 0 else (0,):
            chord = self.stage.chord(bar, beat)
            low = 40 + (chord.bass - 40) % 12
            fifth = (
                beat and chord.bass == chord.root and (chord.root + 7) % 12 in chord.pitch_classes
            )
            pitch = low + (7 if low < 45 else -5) if fifth else low
            self.stage.add(self.track, bar, beat, 0.9, max(pitch, 40), velocity)

    def _arpeggio(self, span: Span, every: int, velocity: float, *, alberti: bool) -> None:
        rng = self.stage.section_rng(f"arp {self.family}", span)
        octaves = 2 if rng.random() < 0.5 and not alberti else 1
        order = "alberti" if alberti else self._order
        picks = rng.integers(0, 16, 16)
        if span.level < 0.25:
            every = max(every, 2)
        for bar in span.played_bars:
            for beat, beats, chord in self.stage.chord_spans(bar):
                pitches = self._pitches(chord, "arp")
                ladder = [pitch + 12 * octave for octave in range(octaves) for pitch in pitches]
                for index in range(int(beats * STEPS) // every):
                    pitch = ladder[_arp_index(order, index, len(ladder), picks)]
                    at = beat + index * every / STEPS
                    accent = 1.08 if index * every % STEPS == 0 else 0.9
                    length = every / STEPS * (1.6 if every == 4 else 0.92)
                    self.stage.add(self.track, bar, at, length, pitch, velocity * accent)

    def _pick(self, span: Span, velocity: float) -> None:
        rng = self.stage.section_rng(f"pick {self.family}", span)
        fingers = rng.permutation([1, 2, 3]).tolist()
        for bar in span.played_bars:
            for beat, beats, chord in self.stage.chord_spans(bar):
                strings = open_strings(chord)
                upper = strings[-3:]
                for index in range(int(beats * 2)):
                    at = beat + index / 2
                    if index % 2 == 0:
                        thumb = strings[0] if index % 4 == 0 else strings[1]
                        self.stage.add(self.track, bar, at, 0.95, thumb, velocity)
                        if index % 4 == 0:
                            self.stage.add(self.track, bar, at, 0.95, upper[-1], velocity * 0.8)
                    else:
                        finger = upper[fingers[index // 2 % 3] - 1]
                        self.stage.add(self.track, bar, at, 0.9, finger, velocity * 0.82)
                        if rng.random() < 0.2 * (0.5 + span.level):
                            self.stage.add(
                                self.track, bar, at + 0.25, 0.5, upper[1], velocity * 0.7
                            )

    def _boogie(self, span: Span, velocity: float) -> None:
        for bar in span.played_bars:
            for beat, beats, chord in self.stage.chord_spans(bar):
                low = 40 + (chord.root - 40) % 12
                for index in range(int(beats * 2)):
                    top = low + (9 if index % 4 >= 2 else 7)
                    accent = 1.05 if index % 2 == 0 else 0.85
                    for pitch in (low, top):
                        self.stage.add(
                            self.track, bar, beat + index / 2, 0.42, pitch, velocity * accent
                        )


def _arp_index(order: str, index: int, size: int, picks: np.ndarray) -> int:
    if order == "up":
        return index % size
    if order == "down":
        return size - 1 - index % size
    if order == "updown":
        turn = max(2 * size - 2, 1)
        return size - 1 - abs(size - 1 - index % turn)
    if order == "alberti":
        return (0, size - 1, min(1, size - 1), size - 1)[index % 4]
    if order == "skip":
        return (index * 2 + index // size) % size
    return int(picks[index % 16]) % size


def play_left_hand(stage: Stage, span: Span, track: Track) -> None:
    """A pianist's left hand: the chord broken upwards from the root, wide or close."""
    rng = stage.section_rng("left hand", span)
    wide = rng.random() < 0.6
    every = 2 if span.level > 0.15 else 4
    velocity = 46 + 40 * span.section.energy
    for bar in span.played_bars:
        for beat, beats, chord in stage.chord_spans(bar):
            low = root_pitch(chord.bass) + (0 if root_pitch(chord.bass) > 33 else 12)
            tones = chord_tones(chord, 4)
            ladder = [low, low + (7 if wide else 12)]
            while len(ladder) < 6:
                after = ladder[-1] + 3
                while after % 12 not in tones:
                    after += 1
                ladder.append(after)
            order = (0, 1, 2, 3, 2, 1, 2, 3) if wide else (0, 2, 3, 2, 4, 2, 3, 2)
            for index in range(int(beats * STEPS) // every):
                pitch = ladder[order[index % 8]]
                held = beats - index * every / STEPS
                soft = 1.0 if index == 0 else 0.78
                stage.add(
                    track,
                    bar,
                    beat + index * every / STEPS,
                    max(held - 0.05, 0.4),
                    pitch,
                    velocity * soft,
                )
