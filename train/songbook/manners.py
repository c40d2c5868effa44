"""Every style's manner, and what a family does where its style is silent."""

from longform.train.songbook.manner import Manner
from longform.train.songbook.manners_acoustic import ACOUSTIC_MANNERS
from longform.train.songbook.manners_electronic import ELECTRONIC_MANNERS

_DEFAULT_PLAYS = {
    "keys": ("ballad", "halves"),
    "guitar": ("strum", "pick"),
    "strings": ("hold", "counter"),
    "winds": ("hold", "melody"),
    "pad": ("hold",),
    "lead": ("melody",),
}
_DEFAULT_VOICES = {
    "bass": (("bass guitar", "gm:33"),),
    "keys": (("piano", "gm:0"), ("electric piano", "gm:4")),
    "guitar": (("acoustic guitar", "gm:25"), ("clean electric guitar", "gm:27")),
    "strings": (("strings", "gm:48"), ("slow strings", "gm:49")),
    "winds": (("flute", "gm:73"), ("saxophone", "gm:65"), ("brass", "gm:61")),
    "pad": (("warm pad", "gm:89"), ("synth pad", "synth:pad"), ("choir", "gm:52")),
    "lead": (("synth lead", "synth:lead"), ("square lead", "gm:80")),
}

MANNERS: dict[str, Manner] = ELECTRONIC_MANNERS | ACOUSTIC_MANNERS


def plays(manner: Manner, family: str) -> tuple[str, ...]:
    """The ways in which a family may play in a style."""
    return manner.plays.get(family) or _DEFAULT_PLAYS[family]


def voices(manner: Manner, family: str) -> tuple[tuple[str, str], ...]:
    """(name, voice) choices of a family in a style."""
    return manner.voices.get(family) or _DEFAULT_VOICES[family]
