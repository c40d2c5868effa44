"""How each style is mixed: loudness, ducking, compression, space, saturation, tone and width."""

from dataclasses import dataclass, replace

_WARM = ("drums", "bass")


@dataclass(frozen=True)
class MixProfile:
    """How a style is mixed.

    `drive` saturates drums and bass, and half as much what else has a body of its own; `low_db` and
    `high_db` are shelves at 130 Hz and 5 kHz; `sweep` opens a filter through build-ups.
    """

    loudness_lufs: float = -16.0
    duck_db: float = 0.0
    compress: float = 0.3  # dB taken off per dB above the threshold
    room_seconds: tuple[float, float] = (0.7, 1.6)
    room_level: float = 0.8
    space: str = "room"
    drive: float = 0.0
    low_db: float = 0.0
    high_db: float = 0.0
    width: float = 1.0
    low_pass_hz: float | None = None
    wow_seconds: float = 0.0
    sweep: bool = False

    def drive_of(self, family: str) -> float:
        """The saturation of a family's tracks."""
        if family in _WARM:
            return self.drive
        return 0.5 * self.drive if self.drive > 0.5 and family in ("keys", "guitar") else 0.0


def _row(
    lufs: float, duck: float, compress: float, seconds: tuple[float, float], level: float,
    space: str = "room", drive: float = 0.0, low: float = 0.0, high: float = 0.0,
    width: float = 1.0,
) -> MixProfile:  # fmt: skip
    return MixProfile(lufs, duck, compress, seconds, level, space, drive, low, high, width)


# fmt: off
_ROWS: dict[str, MixProfile] = {
    # LUFS, duck dB, compression, room seconds, its level, space, drive, low, high, width
    "house":                _row(-13.0, 5.0, 0.42, (0.6, 1.3), 0.8, "plate", 0.7, 1.5, 0.0, 1.15),
    "techno":               _row(-12.0, 6.0, 0.50, (0.9, 2.2), 0.8, "room", 1.2, 2.0, -1.5, 1.0),
    "trance":               _row(-12.5, 6.0, 0.42, (1.4, 2.6), 0.8, "hall", 0.6, 1.0, 1.5, 1.3),
    "drum and bass":        _row(-12.0, 3.0, 0.48, (0.7, 1.8), 0.8, "plate", 1.2, 2.0, 0.5, 1.2),
    "dubstep":              _row(-11.5, 3.5, 0.50, (0.8, 2.0), 0.8, "plate", 1.4, 2.5, 0.5, 1.15),
    "trap":                 _row(-13.0, 2.0, 0.42, (0.8, 2.0), 0.8, "plate", 1.0, 2.5, 0.5, 1.1),
    "hip hop":              _row(-14.0, 0.0, 0.42, (0.4, 0.9), 0.6, "room", 1.2, 1.5, -2.5, 0.85),
    "lo-fi hip hop":        MixProfile(-17.0, 1.5, 0.40, (0.5, 1.1), 0.8, "room", 1.0, 1.0, 0.0,
                                       0.85, low_pass_hz=6500.0, wow_seconds=0.0007),
    "synthwave":            _row(-13.5, 4.0, 0.42, (1.2, 2.4), 0.9, "plate", 0.8, 0.5, 1.0, 1.25),
    "downtempo":            _row(-15.5, 2.0, 0.30, (1.0, 2.2), 0.9, "plate", 0.5, 1.0, -1.0, 1.2),
    "ambient":              _row(-20.5, 0.0, 0.08, (2.5, 4.0), 1.4, "hall", 0.0, 0.0, -1.5, 1.0),
    "cinematic electronic": _row(-14.5, 0.0, 0.30, (1.8, 3.2), 1.0, "hall", 0.6, 1.5, 0.0, 1.25),
    "chiptune":             _row(-14.5, 0.0, 0.30, (0.3, 0.6), 0.3, "room", 0.0, 0.0, 1.5, 0.8),
    "cinematic orchestral": _row(-19.5, 0.0, 0.08, (1.8, 3.0), 1.2, "hall", 0.0, 0.5, 0.5, 1.15),
    "chamber strings":      _row(-20.5, 0.0, 0.06, (1.2, 2.2), 1.0, "hall"),
    "solo piano":           _row(-20.0, 0.0, 0.08, (0.9, 2.2), 0.8, "hall", 0.0, 0.0, 0.5, 0.85),
    "jazz trio":            _row(-19.0, 0.0, 0.12, (0.6, 1.3), 0.8, "room", 0.0, 0.5, -1.5, 0.95),
    "blues":                _row(-16.5, 0.0, 0.25, (0.6, 1.2), 0.8, "room", 0.6, 0.0, -0.5, 0.9),
    "bossa nova":           _row(-18.0, 0.0, 0.16, (0.6, 1.2), 0.8, "plate", 0.0, 0.0, -1.0, 1.0),
    "latin":                _row(-15.5, 0.0, 0.30, (0.6, 1.2), 0.8, "plate", 0.3, 0.0, 1.0, 1.05),
    "funk":                 _row(-15.0, 0.0, 0.38, (0.4, 0.9), 0.6, "room", 0.8, 1.0, 0.5, 1.0),
    "disco":                _row(-14.0, 1.5, 0.38, (0.7, 1.4), 0.8, "plate", 0.6, 1.0, 1.0, 1.15),
    "soul":                 _row(-16.5, 0.0, 0.28, (0.7, 1.4), 0.8, "plate", 0.7, 1.0, -1.5, 0.95),
    "pop":                  _row(-13.5, 1.5, 0.38, (0.8, 1.6), 0.8, "plate", 0.4, 0.5, 1.5, 1.2),
    "rock":                 _row(-13.5, 0.0, 0.42, (0.6, 1.3), 0.8, "room", 0.9, 0.5, 0.0, 1.1),
    "metal":                _row(-12.0, 0.0, 0.50, (0.5, 1.1), 0.6, "room", 1.3, 1.0, 1.0, 1.2),
    "reggae":               _row(-15.5, 0.0, 0.30, (0.8, 1.6), 0.8, "plate", 0.6, 3.0, -2.0, 0.95),
    "country":              _row(-16.0, 0.0, 0.25, (0.5, 1.1), 0.8, "plate", 0.2, 0.0, 1.0, 1.05),
    "folk":                 _row(-18.5, 0.0, 0.14, (0.5, 1.2), 0.8, "room", 0.0, -0.5, 0.0, 0.95),
    "waltz":                _row(-18.5, 0.0, 0.12, (1.0, 2.0), 0.9, "hall", 0.0, 0.0, 0.0, 1.05),
}
# fmt: on
_SWEPT = (
    "house",
    "techno",
    "trance",
    "drum and bass",
    "dubstep",
    "synthwave",
    "cinematic electronic",
)  # fmt: skip
PROFILES = {name: replace(row, sweep=name in _SWEPT) for name, row in _ROWS.items()}


