"""The commands of jobs: what they write and say, how they refuse, and that nothing is left over."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from longform.audio import info, read
from longform.cli_jobs import read_region
from longform.riff import read_chunks
from longform.waveform import Waveform
from tests.commands import Call, interrupt_at, interrupted_denoising


@pytest.fixture
def call(call: Call) -> Call:
    """Run one command line in a folder with one recording, in.wav: exit code, stdout, stderr."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 96_000))
    Waveform(noise.astype(np.float32), 48_000).save("in.wav", bits=16)
    return call


def test_each_command_writes_a_file_with_its_measurements(call: Call, model_folder: Path) -> None:
    quick = ("--model", model_folder, "--steps", "2", "--seed", "3", "--json")
    for arguments, name, measured in (
        (("transfer", "in.wav", "piano", "--strength", "0.4"), "in-transfer-3.wav", "onset"),
        (("inpaint", "in.wav", "piano", "--region", "0.5-1"), "in-inpaint-3.wav", "kept_exactly"),
        (("extend", "in.wav", "piano", "--after", "1"), "in-extend-3.wav", "worst_seam"),
        (("vary", "in.wav", "piano", "--amount", "0.2"), "in-vary-3.wav", "loudness"),
        (("loop", "house", "--bpm", "120", "--bars", "1"), "house-loop-3.wav", "wrap"),
        (("sfx", "rain", "--seconds", "1", "--count", "1"), "rain-3.wav", "loudness_lufs"),
    ):
        code, out, err = call(*arguments, *quick)
        assert code == 0, err
        row = json.loads(out)
        assert row["path"] == name and measured in row and row["job"]
        assert Path(name).is_file()
    old, new = read("in.wav"), read("in-inpaint-3.wav")
    kept = np.r_[0:24_000, 48_000:96_000]
    assert np.array_equal(new.samples[:, kept], old.samples[:, kept]), "bit for bit, in the file"
    assert info("in-inpaint-3.wav").format == "WAV FLOAT"
    assert info("in-extend-3.wav").samples == 144_000
    assert info("in-transfer-3.wav").samples == 96_000
    assert info("house-loop-3.wav").samples == 88_200
    names = {chunk for chunk, _ in read_chunks("house-loop-3.wav")}
    assert {b"smpl", b"cue ", b"acid", b"LIST"} <= names


def test_a_plan_goes_round_and_decides_the_length(call: Call, model_folder: Path) -> None:
    asked = ("plan", "house", "--seconds", "6", "--seed", "3", "--bpm", "120")
    code, out, err = call(*asked, "--model", model_folder)
    assert code == 0 and "seed 3" in err
    Path("plan.yaml").write_text(out)
    quick = ("--model", model_folder, "--steps", "1", "--seed", "3", "--bits", "32")
    plain = ("generate", "house", "--seconds", "6", "--bpm", "120", *quick, "-o", "a.wav")
    assert call(*plain)[0] == 0
    assert call("generate", "house", "--plan", "plan.yaml", *quick, "-o", "b.wav")[0] == 0
    assert np.array_equal(read("a.wav").samples, read("b.wav").samples)
    code, out, err = call(
        "generate", "x", "--plan", "intro 2s/drop 3s", *quick, "-o", "c.wav", "--json"
    )
    assert code == 0, err
    row = json.loads(out)
    assert [name for name, _ in row["sections"]] == ["intro", "drop"] and row["seconds"] == 5
    assert {b"cue ", b"LIST"} <= {chunk for chunk, _ in read_chunks("c.wav")}


def test_a_file_is_varied_along_its_recipe(call: Call, model_folder: Path) -> None:
    quick = ("--model", model_folder, "--steps", "2")
    call("generate", "house", "--seconds", "2", "--seed", "5", *quick, "-o", "a.wav")
    code, out, _ = call("vary", "a.wav", "--amount", "0", "--model", model_folder, "-o", "b.wav")
    assert code == 0 and np.array_equal(read("a.wav").samples, read("b.wav").samples)
    code, out, _ = call(
        "vary", "5", "house", "--seconds", "2", "--count", "2", *quick, "-o", "v.wav"
    )
    assert code == 0 and out == "v-1.wav\nv-2.wav\n"
    assert not np.array_equal(read("v-1.wav").samples, read("v-2.wav").samples)


