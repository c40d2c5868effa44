"""Each job of the README has its picture: drawn by its own commands, small, with its marks."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longform import bundle
from longform.provenance import sidecar_of
from longform.waveform import Waveform
from tests.bench.readme_pictures import (
    MARK,
    PICTURES,
    ROOT,
    Job,
    jobs_of,
    make_pictures,
    panel_of,
    spectrogram_db,
)

README = (ROOT / "README.md").read_text(encoding="utf-8")
JOBS = jobs_of(README)
VERBS = {"transfer", "accompany", "sfx", "inpaint", "extend", "vary", "loop", "replay"}
OPTIONS = {"--plan", "--best-of", "--like", "--melody"}


@pytest.fixture
def mini(listener_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of random weights under the name `mini`."""
    folder = tmp_path / "models" / "mini"
    shutil.copytree(listener_folder, folder)
    about = json.loads((folder / "longform.json").read_text())
    (folder / "longform.json").write_text(json.dumps(about | {"name": "mini"}))
    monkeypatch.setattr(bundle, "MODELS", tmp_path / "models")


def test_every_job_has_a_picture_of_its_own_commands() -> None:
    section = README.split("## One job at a time")[1].split("\n## ")[0]
    assert section.count("```bash") == len(JOBS) == len({job.name for job in JOBS})
    words = {word for job in JOBS for command in job.commands for word in command}
    assert words >= VERBS | OPTIONS
    assert {path.stem for path in PICTURES.glob("*")} == {job.name for job in JOBS}


def test_the_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in PICTURES.glob("*.png")]
    assert max(sizes) < 60_000 and sum(sizes) < 600_000
    for path in PICTURES.glob("*.png"):
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert width == 900 and 220 <= height <= 400, path


def test_one_call_draws_what_the_commands_made_with_its_marks(mini: None, tmp_path: Path) -> None:
    quick = ("--seconds", "4", "--steps", "1", "--seed", "1", "-o", "a.wav")
    first = ("generate", "house", *quick)
    edit = ("inpaint", "a.wav", "x", "--region", "1-3", "--steps", "1", "-o", "b.wav")
    jobs = [Job("plain", (first,)), Job("edit", (first, edit))]
    made = make_pictures(jobs, tmp_path / "out")
    assert [path.name for path in made] == ["plain.png", "edit.png"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plain.png", "edit.png"}
    plain, edited = (np.asarray(Image.open(path).convert("RGB")) for path in made)
    wanted = [int(MARK[at : at + 2], 16) for at in (1, 3, 5)]
    assert not (np.abs(plain.astype(int) - wanted).max(-1) < 24).any()
    marked = np.flatnonzero((np.abs(edited.astype(int) - wanted).max(-1) < 24).any(0))
    assert marked[0] == pytest.approx(900 / 4, abs=12)
    assert marked[-1] == pytest.approx(3 * 900 / 4, abs=12)
    with pytest.raises(RuntimeError, match="exit code 2"):
        make_pictures([Job("plain", (("generate", " "),))], tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plain.png", "edit.png"}


def test_a_loop_is_shown_twice_and_a_plan_by_its_sections(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    Waveform(np.zeros((2, 44_100), np.float32), 44_100).save(path)

    def told(parameters: dict[str, object], **facts: object) -> None:
        record = {"recipe": {"job": "loop", "parameters": {"prompt": "x"} | parameters}}
        sidecar_of(path).write_text(json.dumps(record | {"facts": facts}))

    told({}, wrap={"jump": 0.0})
    panel = panel_of(path)
    assert panel.audio.seconds == 2 and panel.lines == ((1.0, "seam"),)
    told({"plan": "intro 1s"}, sections=[["intro", 0.0], ["drop", 0.5]])
    assert panel_of(path).lines == ((0.0, "intro"), (0.5, "drop"))


def test_a_tone_is_one_line_at_its_height() -> None:
    times = np.arange(5 * 44_100) / 44_100
    bands = [
        spectrogram_db(
            Waveform(np.sin(2 * np.pi * hz * times)[None].astype(np.float32), 44_100), 50
        )
        .mean(1)
        .argmax()
        for hz in (440.0, 4_000.0)
    ]
    assert 0 < bands[0] < bands[1] < 79