def profile_of(style: str) -> MixProfile:
    """The mix profile of a style; a middle course for a style that has none of its own."""
    return PROFILES.get(style, MixProfile())


# dB by which a family stands out from, or back behind, where it is in other styles.
_BALANCE = {
    "ambient": {"pad": 6.0, "bass": -4.0, "keys": -2.0},
    "downtempo": {"pad": 2.0, "bass": 1.0},
    "cinematic electronic": {"pad": 2.0, "strings": 1.0},
    "cinematic orchestral": {"strings": 2.0, "winds": 1.0, "drums": -2.0},
    "chamber strings": {"strings": 2.0, "drums": -5.0},
    "jazz trio": {"drums": -3.0, "keys": 1.5, "bass": 1.0},
    "bossa nova": {"drums": -4.0, "guitar": 2.0},
    "folk": {"drums": -3.0, "guitar": 2.0},
    "waltz": {"drums": -3.0, "keys": 1.0},
    "lo-fi hip hop": {"drums": -1.0, "keys": 1.5},
    "drum and bass": {"bass": 2.0},
    "dubstep": {"bass": 3.0, "keys": -1.5},
    "trap": {"bass": 2.5},
    "reggae": {"bass": 2.5, "guitar": 1.0},
    "techno": {"drums": 1.5, "lead": -1.5},
    "house": {"drums": 0.5, "bass": 1.0},
    "metal": {"guitar": 2.5},
    "rock": {"guitar": 1.5},
    "trance": {"lead": 1.0, "pad": 1.0},
}


def balance_db(style: str, family: str) -> float:
    """How much louder than in other styles a family is mixed."""
    return _BALANCE.get(style, {}).get(family, 0.0)
