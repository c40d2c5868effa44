"""Feel: who plays behind the beat and who ahead, who swings how much, how loud within a phrase.

Milliseconds after the beat, by style. Backbeats that lie back in soul and hip hop, soloists who
play late and swing less than the drums in jazz (Friberg and Sundstroem 2002), guitars that push in
metal. The kick stays on the grid: it is where the beat is.
"""

from dataclasses import dataclass, field

from longform.music.plan import PHRASE_BARS, Section

EARLIEST_SECONDS = 0.0115
"""No note comes earlier before its beat than this, hand and feel together."""
_KICKS = (35, 36)
_SNARES = (37, 38, 39, 40)
# How strong each beat of a metre is.
_ACCENTS = {
    2: (1.04, 0.97),
    3: (1.06, 0.96, 0.98),
    4: (1.05, 0.97, 1.02, 0.97),
    5: (1.06, 0.96, 0.98, 1.04, 0.97),
    6: (1.06, 0.96, 0.97, 1.03, 0.96, 0.97),
    7: (1.06, 0.97, 1.02, 0.97, 1.04, 0.96, 0.97),
}


@dataclass(frozen=True)
class Feel:
    """`late_ms` by role (snare, hats, then families); `swing` factors by family; `arch` of a phrase
    is the share by which its middle is louder than its ends."""

    late_ms: dict[str, float] = field(default_factory=dict)
    swing: dict[str, float] = field(default_factory=dict)
    arch: float = 0.12


def _feel(text: str = "", swing: str = "", arch: float = 0.12) -> Feel:
    return Feel(_numbers(text), _numbers(swing), arch)


def _numbers(text: str) -> dict[str, float]:
    words = text.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}


_JAZZ = "lead 0.6 winds 0.6 keys 0.8 bass 0.9"
# fmt: off
FEELS: dict[str, Feel] = {
    "house":                _feel("snare -3 hats 2 bass 4 keys -2", arch=0.04),
    "techno":               _feel("hats 1", arch=0.02),
    "trance":               _feel("hats 1 bass 1", arch=0.04),
    "drum and bass":        _feel("snare -4 hats -2 bass 3 pad 4", arch=0.05),
    "dubstep":              _feel("snare 5 bass 3", arch=0.04),
    "trap":                 _feel("snare 4 keys 5 lead 6", arch=0.05),
    "hip hop":              _feel("snare 14 hats 4 bass 10 keys 8 lead 14 winds 10", "keys 0.8"),
    "lo-fi hip hop":        _feel("snare 18 hats 6 bass 13 keys 10 lead 20 guitar 12", "keys 0.7"),
    "synthwave":            _feel("snare 2 lead 5", arch=0.05),
    "downtempo":            _feel("snare 10 hats 2 bass 8 keys 5 lead 12"),
    "ambient":              _feel("keys 8 lead 14 winds 14", arch=0.16),
    "cinematic electronic": _feel("snare 3 strings 4", arch=0.10),
    "chiptune":             _feel(arch=0.03),
    "cinematic orchestral": _feel("strings 6 winds 9 pad 8 hats -2", arch=0.18),
    "chamber strings":      _feel("winds 5 keys -3 lead 4", arch=0.20),
    "solo piano":           _feel("keys 2", arch=0.20),
    "jazz trio":            _feel("hats -3 bass -4 keys 9 lead 18 winds 18 guitar 8", _JAZZ, 0.16),
    "blues":                _feel("snare 8 bass 4 keys 6 lead 15 winds 12", "lead 0.8", 0.15),
    "bossa nova":           _feel("guitar -4 bass 2 keys 6 lead 16 winds 16", arch=0.14),
    "latin":                _feel("keys -4 winds -3 hats -3 bass -2"),
    "funk":                 _feel("snare 4 bass -3 guitar -4 winds -4 keys 2"),
    "disco":                _feel("hats -3 guitar -3 strings 4 bass -1", arch=0.08),
    "soul":                 _feel("snare 11 bass 7 keys 5 guitar 3 lead 12 winds 6", arch=0.15),
    "pop":                  _feel("snare 2 bass 1 lead 6 guitar 3", arch=0.08),
    "rock":                 _feel("snare 6 bass 2 guitar -2 lead 5"),
    "metal":                _feel("snare -3 guitar -5 bass -3", arch=0.05),
    "reggae":               _feel("snare 8 bass 12 guitar 5 keys 4 winds 6 lead 10"),
    "country":              _feel("snare -4 guitar -3 lead 5 strings 4"),
    "folk":                 _feel("guitar -2 strings 7 winds 7 lead 6", arch=0.16),
    "waltz":                _feel("keys 3 strings 6 winds 6 lead 5", arch=0.18),
}
# fmt: on


def late_seconds(feel: Feel, family: str, pitch: int) -> float:
    """How much after the beat a note of a family comes."""
    role = family
    if family == "drums":
        role = "kick" if pitch in _KICKS else "snare" if pitch in _SNARES else "hats"
    return feel.late_ms.get(role, 0.0) / 1000


def accent(metre: int, beat: float) -> float:
    """Loudness of a place in the bar; between the beats it is that of a weak one."""
    strong = _ACCENTS[metre][int(beat) % metre]
    return strong if beat % 1.0 < 0.05 else 0.5 * (strong + 0.92)


def phrase_shape(feel: Feel, section: Section, bar: int, following: Section | None) -> float:
    """Loudness of a bar: an arch over its phrase, a swell in a build, a lean into what follows."""
    since = bar - section.start_bar
    place = (since % PHRASE_BARS + 0.5) / PHRASE_BARS
    arch = 1 + feel.arch * (4 * place * (1 - place) - 0.67)
    share = (since + 0.5) / section.bars
    if section.name == "build":
        return arch * (0.76 + 0.32 * share)
    if following is None:
        return arch * (1.05 - 0.18 * share)
    left = section.end_bar - bar
    if section.bars >= 4 and left <= 2:
        lean = 0.35 * (following.energy - section.energy)
        arch *= 1 + min(max(lean, -0.1), 0.1) * (1.0 if left == 1 else 0.5)
    return arch
