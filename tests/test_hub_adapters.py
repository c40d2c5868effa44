"""Adapters on the command line: merged with their strengths, told in the file, part of its hash."""

from pathlib import Path
from typing import Any

import pytest
import torch

from longform import Pipeline, UserError
from longform.audio import read
from longform.checkpoint import save_tensors
from longform.cli import run
from longform.hub.adapters import read_adapters
from longform.provenance import describe

LAYER = "transformer.layers.1.self_attn.to_out"


def lora(path: Path, layer: str = LAYER) -> Path:
    """A LoRA of rank 2 for one layer, as peft names it, with random values."""
    generator = torch.Generator().manual_seed(0)
    prefix = f"base_model.model.{layer}"
    low, high = (torch.randn(*shape, generator=generator) for shape in ((2, 32), (32, 2)))
    save_tensors(path, {f"{prefix}.lora_A.weight": low, f"{prefix}.lora_B.weight": high})
    return path


def test_a_track_with_an_adapter_is_made_again_with_it_alone(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = lora(tmp_path / "warm.safetensors"), tmp_path / "a.wav"
    model = ["--model", str(model_folder)]
    command = ["generate", "house", "--seconds", "1", "--steps", "1", "--seed", "1", *model]
    assert run([*command, "--adapter", f"{file}:0.5", "-o", str(out)]) == 0
    assert run([*command, "-o", str(tmp_path / "plain.wav")]) == 0
    assert read(out).sha256 != read(tmp_path / "plain.wav").sha256
    assert "warm.safetensors" in str(describe(out)["tags"]["facts"])
    again = ["replay", str(out), "--verify", *model]
    assert run([*again, "--adapter", f"{file}:0.5"]) == 0
    for others in ([], ["--adapter", str(file)]):
        capsys.readouterr()
        assert run([*again, *others]) == 2
        assert "--adapter" in capsys.readouterr().err


def test_strengths_reach_the_weights(tmp_path: Path, model_folder: Path) -> None:
    file = lora(tmp_path / "warm.safetensors")
    weights: list[Any] = []
    for texts in ([], [f"{file}"], [f"{file}:0.25", f"{file}:0.5"]):
        pipe = Pipeline.from_pretrained(model_folder, "cpu", adapters=read_adapters(texts))
        weights.append(pipe.dit.get_parameter(f"{LAYER}.weight").detach())
    whole, part = weights[1] - weights[0], weights[2] - weights[0]
    assert whole.abs().max() > 0.1
    torch.testing.assert_close(part, 0.75 * whole, atol=1e-5, rtol=1e-5)


def test_mistakes(tmp_path: Path, model_folder: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_adapters([str(tmp_path / "no.safetensors:0.5")])
    file = lora(tmp_path / "warm.safetensors", "transformer.layers.9.self_attn.to_out")
    with pytest.raises(UserError, match="strength 11 is beyond"):
        read_adapters([f"{file}:11"])
    with pytest.raises(UserError, match=r"1 fit no layer: .*layers\.9"):
        Pipeline.from_pretrained(model_folder, "cpu", adapters=read_adapters([str(file)]))
