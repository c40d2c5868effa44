"""Files that remember: the recipe in tags and side-car, read back, followed, and proven."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import mutagen
import numpy as np
import pytest

from longform import Pipeline, UserError, Waveform
from longform import deliver as deliver_module
from longform.audio import read, write
from longform.cli import run
from longform.deliver import Delivered, deliver, machine_of, recipe_of
from longform.finish import Finishing
from longform.provenance import Recipe, read_recipe, sidecar_of, tags_of
from longform.replay import compare, find_inputs, make_again
from longform.request import Request
from longform.result import Result
from longform.tags import write_tags

FORMATS = (".wav", ".flac", ".mp3", ".ogg")
PROMPT = 'slow house, "deep" bass = 2\nsecond line, größer'
Deliver = Callable[..., Delivered]


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(model_folder, device="cpu")


@pytest.fixture(scope="module")
def made(pipe: Pipeline) -> tuple[Request, Result]:
    request = Request(prompt=PROMPT, seconds=2.0, seed=0, steps=1, guidance=0.0, bpm=90.0)
    return request, pipe.run(request, item=3)


@pytest.fixture
def write_one(pipe: Pipeline, made: tuple[Request, Result]) -> Deliver:
    def write_it(path: Path, **settings: object) -> Delivered:
        request, result = made
        task = {"job": "generate", "parameters": asdict(request), "item": 3}
        return deliver(result, path, pipe=pipe, **task, **settings)

    return write_it


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_carries_the_recipe_for_others_to_read(
    write_one: Deliver, tmp_path: Path, pipe: Pipeline, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    recipe = write_one(path).recipe
    assert read_recipe(path) == recipe == read_recipe(sidecar_of(path))
    assert recipe.parameters["guidance"] == 0 and recipe.parameters["seed"] == 0
    assert "negative" not in recipe.parameters and recipe.item == 3
    held = mutagen.File(path).tags
    if suffix in (".wav", ".mp3"):
        texts = {frame.desc: str(frame) for frame in held.getall("TXXX")}
        texts["bpm"] = str(held["TBPM"])
    else:
        texts = {name.lower(): text[0] for name, text in held.as_dict().items()}
    assert texts["prompt"] == PROMPT.replace("\n", " ") and texts["seed"] == "0"
    assert texts["model_sha256"] == pipe.bundle.content_hash() and texts["licence"] == "MIT"
    assert texts["comment"] == "AI-generated" and texts["bpm"] == "90"
    assert json.loads(texts["recipe"])["samples_sha256"] == recipe.samples_sha256


@pytest.mark.parametrize("suffix", FORMATS)
def test_ffprobe_finds_that_a_machine_made_it(
    write_one: Deliver, tmp_path: Path, suffix: str
) -> None:
    if shutil.which("ffprobe") is None:
        return  # mutagen, above, has read the same tags
    path = tmp_path / f"a{suffix}"
    write_one(path)
    command = "ffprobe -v error -of json -show_entries format_tags:stream_tags"
    told = subprocess.run([*command.split(), str(path)], capture_output=True, text=True).stdout
    assert "AI-generated" in told and "slow house" in told


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("source", ["tags", "sidecar"])
def test_a_replay_is_the_same_to_the_last_bit(
    write_one: Deliver, pipe: Pipeline, tmp_path: Path, suffix: str, source: str
) -> None:
    path = tmp_path / f"a{suffix}"
    write_one(path)
    if source == "tags":
        sidecar_of(path).unlink()
    else:
        write(path, read(path), overwrite=True)  # another program stripped the tags
    recipe = read_recipe(path)
    _, waveform = make_again(recipe, pipe)
    verdict = compare(path, recipe, waveform, machine_of(pipe))
    assert verdict.same_samples
    if source == "tags":
        assert verdict.same_file and str(verdict) == "the same audio, to the last bit"


def test_a_changed_file_or_recipe_is_noticed(
    write_one: Deliver, pipe: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    recipe = write_one(path).recipe
    _, waveform = make_again(recipe, pipe)
    other = replace(recipe, parameters={**recipe.parameters, "seed": 1})
    _, changed = make_again(other, pipe)
    verdict = compare(path, recipe, changed, machine_of(pipe))
    assert not verdict.same_samples and not verdict.same_file and verdict.difference_db > -60
    samples = waveform.samples.copy()
    samples[0, 1000] += 0.01
    write(path, Waveform(samples, waveform.sample_rate), overwrite=True)
    verdict = compare(path, recipe, waveform, machine_of(pipe))
    assert verdict.same_samples and not verdict.same_file
    assert "changed after it was written" in str(verdict)
    verdict = compare(path, recipe, changed, "cuda bfloat16")
    assert "replayed on cuda bfloat16" in verdict.note


def test_raw_and_other_finishing_are_replayed_too(
    write_one: Deliver, pipe: Pipeline, tmp_path: Path
) -> None:
    hashes = set()
    for number, finishing in enumerate((None, Finishing(), Finishing(lufs=-20.0))):
        recipe = write_one(tmp_path / f"{number}.wav", finishing=finishing).recipe
        assert make_again(recipe, pipe)[1].sha256 == recipe.samples_sha256
        hashes.add(recipe.samples_sha256)
    assert len(hashes) == 3


def test_another_model_is_refused_and_inputs_are_found_by_their_samples(
    write_one: Deliver, pipe: Pipeline, tmp_path: Path
) -> None:
    recipe = write_one(tmp_path / "a.wav").recipe
    with pytest.raises(UserError, match="name the right one with --model"):
        make_again(replace(recipe, model_sha256="0" * 64), pipe)
    recording = read(tmp_path / "a.wav")
    needy = replace(recipe, inputs={"audio": recording.sha256})
    write_one(tmp_path / "other.wav", finishing=None)
    shutil.copy(tmp_path / "a.wav", tmp_path / "renamed.wav")
    write_tags(tmp_path / "renamed.wav", {"title": "tagged by another program"})
    paths = [tmp_path / "other.wav", tmp_path / "renamed.wav"]
    np.testing.assert_array_equal(find_inputs(needy, paths)["audio"].samples, recording.samples)
    with pytest.raises(UserError, match=r"'audio' with samples .* --input"):
        find_inputs(needy, paths[:1])


def test_a_side_car_in_the_way_is_not_overwritten(write_one: Deliver, tmp_path: Path) -> None:
    sidecar_of(tmp_path / "a.wav").write_text("mine")
    with pytest.raises(UserError, match=r"a\.wav\.json: exists already"):
        write_one(tmp_path / "a.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav.json"]
    write_one(tmp_path / "a.wav", overwrite=True)
    assert read_recipe(tmp_path / "a.wav.json").job == "generate"


def test_no_audio_is_left_without_its_side_car(
    write_one: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deliver_module, "write_sidecar", press)
    with pytest.raises(KeyboardInterrupt):
        write_one(tmp_path / "a.wav")
    assert not list(tmp_path.iterdir())


BROKEN = [
    ("not json", "is not JSON"),
    ("[1]", "not a side-car"),
    ('{"recipe": {"format": 2}}', "format 2, this program reads 1"),
    ('{"recipe": {"format": 1, "jbo": "generate"}}', "unknown key 'jbo'"),
    ('{"recipe": {"format": 1}}', "is missing"),
    ("[" * 100_000, "is not JSON"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_side_car_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.wav.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_recipe(tmp_path / "a.wav.json")


@pytest.mark.parametrize(
    ("parameters", "message"), [({"seed": 1}, "missing"), ({"prompt": "x", "sed": 1}, "'sed'")]
)
def test_a_recipe_that_cannot_be_followed_is_one_line(
    write_one: Deliver, pipe: Pipeline, tmp_path: Path, parameters: dict, message: str
) -> None:
    recipe: Recipe = write_one(tmp_path / "a.wav").recipe
    with pytest.raises(UserError, match=message):
        make_again(replace(recipe, parameters=parameters), pipe)


def test_the_command_replays_and_verifies(
    write_one: Deliver,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_one(tmp_path / "a.ogg")
    model = ["--model", str(model_folder)]
    assert run(["replay", "a.ogg", "--verify", *model]) == 0
    assert "the same audio" in capfd.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"a.ogg", "a.ogg.json"}
    assert run(["replay", "a.ogg.json", *model]) == 0
    assert capfd.readouterr().out == "a-replay.ogg\n"
    assert Path("a-replay.ogg").read_bytes() == Path("a.ogg").read_bytes()
    assert run(["replay", "a.ogg", *model]) == 2  # a-replay.ogg is there
    write(tmp_path / "a.ogg", Waveform(np.zeros((2, 88_200), np.float32), 44_100), overwrite=True)
    capfd.readouterr()
    assert run(["replay", "a.ogg", "--verify", "--json", *model]) == 1
    out, err = capfd.readouterr()
    assert not json.loads(out)["same_file"] and "not the same" in err


def test_a_tempo_that_is_not_clear_is_no_tag(pipe: Pipeline) -> None:
    recipe = recipe_of(pipe, job="accompany", parameters={"prompt": "bass", "seed": 1})
    assert "bpm" not in tags_of(recipe, {"tempo_bpm": None})
    assert tags_of(recipe, {"tempo_bpm": 119.6})["bpm"] == "120"
