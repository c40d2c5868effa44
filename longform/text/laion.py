"""From the tensors of a laion_clap checkpoint to a folder of transformers' ClapModel.

Both towers are converted (HTSAT without fusion; of checkpoints with fusion the text tower alone),
so that `load_clap_text` and `load_clap_audio` read the folder.
"""

import json
import re
import shutil
from collections.abc import Mapping
from math import isqrt
from pathlib import Path

from torch import Tensor

from longform.checkpoint import save_tensors
from longform.errors import UserError
from longform.text.folder import ROBERTA_VOCABULARY, Vocabulary, load_tokenizer

_RENAMED = {
    "text_branch.": "text_model.",
    "text_projection.0.": "text_projection.linear1.",
    "text_projection.2.": "text_projection.linear2.",
}
_AUDIO = {
    "audio_branch.": "audio_model.audio_encoder.",
    "audio_projection.0.": "audio_projection.linear1.",
    "audio_projection.2.": "audio_projection.linear2.",
}
_SWIN = {
    ".bn0.": ".batch_norm.",
    ".norm1.": ".layernorm_before.",
    ".norm2.": ".layernorm_after.",
    ".attn.proj.": ".attention.output.dense.",
    ".attn.relative_position_bias_table": ".attention.self.relative_position_bias_table",
    ".mlp.fc1.": ".intermediate.dense.",
    ".mlp.fc2.": ".output.dense.",
}
_UNUSED = re.compile(  # fixed transforms, which the feature extractor makes, and class heads
    r"\.(spectrogram_extractor|logmel_extractor|head|tscam_conv)\.|\.(relative_position_index|attn_mask)$"
)
_FUSION = re.compile(r"\.(fusion_model|mel_conv1d|mel_conv2d)\.")
_QKV = ("query", "key", "value")
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
)


def text_tower(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The text tower's tensors under transformers' names; those of the audio tower are left out.

    Raises:
        UserError: these are not the tensors of a laion_clap checkpoint.
    """
    tower = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("module.")
        for old, new in _RENAMED.items():
            # `position_ids` is a plain count, which only older versions stored.
            if name.startswith(old) and not name.endswith(".position_ids"):
                tower[new + name.removeprefix(old)] = tensor
    for needed in (
        "text_model.embeddings.word_embeddings.weight",
        "text_projection.linear2.weight",
    ):
        if needed not in tower:
            raise UserError(f"not a laion_clap checkpoint: nothing in it becomes {needed!r}")
    return tower


def text_settings(tower: Mapping[str, Tensor]) -> dict[str, object]:
    """The config.json of a text tower, read off its shapes; heads are 64 wide, as in RoBERTa."""
    words = tower["text_model.embeddings.word_embeddings.weight"]
    positions = tower["text_model.embeddings.position_embeddings.weight"]
    types = tower["text_model.embeddings.token_type_embeddings.weight"]
    inner = tower["text_model.encoder.layer.0.intermediate.dense.weight"]
    numbers = {
        int(found[1]) for name in tower if (found := re.search(r"encoder\.layer\.(\d+)\.", name))
    }
    return {
        "model_type": "clap_text_model",
        "architectures": ["ClapTextModelWithProjection"],
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "num_hidden_layers": len(numbers),
        "num_attention_heads": max(1, words.shape[1] // 64),
        "intermediate_size": inner.shape[0],
        "max_position_embeddings": positions.shape[0],
        "type_vocab_size": types.shape[0],
        "projection_dim": tower["text_projection.linear2.weight"].shape[0],
        "projection_hidden_act": "relu",
        "layer_norm_eps": 1e-5,  # of roberta-base; the default of ClapTextConfig is another
        "pad_token_id": 1,
    }


def audio_tower(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The audio tower's tensors under transformers' names; none if there is none without fusion."""
    names = {name: name.removeprefix("module.") for name in tensors}
    if any(_FUSION.search(name) for name in names.values()):
        return {}
    tower = {}
    for given, name in names.items():
        for old, new in _AUDIO.items():
            if not name.startswith(old) or _UNUSED.search(name):
                continue
            ours = new + name.removeprefix(old)
            for part, other in _SWIN.items():
                ours = ours.replace(part, other)
            if ".attn.qkv." in ours:
                parts = tensors[given].chunk(3)
                for kind, part in zip(_QKV, parts, strict=True):
                    tower[ours.replace(".attn.qkv.", f".attention.self.{kind}.")] = part.clone()
            else:
                tower[ours] = tensors[given]
    whole = "audio_model.audio_encoder.patch_embed.proj.weight" in tower
    return tower if whole and "audio_projection.linear2.weight" in tower else {}


def audio_settings(tower: Mapping[str, Tensor]) -> dict[str, object]:
    """The settings of an audio tower, read off its shapes."""
    root = "audio_model.audio_encoder."
    tables = {
        (int(found[1]), int(found[2])): tensor.shape
        for name, tensor in tower.items()
        if (found := re.search(r"layers\.(\d+)\.blocks\.(\d+)\..*bias_table$", name))
    }
    stages = 1 + max(stage for stage, _ in tables)
    width = tower[f"{root}patch_embed.proj.weight"].shape[0]
    inner = tower[f"{root}layers.0.blocks.0.intermediate.dense.weight"].shape[0]
    return {
        "patch_embeds_hidden_size": width,
        "hidden_size": width << (stages - 1),
        "depths": [sum(stage == one for one, _ in tables) for stage in range(stages)],
        "num_attention_heads": [tables[stage, 0][1] for stage in range(stages)],
        "num_hidden_layers": stages,
        "window_size": (isqrt(tables[0, 0][0]) + 1) // 2,
        "mlp_ratio": inner / width,
        "num_mel_bins": tower[f"{root}batch_norm.weight"].shape[0],
        "projection_dim": tower["audio_projection.linear2.weight"].shape[0],
        "projection_hidden_act": "relu",
    }


def convert_clap(
    tensors: Mapping[str, Tensor],
    tokenizer_folder: str | Path,
    folder: str | Path,
    vocabulary: Vocabulary = ROBERTA_VOCABULARY,
) -> dict[str, Tensor]:
    """Write config.json, model.safetensors and the tokenizer's files to the empty `folder`.

    Returns:
        what was written, by name

    Raises:
        UserError: these are not the tensors of a laion_clap checkpoint; the tokenizer's folder is
            not that of roberta-base.
    """
    text, audio = text_tower(tensors), audio_tower(tensors)
    load_tokenizer(tokenizer_folder, vocabulary)
    folder, settings = Path(folder), text_settings(text)
    if audio:
        settings = {
            "model_type": "clap",
            "architectures": ["ClapModel"],
            "projection_dim": settings["projection_dim"],
            "text_config": settings,
            "audio_config": audio_settings(audio),
        }
        audio |= {
            name: tensor
            for name in ("logit_scale_a", "logit_scale_t")
            if (tensor := tensors.get(name, tensors.get(f"module.{name}"))) is not None
        }
    for name in _TOKENIZER_FILES:
        if (Path(tokenizer_folder) / name).is_file():
            shutil.copy(Path(tokenizer_folder) / name, folder)
    (folder / "config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    save_tensors(folder / "model.safetensors", text | audio, {"format": "pt"}, overwrite=False)
    return text | audio
