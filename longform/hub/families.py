"""The Stable Audio family: what each member is called, how it is sampled, and under what licence.

Defaults are those of the model cards and papers named in `source`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from longform.errors import UserError

COMMUNITY = "Stability AI Community License"
COMMUNITY_CONDITIONS = (
    "free for research, and for commercial use below 1,000,000 US$ of yearly revenue (register)",
    "above that revenue an enterprise licence is needed",
    "passing the weights on takes a copy of the licence and the line 'Powered by Stability AI'",
    "holds for the published weights and what is trained from them; your own weights are yours",
)
UNPUBLISHED = "no published weights: whoever trained them decides"


@dataclass(frozen=True, kw_only=True)
class Family:
    """One member: its objective, how it is sampled when nothing is said, and its terms.

    The window is the model's own (`sample_size` of its configuration).
    Where it is denoised `whole_window`, whatever is asked for, the model knows no other length;
    others take `headroom_seconds` beyond what is asked for.
    `sigma_min` and `sigma_max` are noise levels for "v", and times in 0..1 for the flow objectives.
    """

    name: str
    title: str
    objective: str
    steps: int
    guidance: float
    sampler: str
    sigma_min: float
    sigma_max: float
    projection: float = 0.0
    whole_window: bool = True
    headroom_seconds: float = 0.0
    licence: str
    conditions: tuple[str, ...] = ()
    source: str


OPEN = Family(
    name="stable-audio-open-1.0",
    title="Stable Audio Open 1.0",
    objective="v",
    steps=100,
    guidance=7.0,
    sampler="dpmpp-3m-sde",
    sigma_min=0.3,
    sigma_max=500.0,
    licence=COMMUNITY,
    conditions=COMMUNITY_CONDITIONS,
    source="arXiv 2407.14358; model card stabilityai/stable-audio-open-1.0",
)
TWO = replace(
    OPEN,
    name="stable-audio-2.0",
    title="Stable Audio 2.0 text-to-audio configuration",
    licence=UNPUBLISHED,
    conditions=(),
    source="arXiv 2404.10301, section 3; toolkit configuration stable_audio_2_0",
)
SMALL = Family(
    name="stable-audio-open-small",
    title="Stable Audio Open Small",
    objective="rf_denoiser",
    steps=8,
    guidance=1.0,
    sampler="pingpong",
    sigma_min=0.0,
    sigma_max=1.0,
    licence=COMMUNITY,
    conditions=COMMUNITY_CONDITIONS,
    source="arXiv 2505.08175; model card stabilityai/stable-audio-open-small",
)
SMALL_BASE = replace(
    SMALL,
    name="stable-audio-open-small-base",
    title="Stable Audio Open Small before post-training, or fine-tuned as a flow",
    objective="rectified_flow",
    steps=50,
    guidance=4.0,
    sampler="euler",
    source="arXiv 2505.08175, section 3",
)
CODER = replace(
    OPEN, name="oobleck", title="Oobleck autoencoder", source="arXiv 2404.10301, section 3.1"
)
SAME = replace(
    OPEN,
    name="same",
    title="SAME autoencoder of Stable Audio 3",
    source="arXiv 2605.18613; model cards stabilityai/SAME-S and SAME-L",
)


def _three(size: str) -> tuple[Family, Family]:
    """Stable Audio 3 in one size: as released, and before its post-training."""
    name = f"stable-audio-3-{size}"
    card = f"model card stabilityai/{name}"
    released = replace(
        SMALL,
        name=name,
        title=f"Stable Audio 3 {size}",
        whole_window=False,
        headroom_seconds=6.0,
        source=card,
    )
    base = replace(
        SMALL_BASE,
        whole_window=False,
        headroom_seconds=6.0,
        projection=1.0,
        name=f"{name}-base",
        title=f"Stable Audio 3 {size}, before post-training",
        guidance=7.0,
        source=f"{card}-base",
    )
    return released, base


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (OPEN, TWO, SMALL, SMALL_BASE, *_three("small"), *_three("medium"), CODER, SAME)
}

MEDIUM_WIDTH = 1280
"""Stable Audio 3 small is 1024 wide, medium 1536; what lies between counts by the nearer one."""


def family_of(config: Mapping[str, Any], where: str) -> Family:
    """The family of a model, from the training toolkit's model configuration.

    Raises:
        UserError: the configuration is of no model that this program knows.
    """
    try:
        return FAMILIES[_name(config)]
    except (KeyError, TypeError):
        raise UserError(
            f"{where}: its configuration is of no family that longform knows "
            f"({', '.join(FAMILIES)})"
        ) from None


def _name(config: Mapping[str, Any]) -> str:
    model = config["model"]
    if config["model_type"] == "autoencoder":
        return "oobleck" if model["encoder"]["type"] == "oobleck" else "same"
    diffusion = model["diffusion"]
    objective = diffusion.get("diffusion_objective", "v")
    base = "" if objective == "rf_denoiser" else "-base"
    dit = diffusion["config"]
    if dit.get("global_cond_type") == "adaLN":
        size = "medium" if dit["embed_dim"] >= MEDIUM_WIDTH else "small"
        return f"stable-audio-3-{size}{base}"
    if objective != "v":
        return f"stable-audio-open-small{base}"
    kinds = {one["type"] for one in model["conditioning"]["configs"]}
    return "stable-audio-2.0" if "clap_text" in kinds else "stable-audio-open-1.0"
