"""The diffusers layout: one folder per part, each with config.json and safetensors.

Stable Audio Open 1.0 (StableAudioPipeline) and Stable Audio 3 (StableAudio3Pipeline) are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from longform.autoencoder.config import OobleckConfig, SameConfig
from longform.autoencoder.same_settings import same_from_diffusers
from longform.autoencoder.settings import oobleck_from_diffusers, to_toolkit
from longform.checkpoint import read_json
from longform.errors import UserError
from longform.hub import diffusers_three as three
from longform.hub.diffusers_keys import projection_pairs, transformer_pairs, vae_pairs
from longform.hub.infer import count, infer_config
from longform.hub.safe import inside, within
from longform.hub.tensors import Pair, Shape, Stored, stored_in

INDEX = "model_index.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
SCHEDULER = "scheduler/scheduler_config.json"
CLASSES = {
    "transformer": "StableAudioDiTModel",
    "vae": "AutoencoderOobleck",
    "projection_model": "StableAudioProjectionModel",
}
"""The classes of Stable Audio Open 1.0, by part."""
KNOWN = {
    "transformer": (CLASSES["transformer"], three.TRANSFORMER),
    "vae": (CLASSES["vae"], three.VAE),
    "projection_model": (CLASSES["projection_model"],),
    "duration_embedder": (three.DURATION,),
}
COMPONENTS = (INDEX, *KNOWN)
NUMBER_IDS = ("seconds_start", "seconds_total")


@dataclass(frozen=True, kw_only=True)
class DiffusersFolder:
    """What a diffusers folder holds, its headers read."""

    folder: Path
    stored: dict[str, Stored]
    pairs: dict[str, Pair]
    configs: dict[str, dict[str, Any]]
    coder: OobleckConfig | SameConfig | None
    text_folders: tuple[Path, ...]
    files: tuple[Path, ...]

    def model_config(self, shapes: Mapping[str, Shape]) -> dict[str, Any]:
        """The training toolkit's configuration of the model, `shapes` by the toolkit's names.

        Raises:
            UserError: a configuration lacks a setting, or tensors that tell the sizes are missing.
        """
        where = str(self.folder)
        if isinstance(self.coder, SameConfig) and "transformer" not in self.configs:
            return {
                "model_type": "autoencoder",
                "sample_size": three.SAMPLE_SIZE,
                "sample_rate": self.coder.sample_rate,
                "audio_channels": self.coder.audio_channels,
                "model": to_toolkit(self.coder),
            }
        if not _is_three(self.configs):
            return self._complete(infer_config(shapes, where))
        if "duration_embedder" not in self.configs:
            raise UserError(f"{where}: duration_embedder/config.json is missing")
        coder = self.coder
        assert not isinstance(coder, OobleckConfig)
        return three.model_config(
            self.configs["transformer"],
            self.configs["duration_embedder"],
            coder,
            _is_stochastic(self.folder),
            where,
        )

    def _complete(self, config: dict[str, Any]) -> dict[str, Any]:
        """The inferred model configuration with what the folder's own configurations say."""
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
    for part, known in KNOWN.items():
        if not (folder / part).is_dir():
            continue
        within(folder, folder / part)
        told = read_json(inside(folder, f"{part}/config.json"))
        if told.get("_class_name") not in known:
            raise UserError(
                f"{folder / part}: is a {told.get('_class_name')!r}; longform reads "
                f"{' and '.join(known)}"
            )
        configs[part] = told
        for path in _weights(folder, part):
            files.append(path)
            stored |= {f"{part}/{key}": one for key, one in stored_in(path).items()}
    if not stored:
        raise UserError(f"{folder}: has none of the folders {', '.join(KNOWN)}")
    texts = (folder / "text_encoder", folder / "tokenizer")
    coder = _coder(folder, configs)
    return DiffusersFolder(
        folder=folder,
        stored=stored,
        pairs=_pairs(folder, stored, configs, coder),
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


def _coder(
    folder: Path, configs: Mapping[str, dict[str, Any]]
) -> OobleckConfig | SameConfig | None:
    """The autoencoder's configuration, which must go with the transformer's class."""
    if "vae" not in configs:
        return None
    told = configs["vae"]
    is_same = told["_class_name"] == three.VAE
    if "transformer" in configs and is_same != _is_three(configs):
        raise UserError(
            f"{folder}: a {configs['transformer']['_class_name']} beside a {told['_class_name']}"
        )
    return same_from_diffusers(told) if is_same else oobleck_from_diffusers(told)


def _is_three(configs: Mapping[str, Mapping[str, Any]]) -> bool:
    return "transformer" in configs and configs["transformer"]["_class_name"] == three.TRANSFORMER


def _is_stochastic(folder: Path) -> bool:
    """Whether the scheduler draws fresh noise at every step; released models do, so they default.

    Raises:
        UserError: it says neither.
    """
    if not (folder / SCHEDULER).exists():
        return True
    found = read_json(inside(folder, SCHEDULER)).get("stochastic_sampling", False)
    if not isinstance(found, bool):
        raise UserError(
            f"{folder / SCHEDULER}: stochastic_sampling is {found!r}, not true or false"
        )
    return found


def _pairs(
    folder: Path,
    stored: Mapping[str, Stored],
    configs: Mapping[str, dict[str, Any]],
    coder: OobleckConfig | SameConfig | None,
) -> dict[str, Pair]:
    """Every tensor that the parts of the folder should have, by the toolkit's name."""
    found: list[Pair] = []
    budget, where = 2 * sum(prod(one.shape) for one in stored.values()) + (1 << 24), str(folder)
    if _is_three(configs):
        dit = three.dit_config(configs["transformer"], "rectified_flow", where)
        found += in_part("transformer", three.transformer_pairs(dit, budget, where))
    elif "transformer" in configs:
        depth = min(count(stored, r"transformer/transformer_blocks\.(\d+)\."), len(stored))
        found += in_part("transformer", transformer_pairs(depth))
    if coder is not None:
        found += in_part("vae", vae_pairs(coder, budget, where))
    if "projection_model" in configs:
        text = "prompt" if "projection_model/text_projection.weight" in stored else None
        found += in_part("projection_model", projection_pairs(text, NUMBER_IDS))
    if "duration_embedder" in configs:
        found += in_part("duration_embedder", three.duration_pairs())
    return {pair.name: pair for pair in found}


def in_part(part: str, pairs: list[Pair]) -> list[Pair]:
    """The same pairs, the other layout's names with their part in front."""
    return [replace(pair, others=tuple(f"{part}/{key}" for key in pair.others)) for pair in pairs]
