"""Broken and hostile checkpoints: refused in one line that names the culprit."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_models import assert_same, toolkit_config, toolkit_tensors, write_toolkit
from torch import Tensor

from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError
from longform.hub.convert import convert
from longform.hub.model import Model

KEY = "model.model.transformer.layers.1.cross_attn.to_kv.weight"
Tensors = dict[str, Tensor]


def rename(tensors: Tensors) -> None:
    tensors[KEY + "x"] = tensors.pop(KEY)


def transpose(tensors: Tensors) -> None:
    tensors[KEY] = tensors[KEY].T.contiguous()[:, :100]


def retype(tensors: Tensors) -> None:
    tensors[KEY] = tensors[KEY].to(torch.int64)


def halve(tensors: Tensors) -> None:
    tensors[KEY] = tensors[KEY].half()


def mix(tensors: Tensors) -> None:
    """As files of mixed precision are: matrices in 16 bits, all else in 32."""
    for name, tensor in tensors.items():
        tensors[name] = tensor.half() if tensor.ndim == 2 else tensor


FAULTS = [
    (rename, rf"1 missing: {KEY}; 1 unexpected: {KEY}x"),
    (lambda tensors: tensors.pop(KEY), rf"dit: 1 missing: {KEY}"),
    (transpose, rf"1 of another shape: {KEY} \(64, 100\) should be \(128, 64\)"),
    (retype, rf"1 of another type: {KEY} I64 should be a float type"),
    (halve, rf"1 of another type: {KEY} F16 should be F32, as in other layers"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_toolkit(tmp_path / "model", "open")
    return tmp_path / "model"


def damage(folder: Path, change: Callable[[Tensors], object]) -> None:
    tensors = load_tensors(folder / "model.safetensors")
    change(tensors)
    save_tensors(folder / "model.safetensors", tensors)


def refusal(action: Callable[[], object], match: str) -> None:
    with pytest.raises(UserError, match=match) as error:
        action()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"), FAULTS, ids=["renamed", "removed", "shape", "type", "cast"]
)
def test_a_key_that_does_not_fit_is_named(
    change: Callable[[Tensors], object], message: str, folder: Path, tmp_path: Path
) -> None:
    damage(folder, change)
    model = Model.open(folder)
    refusal(model.dit, message)
    refusal(lambda: convert(folder, tmp_path / "out", "bundle"), message)
    assert not (tmp_path / "out").exists()
    model.autoencoder()  # the other parts are whole


def test_mixed_precision_is_no_fault(folder: Path) -> None:
    damage(folder, mix)
    model = Model.open(folder)
    assert not any(report.faults() for report in model.reports.values())
    assert set(model.reports["dit"].dtypes) == {"F16", "F32"}
    model.dit()


def test_allow_missing_goes_on_and_warns_each_time(folder: Path) -> None:
    damage(folder, transpose)
    heard: list[str] = []
    model = Model.open(folder, allow_missing=True, on_warning=heard.append)
    first, second = (model.dit().state_dict() for _ in range(2))
    assert len(heard) == 2 and KEY in heard[0]
    assert_same(first, second)
    assert first["transformer.layers.1.cross_attn.to_kv.weight"].abs().max() > 0


def test_in_diffusers_the_files_own_name_is_reported(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "out", "diffusers")
    path = tmp_path / "out" / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_tensors(path)
    wrong = "transformer_blocks.1.attn2.to_v.weight"
    tensors.pop("transformer_blocks.1.attn1.to_k.weight")
    tensors[wrong] = tensors[wrong][:10].clone()
    save_tensors(path, tensors)
    report = Model.open(tmp_path / "out").reports["dit"]
    assert report.missing == ("transformer/transformer_blocks.1.attn1.to_k.weight",)
    assert report.misshaped == (f"transformer/{wrong} (10, 64) should be (64, 64)",)


def test_values_that_are_not_finite_are_refused(folder: Path) -> None:
    damage(folder, lambda tensors: tensors[KEY].fill_(torch.nan))
    refusal(Model.open(folder).dit, f"{KEY}.* not finite")


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, (2**31).to_bytes(8, "little") + b"{}" * 99])
def test_a_safetensors_header_that_lies_is_refused(content: bytes, tmp_path: Path) -> None:
    """The last claims a header of 2 GB."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    refusal(lambda: Model.open(path), "is empty|not a whole safetensors file")


