"""Chord progressions by idiom: HARMONY[idiom][mode][part] is a choice of progressions.

They are roman numerals (`theory.roman_chord`): bars separated by spaces, two chords within a bar
by a comma; degrees are those of the key's own scale ("VI" in A minor is F). A part that an idiom
lacks falls back to "verse".
"""

from longform.music.harmony_art import ART
from longform.music.harmony_popular import POPULAR

HARMONY: dict[str, dict[str, dict[str, tuple[str, ...]]]] = POPULAR | ART
