"""Music before sound: keys, chords, styles, the plan of a piece and the guide drawn from it."""

from longform.music.draw import draw_plan
from longform.music.guide import GUIDE_CHANNELS, GUIDE_FEATURES, guide
from longform.music.plan import FAMILIES, SECTIONS, Plan, Section
from longform.music.prompt import PromptFacts, read_prompt
from longform.music.style import Style
from longform.music.styles import STYLES
from longform.music.theory import Chord, Key

__all__ = [
    "FAMILIES",
    "GUIDE_CHANNELS",
    "GUIDE_FEATURES",
    "SECTIONS",
    "STYLES",
    "Chord",
    "Key",
    "Plan",
    "PromptFacts",
    "Section",
    "Style",
    "draw_plan",
    "guide",
    "read_prompt",
]
