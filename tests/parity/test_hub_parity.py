"""Toolkit files against stable-audio-tools itself: it makes them, and loads what we convert back.

LONGFORM_REFERENCE names the environment that has it; see CONTRIBUTING.md.
"""

import json
import os
import subprocess
import unittest
from pathlib import Path

import pytest
from hub_models import FAMILIES, assert_same, toolkit_config

from longform.checkpoint import load_tensors
from longform.hub.convert import convert
from longform.hub.model import Model

pytestmark = pytest.mark.parity
SCRIPT = Path(__file__).with_name("hub_reference.py")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the reference environment."""
    folder = Path(os.environ.get("LONGFORM_REFERENCE", ""))
    if not (folder / "reference.py").is_file():
        raise unittest.SkipTest("LONGFORM_REFERENCE names no environment with stable-audio-tools")
    return folder


def call(reference: Path, *arguments: str | Path) -> None:
    command = [reference / "bin" / "python", SCRIPT, *arguments]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(reference)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("kind", ["open", "small", "coder"])
def test_the_toolkits_own_files_load_and_go_back(
    kind: str, reference: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model_config.json").write_text(json.dumps(toolkit_config(kind)))
    call(reference, "make", source / "model_config.json", source / "model.safetensors")
    model = Model.open(source)
    assert model.family == FAMILIES.get(kind, "oobleck")
    assert not any(report.faults() for report in model.reports.values())
    original = load_tensors(source / "model.safetensors")
    for target in ("bundle", "diffusers") if kind == "open" else ("bundle",):
        convert(source, tmp_path / target, target)
        convert(tmp_path / target, tmp_path / f"{target}-back", "toolkit")
        back = tmp_path / f"{target}-back"
        assert_same(load_tensors(back / "model.safetensors"), original)
        call(reference, "load", back / "model_config.json", back / "model.safetensors")
