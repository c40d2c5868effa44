"""The training toolkit's model configuration in the terms of our own networks."""

from collections.abc import Mapping
from typing import Any

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.settings import from_toolkit
from longform.config import to_mapping
from longform.dit.config import DiTConfig
from longform.dit.family import conditioner_config, dit_config
from longform.dit.family_conditioner import FamilyConditionerConfig
from longform.errors import UserError
from longform.manifest import AutoencoderPart


def autoencoder_part(section: Mapping[str, Any], rate: int, where: str) -> AutoencoderPart:
    """Kind and configuration of an autoencoder, from its section of a model configuration.

    Raises:
        UserError: it is neither Oobleck nor SAME, or of a form of them that longform lacks.
    """
    try:
        config = from_toolkit(section, rate)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    kind = "oobleck" if isinstance(config, OobleckConfig) else "same"
    return AutoencoderPart(kind=kind, config=to_mapping(config))


def denoiser_config(section: Mapping[str, Any], where: str) -> DiTConfig:
    """The denoiser's configuration, from the section "diffusion".

    Raises:
        UserError: a setting is unknown, or asks for what our denoiser does not do.
    """
    try:
        return dit_config(section)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def told_config(model: Mapping[str, Any], text_width: int, where: str) -> FamilyConditionerConfig:
    """The conditioner's configuration, from the section "model".

    Raises:
        UserError: a setting is unknown, or asks for what our conditioner does not do.
    """
    try:
        return conditioner_config(model, text_width)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
