"""What a model of the family is: the contents of a format 2 `longform.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from longform.config import from_mapping, to_mapping
from longform.errors import UserError
from longform.hub.families import Family, family_of
from longform.hub.toolkit_config import autoencoder_part, denoiser_config, told_config
from longform.manifest import AutoencoderPart, Defaults, NetworkPart

FORMAT = 2
TEXT_KINDS = {"t5": "t5", "t5gemma": "t5gemma", "clap_text": "laion-clap"}

Objective = Literal["v", "rectified_flow", "rf_denoiser"]


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """The text encoder: its kind, its published name, and the layer that is read (CLAP)."""

    kind: Literal["clap", "t5", "t5gemma", "laion-clap"]
    name: str
    width: int
    max_tokens: int
    layer: int | None = None


@dataclass(frozen=True, kw_only=True)
class FamilyManifest:
    """One model of the Stable Audio family, whatever layout it lies in.

    `latent_scale` divides the autoencoder's latents before the denoiser sees them. `toolkit` is the
    training toolkit's own configuration, kept word for word so that the way back loses nothing.
    """

    format: int = FORMAT
    name: str
    family: str
    licence: str
    conditions: tuple[str, ...]
    description: str
    objective: Objective
    sample_rate: int
    autoencoder: AutoencoderPart | None = None
    dit: NetworkPart | None = None
    conditioner: NetworkPart | None = None
    text: TextPart | None = None
    latent_scale: float = 1.0
    defaults: Defaults
    toolkit: dict[str, Any]
    card: dict[str, Any] = field(default_factory=dict)


def describe(config: Mapping[str, Any], name: str, where: str) -> FamilyManifest:
    """The manifest of a model from the training toolkit's model configuration.

    Raises:
        UserError: the configuration lacks something or asks for a part that longform does not have.
    """
    family = family_of(config, where)
    try:
        return _describe(config, name, family, where)
    except KeyError as error:
        raise UserError(f"{where}: model_config has no {error.args[0]!r}") from None
    except (TypeError, AttributeError):
        raise UserError(f"{where}: model_config is not of the toolkit's form") from None


def _describe(config: Mapping[str, Any], name: str, family: Family, where: str) -> FamilyManifest:
    rate = config["sample_rate"]
    model = config["model"]
    alone = config["model_type"] == "autoencoder"
    pretransform = {"config": model} if alone else model.get("pretransform")
    conditioning = None if alone else model["conditioning"]
    return FamilyManifest(
        name=name,
        family=family.name,
        licence=family.licence,
        conditions=family.conditions,
        description=family.title,
        objective="v" if alone else model["diffusion"].get("diffusion_objective", "v"),
        sample_rate=rate,
        autoencoder=None
        if pretransform is None
        else autoencoder_part(pretransform["config"], rate, where),
        dit=None if alone else _denoiser(model["diffusion"], where),
        conditioner=conditioning and _conditioner(model, where),
        text=conditioning and _text(conditioning, where),
        latent_scale=(pretransform or {}).get("scale", 1.0),
        defaults=_defaults(family, config),
        toolkit=dict(config),
    )


def _denoiser(section: Mapping[str, Any], where: str) -> NetworkPart:
    return NetworkPart(config=to_mapping(denoiser_config(section, where)))


def _defaults(family: Family, config: Mapping[str, Any]) -> Defaults:
    window = config["sample_size"] / config["sample_rate"]
    return Defaults(
        steps=family.steps,
        guidance=family.guidance,
        sampler=family.sampler,
        sigma_min=family.sigma_min,
        sigma_max=family.sigma_max,
        seconds=window,
        window_seconds=window if family.whole_window else None,
        headroom_seconds=family.headroom_seconds,
        projection=family.projection,
        effect_steps=family.steps,
    )


def _conditioner(model: Mapping[str, Any], where: str) -> NetworkPart:
    width = _text(model["conditioning"], where).width
    return NetworkPart(config=to_mapping(told_config(model, width, where)))


T5_WIDTHS = {
    "t5-small": 512, "t5-base": 768, "t5-large": 1024, "t5-3b": 1024, "t5-11b": 1024,
    "google/flan-t5-small": 512, "google/flan-t5-base": 768, "google/flan-t5-large": 1024,
    "google/flan-t5-xl": 2048, "google/flan-t5-xxl": 4096,
}  # fmt: skip


def _text(conditioning: Mapping[str, Any], where: str) -> TextPart:
    """The text encoder; what its configuration leaves out is the toolkit's default."""
    one = next((one for one in conditioning["configs"] if one["type"] in TEXT_KINDS), None)
    if one is None:
        raise UserError(f"{where}: has no text conditioner; known: {', '.join(TEXT_KINDS)}")
    values = one["config"]
    if one["type"] == "t5":
        name = values.get("t5_model_name", "t5-base")
        tokens = values.get("max_length", 128)
        return TextPart(kind="t5", name=name, width=T5_WIDTHS[name], max_tokens=tokens)
    if one["type"] == "t5gemma":
        name = values.get("model_name", "google/t5gemma-b-b-ul2")
        tokens = values.get("max_length", 128)
        return TextPart(kind="t5gemma", name=name, width=768, max_tokens=tokens)
    hidden = values.get("use_text_features", False)
    return TextPart(
        kind="laion-clap",
        name=values.get("audio_model_type", "HTSAT-base"),
        width=768 if hidden else 512,
        max_tokens=77 if hidden else 1,
        layer=values.get("feature_layer_ix", -1) if hidden else None,
    )


def read_manifest(data: Mapping[str, Any], where: str) -> FamilyManifest:
    """A format 2 manifest, strictly.

    Raises:
        UserError: an unknown key, a missing one, a wrong type.
    """
    return from_mapping(FamilyManifest, dict(data), where)
