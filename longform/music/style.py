"""What a style is: one row of a table, kept in `styles_electronic` and `styles_acoustic`."""

from dataclasses import dataclass

SECTION_LETTERS = {
    "i": "intro",
    "v": "verse",
    "c": "chorus",
    "b": "bridge",
    "n": "break",
    "u": "build",
    "s": "solo",
    "o": "outro",
}
FAMILY_LETTERS = {
    "D": "drums",
    "B": "bass",
    "K": "keys",
    "G": "guitar",
    "S": "strings",
    "W": "winds",
    "P": "pad",
    "L": "lead",
}
SONG_FORMS = (
    "i4 [v8 c8] v8 c8 b8 c8 o4",
    "i4 v8 [v8 c8] s8 c8 o4",
    "i4 [v8 u4 c8] b8 c8 o4",
    "i8 [v8 c8] n4 u4 c8 o8",
)
CLUB_FORMS = (
    "i8 [v8 u4 c16] n8 u8 c16 o8",
    "i8 v16 [n8 u8 c16] v8 c16 o8",
    "i8 [v16 c16] n8 u4 c16 o8",
    "i16 [c16 n8 u8] c16 v8 o8",
)
WAVE_FORMS = ("i8 [v8 c8] b8 c8 o8", "i4 [v16 c8 n8] c8 o8", "i8 v8 [b8 v8] c16 o8")
JAZZ_FORMS = ("i4 v8 [v8 b8 v8] s16 c8 o4", "i4 [v8 c8 s16] v8 c8 o4", "i8 [v16 s8 b8] v8 o8")
BLUES_FORMS = ("i4 [v12 v12 s12] v12 o4", "i4 v12 [c12 s12] v12 c12 o4")
ARC_FORMS = ("i8 [v8 u8 c8] n8 u8 c16 o8", "i8 [v16 b8 c8] n4 c16 o8", "i4 [v8 c8] b8 u8 c16 o8")


@dataclass(frozen=True, kw_only=True)
class Style:
    """One style. Every text field is split into tuples by `style_row`.

    `bands` gives for each section name the choices of instrument families; `harmony` names rows of
    `HARMONY`; `swing` is a range from 0 straight to 1 triplet shuffle, on notes of 1/`swing_unit`.
    """

    name: str
    synonyms: tuple[str, ...]
    tempo_bpm: tuple[int, int, int]
    metres: dict[int, float]
    swing: tuple[float, float]
    swing_unit: int
    minor: float
    harmony: tuple[str, ...]
    forms: tuple[str, ...]
    bands: dict[str, tuple[frozenset[str], ...]]
    energy: tuple[float, float]
    moods: tuple[str, ...]
    instruments: tuple[str, ...]


def style_row(
    name: str,
    synonyms: str,
    *,
    tempo: tuple[int, int, int],
    minor: float,
    harmony: str,
    forms: tuple[str, ...],
    bands: str,
    energy: tuple[float, float],
    moods: str,
    instruments: str,
    metres: dict[int, float] | None = None,
    swing: tuple[float, float] = (0.0, 0.0),
    swing_unit: int = 8,
) -> Style:
    """Build a `Style` from its compact texts (comma-separated; bands like "i=D,DP v=DBK")."""
    choices = {}
    for entry in bands.split():
        letter, options = entry.split("=")
        choices[SECTION_LETTERS[letter]] = tuple(
            frozenset(FAMILY_LETTERS[family] for family in option) for option in options.split(",")
        )
    return Style(
        name=name,
        synonyms=(name, *_words(synonyms)),
        tempo_bpm=tempo,
        metres=metres or {4: 1.0},
        swing=swing,
        swing_unit=swing_unit,
        minor=minor,
        harmony=_words(harmony),
        forms=forms,
        bands=choices,
        energy=energy,
        moods=_words(moods),
        instruments=_words(instruments),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
