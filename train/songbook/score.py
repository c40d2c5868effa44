"""A composed piece before it sounds: notes on tracks, each with a voice and a place in the mix."""

from dataclasses import dataclass, field

from longform.music.plan import Plan

SYNTH_VOICES = (
    "kick808",
    "kick909",
    "drums808",
    "drums909",
    "subbass",
    "acid",
    "reese",
    "supersaw",
    "pluck",
    "pad",
    "lead",
    "chip",
    "bell",
    "formant",
    "fmkeys",
    "fmbass",
    "strings",
    "riser",
    "impact",
    "downlifter",
)


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `pitch` is a MIDI number (60 = middle C; drum voices use the GM drum map)."""

    start_seconds: float
    seconds: float
    pitch: int
    velocity: int

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.seconds


@dataclass(slots=True)
class Track:
    """The notes of one instrument.

    `voice` is "gm:<program 0..127>", "gm:drums:<kit>", "synth:<one of SYNTH_VOICES>" or, where a
    build has recordings, "samples:<kit>". `family` is one of `longform.music.FAMILIES`. `pan` runs
    from -1 (left) to 1; `reverb` and `delay` are sends of 0..1.
    """

    name: str
    family: str
    voice: str
    notes: list[Note] = field(default_factory=list)
    gain_db: float = 0.0
    pan: float = 0.0
    reverb: float = 0.0
    delay: float = 0.0


@dataclass(slots=True)
class Score:
    """A whole piece: the plan it follows, its tracks, and the length of the audio to render."""

    plan: Plan
    tracks: list[Track]
    seconds: float
