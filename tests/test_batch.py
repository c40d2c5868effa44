"""Batches: every item once, failures at the end, and an interrupt costs nothing that is done."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch.nn.modules.module import register_module_forward_pre_hook

from longform import UserError
from longform.audio import Waveform, info, read
from longform.batch import STATE, run_batch
from longform.batch_list import items_of, read_list
from longform.cli import run
from longform.dit.model import DiT
from longform.pipeline import Pipeline
from longform.provenance import read_recipe, sidecar_of
from tests.commands import interrupt_at

LIST = (
    "prompt,seconds,bpm,key,steps,seed\n"
    'house,1,120,A minor,1,7\n"rain, heavy",1,,,1,\n,1,,,1,\nfunk,9999,,,1,\n"rain, heavy",1,,,1,\n'
)
Batch = Callable[..., tuple[int, str, str]]


@pytest.fixture
def batch(
    tmp_path: Path,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Batch:
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_text(LIST)

    def run_it(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(["batch", *(arguments or ("list.csv",)), "--model", str(model_folder)])
        out, err = capfd.readouterr()
        return code, out, err

    return run_it


def names(folder: str = "list") -> set[str]:
    return {path.name for path in Path(folder).iterdir() if not path.name.endswith(".json")}


def test_a_list_is_made_and_failures_come_last(batch: Batch) -> None:
    code, out, err = batch()
    assert code == 1
    made = ["list/001-house.wav", "list/002-rain-heavy.wav", "list/005-rain-heavy.wav"]
    assert out.splitlines() == made
    last = err.splitlines()[-3:]
    assert last[0] == "3 made, 0 there already, 2 failed"
    assert last[1].startswith("failed: row 3 (no prompt)") and "prompt" in last[1]
    assert last[2].startswith("failed: row 4 (funk)") and "9999" in last[2]
    recipe = read_recipe("list/001-house.wav")
    assert recipe.parameters == {
        "prompt": "house", "seconds": 1, "bpm": 120, "key": "A minor", "steps": 1, "seed": 7
    }  # fmt: skip
    first, second = (read(f"list/00{number}-rain-heavy.wav") for number in (2, 5))
    assert first.sha256 != second.sha256  # equal rows are different takes


def test_a_second_run_makes_nothing_and_a_missing_file_again(batch: Batch) -> None:
    batch()
    before = {name: Path("list", name).read_bytes() for name in names()}
    code, out, err = batch()
    assert (code, out) == (1, "") and "0 made, 3 there already, 2 failed" in err
    Path("list/001-house.wav").unlink()
    Path("list/001-house.wav.json").unlink()
    assert batch()[1] == "list/001-house.wav\n"
    assert {name: Path("list", name).read_bytes() for name in names()} == before


def test_rows_may_move_and_change_and_no_file_is_overwritten(batch: Batch) -> None:
    Path("list.csv").write_text("prompt,seconds,steps\na,1,1\nb,1,1\n")
    assert batch()[0] == 0
    old = {name: Path("list", name).read_bytes() for name in names()}
    Path("list.csv").write_text("prompt,seconds,steps\nb,1,1\na,1.5,1\na,1,1\n")
    code, out, err = batch()
    assert code == 0 and out == "list/002-a.wav\n" and "2 there already" in err
    assert old.items() <= {name: Path("list", name).read_bytes() for name in names()}.items()
    Path("list/001-c.wav").write_text("mine")
    Path("list.csv").write_text("prompt,seconds,steps\nc,1,1\n")
    assert batch()[1] == "list/001-c-2.wav\n" and Path("list/001-c.wav").read_text() == "mine"


def test_an_interrupt_is_code_130_and_the_next_run_goes_on(batch: Batch) -> None:
    calls = 0

    def press(module: object, _: object) -> None:
        nonlocal calls
        calls += isinstance(module, DiT)
        if calls == 3:  # one item is two evaluations: prompt and null
            signal.raise_signal(signal.SIGINT)

    hook = register_module_forward_pre_hook(press)
    try:
        code, _, err = batch()
    finally:
        hook.remove()
    assert code == 130 and "interrupted" in err and "Traceback" not in err
    done = names()
    assert done and done < {"001-house.wav", "002-rain-heavy.wav", "005-rain-heavy.wav"}
    assert not list(Path("list").glob("*partial*")) and not list(Path("list").glob(".*partial*"))
    before = {name: Path("list", name).read_bytes() for name in done}
    code, _, err = batch()
    assert code == 1 and f"{3 - len(done)} made, {len(done)} there" in err
    assert names() == {"001-house.wav", "002-rain-heavy.wav", "005-rain-heavy.wav"}
    assert {name: Path("list", name).read_bytes() for name in done} == before


PLACES = [
    "longform.batch_list.read_list",  # before the first item
    "longform.batch.recipe_of",  # between items
    "longform.batch.make",
    "longform.deliver.finish",
    "longform.audio_write.write_tags",
    "longform.files._publish",
    "longform.deliver.write_sidecar",
]


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_in_any_stage_of_a_batch_loses_nothing(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    Path("list.csv").write_text("prompt,seconds,steps,seed\na,1,1,1\nb,1,1,2\n")
    assert batch("list.csv", "-o", "whole")[0] == 0
    with monkeypatch.context() as patch:
        interrupt_at(patch, place)
        code, _, err = batch()
    assert code == 130 and "interrupted" in err and "Traceback" not in err
    left = list(Path("list").iterdir()) if Path("list").exists() else []
    assert not [path for path in left if "partial" in path.name]
    assert all(read(path).seconds == 1 for path in left if path.suffix == ".wav")
    assert batch()[0] == 0
    for path in Path("whole").glob("[0-9]*"):
        assert (Path("list") / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in Path("list").iterdir()} == {
        path.name for path in Path("whole").iterdir()
    }


def test_a_lost_side_car_is_restored_from_the_tags(batch: Batch) -> None:
    Path("list.csv").write_text("prompt,seconds,steps,seed\na,1,1,1\n")
    batch()
    side_car = sidecar_of("list/001-a.wav")
    before = json.loads(side_car.read_text())
    side_car.unlink()
    Path("list", STATE).unlink()
    assert batch()[0] == 0 and json.loads(side_car.read_text()) == before


def test_a_row_with_audio_is_restyled_by_its_own_strength_and_guidance(batch: Batch) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 44_100))
    Waveform(noise.astype(np.float32), 44_100).save("in.wav")
    Path("list.csv").write_text(
        "Prompt,Negative,Seconds,Seed,Init audio,Strength,Guidance,Steps\n"
        "piano,noise,,4,in.wav,0.3,2.5,2\nhouse,noise,0.5,5,,,1.5,2\nrain,,0.5,6,,0.4,,2\n"
    )
    code, _, err = batch()
    assert code == 1 and "2 made" in err and "failed: row 3 (rain)" in err and "'strength'" in err
    first, second = (read_recipe(f"list/{name}.wav") for name in ("001-piano", "002-house"))
    assert first.job == "transfer" and set(first.inputs) == {"audio"}
    assert first.parameters == {
        "prompt": "piano", "negative": "noise", "seed": 4, "strength": 0.3, "guidance": 2.5,
        "steps": 2,
    }  # fmt: skip
    assert second.job == "generate" and second.parameters["guidance"] == 1.5


def test_python_gives_items_of_its_own(tmp_path: Path, model_folder: Path) -> None:
    pipe = Pipeline.from_pretrained(model_folder, device="cpu")
    rows = [{"job": "sfx", "prompt": "rain", "seconds": 0.5}, {"prompt": "x", "seconds": 1, "z": 1}]
    items, unusable = items_of(rows)
    assert [one.number for one in unusable] == [2] and "'z'" in unusable[0].reason
    report = run_batch(pipe, items, tmp_path, suffix=".flac")
    assert [path.name for path in report.made] == ["001-rain.flac"] and not report.failures
    assert info(report.made[0]).seconds <= 0.5
    assert run_batch(pipe, items, tmp_path, suffix=".flac").skipped == report.made


def test_what_was_written_but_not_noted_is_found_again(batch: Batch) -> None:
    batch()
    Path("list", STATE).unlink()  # killed between the file and the note of it
    before = {name: Path("list", name).stat().st_mtime_ns for name in names()}
    code, _, _ = batch()
    assert code == 1 and {name: Path("list", name).stat().st_mtime_ns for name in names()} == before


def test_jsonl_names_formats_and_json_output(batch: Batch) -> None:
    rows = [
        {"prompt": "a", "seconds": 1, "steps": 1, "name": "Opening Theme!", "item": 2},
        {"prompt": "b", "seconds": 1, "steps": 1, "free": True, "seed": 0, "bpm": None},
        {"prompt": "c", "seconds": 1, "sedes": 1},
        ["d"],
    ]
    Path("l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = batch("l.jsonl", "-o", "to", "--format", "flac", "--json")
    told = json.loads(out)
    assert code == 1 and told["made"] == ["to/opening-theme.flac", "to/002-b.flac"]
    assert [one["number"] for one in told["failed"]] == [3, 4]
    assert "'sedes'" in told["failed"][0]["reason"]
    assert read_recipe("to/opening-theme.flac").item == 2
    assert read_recipe("to/002-b.flac").parameters["free"] is True


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "holds no items"),
        ("a.csv", "prompt\n", "holds no items"),
        ("a.jsonl", '{"prompt": "a"}\n{', "line 2 is not JSON"),
        ("a.csv", 'prompt\n"open', "line"),
        ("a.txt", "prompt", "a .csv or .jsonl file"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        read_list(tmp_path / name)
    (tmp_path / "b.csv").write_bytes(b"prompt\n\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        read_list(tmp_path / "b.csv")


def test_a_damaged_state_file_stops_before_anything_is_made(batch: Batch) -> None:
    Path("list").mkdir()
    Path("list", STATE).write_text("{}")
    code, _, err = batch()
    assert code == 2 and "is damaged; move it away" in err and names() == set()


def test_an_item_without_a_seed_has_the_same_one_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(LIST)
    items, failures = read_list(tmp_path / "a.csv")
    again, _ = read_list(tmp_path / "a.csv")
    assert items == again and len(items) == 3 and [one.number for one in failures] == [3, 4]
    assert len({item.parameters["seed"] for item in items}) == 3
