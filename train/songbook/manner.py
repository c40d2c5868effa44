"""How a style plays: grooves, rhythms and voices per family, as one row of a table.

Playing words of a family are rhythms of `patterns_pitched.COMP`, or: hold (long chords), arp8,
arp16 and arpslow (broken chords), alberti, pick (finger picking), boogie, melody, counter (a
second line) and solo (both hands of a piano). Voices are written "name=voice".
"""

from dataclasses import dataclass

PITCHED = ("keys", "guitar", "strings", "winds", "pad", "lead")


@dataclass(frozen=True, kw_only=True)
class Manner:
    """One row: `kits` are drum voices, `plays` and `voices` by family, `melody` names rhythms."""

    humanise_seconds: float
    electronic: bool
    drums: tuple[str, ...]
    kits: tuple[str, ...]
    bass: tuple[str, ...]
    melody: tuple[str, ...]
    plays: dict[str, tuple[str, ...]]
    voices: dict[str, tuple[tuple[str, str], ...]]


def manner_row(
    *,
    drums: str,
    kits: str,
    bass: str,
    melody: str,
    voices: str,
    human: float = 0.005,
    electronic: bool = False,
    **plays: str,
) -> Manner:
    """Build a `Manner` from its compact texts."""
    palette: dict[str, tuple[tuple[str, str], ...]] = {}
    for entry in voices.split(";"):
        family, choices = entry.split(":", 1)
        palette[family.strip()] = tuple(
            (choice.split("=")[0].strip(), choice.split("=")[1].strip())
            for choice in choices.split(",")
        )
    return Manner(
        humanise_seconds=human,
        electronic=electronic,
        drums=tuple(drums.split()),
        kits=tuple(kits.split()),
        bass=tuple(bass.split()),
        melody=tuple(melody.split()),
        plays={family: tuple(words.split()) for family, words in plays.items()},
        voices=palette,
    )