def test_a_truncated_file_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size - 1000)
    refusal(lambda: Model.open(folder), "not a whole safetensors file")


def test_a_config_that_asks_for_more_than_the_file_holds_is_refused(folder: Path) -> None:
    config = toolkit_config("open")
    config["model"]["diffusion"]["config"]["depth"] = 10**6
    (folder / "model_config.json").write_text(json.dumps(config))
    refusal(lambda: Model.open(folder), "fewer than the network")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"model_type": "lm"}', "of no family"),
        ('{"model_type": "diffusion_cond", "model": 3}', "of no family"),
        ('{"model_type": ', "not readable as JSON"),
    ],
)
def test_a_config_that_is_none_is_refused(text: str, message: str, folder: Path) -> None:
    (folder / "model_config.json").write_text(text)
    refusal(lambda: Model.open(folder), message)


def test_links_out_of_a_folder_are_refused_but_not_those_of_a_hub_cache(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "model.safetensors").symlink_to(folder / "model.safetensors")
    refusal(lambda: Model.open(tmp_path / "linked"), "leads out of its folder")
    cache = tmp_path / "cache"
    (cache / "snapshots" / "abc").mkdir(parents=True)
    (cache / "blobs").mkdir()
    for name in ("model.safetensors", "model_config.json"):
        os.rename(folder / name, cache / "blobs" / name)
        (cache / "snapshots" / "abc" / name).symlink_to(f"../../blobs/{name}")
    assert Model.open(cache / "snapshots" / "abc").family == "stable-audio-open-1.0"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch was_run",)


def test_a_pickle_becomes_safetensors_through_convert_alone(tmp_path: Path) -> None:
    config = toolkit_config("open")
    tensors = toolkit_tensors(config)
    data = {"state_dict": tensors, "model_config": config, "epoch": 3}
    torch.save(data, tmp_path / "model.ckpt")
    refusal(lambda: Model.open(tmp_path / "model.ckpt"), "is a pickle")
    convert(tmp_path / "model.ckpt", tmp_path / "out", "toolkit")
    assert_same(load_tensors(tmp_path / "out" / "model.safetensors"), tensors)
    refusal(lambda: convert(tmp_path / "model.ckpt", tmp_path / "out", "toolkit"), "exists already")


def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.ones(1)}, "x": Evil()}, "evil.ckpt")
    refusal(lambda: convert("evil.ckpt", "out", "bundle"), "names code to run")
    Path("plain.ckpt").write_bytes(pickle.dumps(Evil()))
    refusal(lambda: convert("plain.ckpt", "out", "bundle"), "not a whole archive")
    assert {path.name for path in tmp_path.iterdir()} == {"evil.ckpt", "plain.ckpt"}


def test_archives_that_grow_when_read_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(50 << 20))
    refusal(lambda: convert(bomb, tmp_path / "out", "bundle"), "compressed or claims more")
    wide = torch.ones(1).expand(1 << 40)
    torch.save({"model.model.x": wide}, tmp_path / "wide.ckpt")
    refusal(lambda: convert(tmp_path / "wide.ckpt", tmp_path / "out", "bundle"), "claims more")
    torch.save({"state_dict": {}}, tmp_path / "empty.ckpt")
    refusal(lambda: convert(tmp_path / "empty.ckpt", tmp_path / "out", "bundle"), "no tensors")
    size = (tmp_path / "wide.ckpt").stat().st_size
    os.truncate(tmp_path / "wide.ckpt", size // 2)
    refusal(lambda: convert(tmp_path / "wide.ckpt", tmp_path / "out", "bundle"), "not a whole")


def test_nothing_is_overwritten_and_nothing_is_left_behind(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "song.txt").write_text("keep")
    refusal(lambda: convert(folder, tmp_path / "mine", "bundle"), "exists already")
    refusal(lambda: convert(folder, tmp_path / "no" / "where", "bundle"), "does not exist")
    refusal(lambda: convert(folder, tmp_path / "x", "gguf"), "'gguf' is unknown")
    refusal(lambda: convert(tmp_path / "nosuch", tmp_path / "x", "bundle"), "no such file")
    assert {path.name for path in tmp_path.iterdir()} == {"model", "mine"}
