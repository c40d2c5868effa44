"""From measured clips to figures: the same sums over generated and over real pieces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from longform.train.evaluate.clips import summarise
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.descriptors import divergences, mirdd
from longform.train.evaluate.distances import (
    apart,
    density_coverage,
    diversity,
    frechet_distance,
    kernel_distance,
    kl_nats,
    overlap_share,
)
from longform.train.evaluate.measure import Measured
from longform.train.evaluate.mix import BANDS_HZ

Population = Sequence[Measured]
LONG_ENOUGH = 0.75
"""Of the clips' median length: a real piece whose form is compared with theirs."""
TAIL_ROOM_SECONDS, TAIL_GRACE_SECONDS = 1.0, 2.0


@dataclass
class Figures:
    """Figures by name (`definitions`): the value, that of real pieces, and chance where known.

    What was not measured is absent, never 0.
    """

    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def put(
        self,
        name: str,
        value: float | None,
        real: float | None = None,
        chance: float | None = None,
    ) -> None:
        """Note one figure, rounded; without a value nothing is noted."""
        assert name in DEFINITIONS, name
        given = {"value": value, "real": real, "chance": chance}
        if value is not None:
            self.values[name] = {k: round(float(v), 4) for k, v in given.items() if v is not None}

    def sort(self) -> None:
        """Bring the figures into the order of their definitions."""
        self.values = {name: self.values[name] for name in DEFINITIONS if name in self.values}

    def put_all(
        self, figures: Callable[[Population], dict[str, float]], made: Population, real: Population
    ) -> None:
        """Note what `figures` finds in the generated clips, beside what it finds in real ones."""
        beside = figures(real) if real else {}
        for name, value in figures(made).items():
            self.put(name, value, beside.get(name))


def signal_figures(clips: Population) -> dict[str, float]:
    """Medians and shares of the facts that need no music theory."""
    facts, mixes = [one.clip.signal for one in clips], [one.mix for one in clips]
    loudness = [mix.loudness_lufs for mix in mixes if mix.loudness_lufs is not None]
    found = {
        "silent_share": np.mean([fact.silent for fact in facts]),
        "tail_median": np.median([fact.tail_silence_seconds for fact in facts]),
        "clipped_share": np.mean([fact.clipped for fact in facts]),
        "dc_largest": max(fact.dc for fact in facts),
        "true_peak_median": np.median([mix.true_peak_db for mix in mixes]),
        "static_share": np.mean([fact.static for fact in facts]),
        "seam_largest": max(one.clip.seam_ratio for one in clips),
        "stereo_correct": np.mean([fact.stereo_correct for fact in facts]),
        "loudness_median": _median(loudness),
        "loudness_spread": np.std(loudness) if len(loudness) > 1 else None,
        "crest_median": _median([mix.crest_db for mix in mixes]),
        "bandwidth_median": _median([mix.bandwidth_hz for mix in mixes]),
        "fold_loss_median": _median([mix.fold_loss_db for mix in mixes]),
        "duration_error": _duration_error(clips),
        "tail_reached": _tail_reached(clips),
    }
    for band in BANDS_HZ:
        found[f"correlation_{band}"] = _median([mix.correlation.get(band) for mix in mixes])
        found[f"width_{band}"] = _median([mix.width.get(band) for mix in mixes])
    return {f"signal.{name}": float(value) for name, value in found.items() if value is not None}


def put_obedience(figures: Figures, made: Population, real: Population) -> None:
    """Tempo and key against what was asked; of real pieces, the estimators' own hits."""
    ours = summarise([one.clip for one in made])
    theirs = summarise([one.clip for one in real]) if real else None
    rows = (
        ("tempo", "tempo", "obeyed_share", True),
        ("tempo_unfolded", "tempo", "obeyed_unfolded_share", False),
        ("key", "key", "exact_share", True),
        ("key_mirex", "key", "mirex", False),
        ("key_profile", "key", "profile_exact_share", False),
        ("chords", "chords", "heard_share", True),
    )
    for name, group, share, chance in rows:
        if ours[group]["asked"]:
            known = theirs is not None and theirs[group]["asked"]
            figures.put(
                f"obedience.{name}",
                ours[group][share],
                theirs[group][share] if theirs is not None and known else None,
                ours[group]["chance_share"] if chance else None,
            )


