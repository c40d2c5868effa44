"""Every command of a job on every family of the hub: made and replayed, or refused in one line."""

import os
from pathlib import Path

import pytest
import torch

from longform import Pipeline
from longform.audio import info, read
from longform.cli_model import ModelSource
from longform.hub.families import FAMILIES
from longform.hub.model import Model
from longform.provenance import read_recipe
from longform.riff import read_chunks
from tests.commands import Call
from tests.hub_models import FAMILIES as KINDS
from tests.test_hub_jobs import RATE, hashed, recording, write

QUICK = ("--steps", "2", "--seed", "3")
MADE: list[tuple[tuple[str, ...], str, float | None]] = [
    (("generate", "piano", "--seconds", "0.5", "--negative", "noise"), "piano-3.wav", 0.5),
    (("generate", "drums", "--seconds", "0.4", "--best-of", "2"), "drums-3.wav", 0.4),
    (("generate", "bells", "--seconds", "0.4", "--bpm", "90", "--retry", "1"), "bells-3.wav", 0.4),
    (("transfer", "in.wav", "piano", "--keep", "groove"), "in-transfer-3.wav", 1.0),
    (("sfx", "rain", "--seconds", "0.4", "--count", "1"), "rain-3.wav", None),
    (("sfx", "wind", "--seconds", "0.4", "--count", "1", "--loop"), "wind-3.wav", 0.4),
    (("inpaint", "in.wav", "piano", "--region", "0.3-0.6"), "in-inpaint-3.wav", 1.0),
    (("extend", "in.wav", "piano", "--after", "0.3", "--before", "0.2"), "in-extend-3.wav", 1.5),
    (("vary", "in.wav", "piano", "--amount", "0.4"), "in-vary-3.wav", 1.0),
    (("loop", "techno", "--bpm", "200", "--metre", "2", "--bars", "1"), "techno-loop-3.wav", 0.6),
]
REFUSED = [
    (("generate", "x", "--plan", "intro 0.5s / drop 0.5s"), "cannot follow a plan over time"),
    (("generate", "x", "--like", "in.wav"), "cannot listen: its text encoder is no CLAP"),
    (("generate", "x", "--melody", "in.wav"), "cannot follow a melody"),
    (("accompany", "in.wav", "bass"), "cannot hear a recording to accompany it"),
    (("loop", "techno", "--bars", "1"), "needs a tempo"),
]
TOO_LONG = [  # for a model that knows its window alone
    (("generate", "x", "--seconds", "9"), "make less, and extend it afterwards"),
    (("loop", "techno", "--bpm", "60", "--bars", "8"), "take fewer bars"),
    (("sfx", "rain", "--seconds", "9"), "make less, and extend it afterwards"),
]


@pytest.fixture(scope="module", params=list(KINDS))
def pipe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A family's model of random weights; its text encoder is a hash."""
    torch.set_num_threads(1)
    folder = write(tmp_path_factory.mktemp("families") / request.param, request.param)
    model = Model.open(folder)
    assert model.manifest.text is not None
    return Pipeline(model, "cpu", hashed(model.manifest.text.width))


@pytest.fixture
def call(call: Call, pipe: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run one command line with that model in a folder with one recording, in.wav."""
    monkeypatch.setattr(ModelSource, "load", lambda _: pipe)
    monkeypatch.setattr(ModelSource, "open", lambda _: pipe.bundle)
    recording(1.0).save("in.wav", bits=16)
    return call


def test_each_command_makes_a_file_that_replays_bit_by_bit(call: Call, pipe: Pipeline) -> None:
    for arguments, name, seconds in MADE:
        code, out, err = call(*arguments, *QUICK)
        assert code == 0 and out == f"{name}\n", (arguments, err)
        if seconds is not None:
            assert info(name).samples == round(seconds * RATE), arguments
        assert read_recipe(name).licence == pipe.bundle.manifest.licence
        given = ("--input", "in.wav") if "in.wav" in arguments else ()
        code, _, err = call("replay", name, "--verify", "--model", pipe.bundle.folder, *given)
        assert code == 0 and "the same audio" in err, (arguments, err)
    code, out, err = call("vary", "piano-3.wav", "--amount", "0.3", "-o", "other.wav")
    assert code == 0 and read("other.wav").sha256 != read("piano-3.wav").sha256, err
    assert {b"smpl", b"cue ", b"acid"} <= {name for name, _ in read_chunks("techno-loop-3.wav")}


def test_what_a_family_cannot_do_is_one_line_and_nothing_is_written(
    call: Call, pipe: Pipeline
) -> None:
    family = FAMILIES[KINDS[Path(pipe.bundle.folder).name]]
    for arguments, message in REFUSED + (TOO_LONG if family.whole_window else []):
        code, out, err = call(*arguments, *QUICK)
        assert (code, out) == (2, ""), (arguments, err)
        *_, last = err.splitlines()
        assert last.startswith("error: ") and message in last, (arguments, err)
        assert os.listdir() == ["in.wav"], arguments


def test_a_batch_of_every_job_lists_what_failed(call: Call) -> None:
    rows = [
        "prompt,negative,job,audio,seconds,seed,strength,guidance,regions,bpm,metre,bars,plan",
        "a,noise,generate,,0.4,1,,2,,,,,", "b,,transfer,in.wav,,2,0.4,2,,,,,",
        "c,,sfx,,0.4,3,,,,,,,", 'd,,inpaint,in.wav,,4,,,"[[0.3, 0.6]]",,,,',
        "e,,loop,,,5,,,,200,2,1,", "f,,generate,,,6,,,,,,,intro 0.5s / drop 0.5s",
    ]  # fmt: skip
    header, *items = rows
    Path("list.csv").write_text("\n".join([f"{header},steps", *(f"{row},2" for row in items)]))
    code, out, err = call("batch", "list.csv")
    assert code == 1 and len(out.splitlines()) == 5, err
    *_, summary, failure = err.splitlines()
    assert summary == "5 made, 0 there already, 1 failed"
    assert failure.startswith("failed: row 6 (f): ") and "plan over time" in failure
    code, out, err = call("batch", "list.csv")
    assert (code, out) == (1, "") and "0 made, 5 there already, 1 failed" in err
