"""A model of Stable Audio Open 1.0's form as a folder that diffusers loads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.settings import oobleck_to_diffusers
from longform.config import from_mapping
from longform.dit.family_conditioner import FamilyConditionerConfig
from longform.errors import UserError
from longform.hub.diffusers_keys import projection_pairs, transformer_pairs, vae_pairs
from longform.hub.diffusers_layout import CLASSES, INDEX, NUMBER_IDS, WEIGHTS
from longform.hub.manifest import FamilyManifest
from longform.hub.tensors import Pair, Stored, TensorReader
from longform.hub.writing import Planned, stream_tensors, write_json

VERSION = "0.35.0"
"""The oldest diffusers whose classes have these names and arguments."""
SCHEDULER = "CosineDPMSolverMultistepScheduler"

Load = Callable[[TensorReader], Any]


def write_diffusers(
    folder: Path,
    manifest: FamilyManifest,
    tensors: Mapping[str, tuple[Pair, Stored]],
    make: Callable[[str, TensorReader], Any],
    parts: Mapping[str, Path],
) -> None:
    """Fill an empty folder; `parts` are folders already copied in (text_encoder, tokenizer).

    Raises:
        UserError: diffusers has no class for this model.
    """
    pairs: dict[str, list[Pair]] = {}
    configs: dict[str, dict[str, Any]] = {}
    if manifest.autoencoder is not None:
        coder = _coder(manifest)
        pairs["vae"], configs["vae"] = vae_pairs(coder), oobleck_to_diffusers(coder)
    if manifest.dit is not None:
        conditioner = _expressible(manifest)
        dit = manifest.toolkit["model"]["diffusion"]["config"]
        text = conditioner.text_id if conditioner.project_text else None
        pairs["transformer"] = transformer_pairs(dit["depth"])
        pairs["projection_model"] = projection_pairs(text, NUMBER_IDS)
        configs["transformer"] = _transformer(manifest, dit)
        configs["projection_model"] = _projection(conditioner)
    known = {pair.name for group in pairs.values() for pair in group}
    left = [name for name in tensors if name not in known and not name.endswith(".inv_freq")]
    if left:
        raise UserError(f"diffusers has no place for {len(left)} tensors, such as {left[0]}")
    for part, group in pairs.items():
        (folder / part).mkdir()
        write_json(folder / part / "config.json", configs[part])
        planned = [one for pair in group for one in _planned(pair, tensors, make)]
        stream_tensors(folder / part / WEIGHTS, planned, {"format": "pt"})
    if manifest.dit is not None:
        _write_index(folder, manifest, parts)


def _planned(
    pair: Pair,
    tensors: Mapping[str, tuple[Pair, Stored]],
    make: Callable[[str, TensorReader], Any],
) -> list[Planned]:
    """The tensors of diffusers that stand for one of the toolkit's."""
    if pair.name not in tensors:
        return []
    source, first = tensors[pair.name]
    whole = source.shape([first.shape] * len(source.others))

    def part(key: str) -> Load:
        return lambda reader: pair.split(make(pair.name, reader))[key]

    return [
        Planned(key, first.dtype, shape, part(key))
        for key, shape in zip(pair.others, pair.other_shapes(whole), strict=True)
    ]


def _coder(manifest: FamilyManifest) -> OobleckConfig:
    part = manifest.autoencoder
    if part is None or part.kind != "oobleck":
        raise UserError("the diffusers layout is written with an Oobleck autoencoder alone")
    config = from_mapping(OobleckConfig, part.config)
    if config.channels != 2 * config.latent_channels:
        raise UserError(
            f"AutoencoderOobleck ties its width to its latents; {config.channels} is not twice "
            f"{config.latent_channels}"
        )
    return config


def _expressible(manifest: FamilyManifest) -> FamilyConditionerConfig:
    """The conditioner, if diffusers' StableAudioPipeline can express this model.

    Raises:
        UserError: it cannot; Open Small, 2.0 and 3 have parts that its classes lack.
    """
    assert manifest.conditioner is not None and manifest.text is not None
    config = from_mapping(FamilyConditionerConfig, manifest.conditioner.config)
    ranges = {(one.low, one.high) for one in config.numbers}
    faults = {
        f"objective {manifest.objective}": manifest.objective != "v",
        f"text encoder {manifest.text.kind}": manifest.text.kind != "t5",
        "its timing conditions": config.global_ids != NUMBER_IDS
        or config.cross_ids != (config.text_id, *NUMBER_IDS)
        or len(ranges) != 1,
        "a scale of the latents": manifest.latent_scale != 1.0,
        "the absence of an autoencoder": manifest.autoencoder is None,
    }
    for fault, present in faults.items():
        if present:
            raise UserError(
                f"{manifest.description} cannot be expressed in the diffusers layout "
                f"because of {fault}; use --to bundle or --to toolkit"
            )
    return config


def _transformer(manifest: FamilyManifest, dit: Mapping[str, Any]) -> dict[str, Any]:
    head, frames = dit["embed_dim"] // dit["num_heads"], manifest.toolkit["sample_size"]
    return {
        "_class_name": CLASSES["transformer"],
        "_diffusers_version": VERSION,
        "sample_size": frames // _coder(manifest).hop_samples,
        "in_channels": dit["io_channels"],
        "out_channels": dit["io_channels"],
        "num_layers": dit["depth"],
        "attention_head_dim": head,
        "num_attention_heads": dit["num_heads"],
        "num_key_value_attention_heads": dit["cond_token_dim"] // head,
        "cross_attention_dim": dit["cond_token_dim"],
        "cross_attention_input_dim": dit["cond_token_dim"],
        "time_proj_dim": 256,
        "global_states_input_dim": dit["global_cond_dim"],
    }


def _projection(config: FamilyConditionerConfig) -> dict[str, Any]:
    number = config.numbers[0]
    return {
        "_class_name": CLASSES["projection_model"],
        "_diffusers_version": VERSION,
        "text_encoder_dim": config.text_width,
        "conditioning_dim": config.token_width,
        "min_value": number.low,
        "max_value": number.high,
    }


def _write_index(folder: Path, manifest: FamilyManifest, parts: Mapping[str, Path]) -> None:
    """model_index.json and the scheduler; a text encoder that is not there is left open."""
    (folder / "scheduler").mkdir()
    defaults = manifest.defaults
    scheduler = {
        "_class_name": SCHEDULER,
        "_diffusers_version": VERSION,
        "sigma_min": defaults.sigma_min,
        "sigma_max": defaults.sigma_max,
        "sigma_schedule": "exponential",
        "prediction_type": "v_prediction",
    }
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    index: dict[str, Any] = {
        "_class_name": "StableAudioPipeline",
        "_diffusers_version": VERSION,
        "scheduler": ["diffusers", SCHEDULER],
        "vae": ["diffusers", CLASSES["vae"]],
        "transformer": ["diffusers", CLASSES["transformer"]],
        "projection_model": ["stable_audio", CLASSES["projection_model"]],
    }
    text = {"text_encoder": "T5EncoderModel", "tokenizer": "T5TokenizerFast"}
    for name, kind in text.items():
        index[name] = ["transformers", kind] if name in parts else [None, None]
    write_json(folder / INDEX, index)
