"""What a model should reach before it is called good, and whether a report says that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from longform.train.evaluate.definitions import DEFINITIONS

Side = Literal["least", "most"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure of `definitions` that should be at least or at most `limit`."""

    figure: str
    side: Side
    limit: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A target beside the value found; `met` is None where the figure was not measured."""

    target: Target
    value: float | None

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        if self.target.side == "least":
            return self.value >= self.target.limit
        return self.value <= self.target.limit

    @property
    def margin(self) -> float | None:
        """How far the value lies beyond the limit on the right side; below 0 where it is missed."""
        if self.value is None:
            return None
        beyond = self.value - self.target.limit
        return round(beyond if self.target.side == "least" else -beyond, 4)

    @property
    def verdict(self) -> str:
        """Met, or missed and by how much: shares in points, others in their unit and per cent."""
        if self.margin is None:
            return "not measured"
        unit, by = DEFINITIONS[self.target.figure].unit, abs(self.margin)
        word = "met" if self.met else "missed"
        if by == 0:
            return word
        if unit == "share":
            return f"{word} by {100 * by:.1f} points"
        share = f" ({100 * by / abs(self.target.limit):.0f} %)" if self.target.limit else ""
        return f"{word} by {readable(by, unit)}{share}"

    @property
    def title(self) -> str:
        return DEFINITIONS[self.target.figure].title

    @property
    def wanted(self) -> str:
        """The limit with its unit, in words."""
        unit = DEFINITIONS[self.target.figure].unit
        words = "at least" if self.target.side == "least" else "at most"
        return f"{words} {readable(self.target.limit, unit)}"

    @property
    def found(self) -> str:
        """The value with its unit, or nothing."""
        unit = DEFINITIONS[self.target.figure].unit
        return "" if self.value is None else readable(self.value, unit)

    def to_json(self) -> dict[str, Any]:
        """One row of the report."""
        return vars(self.target) | {"value": self.value, "met": self.met, "margin": self.margin}


_LIMITS: tuple[tuple[str, Side, float], ...] = (
    ("autoencoder.stft", "most", 1.19),
    ("autoencoder.mel", "most", 0.71),
    ("autoencoder.alarms", "most", 0.0),
    ("obedience.tempo", "least", 0.95),
    ("obedience.key", "least", 0.80),
    ("obedience.chords", "least", 0.70),
    ("obedience.style_top1", "least", 0.70),
    ("obedience.clap_shuffled", "least", 0.95),
    ("signal.stereo_correct", "least", 0.96),
    ("signal.silent_share", "most", 0.0),
    ("signal.clipped_share", "most", 0.0),
    ("signal.static_share", "most", 0.0),
    ("distribution.clap_fd_ratio", "most", 2.0),
    ("structure.return_overlap", "least", 0.5),
    ("structure.changes_overlap", "least", 0.5),
    ("structure.repetition_overlap", "least", 0.5),
    ("structure.similarity_overlap", "least", 0.5),
    ("memorisation.clap_beyond", "most", 0.0),
    ("memorisation.latent_beyond", "most", 0.0),
    ("model.steps", "most", 8),
    ("model.size", "most", 90.0),
)
TARGETS = tuple(Target(figure=figure, side=side, limit=limit) for figure, side, limit in _LIMITS)
"""STFT and MEL are those published for Stable Audio 2.0 (2404.10301, table 5); stereo is its
table 4; the rest, half of an area that overlaps among them, are this package's own. Eight steps and
90 MB are what a student of few steps should keep to."""


def outcomes(figures: Mapping[str, Mapping[str, float]]) -> list[Outcome]:
    """Every target, with what the figures say."""
    return [
        Outcome(target=target, value=figures.get(target.figure, {}).get("value"))
        for target in TARGETS
    ]


def readable(value: float, unit: str) -> str:
    """A figure with its unit for people: shares in percent, large numbers without exponents."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    text = f"{value:,.0f}".replace(",", " ") if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".strip()
