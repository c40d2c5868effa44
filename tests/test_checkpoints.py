"""Checkpoints: whole or absent, and never the last good one lost."""

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from longform.errors import UserError
from longform.train import checkpoints

WEIGHTS = {"networks": {"model.weight": torch.arange(6.0).reshape(2, 3)}}


def save(folder: Path, step: int, keep: int = 2) -> Path:
    return checkpoints.save(folder, step, WEIGHTS, {"seconds": 1.5}, keep)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = save(tmp_path, 12)
    assert checkpoints.broken(path) is None
    assert torch.equal(
        checkpoints.read(path, "networks")["model.weight"], torch.arange(6.0).reshape(2, 3)
    )
    assert checkpoints.read(path, "ema") == {}
    assert checkpoints.read_facts(path) == {"step": 12, "seconds": 1.5}
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["files"].keys() == {"networks.safetensors", "state.json"}


def test_files_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        path = save(tmp_path, 1)
    finally:
        os.umask(before)
    assert {oct(file.stat().st_mode & 0o777) for file in path.iterdir()} == {"0o644"}


def test_older_ones_are_pruned_after_the_new_one_is_there(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        save(tmp_path, step, keep=3)
    assert names(tmp_path) == ["step-000000010", "step-000000015", "step-000000020"]


def cut(path: Path) -> None:
    file = path / "networks.safetensors"
    file.write_bytes(file.read_bytes()[:-3])


def flip(path: Path) -> None:
    content = bytearray((path / "networks.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "networks.safetensors").write_bytes(content)


def lose(path: Path) -> None:
    (path / "networks.safetensors").unlink()


def no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def half_manifest(path: Path) -> None:
    (path / "manifest.json").write_text('{"files": {')


@pytest.mark.parametrize("damage", [cut, flip, lose, no_manifest, half_manifest])
def test_a_damaged_one_is_passed_over_aloud(tmp_path: Path, damage) -> None:
    good, bad = save(tmp_path, 5), save(tmp_path, 10)
    damage(bad)
    told: list[str] = []
    assert checkpoints.newest(tmp_path, told.append) == good
    assert len(told) == 1 and str(bad) in told[0]
    again = save(tmp_path, 10)
    assert checkpoints.newest(tmp_path, told.append) == again and len(told) == 1


def test_none_at_all(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "absent", print) is None
    with pytest.raises(UserError, match="holds no checkpoint; train it first"):
        checkpoints.resolve(tmp_path, print)


def test_resolve_takes_a_run_or_a_checkpoint(tmp_path: Path) -> None:
    first, second = save(tmp_path / "checkpoints", 1), save(tmp_path / "checkpoints", 2)
    assert checkpoints.resolve(tmp_path, print) == second
    assert checkpoints.resolve(first, print) == first
    cut(first)
    with pytest.raises(UserError, match="differs from the manifest"):
        checkpoints.resolve(first, print)


def test_a_failed_save_leaves_the_others_and_no_litter(tmp_path: Path) -> None:
    save(tmp_path, 5)
    unsaveable = {"networks": {"a": torch.eye(3).to_sparse()}}
    with pytest.raises(RuntimeError, match="memory format"):
        checkpoints.save(tmp_path, 10, unsaveable, {}, keep=2)
    assert names(tmp_path) == ["step-000000005"]


def test_a_full_disk_is_noticed_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 5)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 1 << 40, 1 << 20))
    with pytest.raises(UserError, match=r"step 10 needs .* but only 1 MB are free"):
        save(tmp_path, 10)
    assert names(tmp_path) == ["step-000000005"]


def test_the_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    (tmp_path / "step-000000007.tmp-123").mkdir()
    (tmp_path / "step-000000007.tmp-123" / "networks.safetensors").write_bytes(b"half")
    assert checkpoints.newest(tmp_path, print) is None
    save(tmp_path, 8)
    assert names(tmp_path) == ["step-000000008"]
