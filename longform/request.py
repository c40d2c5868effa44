"""What is asked of a model, checked before anything heavy is loaded."""

import math
import re
from dataclasses import dataclass

from longform.errors import UserError

MAX_SECONDS = 285.0
MAX_PROMPT = 4_000
MAX_SEED = 2**63 - 1
MAX_STEPS = 500
MAX_GUIDANCE = 30.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt and its settings; None leaves the choice to the model's defaults or the seed.

    `bpm`, `key` and `metre` steer the plan; `free` gives the model no plan at all, `no_planner` one
    that is drawn from the style's habits even where the model can write one. `plan` is the
    text of a plan over time, inline or YAML (see `longform.music.outline`); without `seconds` it
    decides the length. `teacher` asks for the denoiser that a few-step student was distilled from,
    which also `guidance`, `negative` and more steps than the student's call for, and a `plan`
    unless it is False. `like_amount` is how much a recording counts that the piece shall be like,
    0 to 1; with one the prompt may be empty.

    Raises:
        UserError: a value that no model could follow.
    """

    prompt: str
    seconds: float | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    negative: str | None = None
    bpm: float | None = None
    key: str | None = None
    metre: int | None = None
    free: bool = False
    no_planner: bool = False
    teacher: bool | None = None
    plan: str | None = None
    like_amount: float | None = None

    def __post_init__(self) -> None:
        _check("like amount", self.like_amount, 0, 1)
        if not self.prompt.strip() and self.like_amount != 1:
            raise UserError("the prompt is empty; say what to play")
        for name, text in (("prompt", self.prompt), ("negative prompt", self.negative or "")):
            if len(text) > MAX_PROMPT:
                raise UserError(f"the {name} has {len(text)} characters; the limit is {MAX_PROMPT}")
        if self.seconds is not None and not 0 < self.seconds <= MAX_SECONDS:
            raise UserError(f"seconds {self.seconds:g} is not above 0 and up to {MAX_SECONDS:g}")
        _check("seed", self.seed, 0, MAX_SEED)
        _check("steps", self.steps, 1, MAX_STEPS)
        _check("guidance", self.guidance, 0, MAX_GUIDANCE)
        self._check_plan()

    def _check_plan(self) -> None:
        from longform.music.draw import MAX_BPM, METRES, MIN_BPM
        from longform.music.theory import Key

        _check("bpm", self.bpm, MIN_BPM, MAX_BPM)
        if self.key is not None:
            Key.parse(self.key)
        if self.metre is not None and self.metre not in METRES:
            known = ", ".join(map(str, METRES))
            raise UserError(f"metre {self.metre} is unknown; use one of {known} beats per bar")
        controls = {"plan": self.plan, "bpm": self.bpm, "key": self.key, "metre": self.metre}
        given = [name for name, value in controls.items() if value is not None]
        if self.free and given:
            raise UserError(f"free means no plan, so {' and '.join(given)} cannot be given with it")
        if self.plan is not None:
            from longform.music.outline import read_outline

            length = read_outline(self.plan).seconds if self.seconds is None else self.seconds
            if not 0 < length <= MAX_SECONDS:
                raise UserError(f"the plan lasts {length:g} s; up to {MAX_SECONDS:g} s can be made")


def like_amount(prompt: str, amount: float | None) -> float:
    """How much a recording counts where it was not said: half, and wholly without a prompt."""
    if amount is not None:
        return amount
    return 0.5 if prompt.strip() else 1.0


def slug(prompt: str, limit: int = 40) -> str:
    """A file name from a prompt: lower-case words and hyphens, cut at a word."""
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")
    if len(words) > limit:
        words = words[: limit + 1].rpartition("-")[0] or words[:limit]
    return words or "track"


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        raise UserError(f"{name} {value:g} is outside {low:g}..{high:g}")
