"""Loops of whole bars: exact to the sample, and without a seam because there is none."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from longform.autoencoder.interface import frames_of
from longform.engine import Engine, Guide, timed
from longform.errors import UserError
from longform.jobs.circular import Wrap, circular
from longform.jobs.level import leveled
from longform.music.guide import guide
from longform.music.plan import Plan, Section
from longform.music.prompt import read_prompt
from longform.progress import OnProgress, quiet
from longform.request import MAX_SECONDS, Request
from longform.result import Result
from longform.riff import Marks

MAX_BARS = 64
_DRAWN_SECONDS = 90.0  # long enough for a form with a full section, out of which the loop is taken


@dataclass(frozen=True)
class LoopResult(Result):
    """A loop, its bars and tempo, and how it closes."""

    bars: int = 0
    metre: int = 4
    tempo_bpm: float = 0.0
    wrap: Wrap | None = None

    @property
    def measured(self) -> dict[str, Any]:
        return {} if self.wrap is None else {"wrap": asdict(self.wrap)}

    @property
    def marks(self) -> Marks:
        last = self.waveform.samples.shape[1] - 1
        bar = self.metre * 60 / self.tempo_bpm * self.waveform.sample_rate
        cues = [(f"bar {number + 1}", round(number * bar)) for number in range(self.bars)]
        return Marks(
            loop=(0, last),
            tempo_bpm=self.tempo_bpm,
            beats=self.bars * self.metre,
            metre=self.metre,
            cues=cues,
        )


def loop(
    engine: Engine, request: Request, bars: int, item: int = 0, on_progress: OnProgress = quiet
) -> LoopResult:
    """A seamless loop; see `Pipeline.loop`."""
    if not 1 <= bars <= MAX_BARS:
        raise UserError(f"bars {bars} is outside 1..{MAX_BARS}")
    if request.seconds is not None or request.plan is not None:
        raise UserError("neither seconds nor a plan can be set: bars and tempo decide the length")
    drawn = engine.plan(request, _DRAWN_SECONDS, item)
    bpm, metre = _tempo(request, drawn)
    rate = engine.autoencoder.sample_rate
    samples = round(bars * metre * 60 / bpm * rate)
    if samples > MAX_SECONDS * rate:
        raise UserError(f"{bars} bars at {bpm:g} bpm last {samples / rate:.0f} s; up to "
                        f"{MAX_SECONDS:g} s can be made")  # fmt: skip
    settings = engine.settle(request, samples / rate)
    timings: dict[str, float] = {}
    led_by = None
    if drawn is not None:
        plan = loop_plan(drawn, bars, bpm, samples / rate)
        led_by = Guide(lines=_lines(engine, plan, samples), tempo_bpm=bpm)
    made, wrap = circular(engine, request, settings, samples, led_by, timings, on_progress, item)
    waveform = timed("level", timings, lambda: leveled(made))
    gain = float(abs(waveform.samples).max() / max(float(abs(made.samples).max()), 1e-9))
    wrap = replace(wrap, jump=wrap.jump * gain, median_jump=wrap.median_jump * gain)
    facts = engine.facts(request, settings, None, item) | {"job": "loop", "bars": bars}
    facts |= {"tempo_bpm": bpm, "metre": metre, "samples": samples}
    if drawn is not None:
        facts |= {"style": drawn.style, "key": str(drawn.key), "sources": dict(drawn.sources)}
    return LoopResult(waveform, facts, timings, bars, metre, bpm, wrap)


def loop_plan(plan: Plan, bars: int, tempo_bpm: float, seconds: float) -> Plan:
    """The fullest section of a plan, its chords repeated over `bars`, as a piece of its own."""
    full = max(plan.sections, key=lambda section: (section.energy, section.bars))
    last = min(full.end_bar, max(plan.bars - 2, full.start_bar + 1))  # the cadence stays out
    cycle = plan.chords[full.start_bar : last]
    section = Section(
        name=full.name, start_bar=0, bars=bars, energy=full.energy, families=full.families
    )
    return replace(
        plan,
        tempo_bpm=tempo_bpm,
        seconds=seconds,
        sections=(section,),
        chords=tuple(cycle[bar % len(cycle)] for bar in range(bars)),
    )


def _lines(engine: Engine, plan: Plan, samples: int) -> np.ndarray:
    """The guide of each frame that `samples` begin; the last one ends with the last bar."""
    rate_hz = engine.autoencoder.latent_rate_hz
    lines = guide(plan, frames_of(samples, engine.autoencoder.hop_samples), rate_hz)
    if (len(lines) - 0.5) / rate_hz >= plan.end_seconds:
        lines[-1:] = guide(plan, 1, rate_hz, plan.end_seconds - 1 / rate_hz)
    return lines


def _tempo(request: Request, plan: Plan | None) -> tuple[float, int]:
    words = read_prompt(request.prompt)
    bpm = request.bpm or words.bpm or (plan.tempo_bpm if plan else None)
    if bpm is None:
        raise UserError("a loop of this needs a tempo: give --bpm")
    return bpm, request.metre or (plan.metre if plan else words.metre or 4)
