"""Runs where the reference implementations are installed: makes, or strictly loads, a toolkit file.

hub_reference.py make CONFIG FILE     random weights, as stable-audio-tools names and shapes them
hub_reference.py load CONFIG FILE     load_state_dict(strict=True), then every bit compared
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import reference  # noqa: F401  # pyright: ignore[reportMissingImports]
import torch
from safetensors.torch import load_file, save_file


def build(config: dict) -> torch.nn.Module:
    """The toolkit's own network; a text tower is no part of its file and is left out."""
    from stable_audio_tools.models.factory import (  # pyright: ignore[reportMissingImports]
        create_model_from_config,
    )

    tower = torch.nn.Linear(1, 1)
    tower.config = SimpleNamespace()  # pyright: ignore[reportAttributeAccessIssue]
    with (
        mock.patch("transformers.T5EncoderModel.from_pretrained", return_value=tower),
        mock.patch("transformers.AutoTokenizer.from_pretrained", return_value=None),
    ):
        return create_model_from_config(config)


def main(action: str, config_path: str, path: str) -> None:
    network = build(json.loads(Path(config_path).read_text()))
    if action == "make":
        torch.manual_seed(0)
        state = {
            key: 0.1 * torch.randn_like(one) if one.ndim and "inv_freq" not in key else one
            for key, one in network.state_dict().items()
        }
        save_file({key: one.contiguous() for key, one in state.items()}, path)
        return
    tensors = load_file(path)
    network.load_state_dict(tensors, strict=True)
    state = network.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[key], one) for key, one in tensors.items())


main(*sys.argv[1:])
