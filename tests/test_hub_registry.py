"""Models by name, and the commands about them."""

import json
import re
from pathlib import Path

import pytest
import torch
from hub_models import toolkit_config, toolkit_tensors, write_toolkit

from longform.bundle import Bundle
from longform.checkpoint import save_tensors
from longform.hub import open_model, registry
from longform.hub.model import Model
from tests.commands import Call


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run one command line in an empty folder with a data folder of its own."""
    monkeypatch.setenv("LONGFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return call


def test_a_model_is_added_found_by_name_and_forgotten(call: Call, tmp_path: Path) -> None:
    write_toolkit(tmp_path / "open", "open")
    code, out, err = call("models", "add", "open")
    assert (code, out) == (0, "open\n")
    assert "Stability AI Community License" in err and "1,000,000 US$" in err
    model = open_model("open")
    assert isinstance(model, Model) and model.folder == tmp_path / "open"
    assert "open  Stability AI Community License  stable-audio-open-1.0" in call("models")[1]
    rows = json.loads(call("models", "list", "--json")[1])
    assert rows[0]["name"] == "mini" and rows[1]["family"] == "stable-audio-open-1.0"
    code, _, err = call("models", "add", "open")
    assert code == 2 and "is there already" in err
    assert call("models", "remove", "open")[0] == 0
    assert (tmp_path / "open" / "model.safetensors").is_file()
    assert call("models", "remove", "open")[0] == 2
    assert len(json.loads(call("models", "--json")[1])) == 1


def test_copies_and_pickles_become_bundles_that_go_with_their_name(
    call: Call, tmp_path: Path
) -> None:
    write_toolkit(tmp_path / "open", "open")
    config = toolkit_config("coder")
    torch.save({"state_dict": toolkit_tensors(config), "model_config": config}, "coder.ckpt")
    assert call("models", "add", "open", "--copy", "--name", "mine")[0] == 0
    assert call("models", "add", "coder.ckpt")[0] == 0
    kept = tmp_path / "home" / "models"
    assert {path.name for path in kept.iterdir()} == {"mine", "coder"}
    mine, coder = open_model("mine"), open_model("coder")
    assert isinstance(mine, Model) and mine.checkpoint.layout == "bundle" and mine.name == "mine"
    assert isinstance(coder, Model) and coder.family == "oobleck"
    for name in ("mine", "coder"):
        assert "its copy is deleted" in call("models", "remove", name)[1]
    assert not any(kept.iterdir())
    assert (tmp_path / "coder.ckpt").is_file() and (tmp_path / "open").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "neither installed nor a folder"),
        (["foo/bar"], "could not be fetched from the model hub"),
        (["open", "--name", "../up"], "has signs other than"),
        (["open", "--name", "mini"], "is there already"),
        (["broken"], "1 missing: model.model.to_cond_embed.2.weight"),
    ],
)
def test_what_cannot_be_added_is_one_line_and_leaves_nothing(
    call: Call, tmp_path: Path, arguments: list[str], message: str
) -> None:
    tensors = write_toolkit(tmp_path / "open", "open")
    write_toolkit(tmp_path / "broken", "open")
    tensors.pop("model.model.to_cond_embed.2.weight")
    save_tensors(tmp_path / "broken" / "model.safetensors", tensors)
    code, out, err = call("models", "add", *arguments)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1
    assert registry.registered() == {}
    assert not (tmp_path / "home" / "models").exists() or not any(
        (tmp_path / "home" / "models").iterdir()
    )


def test_our_own_bundles_can_be_added_too(call: Call, model_folder: Path) -> None:
    assert call("models", "add", model_folder, "--name", "ours")[0] == 0
    assert Bundle.load("ours").folder == model_folder
    assert "licence: MIT" in call("inspect", "ours")[1]


def test_inspect_tells_everything(call: Call, tmp_path: Path) -> None:
    tensors = write_toolkit(tmp_path / "small", "small")
    tensors.pop("model.model.to_cond_embed.2.weight")
    tensors["conditioner.conditioners.extra.weight"] = torch.ones(1)
    save_tensors(tmp_path / "small" / "model.safetensors", tensors)
    facts = json.loads(call("inspect", "small/model.safetensors", "--json")[1])
    assert (facts["family"], facts["layout"]) == ("stable-audio-open-small", "toolkit")
    assert (facts["objective"], facts["sample_rate"]) == ("rf_denoiser", 44_100)
    assert facts["defaults"]["sampler"] == "pingpong" and facts["defaults"]["steps"] == 8
    assert facts["conditioners"] == [
        "prompt: t5 t5-base, 64 tokens (not in it)",
        "seconds_total: number 0 to 256",
    ]
    assert facts["loads"] is False
    assert facts["keys"]["dit"]["missing"] == ["model.model.to_cond_embed.2.weight"]
    assert facts["keys"]["conditioner"]["unexpected"] == ["conditioner.conditioners.extra.weight"]
    assert facts["memory_bytes"]["float32"] == 2 * facts["memory_bytes"]["bfloat16"]
    code, out, _ = call("inspect", "small")
    assert re.search(r"dit:\n +in all: \d+ matched, 1 missing, 0 unexpected, 0 misshaped", out)
    assert code == 0 and "missing:\n      model.model.to_cond_embed.2.weight" in out


def test_what_a_file_cannot_tell_is_said(call: Call, tmp_path: Path) -> None:
    write_toolkit(tmp_path / "bare", "open", config=False)
    for command in (["inspect", "bare"], ["models", "add", "bare"]):
        code, out, err = call(*command)
        assert code == 0 and "Open 1.0 and 2.0 have the same tensors" in out + err
    (tmp_path / "some.ckpt").write_bytes(b"x")
    code, _, err = call("inspect", "some.ckpt")
    assert code == 2 and "is a pickle" in err


def test_incomplete_models_are_added_if_that_is_allowed(call: Call, tmp_path: Path) -> None:
    tensors = write_toolkit(tmp_path / "open", "open")
    tensors.pop("model.model.to_cond_embed.2.weight")
    save_tensors(tmp_path / "open" / "model.safetensors", tensors)
    assert call("models", "add", "open")[0] == 2
    assert call("models", "add", "open", "--allow-missing")[0] == 0
    code, _, err = call("generate", "piano", "--model", "open")
    assert code == 2 and "1 missing: model.model.to_cond_embed.2.weight" in err


def test_convert_says_what_it_did(call: Call, tmp_path: Path) -> None:
    write_toolkit(tmp_path / "open", "open")
    code, out, err = call("convert", "open", "out", "--to", "bundle", "--licence", "CC0-1.0")
    assert (code, out) == (0, "out\n") and "t5-base" in err
    assert json.loads(call("inspect", "out", "--json")[1])["licence"] == "CC0-1.0"
    code, _, err = call("convert", "open", "out", "--to", "toolkit")
    assert code == 2 and "exists already" in err
