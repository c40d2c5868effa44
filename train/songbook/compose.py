"""From a plan to a score: every family of every section gets its player."""

import math

from longform.music.plan import FAMILIES, Plan
from longform.train.songbook.bass import end_bass, play_bass
from longform.train.songbook.comp import Comper, play_left_hand
from longform.train.songbook.counter import counter_line, respond
from longform.train.songbook.drums import Drummer
from longform.train.songbook.manner import PITCHED, Manner
from longform.train.songbook.manners import MANNERS, plays, voices
from longform.train.songbook.melody import CENTRES, Line, Melodist
from longform.train.songbook.score import Note, Score, Track
from longform.train.songbook.stage import Span, Stage

# gain in dB, widest pan, reverb and delay sends
_MIX = {
    "drums": (0.0, 0.0, 0.10, 0.0),
    "bass": (-1.0, 0.0, 0.03, 0.0),
    "keys": (-4.0, 0.35, 0.22, 0.05),
    "guitar": (-4.0, 0.55, 0.18, 0.03),
    "strings": (-4.5, 0.4, 0.38, 0.0),
    "winds": (-3.0, 0.35, 0.28, 0.06),
    "pad": (-8.0, 0.2, 0.4, 0.05),
    "lead": (-4.0, 0.15, 0.24, 0.18),
}
_MELODIC_ORDER = ("lead", "winds", "strings", "keys", "guitar")
_TUNEFUL = ("verse", "chorus", "solo", "bridge")


def compose(plan: Plan) -> Score:
    """Compose the whole piece that a plan describes; the same plan gives the same notes."""
    manner = MANNERS[plan.style]
    stage = Stage(plan, manner.humanise_seconds, drops=manner.electronic)
    band = _Band(stage, manner)
    for span in stage.spans:
        for family in FAMILIES:
            if family in span.section.families:
                band.play(family, span)
                if span.last:
                    band.end(family, span)
    tracks = [track for track in stage.tracks.values() if track.notes]
    for track in tracks:
        track.notes = _tidy(track.notes)
    return Score(plan=plan, tracks=tracks, seconds=plan.seconds)


