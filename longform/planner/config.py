"""The shape of the planner; the defaults are those of `mini` (0.9M parameters)."""

from dataclasses import dataclass

from longform.errors import UserError
from longform.music.styles import STYLES
from longform.music.theory import QUALITIES


@dataclass(frozen=True, kw_only=True)
class PlannerConfig:
    """A decoder-only transformer over the tokens of `longform.planner.vocabulary`.

    `styles` and `qualities` fix the numbers of their tokens, so that a model that was trained
    before a style was added still says what it learned.

    Raises:
        UserError: a width that does not fit its heads; a style or chord quality that is unknown.
    """

    text_width: int = 256
    width: int = 128
    depth: int = 4
    heads: int = 4
    expansion: int = 3
    styles: tuple[str, ...] = tuple(STYLES)
    qualities: tuple[str, ...] = tuple(QUALITIES)

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise UserError(
                f"planner width {self.width} is not an even multiple of its {self.heads} heads"
            )
        for what, names, known in (
            ("style", self.styles, STYLES),
            ("chord quality", self.qualities, QUALITIES),
        ):
            for name in names:
                if name not in known:
                    raise UserError(f"planner: {what} {name!r} is unknown; upgrade longform")
