"""A model of Stable Audio Open 1.0's or Stable Audio 3's form as a folder that diffusers loads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from longform.autoencoder.config import OobleckConfig, SameConfig
from longform.autoencoder.same_settings import same_to_diffusers
from longform.autoencoder.settings import oobleck_to_diffusers
from longform.config import from_mapping
from longform.dit import keys
from longform.dit.config import DiTConfig
from longform.dit.family_conditioner import FamilyConditionerConfig
from longform.errors import UserError
from longform.hub import diffusers_three as three
from longform.hub.diffusers_keys import projection_pairs, transformer_pairs, vae_pairs
from longform.hub.diffusers_layout import CLASSES, INDEX, NUMBER_IDS, SCHEDULER, WEIGHTS
from longform.hub.manifest import FamilyManifest
from longform.hub.report import IGNORED
from longform.hub.tensors import Pair, Stored, TensorReader
from longform.hub.writing import Planned, stream_tensors, write_json

VERSION = "0.35.0"
"""The oldest diffusers whose classes have these names and arguments."""
VERSION_THREE = "0.42.0"
"""The same of Stable Audio 3."""
MOST = 1 << 62

Load = Callable[[TensorReader], Any]
Parts = dict[str, tuple[dict[str, Any], list[Pair]]]
"""By the name of a part: its config.json, and its tensors."""


def write_diffusers(
    folder: Path,
    manifest: FamilyManifest,
    tensors: Mapping[str, tuple[Pair, Stored]],
    make: Callable[[str, TensorReader], Any],
    texts: Mapping[str, Path],
) -> None:
    """Fill an empty folder; `texts` are folders already copied in (text_encoder, tokenizer).

    Raises:
        UserError: diffusers has no class for this model.
    """
    is_three = manifest.dit is not None and manifest.dit.config["global_mode"] == "adaln"
    version = VERSION_THREE if is_three else VERSION
    try:
        parts = _coder_parts(manifest)
        if manifest.dit is not None:
            parts |= _three_parts(manifest) if is_three else _open_parts(manifest)
    except UserError as error:
        raise UserError(
            f"{manifest.description} cannot be expressed in the diffusers layout: {error}; "
            "use --to bundle or --to toolkit"
        ) from None
    known = {pair.name for _, pairs in parts.values() for pair in pairs}
    left = [name for name in tensors if name not in known and not name.endswith(IGNORED)]
    if left:
        raise UserError(f"diffusers has no place for {len(left)} tensors, such as {left[0]}")
    for part, (settings, pairs) in parts.items():
        (folder / part).mkdir()
        write_json(folder / part / "config.json", {**settings, "_diffusers_version": version})
        planned = [one for pair in pairs for one in _planned(pair, tensors, make)]
        if is_three:
            planned += _derived(part, manifest, tensors)
        stream_tensors(folder / part / WEIGHTS, planned, {"format": "pt"})
    if manifest.dit is not None:
        _write_index(folder, manifest, parts, texts, version)


def _coder_parts(manifest: FamilyManifest) -> Parts:
    part = manifest.autoencoder
    if part is None:
        raise UserError("it has no autoencoder")
    if part.kind == "same":
        same = from_mapping(SameConfig, part.config)
        return {"vae": (same_to_diffusers(same), vae_pairs(same, MOST, "autoencoder"))}
    config = from_mapping(OobleckConfig, part.config)
    return {"vae": (oobleck_to_diffusers(config), vae_pairs(config, MOST, "autoencoder"))}


def _open_parts(manifest: FamilyManifest) -> Parts:
    """Transformer and projection model of Stable Audio Open 1.0.

    Raises:
        UserError: it is another model; Open Small and 2.0 have parts that the classes lack.
    """
    assert manifest.text is not None
    config = _conditioner(manifest)
    ranges = {(one.low, one.high) for one in config.numbers}
    _refuse(
        {
            f"objective {manifest.objective}": manifest.objective != "v",
            f"text encoder {manifest.text.kind}": manifest.text.kind != "t5",
            "its timing conditions": config.global_ids != NUMBER_IDS
            or config.cross_ids != (config.text_id, *NUMBER_IDS)
            or len(ranges) != 1,
            "a scale of the latents": manifest.latent_scale != 1.0,
        }
    )
    dit = manifest.toolkit["model"]["diffusion"]["config"]
    text = config.text_id if config.project_text else None
    return {
        "transformer": (_transformer(manifest, dit), transformer_pairs(dit["depth"])),
        "projection_model": (_projection(config), projection_pairs(text, NUMBER_IDS)),
    }


def _three_parts(manifest: FamilyManifest) -> Parts:
    """Transformer and duration embedder of Stable Audio 3.

    Raises:
        UserError: a setting that the classes lack.
    """
    assert manifest.dit is not None and manifest.text is not None
    config = _conditioner(manifest)
    number = config.numbers[0] if config.numbers else None
    text = manifest.text
    _refuse(
        {
            f"objective {manifest.objective}": manifest.objective == "v",
            f"text encoder {text.kind}": text.kind != "t5gemma" or config.project_text,
            f"{text.max_tokens} tokens of text": text.max_tokens != three.TEXT_TOKENS,
            f"{config.padding} padding of text": config.padding != "learned",
            "its timing conditions": config.global_ids != ("seconds_total",)
            or config.cross_ids != ("prompt", "seconds_total")
            or len(config.numbers) != 1
            or number is None
            or number.features != "expo",
            "the lack of inpainting": config.inpaint != "local",
            "a scale of the latents": manifest.latent_scale != 1.0,
        }
    )
    dit = from_mapping(DiTConfig, manifest.dit.config)
    pairs = three.transformer_pairs(dit, MOST, "transformer")
    return {
        "transformer": (three.transformer_config(dit), pairs),
        "duration_embedder": (three.duration_config(config), three.duration_pairs()),
    }


def _conditioner(manifest: FamilyManifest) -> FamilyConditionerConfig:
    assert manifest.conditioner is not None
    return from_mapping(FamilyConditionerConfig, manifest.conditioner.config)


def _refuse(faults: Mapping[str, bool]) -> None:
    for fault, present in faults.items():
        if present:
            raise UserError(f"its classes lack {fault}")


def _derived(
    part: str, manifest: FamilyManifest, tensors: Mapping[str, tuple[Pair, Stored]]
) -> list[Planned]:
    """Tensors that follow from the configuration and that diffusers keeps in its files."""
    found: dict[str, Tensor] = {}
    if part == "duration_embedder":
        found["freqs"] = three.duration_frequencies()
    if part == "transformer" and keys.DERIVED not in tensors:
        assert manifest.dit is not None
        own = keys.derived(from_mapping(DiTConfig, manifest.dit.config))
        found["rotary_pos_emb.inv_freq"] = own[keys.DERIVED]
    return [
        Planned(name, "F32", tuple(value.shape), lambda _, value=value: value)
        for name, value in found.items()
    ]


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


def _transformer(manifest: FamilyManifest, dit: Mapping[str, Any]) -> dict[str, Any]:
    assert manifest.autoencoder is not None
    coder = from_mapping(OobleckConfig, manifest.autoencoder.config)
    head, frames = dit["embed_dim"] // dit["num_heads"], manifest.toolkit["sample_size"]
    return {
        "_class_name": CLASSES["transformer"],
        "sample_size": frames // coder.hop_samples,
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
        "text_encoder_dim": config.text_width,
        "conditioning_dim": config.token_width,
        "min_value": number.low,
        "max_value": number.high,
    }


def _write_index(
    folder: Path,
    manifest: FamilyManifest,
    parts: Parts,
    texts: Mapping[str, Path],
    version: str,
) -> None:
    """model_index.json and the scheduler; a text encoder that is not there is left open."""
    is_three = "duration_embedder" in parts
    scheduler = _three_scheduler(manifest) if is_three else _open_scheduler(manifest)
    path = folder / SCHEDULER
    path.parent.mkdir()
    write_json(path, {**scheduler, "_diffusers_version": version})
    own = "stable_audio_3" if is_three else "stable_audio"
    index: dict[str, Any] = {
        "_class_name": "StableAudio3Pipeline" if is_three else "StableAudioPipeline",
        "_diffusers_version": version,
        "scheduler": ["diffusers", scheduler["_class_name"]],
    }
    for name, (settings, _) in parts.items():
        library = "diffusers" if name in ("vae", "transformer") else own
        index[name] = [library, settings["_class_name"]]
    kinds = ("T5EncoderModel", "T5TokenizerFast")
    if is_three:
        kinds = ("T5GemmaEncoderModel", "GemmaTokenizerFast")
    for name, kind in zip(("text_encoder", "tokenizer"), kinds, strict=True):
        index[name] = ["transformers", kind] if name in texts else [None, None]
    write_json(folder / INDEX, index)


def _open_scheduler(manifest: FamilyManifest) -> dict[str, Any]:
    return {
        "_class_name": "CosineDPMSolverMultistepScheduler",
        "sigma_min": manifest.defaults.sigma_min,
        "sigma_max": manifest.defaults.sigma_max,
        "sigma_schedule": "exponential",
        "prediction_type": "v_prediction",
    }


def _three_scheduler(manifest: FamilyManifest) -> dict[str, Any]:
    return {
        "_class_name": "FlowMatchEulerDiscreteScheduler",
        "num_train_timesteps": 1,
        "stochastic_sampling": manifest.objective == "rf_denoiser",
    }
