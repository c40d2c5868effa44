"""Tensors on disk: whole or absent, and never loaded loosely."""

import json
import os
import stat
import struct
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

import longform.checkpoint
from longform.checkpoint import (
    load_into,
    load_tensors,
    read_json,
    read_metadata,
    read_shapes,
    save_tensors,
)
from longform.errors import UserError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2]), "c": torch.zeros(0)}


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    strided = {**TENSORS, "d": torch.arange(6.0).reshape(2, 3).T}
    save_tensors(path, strided, {"kind": "test"})
    back = load_tensors(path)
    assert back.keys() == strided.keys()
    for name, tensor in strided.items():
        assert torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype
    assert read_metadata(path) == {"kind": "test"}
    assert read_shapes(path)["a"] == ("F32", (2, 3))


def test_others_may_read_the_file(tmp_path: Path) -> None:
    """safetensors itself writes mode 0600, which a service under another user cannot read."""
    old = os.umask(0o027)
    try:
        save_tensors(tmp_path / "x.safetensors", TENSORS)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x.safetensors").stat().st_mode) == 0o640


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(UserError, match="No space left"):
        save_tensors(path, {"a": torch.ones(9)})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_refusing_to_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, overwrite=False)
    with pytest.raises(UserError, match="exists already"):
        save_tensors(path, TENSORS, overwrite=False)


def broken_contents(whole: bytes) -> dict[str, bytes]:
    (size,) = struct.unpack("<Q", whole[:8])
    lying = json.loads(whole[8 : 8 + size])
    lying["a"]["shape"] = [2000, 3000]
    header = json.dumps(lying).encode()
    return {
        "empty": b"",
        "five bytes": whole[:5],
        "half": whole[: len(whole) // 2],
        "last byte missing": whole[:-1],
        "one byte more": whole + b"x",
        "huge header": struct.pack("<Q", 1 << 60) + whole[8:],
        "shape that lies": struct.pack("<Q", len(header)) + header + whole[8 + size :],
        "text": b"this is a text file, not tensors, however long it may be",
        "a pickle": b"\x80\x04\x95" + bytes(200),
    }


def test_broken_files_are_one_clear_line(tmp_path: Path) -> None:
    save_tensors(tmp_path / "whole", TENSORS)
    for name, content in broken_contents((tmp_path / "whole").read_bytes()).items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        for read in (load_tensors, read_metadata, read_shapes):
            with pytest.raises(UserError) as error:
                read(path)
            assert str(path) in str(error.value) and "\n" not in str(error.value)
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match=r"folder|no such file"):
            load_tensors(path)


def test_loading_is_strict_and_names_every_kind_of_fault() -> None:
    module = nn.Linear(3, 2)
    before = module.weight.detach().clone()
    with pytest.raises(UserError) as error:
        load_into(module, {"weight": torch.ones(3, 3), "extra": torch.ones(1)}, "file")
    text = str(error.value)
    for part in ("1 missing: bias", "1 unexpected: extra", "weight (3, 3) should be (2, 3)"):
        assert part in text
    with pytest.raises(UserError, match="'bias' holds values that are not finite"):
        load_into(module, {"weight": torch.ones(2, 3), "bias": torch.tensor([0, torch.nan])}, "f")
    assert torch.equal(module.weight, before)
    many = {f"k{index}": torch.ones(1) for index in range(9)} | module.state_dict()
    with pytest.raises(UserError, match="9 unexpected: k0, k1, k2, k3 and 5 more"):
        load_into(module, many, "f")


def test_sixteen_bits_on_disk_become_the_module_s_type() -> None:
    module = nn.Linear(3, 2)
    load_into(module, {"weight": torch.ones(2, 3).half(), "bias": torch.zeros(2).bfloat16()}, "f")
    assert module.weight.dtype == torch.float32 and torch.equal(module.weight, torch.ones(2, 3))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
def test_json_that_is_no_object_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(tmp_path / "x.json")
    assert "x.json" in str(error.value) and "\n" not in str(error.value)


def test_json_has_a_size_limit(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert longform.checkpoint.read_json(tmp_path / "x.json") == {"a": 1}
    with pytest.raises(UserError, match="the limit is 4"):
        read_json(tmp_path / "x.json", max_bytes=4)
