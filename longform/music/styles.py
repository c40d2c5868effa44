"""The style table: every style by its name."""

from longform.music.style import Style
from longform.music.styles_acoustic import ACOUSTIC
from longform.music.styles_electronic import ELECTRONIC

STYLES: dict[str, Style] = {style.name: style for style in (*ELECTRONIC, *ACOUSTIC)}
