"""From a request to its musical plan, before any model is loaded."""

import numpy as np

from longform.finish import ending_seconds
from longform.music.draw import Composer, draw_plan
from longform.music.outline import outline_yaml, read_outline
from longform.music.outline_plan import markers_of, outline_of, plan_of_outline
from longform.music.plan import Plan
from longform.music.prompt import read_prompt
from longform.music.theory import Key
from longform.request import Request

WRITTEN = "written"


def length_of(request: Request, default_seconds: float) -> float:
    """Seconds: asked for, else those of the request's plan over time, else the default."""
    if request.seconds is not None:
        return request.seconds
    return read_outline(request.plan).seconds if request.plan else default_seconds


def in_words(text: str, request: Request) -> str:
    """The prompt with tempo, key and metre said in it, for models that hear them in words alone."""
    parts = [text]
    if request.bpm is not None:
        parts.append(f"{request.bpm:g} BPM")
    if request.key is not None:
        parts.append(request.key)
    if request.metre is not None:
        parts.append(f"{request.metre} beats per bar")
    return ", ".join(parts)


def plan_of(
    request: Request, seconds: float, item: int = 0, compose: Composer = draw_plan
) -> Plan | None:
    """The plan of item number `item` of a request; None for an effect and for `free`.

    What the request leaves open is decided by `compose`.

    Raises:
        UserError: a plan over time whose sections do not fit.
    """
    key = Key.parse(request.key) if request.key else None
    seed = int(np.random.SeedSequence([request.seed, item]).generate_state(1)[0])
    if request.plan:
        return plan_of_outline(
            read_outline(request.plan), prompt=request.prompt, seconds=seconds, seed=seed,
            bpm=request.bpm, key=key, metre=request.metre, compose=compose,
        )  # fmt: skip
    asked = (request.bpm, request.key, request.metre) != (None, None, None)
    is_effect = read_prompt(request.prompt).effect is not None and not asked
    if request.free or is_effect:
        return None
    return compose(
        prompt=request.prompt, seconds=seconds, seed=seed, bpm=request.bpm, key=key,
        metre=request.metre, tail_seconds=ending_seconds(seconds),
    )  # fmt: skip


def written(plan: Plan, outline: str | None = None) -> dict[str, str]:
    """The fact "written": a plan of the planner as an outline's text, under the names that the
    person's own `outline` gave; empty for other plans, which a seed makes anew on any machine."""
    if "plan" not in plan.sources:
        return {}
    names = [name for name, _ in markers_of(plan, outline)]
    return {WRITTEN: outline_yaml(outline_of(plan, names))}
