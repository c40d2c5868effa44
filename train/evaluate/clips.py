"""What a clip did with its prompt, and what many did; generated and real music measured alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from longform.audio import Waveform
from longform.music.theory import Key
from longform.train.evaluate.chords import ChordPlan, ChordsHeard, hear_chords
from longform.train.evaluate.features import analysis_mono
from longform.train.evaluate.harmony import Harmony, hear_harmony
from longform.train.evaluate.key import (
    KEYS,
    Relation,
    key_of_harmony,
    key_relation,
    profile_key,
)
from longform.train.evaluate.signal import SignalFacts, measure_signal
from longform.train.evaluate.structure import largest_seam
from longform.train.evaluate.tempo import TOLERANCE, tempo_error, tempo_of_mono

MIREX_WEIGHTS: dict[Relation, float] = {
    "exact": 1.0,
    "fifth": 0.5,
    "relative": 0.3,
    "parallel": 0.2,
    "other": 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What was heard in a clip, beside what it should be (None: nothing was asked)."""

    name: str
    style: str | None
    asked_bpm: float | None
    asked_key: Key | None
    heard_bpm: float
    heard_key: Key | None
    profile_key: Key | None
    signal: SignalFacts
    seam_seconds: float
    seam_ratio: float
    chords: ChordsHeard | None = None

    @property
    def tempo_error(self) -> float | None:
        """Relative, after octave folding."""
        return None if self.asked_bpm is None else tempo_error(self.heard_bpm, self.asked_bpm)

    @property
    def relation(self) -> Relation | None:
        """Of the key heard to the key asked."""
        return None if self.asked_key is None else key_relation(self.heard_key, self.asked_key)

    def to_json(self) -> dict[str, Any]:
        """Everything, keys as text, with the verdicts."""
        record = asdict(self)
        for name in ("asked_key", "heard_key", "profile_key"):
            key = getattr(self, name)
            record[name] = None if key is None else str(key)
        error = self.tempo_error
        return record | {
            "tempo_error": None if error is None else round(error, 4),
            "tempo_obeyed": None if error is None else error <= TOLERANCE,
            "key_relation": self.relation,
            "silent": self.signal.silent,
            "clipped": self.signal.clipped,
            "static": self.signal.static,
            "stereo_correct": self.signal.stereo_correct,
        }


def listen(
    waveform: Waveform,
    *,
    name: str,
    style: str | None = None,
    asked_bpm: float | None = None,
    asked_key: Key | None = None,
    mono: np.ndarray | None = None,
    harmony: Harmony | None = None,
    chords: ChordPlan | None = None,
    start_seconds: float = 0.0,
) -> Clip:
    """Measure a clip of a second or more; `mono` and `harmony` spare work where they are known.

    `chords` are those of a whole piece, of which the clip begins at `start_seconds`.
    """
    mono = analysis_mono(waveform) if mono is None else mono
    harmony = hear_harmony(mono) if harmony is None else harmony
    seam = largest_seam(waveform)
    return Clip(
        name=name,
        style=style,
        asked_bpm=asked_bpm,
        asked_key=asked_key,
        heard_bpm=tempo_of_mono(mono).bpm,
        heard_key=key_of_harmony(harmony).key,
        profile_key=profile_key(harmony),
        signal=measure_signal(waveform),
        seam_seconds=seam.seconds,
        seam_ratio=seam.ratio,
        chords=None if chords is None else hear_chords(harmony, chords, start_seconds),
    )


def summarise(clips: Sequence[Clip]) -> dict[str, Any]:
    """Shares over the clips that were asked something, with the level of chance beside them."""
    return {
        "clips": len(clips),
        "tempo": _tempo_summary(clips),
        "key": _key_summary(clips),
        "chords": _chords_summary(clips),
        "silent": sum(clip.signal.silent for clip in clips),
        "clipped": sum(clip.signal.clipped for clip in clips),
        "static": sum(clip.signal.static for clip in clips),
        "stereo_correct_share": _share([clip.signal.stereo_correct for clip in clips]),
        "largest_seam_ratio": max((clip.seam_ratio for clip in clips), default=0.0),
    }


def _tempo_summary(clips: Sequence[Clip]) -> dict[str, Any]:
    """Chance is what the heard tempi would score if they had been dealt to the wrong prompts."""
    pairs = [(clip.heard_bpm, clip.asked_bpm) for clip in clips if clip.asked_bpm is not None]
    strangers = [
        tempo_error(heard, asked) <= TOLERANCE
        for i, (heard, _) in enumerate(pairs)
        for j, (_, asked) in enumerate(pairs)
        if i != j
    ]
    return {
        "asked": len(pairs),
        "obeyed_share": _share([tempo_error(*pair) <= TOLERANCE for pair in pairs]),
        "obeyed_unfolded_share": _share(
            [tempo_error(*pair, folded=False) <= TOLERANCE for pair in pairs]
        ),
        "chance_share": _share(strangers),
    }


def _key_summary(clips: Sequence[Clip]) -> dict[str, Any]:
    """Exact share first; `mirex` is the weighted score; chance as for the tempo."""
    asked = [clip for clip in clips if clip.asked_key is not None]
    relations = Counter(str(clip.relation) for clip in asked)
    strangers = [
        clip.heard_key == other.asked_key for clip in asked for other in asked if clip is not other
    ]
    return {
        "asked": len(asked),
        "exact_share": _share([clip.relation == "exact" for clip in asked]),
        "relations": {name: relations.get(name, 0) for name in MIREX_WEIGHTS},
        "mirex": _share([MIREX_WEIGHTS[clip.relation or "other"] for clip in asked]),
        "profile_exact_share": _share([clip.profile_key == clip.asked_key for clip in asked]),
        "chance_share": _share(strangers) if strangers else round(1 / len(KEYS), 4),
    }


def _chords_summary(clips: Sequence[Clip]) -> dict[str, Any]:
    """Every bar of every clip counts alike; chance deals the bars of a clip among themselves."""
    known = [clip.chords for clip in clips if clip.chords is not None and clip.chords.bars]
    bars = sum(one.bars for one in known)
    return {
        "asked": len(known),
        "bars": bars,
        "heard_share": round(sum(one.heard for one in known) / max(bars, 1), 4),
        "chance_share": round(sum(one.chance for one in known) / max(bars, 1), 4),
    }


def _share(hits: Sequence[float]) -> float:
    return round(float(np.mean(hits)), 4) if len(hits) else 0.0
