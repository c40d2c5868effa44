"""From the tensors of a laion_clap checkpoint to a folder that `load_clap_text` reads."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from longform.checkpoint import save_tensors
from longform.errors import UserError
from longform.files import atomic
from longform.text.folder import ROBERTA_VOCABULARY, Vocabulary, load_tokenizer

_RENAMED = {
    "text_branch.": "text_model.",
    "text_projection.0.": "text_projection.linear1.",
    "text_projection.2.": "text_projection.linear2.",
}
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


def convert_text_tower(
    tensors: Mapping[str, Tensor],
    tokenizer_folder: str | Path,
    folder: str | Path,
    vocabulary: Vocabulary = ROBERTA_VOCABULARY,
) -> None:
    """Write config.json, model.safetensors and the tokenizer's files to `folder`, which is new.

    Raises:
        UserError: these are not the tensors of a laion_clap checkpoint; the tokenizer's folder is
            not that of roberta-base; `folder` exists.
    """
    tower = text_tower(tensors)
    load_tokenizer(tokenizer_folder, vocabulary)
    folder = Path(folder)
    if folder.exists():
        raise UserError(f"{folder}: exists; name a new folder")
    folder.mkdir(parents=True)
    for name in _TOKENIZER_FILES:
        if (Path(tokenizer_folder) / name).is_file():
            shutil.copy(Path(tokenizer_folder) / name, folder)
    with atomic(folder / "config.json", overwrite=False) as temporary:
        temporary.write_text(json.dumps(text_settings(tower), indent=2), encoding="utf-8")
    save_tensors(folder / "model.safetensors", tower, {"format": "pt"}, overwrite=False)
