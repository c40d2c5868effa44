"""The diffusers layout: one folder per part, each with config.json and safetensors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longform.autoencoder.config import OobleckConfig
from longform.autoencoder.settings import oobleck_from_diffusers, to_toolkit
from longform.checkpoint import read_json
from longform.errors import UserError
from longform.hub.diffusers_keys import projection_pairs, transformer_pairs, vae_pairs
from longform.hub.infer import count
from longform.hub.safe import inside, within
from longform.hub.tensors import Pair, Stored, stored_in

INDEX = "model_index.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
CLASSES = {
    "transformer": "StableAudioDiTModel",
    "vae": "AutoencoderOobleck",
    "projection_model": "StableAudioProjectionModel",
}
COMPONENTS = (INDEX, *CLASSES)
NUMBER_IDS = ("seconds_start", "seconds_total")


@dataclass(frozen=True, kw_only=True)
class DiffusersFolder:
    """What a diffusers folder holds, its headers read."""

    folder: Path
    stored: dict[str, Stored]
    pairs: dict[str, Pair]
    configs: dict[str, dict[str, Any]]
    coder: OobleckConfig | None
    text_folders: tuple[Path, ...]
    files: tuple[Path, ...]

    def complete(self, config: dict[str, Any]) -> dict[str, Any]:
        """The inferred model configuration with what the folder's own configurations say.

        Raises:
            UserError: one of them lacks a setting.
        """
        found = self.configs
        transformer = found.get("transformer")
        if self.coder is not None:
            config["sample_rate"] = self.coder.sample_rate
            section = to_toolkit(self.coder)
            if transformer is None:
                config["model"] = section
            else:
                config["model"]["pretransform"]["config"] = section
        if transformer is None:
            return config
        diffusion = config["model"]["diffusion"]
        try:
            diffusion["config"]["num_heads"] = transformer["num_attention_heads"]
            hop = self.coder.hop_samples if self.coder else 2048
            config["sample_size"] = transformer["sample_size"] * hop
            for one in config["model"]["conditioning"]["configs"]:
                if one["type"] == "number":
                    projection = found["projection_model"]
                    one["config"]["min_val"] = projection["min_value"]
                    one["config"]["max_val"] = projection["max_value"]
        except KeyError as error:
            raise UserError(f"{self.folder}: a config.json has no {error.args[0]!r}") from None
        return config


def open_diffusers(folder: Path) -> DiffusersFolder:
    """Read configurations and headers of a diffusers folder.

    Raises:
        UserError: a part is of a class that this program does not know; a file is missing, broken
            or a link out of the folder.
    """
    stored: dict[str, Stored] = {}
    configs: dict[str, dict[str, Any]] = {}
    files: list[Path] = []
    for part, expected in CLASSES.items():
        if not (folder / part).is_dir():
            continue
        within(folder, folder / part)
        told = read_json(inside(folder, f"{part}/config.json"))
        if told.get("_class_name") != expected:
            raise UserError(
                f"{folder / part}: is a {told.get('_class_name')!r}; longform reads {expected}"
            )
        configs[part] = told
        for path in _weights(folder, part):
            files.append(path)
            stored |= {f"{part}/{key}": one for key, one in stored_in(path).items()}
    if not stored:
        raise UserError(f"{folder}: has none of the folders {', '.join(CLASSES)}")
    texts = (folder / "text_encoder", folder / "tokenizer")
    coder = oobleck_from_diffusers(configs["vae"]) if "vae" in configs else None
    return DiffusersFolder(
        folder=folder,
        stored=stored,
        pairs=_pairs(stored, coder),
        configs=configs,
        coder=coder,
        text_folders=tuple(within(folder, one) for one in texts if one.is_dir()),
        files=tuple(files),
    )


def _weights(folder: Path, part: str) -> list[Path]:
    """The weight files of one part: one, or the shards that its index names."""
    index = folder / part / f"{WEIGHTS}.index.json"
    if not index.exists():
        return [inside(folder, f"{part}/{WEIGHTS}")]
    names = read_json(within(folder, index)).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
        raise UserError(f"{index}: has no weight_map of names")
    return [inside(folder / part, name) for name in sorted(set(names.values()))]


def _pairs(stored: Mapping[str, Stored], coder: OobleckConfig | None) -> dict[str, Pair]:
    """Every tensor that the parts in `stored` should have, by the toolkit's name."""
    found: list[Pair] = []
    if any(key.startswith("transformer/") for key in stored):
        depth = count(stored, r"transformer/transformer_blocks\.(\d+)\.")
        found += in_part("transformer", transformer_pairs(depth))
    if coder is not None:
        found += in_part("vae", vae_pairs(coder))
    if any(key.startswith("projection_model/") for key in stored):
        text = "prompt" if "projection_model/text_projection.weight" in stored else None
        found += in_part("projection_model", projection_pairs(text, NUMBER_IDS))
    return {pair.name: pair for pair in found}


def in_part(part: str, pairs: list[Pair]) -> list[Pair]:
    """The same pairs, the other layout's names with their part in front."""
    return [replace(pair, others=tuple(f"{part}/{key}" for key in pair.others)) for pair in pairs]
