"""The contents of a bundle's `longform.json`: what the model is, and how it is used."""

from dataclasses import dataclass, field
from typing import Any

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class AutoencoderPart:
    """Which network, and its config as a plain mapping."""

    kind: str
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NetworkPart:
    """The config of one network as a plain mapping."""

    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What `generate` uses when it is not told otherwise.

    A model with `window_seconds` was trained on windows of that one length: it always denoises one,
    and what is asked for is cut out of it. Others denoise what is asked for and `headroom_seconds`
    more. `projection` is that of `longform.dit.guidance.Guidance`, `effect_steps` are those of a
    sound effect, `led_guidance` is the guidance where a recording leads beside the words: it is
    restyled, or its tune followed (`guidance` where it is not given).
    """

    steps: int = 30
    guidance: float = 3.0
    sampler: str = "dpmpp-2m"
    sigma_min: float = 0.03
    sigma_max: float = 80.0
    seconds: float = 285.0
    window_seconds: float | None = None
    headroom_seconds: float = 0.0
    projection: float = 0.0
    effect_steps: int = 20
    led_guidance: float | None = None

    @classmethod
    def of(cls, objective: str) -> "Defaults":
        """Those of a model of our own; a flow has times where "v" has noise levels."""
        return cls() if objective == "v" else cls(sampler="euler", sigma_min=0.0, sigma_max=1.0)


@dataclass(frozen=True, kw_only=True)
class StudentPart:
    """A denoiser that was distilled from that of the bundle, configured alike, and how it is used.

    It needs no guidance: what it learned is what the teacher says under guidance.
    """

    steps: int
    sampler: str = "ddim"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of `longform.json`."""

    format: int
    name: str
    licence: str
    description: str
    autoencoder: AutoencoderPart
    clap: NetworkPart
    dit: NetworkPart
    conditioner: NetworkPart
    planner: NetworkPart | None = None
    student: StudentPart | None = None
    defaults: Defaults = field(default_factory=Defaults)
    card: dict[str, Any] = field(default_factory=dict)