MISTAKES = [
    (["transfer", "in.wav", "x", "--strength", "2"], "strength 2 is outside 0..1"),
    (["transfer", "in.wav", "x", "--keep", "vibe"], "keep 'vibe' is unknown"),
    (["transfer", "in.wav", "x", "--strength", "1", "--keep", "groove"], "not both"),
    (["transfer", "none.wav", "x"], "none.wav: no such file"),
    (["transfer", "in.wav", " "], "the prompt is empty"),
    (["sfx", "rain", "--seconds", "31", "--model", "MODEL"], "outside 0.3..30"),
    (["sfx", "rain", "--count", "0"], "count 0 is outside 1..64"),
    (["inpaint", "in.wav", "x", "--region", "later"], "region 'later' is not of the form 20-35"),
    (["inpaint", "in.wav", "x", "--region", "1-9"], "region 1-9 does not lie within 0-2"),
    (["extend", "in.wav", "x"], "nothing to add"),
    (["extend", "in.wav", "x", "--after", "9999"], "after 9999 s is outside"),
    (["vary", "5"], "seed 5 needs the prompt"),
    (["vary", "in.wav"], "neither its tags nor"),
    (["vary", "in.wav", "x", "--amount", "-1"], "amount -1 is outside 0..1"),
    (["loop", "house", "--bars", "0", "--model", "MODEL"], "bars 0 is outside 1..64"),
    (["loop", "rain", "--model", "MODEL"], "needs a tempo"),
    (["plan", "heavy rain"], "is a sound effect"),
    (["plan", "x", "--plan", "none.yaml"], "none.yaml: no such file"),
    (["generate", "x", "--plan", "zebra 10s"], "section 'zebra' is unknown"),
    (["loop", "x", "-o", "in.wav"], "in.wav: exists already"),
    (["sfx", "x", "--model", "nosuch"], "'nosuch' is neither installed nor a folder"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: str(value)[:50])
def test_a_mistake_is_one_line_code_2_and_nothing_written(
    call: Call, model_folder: Path, arguments: list[str], message: str
) -> None:
    code, out, err = call(*(model_folder if one == "MODEL" else one for one in arguments))
    assert code == 2, err
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1, err
    assert message in err and os.listdir() == ["in.wav"]


STAGES = [
    (["transfer", "in.wav", "x"], "longform.engine.encode_windowed"),
    (["transfer", "in.wav", "x"], "longform.engine.decode_windowed"),
    (["transfer", "in.wav", "x"], "longform.jobs.transfer.retention"),
    (["inpaint", "in.wav", "x", "--region", "0.5-1"], "longform.jobs.edit.measure_seam"),
    (["extend", "in.wav", "x", "--after", "0.5"], "longform.jobs.edit.joint_denoiser"),
    (["vary", "in.wav", "x"], "longform.deliver.finish"),
    (["loop", "x", "--bars", "1"], "longform.jobs.loop.leveled"),
    (["loop", "x", "--bars", "1"], "longform.riff.add_chunks"),
    (["sfx", "rain", "--seconds", "1"], "longform.jobs.sfx.trimmed"),
    (["sfx", "rain", "--loop", "--seconds", "1"], "longform.audio_write.write_tags"),
    (["generate", "--like", "in.wav", "--seconds", "1"], "longform.jobs.like.turned"),
    (["plan", "house"], "longform.planning.plan_of"),
]


@pytest.mark.parametrize(("arguments", "place"), STAGES, ids=lambda value: str(value)[:60])
def test_an_interrupt_in_any_stage_is_code_130_and_leaves_nothing(
    call: Call,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    place: str,
) -> None:
    interrupt_at(monkeypatch, place)
    model = [] if arguments[0] == "plan" else ["--model", model_folder]
    code, out, err = call(*arguments, *model)
    assert (code, out) == (130, "") and "interrupted" in err and os.listdir() == ["in.wav"], err


@pytest.mark.parametrize(
    "arguments",
    [["transfer", "in.wav", "x"], ["loop", "x", "--bars", "1"], ["sfx", "rain", "--loop"]],
)
def test_an_interrupt_while_denoising_leaves_nothing(
    call: Call, model_folder: Path, arguments: list[str]
) -> None:
    with interrupted_denoising():
        code, out, err = call(*arguments, "--model", model_folder)
    assert (code, out) == (130, "") and "interrupted" in err and os.listdir() == ["in.wav"]


def test_a_batch_of_jobs_goes_on_where_it_was_interrupted(
    call: Call, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["prompt,job,audio,seconds,regions,strength", "rain,sfx,,1,,", "x,transfer,in.wav,,,0.3",
            'y,inpaint,in.wav,,"[[0.5, 1]]",', "z,generate,,1,,"]  # fmt: skip
    Path("list.csv").write_text("\n".join(rows))
    command = ("batch", "list.csv", "--model", model_folder)
    with monkeypatch.context() as patch:
        interrupt_at(patch, "longform.jobs.edit.measure_seam")
        code, _, err = call(*command)
    done = sorted(path.name for path in Path("list").glob("*.wav"))
    assert code == 130 and done == ["001-rain.wav", "002-x.wav"], err
    assert not list(Path("list").glob(".*partial*"))
    code, out, err = call(*command)
    assert code == 0 and "2 made, 2 there already, 0 failed" in err
    assert out.split() == ["list/003-y.wav", "list/004-z.wav"]


def test_regions_are_read_in_seconds_and_minutes() -> None:
    assert read_region("20-35") == (20, 35) and read_region("1:20.5 - 2:00") == (80.5, 120)
