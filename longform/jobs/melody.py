"""A piece that follows a tune: whistled, sung or played, it is told note by note, not its sound.

After MusicGen (Copet et al. 2023, arXiv 2306.05284, section 3.3), whose chroma keep the strongest
pitch class alone; here it is a feature of the guide.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from longform.engine import Engine, Guide
from longform.errors import UserError
from longform.jobs.heard import as_heard, hear, led
from longform.listen.describe import RATE_HZ, Curves, describe
from longform.listen.melody import hear_melody
from longform.music.guide import FEATURES, MELODY
from longform.music.melody import melody_lines
from longform.music.plan import FAMILIES, Plan
from longform.request import MAX_SECONDS, Request
from longform.result import Result
from longform.waveform import Waveform

_HARMONY = frozenset({"chord", "bass"})
"""What a plan knows of the harmony is not told: the model finds one that carries the tune."""
_LEAD = FEATURES["families"].start + FAMILIES.index("lead")


@dataclass(frozen=True, kw_only=True, eq=False)
class Tune:
    """What is heard in a recording that a piece shall follow.

    Attributes:
        request: the person's own, with length, tempo and key as heard where it leaves them open
        notes: (n, 3), as `longform.listen.melody.hear_melody` gives them
        curves: what else is heard
        has_beat: whether the beat is the recording's too: no other tempo was asked for
    """

    request: Request
    notes: np.ndarray
    curves: Curves
    has_beat: bool

    def guide(self, engine: Engine, plan: Plan | None, seconds: float) -> Guide:
        """The plan's guide with the tune, which a lead plays, and its beat where it has one."""
        frames, rate_hz = engine.frames(seconds), engine.autoencoder.latent_rate_hz
        heard = hear(self.curves)
        features = frozenset({"beat"} if self.has_beat and heard.beat else ())
        base = led(engine.planned(plan, seconds), heard, features, frames, rate_hz)
        tune = melody_lines(self.notes, frames, rate_hz)
        sung = np.flatnonzero(tune.any(axis=1))
        lines = np.concatenate([base.lines, tune], axis=1)
        if len(sung):
            lines[sung[0] : sung[-1] + 1, _LEAD] = 1.0
        return replace(base, lines=lines, given=base.given - _HARMONY | {MELODY})


@dataclass(frozen=True)
class MelodyResult(Result):
    """A piece along a tune; `melody_match` is how much of the tune is in it, 0 to 1.

    It is the mean cosine of the piece's chroma with the tune's single pitch classes, MusicGen's
    measure of adherence.
    """

    melody_match: float = 0.0

    @property
    def measured(self) -> dict[str, Any]:
        return {"melody_match": self.melody_match}


def hear_tune(engine: Engine, request: Request, recording: Waveform) -> Tune:
    """The tune of a recording and the request that goes with it.

    Raises:
        UserError: a model that follows no melody; a recording without one; a plan of the person's
            own, which has tempo and length already.
    """
    if MELODY not in {feature.name for feature in engine.conditioner.guide_features}:
        raise UserError(
            f"model {engine.bundle.name!r} cannot follow a melody: its guide has no such feature; "
            "leave the melody out, or use a model that was trained with one"
        )
    if request.plan is not None:
        raise UserError("a plan and a melody cannot be given together: both set the course")
    notes = hear_melody(recording)
    if not len(notes):
        raise UserError("no tune is heard in the recording: give one line, sung or played")
    curves = describe(recording)
    asked, leads = as_heard(request, curves)
    if asked.guidance is None:
        asked = replace(asked, guidance=engine.defaults.led_guidance)
    if asked.seconds is None:
        asked = replace(asked, seconds=min(recording.seconds, MAX_SECONDS))
    return Tune(request=asked, notes=notes, curves=curves, has_beat="beat" in leads)


def along(result: Result, tune: Tune) -> MelodyResult:
    """The result with how much of the tune is in it."""
    share = match(tune.notes, describe(result.waveform))
    facts = result.facts | {"melody": {"notes": len(tune.notes), "match": share}}
    return MelodyResult(result.waveform, facts, result.timings, share)


def match(tune: np.ndarray, piece: Curves) -> float:
    """Mean cosine of the chroma of a piece with the notes (n, 3) of a tune, while that sounds."""
    asked = melody_lines(tune, len(piece.chroma), RATE_HZ)
    sung = asked.any(axis=1)
    if not sung.any():
        return 0.0
    norms = np.linalg.norm(piece.chroma[sung], axis=1)
    cosines = (asked * piece.chroma)[sung].sum(axis=1) / np.maximum(norms, 1e-9)
    return round(float(cosines.mean()), 3)