class _Band:
    """The players of one piece: their tracks, their parts, and who has the tune."""

    def __init__(self, stage: Stage, manner: Manner) -> None:
        self.stage, self.manner = stage, manner
        self.melodist = Melodist(stage, manner)
        self._compers: dict[tuple[str, str], Comper] = {}
        self._drummer: Drummer | None = None
        rng = stage.rng("ways")
        self._ways: dict[str, tuple[str, str]] = {}
        for family in PITCHED:
            choices = plays(manner, family)
            first, second = (choices[i] for i in rng.integers(len(choices), size=2))
            self._ways[family] = (first, second if rng.random() < 0.6 else first)
        self._doubled = rng.random() < 0.75
        self._answers = rng.random() < 0.7

    def play(self, family: str, span: Span) -> None:
        """Play a family's part of one section."""
        if family == "drums":
            self._drums().play(span)
        elif family == "bass":
            play_bass(self.stage, self.manner, span, self._track("bass"))
        else:
            self._play_pitched(family, span)
        self._be_heard(family, span)

    def end(self, family: str, span: Span) -> None:
        """Play a family's share of the final chord."""
        if family == "drums":
            self._drums().end(span)
        elif family == "bass":
            end_bass(self.stage, span, self._track("bass"))
        elif self._way(family, span) in ("melody", "counter"):
            self.melodist.end(span, Line(self._track(family), CENTRES.get(family, 67), 0.0))
        else:
            self._comper(family, span).end(span)

    def _play_pitched(self, family: str, span: Span) -> None:
        way = self._way(family, span)
        velocity = 62 + 36 * span.section.energy
        track, centre = self._track(family), CENTRES.get(family, 67)
        if way == "solo":
            play_left_hand(self.stage, span, track)
            self.melodist.play(span, Line(track, centre, velocity, thirds=span.level > 0.5))
        elif self._has_tune(family, span):
            thirds = span.name == "chorus" and span.level > 0.7 and family in ("lead", "strings")
            self.melodist.play(span, Line(track, centre, velocity, thirds=thirds))
        elif way in ("melody", "counter"):
            self._second_voice(span, Line(track, centre, velocity * 0.85), way)
        else:
            self._comper(family, span).play(span)
        if family == "keys" and self._alone_with_tune(span) and way != "solo":
            self.melodist.play(span, Line(self._track(family, "melody"), 76, velocity))

    def _second_voice(self, span: Span, line: Line, way: str) -> None:
        """Beside a tune: an answer to it, a slow line against it, or the one and then the other."""
        tuned = any(self._has_tune(name, span) for name in _MELODIC_ORDER)
        if tuned and way == "melody" and self._answers:
            respond(self.stage, self.melodist, span, line)
        else:
            counter_line(self.stage, span, line)

    def _has_tune(self, family: str, span: Span) -> bool:
        present = [
            name
            for name in _MELODIC_ORDER
            if name in span.section.families and self._way(name, span) == "melody"
        ]
        return bool(present) and present[0] == family

    def _alone_with_tune(self, span: Span) -> bool:
        """Nobody else has a tune where one is due: the keys take it with the right hand."""
        tuned = any(
            self._way(name, span) in ("melody", "solo") or name == "lead"
            for name in span.section.families & set(_MELODIC_ORDER)
        )
        return span.name in _TUNEFUL and span.level > 0.25 and not tuned

    def _way(self, family: str, span: Span) -> str:
        """How a family plays here: its full way in choruses and what is like them."""
        return self._ways[family][span.name in ("chorus", "solo", "build")]

    def _comper(self, family: str, span: Span) -> Comper:
        way = self._way(family, span)
        if (family, way) not in self._compers:
            track = self._track(family)
            double = None
            if family == "guitar" and way in ("power", "chug") and self._doubled:
                double = self._track(family, " double")
                track.pan, double.pan = -0.8, 0.8
            self._compers[family, way] = Comper(self.stage, family, track, way, double)
        return self._compers[family, way]

    def _drums(self) -> Drummer:
        if self._drummer is None:
            self._drummer = Drummer(self.stage, self.manner, self._make)
        return self._drummer

    def _track(self, family: str, part: str = "") -> Track:
        choices = voices(self.manner, family)
        name, voice = choices[self.stage.rng(f"voice {family}").integers(len(choices))]
        return self._make(f"{family}{part}", family, name, voice)

    def _make(self, key: str, family: str, name: str, voice: str) -> Track:
        if key not in self.stage.tracks:
            rng = self.stage.rng(f"mix {key}")
            gain, width, reverb, delay = _MIX[family]
            side = 1 if sum(map(ord, key)) % 2 else -1
            wet = float(rng.uniform(0.7, 1.4))
            self.stage.tracks[key] = Track(
                name=name,
                family=family,
                voice=voice,
                gain_db=round(gain + float(rng.uniform(-1.5, 1.0)), 2),
                pan=round(side * width * float(rng.uniform(0.5, 1.0)), 3),
                reverb=round(min(reverb * wet, 1.0), 3),
                delay=round(min(delay * float(rng.uniform(0.0, 1.6)), 1.0), 3),
            )
        return self.stage.tracks[key]

    def _be_heard(self, family: str, span: Span) -> None:
        """A family that the plan names sounds: an empty part still marks the first beat."""
        section, plan = span.section, self.stage.plan
        start, end = section.start_bar * plan.bar_seconds - 0.02, section.end_bar * plan.bar_seconds
        tracks = [track for track in self.stage.tracks.values() if track.family == family]
        sounds = any(start <= note.start_seconds < end for track in tracks for note in track.notes)
        if sounds or not len(span.played_bars):
            return
        bar = section.start_bar
        if family == "drums":
            self.stage.add(self._drums().kit, bar, 0.0, 1.0, 36, 80)
        else:
            chord = self.stage.chord(bar)
            self.stage.add(self._track(family), bar, 0.0, plan.metre, 60 + chord.root, 70)


def _tidy(notes: list[Note]) -> list[Note]:
    """Notes in order, a note ended where the same pitch is struck again, and no doubles."""
    ordered = sorted(notes, key=lambda note: (note.start_seconds, note.pitch, -note.seconds))
    following: dict[int, float] = {}
    kept: list[Note] = []
    for note in reversed(ordered):
        limit = following.get(note.pitch, math.inf) - note.start_seconds
        if limit < 0.02:
            continue
        seconds = min(note.seconds, limit)
        kept.append(Note(note.start_seconds, seconds, note.pitch, note.velocity))
        following[note.pitch] = note.start_seconds
    return kept[::-1]