def structure_figures(clips: Population) -> dict[str, float]:
    """Medians of the form's figures."""
    medians = {name: _median(values) for name, values in form_values(clips).items()}
    return {
        f"structure.{name}_median": value
        for name, value in medians.items()
        if value is not None and name != "similarity"
    }


def form_values(clips: Population) -> dict[str, list[float | None]]:
    """What the form of each clip measures: return, changes, repetition, similarity."""
    return {
        "return": [one.return_score for one in clips],
        "changes": [
            60 * len(one.structure.boundaries_seconds) / one.clip.signal.seconds for one in clips
        ],
        "repetition": [one.structure.repetition_share for one in clips],
        "similarity": [_far_similarity(one.structure.similarity) for one in clips],
    }


def as_long(made: Population, real: Population) -> Population:
    """The real pieces that are at least `LONG_ENOUGH` of the clips' median length.

    A short piece has fewer sections to return to, and to repeat: its form is another by length.
    """
    least_seconds = LONG_ENOUGH * float(np.median([one.clip.signal.seconds for one in made]))
    return [one for one in real if one.clip.signal.seconds >= least_seconds]


def put_structure(figures: Figures, made: Population, real: Population, seed: int) -> None:
    """Medians beside those of real pieces, and how far the distributions overlap."""
    figures.put_all(structure_figures, made, real)
    beside = form_values(real)
    for name, values in form_values(made).items():
        ours, theirs = known(values), known(beside[name])
        halves = apart(ours, theirs, lambda a, b: overlap_share(a, b) or 0.0, seed)
        overlap = overlap_share(ours, theirs)
        figures.put(f"structure.{name}_overlap", overlap, None if halves is None else halves.real)


def put_distribution(
    figures: Figures,
    made: Population,
    real: Population,
    tags: tuple[list[np.ndarray], list[np.ndarray]],
    seed: int,
) -> dict[str, Any]:
    """Distances to real pieces; `tags` are the style probabilities of made and of real clips.

    Returns details: clips a side and the divergence of each descriptor.
    """
    put_diversity(figures, made, real)
    distances: dict[str, Callable[[Population, Population], float]] = {
        "clap_fd": lambda a, b: frechet_distance(_windows(a), _windows(b)),
        "clap_mmd": lambda a, b: 1000 * kernel_distance(_windows(a), _windows(b)),
        "density": lambda a, b: density_coverage(_wholes(a), _wholes(b))[0],
        "coverage": lambda a, b: density_coverage(_wholes(a), _wholes(b))[1],
        "mirdd": lambda a, b: mirdd([x.descriptors for x in a], [x.descriptors for x in b]),
    }
    details: dict[str, Any] = {}
    for name, distance in distances.items():
        found = apart(made, real, distance, seed)
        if found is not None:
            figures.put(f"distribution.{name}", found.value, found.real)
            details["clips_a_side"] = found.pieces
    ours, theirs = tags
    found = apart(ours, theirs, lambda a, b: kl_nats(np.sum(a, axis=0), np.sum(b, axis=0)), seed)
    if found is not None:
        figures.put("distribution.tag_kl", found.value, found.real)
        each = divergences([x.descriptors for x in made], [x.descriptors for x in real])
        details["descriptors_nats"] = {name: round(value, 4) for name, value in each.items()}
    return details


