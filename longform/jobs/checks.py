"""What jobs are asked for, checked before anything heavy is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from longform.errors import UserError
from longform.request import MAX_GUIDANCE
from longform.waveform import Waveform

MAX_REGIONS = 16
LEAST_SECONDS = 0.2
MOST_ADDED_SECONDS = 550.0

Region = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, kw_only=True)
class Intention:
    """A wish such as "keep the groove": how much noise, and which guide features are heard."""

    strength: float
    heard: frozenset[str]


HEARD = frozenset({"beat", "chord", "bass", "energy"})
INTENTIONS = {
    "everything-but-timbre": Intention(strength=0.5, heard=HEARD),
    "melody": Intention(strength=0.6, heard=HEARD),
    "groove": Intention(strength=0.7, heard=frozenset({"beat", "energy"})),
    "loose": Intention(strength=0.85, heard=frozenset({"beat"})),
}
DEFAULT_KEEP = "melody"


def intended(strength: float | None, keep: str | None) -> Intention:
    """What a strength or the name of an intention means; with neither, `DEFAULT_KEEP`.

    Raises:
        UserError: both, a strength outside 0..1, or an unknown name.
    """
    if strength is None:
        keep = keep or DEFAULT_KEEP
        if keep not in INTENTIONS:
            raise UserError(f"keep {keep!r} is unknown; use one of {', '.join(INTENTIONS)}")
        return INTENTIONS[keep]
    if keep is not None:
        raise UserError(f"give a strength or what to keep ({keep}), not both")
    if not 0 <= strength <= 1:
        raise UserError(f"strength {strength:g} is outside 0..1")
    return Intention(strength=strength, heard=HEARD)


def checked_regions(regions: Sequence[Region], seconds: float) -> list[Region]:
    """The regions in order.

    Raises:
        UserError: none, too many, too short, overlapping, or beyond the recording.
    """
    if not 1 <= len(regions) <= MAX_REGIONS:
        raise UserError(f"{len(regions)} regions; give 1 to {MAX_REGIONS}, such as 20-35")
    ordered = sorted((float(start), float(stop)) for start, stop in regions)
    for start, stop in ordered:
        if not (start >= 0 and stop - start >= LEAST_SECONDS and stop <= seconds + 1e-3):
            raise UserError(
                f"region {start:g}-{stop:g} does not lie within 0-{seconds:g} seconds with "
                f"{LEAST_SECONDS:g} s at least"
            )
    for (_, stop), (start, _) in pairwise(ordered):
        if start < stop:
            raise UserError(f"regions overlap: one ends at {stop:g}, the next starts at {start:g}")
    return [(start, min(stop, seconds)) for start, stop in ordered]


def check_lengths(before_seconds: float, after_seconds: float) -> None:
    """Raises:
    UserError: nothing to add to a recording, or too little or too much.
    """
    low, high = LEAST_SECONDS, MOST_ADDED_SECONDS
    for name, seconds in (("before", before_seconds), ("after", after_seconds)):
        if not (seconds == 0 or low <= seconds <= high):
            raise UserError(f"{name} {seconds:g} s is outside {low:g}..{high:g} s")
    if not before_seconds and not after_seconds:
        raise UserError(
            "nothing to add: say how many seconds --after the end or --before the start"
        )


def joinable(audio: Waveform) -> Waveform:
    """The recording, if new audio can be put into it without touching the rest.

    Raises:
        UserError: it has more channels than are made, or no sample.
    """
    if audio.channels > 2:
        raise UserError(f"the recording has {audio.channels} channels; fold it to 1 or 2 first")
    if audio.samples.shape[1] == 0:
        raise UserError("the recording is empty")
    return audio


def check_context_guidance(scale: float) -> None:
    """Raises:
    UserError: a scale outside 0..30.
    """
    if not 0 <= scale <= MAX_GUIDANCE:
        raise UserError(f"context guidance {scale:g} is outside 0..{MAX_GUIDANCE:g}")


def check_amount(amount: float) -> None:
    """Raises:
    UserError: an amount outside 0..1.
    """
    if not 0 <= amount <= 1:
        raise UserError(f"amount {amount:g} is outside 0..1")
