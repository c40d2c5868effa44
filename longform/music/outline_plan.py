"""From an outline to the plan of a piece that fits its length exactly, and back."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from longform.errors import UserError
from longform.music.draw import MAX_BPM, MIN_BPM, Composer, draw_plan
from longform.music.outline import TAIL_SECONDS, Outline, Part, chords_of, read_outline
from longform.music.plan import FAMILIES, Plan, Section
from longform.music.prompt import mood_groups, read_prompt
from longform.music.theory import Chord, Key

_LOUD = {"full", "loud", "big", "huge", "massive", "hard", "heavy", "bright", "intense", "busy"}
_QUIET = {"soft", "quiet", "sparse", "minimal", "bare", "thin", "gentle", "light", "empty"}
_BARE = ("intro", "break", "outro")
_LIFT = 0.35  # what a loud or a quiet word adds to the energy of a section, or takes from it


def plan_of_outline(
    outline: Outline,
    *,
    prompt: str,
    seconds: float,
    seed: int,
    bpm: float | None = None,
    key: Key | None = None,
    metre: int | None = None,
    compose: Composer = draw_plan,
) -> Plan:
    """The plan of a piece of exactly `seconds`, in which each section starts on the nearest bar.

    A tempo that nobody named is bent so that whole bars fill the length. What the outline leaves
    open is decided by `compose`.

    Raises:
        UserError: the sections do not fit, each with a bar at least.
    """
    facts = read_prompt(prompt)
    compose = draw_plan if outline.complete else compose
    asked_bpm, asked_metre = bpm or outline.tempo_bpm, metre or outline.metre
    asked_key = key or (Key.parse(outline.key) if outline.key else None)
    style = outline.style
    drawn = compose(
        style=style, prompt=prompt, seconds=seconds, seed=seed,
        bpm=asked_bpm, key=asked_key, metre=asked_metre,
    )  # fmt: skip
    tempo = asked_bpm or facts.bpm or _filling_tempo(drawn, seconds)
    form = _form(outline, tempo, drawn.metre, seconds)
    plan = compose(
        style=drawn.style, prompt=prompt, seconds=seconds, seed=seed,
        bpm=tempo, key=drawn.key, metre=drawn.metre, form=form,
    )  # fmt: skip
    pairs = zip(outline.sections, plan.sections, strict=True)
    return replace(
        plan,
        moods=plan.moods if outline.moods is None else outline.moods,
        swing=plan.swing if outline.swing is None else outline.swing,
        sections=tuple(_section(part, section) for part, section in pairs),
        chords=_with_chords(plan, outline),
        sources=drawn.sources,
    )


def outline_of(plan: Plan, names: Sequence[str] = ()) -> Outline:
    """The outline of a plan, which `plan_of_outline` turns back into it.

    `names` are what its sections are called instead of their kinds.
    """
    called = names or [section.name for section in plan.sections]
    sections = tuple(
        Part(
            name=name,
            bars=section.bars,
            energy=section.energy,
            families=tuple(name for name in FAMILIES if name in section.families),
            chords=tuple(
                ",".join(map(str, bar)) for bar in plan.chords[section.start_bar : section.end_bar]
            ),
        )
        for name, section in zip(called, plan.sections, strict=True)
    )
    return Outline(
        sections=sections,
        tempo_bpm=plan.tempo_bpm,
        key=str(plan.key),
        metre=plan.metre,
        style=plan.style,
        moods=plan.moods,
        swing=plan.swing,
        total_seconds=plan.seconds,
    )


def markers_of(plan: Plan, text: str | None) -> list[tuple[str, float]]:
    """Name and start in seconds of each section, under the names that an outline text gave them."""
    names = [section.name for section in plan.sections]
    if text:
        names = [part.name for part in read_outline(text).sections]
    starts = [round(section.start_bar * plan.bar_seconds, 6) for section in plan.sections]
    return list(zip(names, starts, strict=True))


def _filling_tempo(drawn: Plan, seconds: float) -> float:
    """The tempo nearest to the drawn one at which whole bars fill the length."""
    bars = max(round(seconds / drawn.bar_seconds), 1)
    tempo = bars * drawn.metre * 60 / seconds
    return tempo if MIN_BPM <= tempo <= MAX_BPM else drawn.tempo_bpm


def _form(outline: Outline, tempo_bpm: float, metre: int, seconds: float) -> list[tuple[str, int]]:
    """Bars of each section: boundaries on the nearest bar, at least one bar each."""
    bar = metre * 60 / tempo_bpm
    count = len(outline.sections)
    ends = np.cumsum(outline.lengths(tempo_bpm))
    fits = -1e-3 <= seconds - ends[-1] < bar + TAIL_SECONDS
    stretch = 1.0 if fits else seconds / ends[-1]
    total = max(int(ends[-1] * stretch / bar + 1e-6), 1)
    if count > total:
        raise UserError(
            f"plan: {count} sections do not fit {total} bars of {bar:.2f} s; make the piece longer"
        )
    edges = [0, *np.rint(ends * stretch / bar).astype(int)]
    edges[-1] = total
    for i in range(1, count):
        edges[i] = int(np.clip(edges[i], edges[i - 1] + 1, total - (count - i)))
    names = [part.kind for part in outline.sections]
    return list(zip(names, np.diff(edges).tolist(), strict=True))


def _section(part: Part, drawn: Section) -> Section:
    """The drawn section with what the part says of energy and of who plays."""
    words = frozenset(re.findall(r"[\w-]+", part.prompt.lower()))
    facts = read_prompt(part.prompt)
    groups = mood_groups(facts.moods)
    loud = bool(words & _LOUD) or bool(groups & {"energetic", "epic"})
    quiet = bool(words & _QUIET) or bool(groups & {"calm"})
    energy = float(np.clip(drawn.energy + _LIFT * (loud - quiet), 0.05, 1.0))
    families = drawn.families
    if facts.families:
        alone = part.kind in _BARE or "only" in words
        families = facts.families if alone else families | facts.families
    families = (families - facts.without) or families
    return replace(
        drawn,
        energy=round(energy if part.energy is None else part.energy, 3),
        families=families if part.families is None else frozenset(part.families),
    )


def _with_chords(plan: Plan, outline: Outline) -> tuple[tuple[Chord, ...], ...]:
    bars = list(plan.chords)
    for part, section in zip(outline.sections, plan.sections, strict=True):
        if part.chords:
            cycle = [chords_of(text) for text in part.chords]
            for bar in range(section.bars):
                bars[section.start_bar + bar] = cycle[bar % len(cycle)]
    return tuple(bars)