def put_diversity(figures: Figures, made: Population, real: Population) -> None:
    """Among all clips, among those of one style, and among takes of one prompt."""
    groups = {"diversity": None, "diversity_style": "style", "diversity_seeds": "name"}
    for name, key in groups.items():
        beside = _diversity(real, key) if key != "name" else None
        figures.put(f"distribution.{name}", _diversity(made, key), beside)


def put_autoencoder(figures: Figures, report: Mapping[str, Any]) -> None:
    """What `evaluate_autoencoder` found; the recordings' own keys and artefacts stand for real."""
    mean = report["mean"]
    for name, key, beside in (
        ("si_sdr", "si_sdr_db", ""),
        ("stft", "stft", ""),
        ("mel", "mel", ""),
        ("key", "key_exact", "key_recording"),
        ("key_relative", "key_relative", ""),
        ("key_fifth", "key_fifth", ""),
        ("chroma", "chroma_cosine", ""),
        ("alarms", "alarm_share", "alarm_share_recording"),
    ):
        figures.put(f"autoencoder.{name}", mean.get(key), mean.get(beside))
    for name, found in report["artefacts"].items():
        worst = [max(found[side].values(), default=None) for side in ("decoded", "recording")]
        figures.put(f"autoencoder.{name}", *worst)


def put_attainable(figures: Figures, autoencoder: float) -> None:
    """The autoencoder's own distance, and the clips' distance over what could be reached."""
    found = figures.values.get("distribution.clap_fd")
    figures.put("distribution.clap_fd_autoencoder", autoencoder)
    if found is not None:
        reachable = found["real"] + autoencoder
        figures.put("distribution.clap_fd_ratio", found["value"] / max(reachable, 1e-9))


def known(values: Sequence[float | None]) -> list[float]:
    """Without what could not be measured."""
    return [value for value in values if value is not None]


def clip_row(one: Measured) -> dict[str, Any]:
    """Everything about one clip, ready for JSON."""
    return one.clip.to_json() | {
        "file": one.asked.path.name,
        "seed": one.asked.seed,
        "mix": asdict(one.mix),
        "end_seconds": one.asked.end_seconds,
        "return_score": one.return_score,
        "repetition_share": one.structure.repetition_share,
        "boundaries_seconds": one.structure.boundaries_seconds,
    }


def _diversity(clips: Population, key: str | None) -> float | None:
    """Mean over groups of alike `key` with two clips or more; None when there is no such group."""
    groups: dict[Any, list[np.ndarray]] = {}
    for one in clips:
        label = None if key is None else getattr(one.asked, key)
        if key is None or label is not None:
            groups.setdefault(label, []).append(one.embedding)
    found = [diversity(np.stack(group)) for group in groups.values() if len(group) > 1]
    return float(np.mean(found)) if found else None


def _duration_error(clips: Population) -> float | None:
    errors = [
        abs(one.clip.signal.seconds - one.asked.asked_seconds)
        for one in clips
        if one.asked.asked_seconds is not None
    ]
    return max(errors) if errors else None


def _tail_reached(clips: Population) -> float | None:
    """See the definition of signal.tail_reached."""
    hits = [
        seconds - one.clip.signal.tail_silence_seconds <= end + TAIL_GRACE_SECONDS
        for one in clips
        for seconds, end in [(one.clip.signal.seconds, one.asked.end_seconds)]
        if end is not None and seconds - end >= TAIL_ROOM_SECONDS
    ]
    return float(np.mean(hits)) if hits else None


def _far_similarity(similarity: np.ndarray) -> float | None:
    far = np.triu(np.ones_like(similarity, dtype=bool), 8)
    return float(similarity[far].mean()) if far.any() else None


def _median(values: Sequence[float | None]) -> float | None:
    found = known(values)
    return float(np.median(found)) if found else None


def _windows(clips: Population) -> np.ndarray:
    return np.concatenate([one.windows for one in clips])


def _wholes(clips: Population) -> np.ndarray:
    return np.stack([one.embedding for one in clips])
