"""The command line: what it writes, what it says, and how it refuses."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from longform import cli_show
from longform.audio import Waveform, info, read
from longform.checkpoint import load_tensors, save_tensors
from longform.progress import Progress
from longform.request import Request, slug
from longform.tags import read_tags
from tests.commands import Call


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, longform.cli\n"
        "heavy = {'torch', 'numpy', 'scipy', 'soundfile', 'diffusers', 'rich.progress'}\n"
        "assert longform.cli.run(['--help']) == 0\n"
        "assert longform.cli.run(['generate', '--help']) == 0\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = "generate batch replay encode decode models inspect doctor corpus train"
    for word in (*commands.split(), "Music", "Choice of takes", "Sound and file"):
        assert word in done.stdout


def test_generate_writes_a_file_and_says_where(call: Call, model_folder: Path) -> None:
    make = ("generate", "slow house, deep bass", "--model", model_folder, "--seconds", "1.5")
    code, out, err = call(*make, "--seed", "5", "-o", "a.wav")
    assert code == 0 and out == "a.wav\n"
    assert "seed 5" in err and "house (prompt)" in err and "1.5 s of audio" in err
    wave = read("a.wav")
    assert (wave.channels, wave.sample_rate, wave.seconds) == (2, 44_100, 1.5)
    assert wave.peak_db > -60
    tags = read_tags("a.wav")
    assert tags["prompt"] == "slow house, deep bass" and tags["seed"] == "5"
    assert (tags["model"], tags["licence"], tags["comment"]) == ("tiny", "MIT", "AI-generated")
    assert json.loads(tags["settings"])["seconds"] == 1.5
    call(*make, "--seed", "5", "-o", "b.wav")
    call(*make, "--seed", "6", "-o", "c.wav")
    first, same, other = (Path(name).read_bytes() for name in ("a.wav", "b.wav", "c.wav"))
    assert first == same != other


def test_json_is_one_object_a_line_and_names_are_never_taken_twice(
    call: Call, model_folder: Path
) -> None:
    make = ("generate", "Rain!", "--model", model_folder, "--seconds", "1", "--json")
    code, out, _ = call(*make, "--count", "2", "--seed", "3", "--bpm", "90", "--key", "Am")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["path"] for row in rows] == ["rain-3-1.wav", "rain-3-2.wav"]
    assert [row["item"] for row in rows] == [0, 1]
    for row in rows:
        assert row["seed"] == 3 and row["seconds"] == 1 and row["model"] == "tiny"
        assert row["tempo_bpm"] == 90 and row["key"] == "A minor"
        assert {"load", "denoise", "decode", "write"} <= row["timings"].keys()
    assert Path("rain-3-1.wav").read_bytes() != Path("rain-3-2.wav").read_bytes()
    _, out, _ = call(*make, "--count", "2", "--seed", "3")
    assert json.loads(out.splitlines()[0])["path"] == "rain-3-take2-1.wav"
    _, out, _ = call(*make, "--free")
    drawn = json.loads(out)
    assert drawn["path"] == f"rain-{drawn['seed']}.wav" and "tempo_bpm" not in drawn


def test_a_variation_does_not_depend_on_how_many_there_are(call: Call, model_folder: Path) -> None:
    make = ("generate", "x", "--model", model_folder, "--seconds", "1", "--seed", "9")
    call(*make, "--count", "2", "-o", "two.wav", "--bits", "32")
    call(*make, "-o", "one.wav", "--bits", "32")
    np.testing.assert_array_equal(read("two-1.wav").samples, read("one.wav").samples)


def test_nothing_is_overwritten_without_force(call: Call, model_folder: Path) -> None:
    Path("a.wav").write_text("mine")
    make = ("generate", "x", "--model", model_folder, "--seconds", "1", "-o", "a.wav")
    code, out, err = call(*make)
    assert (code, out) == (2, "") and "a.wav: exists already" in err
    assert Path("a.wav").read_text() == "mine"
    assert call(*make, "--force")[0] == 0
    assert info("a.wav").seconds == 1


MISTAKES = [
    (["generate", ""], "the prompt is empty"),
    (["generate", "x" * 5_000], "5000 characters"),
    (["generate", "x", "--seconds", "0"], "seconds 0 is not above 0"),
    (["generate", "x", "--seconds", "10000"], "seconds 10000"),
    (["generate", "x", "--seconds", "nan"], "seconds nan"),
    (["generate", "x", "--bpm", "300"], "bpm 300 is outside 40..220"),
    (["generate", "x", "--key", "H minor"], "'H minor' is not a key"),
    (["generate", "x", "--metre", "13"], "metre 13"),
    (["generate", "x", "--steps", "0"], "steps 0 is outside 1..500"),
    (["generate", "x", "--guidance", "inf"], "guidance inf"),
    (["generate", "x", "--seed", "-1"], "seed -1"),
    (["generate", "x", "--count", "65"], "count 65 is outside 1..64"),
    (["generate", "x", "--free", "--bpm", "90"], "bpm cannot be given with it"),
    (["generate", "x", "--best-of", "17"], "best-of 17 is outside 1..16"),
    (["generate", "x", "--retry", "2"], "retry needs a tempo or a key"),
    (["generate", "x", "--lufs", "3"], "lufs 3 is outside -60..-5"),
    (["generate", "x", "--true-peak", "1"], "true peak 1 is outside -20..0"),
    (["batch", "missing.csv"], "missing.csv: no such file"),
    (["batch", "TEXT"], "a list is a .csv or .jsonl file"),
    (["replay", "missing.wav"], "missing.wav: no such file"),
    (["replay", "TEXT"], "neither its tags nor"),
    (["generate", "x", "-o", "a.xyz"], ".xyz is not an output format"),
    (["generate", "x", "-o", "none/a.wav"], "'none' does not exist"),
    (["generate", "x", "-o", "a.mp3", "--bits", "24"], "24 bits do not exist"),
    (["generate", "x", "--model", "nosuch"], "'nosuch' is neither installed nor a folder"),
    (["generate", "x", "--model", "MODEL", "--device", "abacus"], "'abacus' is unknown"),
    (["encode", "missing.wav", "-o", "a.safetensors"], "missing.wav: no such file"),
    (["encode", "TEXT", "-o", "a.safetensors"], "not readable as audio"),
    (["encode", "TEXT", "-o", "a.pt"], "latents are written to .safetensors"),
    (["decode", "missing.safetensors", "-o", "a.wav"], "no such file"),
    (["decode", "TEXT", "-o", "a.wav"], "not a whole safetensors file"),
    (["decode", "STRANGE", "-o", "a.wav"], "expected one named 'latents'"),
    (["decode", "SHAPE", "-o", "a.wav", "--model", "MODEL"], "do not fit model"),
    (["decode", "NAN", "-o", "a.wav", "--model", "MODEL"], "not finite"),
    (["inspect", "missing"], "no such file"),
    (["inspect", "."], "is not a model bundle"),
    (["inspect", "TEXT"], "not readable as audio"),
    (["corpus", "check", "missing"], "does not exist"),
    (["corpus", "build", "out", "--hours", "-1"], "hours"),
    (["train", "clap", "missing.yaml"], "does not exist"),
    (["train", "dit", "missing.yaml"], "does not exist"),
    (["train", "autoencoder", "UNKNOWN"], "unknown key 'widht'"),
    (["train", "encode", "nosuch", ".", "out"], "neither installed nor a folder"),
    (["eval", "autoencoder", ".", "--model", "nosuch"], "neither installed nor a folder"),
    (
        ["bundle", "b", "--autoencoder", ".", "--clap", ".", "--dit", ".", "--name", "b"],
        "no checkpoint",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_is_one_line_code_2_and_nothing_written(
    call: Call, model_folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    import torch

    stand_ins = {"MODEL": model_folder}
    for name in ("TEXT", "STRANGE", "SHAPE", "NAN", "UNKNOWN"):
        stand_ins[name] = tmp_path.parent / f"{tmp_path.name}-{name.lower()}"
    stand_ins["TEXT"].write_text("neither audio nor tensors, but long enough to be looked at")
    stand_ins["UNKNOWN"].write_text("widht: 3\n")
    save_tensors(stand_ins["STRANGE"], {"other": torch.ones(2)})
    save_tensors(stand_ins["SHAPE"], {"latents": torch.ones(2, 3, 4)})
    save_tensors(stand_ins["NAN"], {"latents": torch.full((4, 9), torch.nan)})
    code, out, err = call(*(stand_ins.get(one, one) for one in arguments))
    assert code == 2, err
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1, err
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [["generate"], ["generate", "x", "--seconds", "long"], ["nosuch"], ["train"]]
)
def test_wrong_usage_is_code_2(call: Call, arguments: list[str]) -> None:
    code, out, err = call(*arguments)
    assert code == 2 and out + err


def test_an_unwritable_folder_is_refused_before_anything_is_loaded(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    real = tempfile.TemporaryFile

    def refuse(dir: Path) -> object:
        if dir.name == "locked":
            raise PermissionError(13, "Permission denied")  # root may write anywhere
        return real(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    code, _, err = call("generate", "x", "-o", "locked/a.wav", "--model", "nosuch")
    assert code == 2 and "is not writable" in err


def test_a_track_is_finished_unless_raw_is_asked_for(call: Call, model_folder: Path) -> None:
    make = ("generate", "house", "--model", model_folder, "--seconds", "12", "--seed", "1")
    code, out, _ = call(*make, "-o", "a.wav", "--json", "--lufs", "-16")
    row = json.loads(out)
    assert code == 0 and abs(row["finish"]["lufs_after"] + 16) < 0.1
    assert row["loudness_lufs"] == row["finish"]["lufs_after"] and row["true_peak_db"] <= -1
    samples = read("a.wav").samples
    assert samples.shape == (2, 12 * 44_100)
    assert not samples[:, -22_050:].any() and samples[:, 44_100 * 9].any()
    assert row["end_seconds"] <= 12 - 3  # what was planned leaves room for the ending
    code, _, err = call(*make, "-o", "b.wav", "--raw")
    assert code == 0 and "LUFS" not in err
    assert read("b.wav").samples[:, -22_050:].any()


def test_the_best_of_several_takes_is_kept_and_the_others_if_asked(
    call: Call, model_folder: Path, tmp_path: Path
) -> None:
    make = ("generate", "house, 124 bpm", "--model", model_folder, "--seconds", "4", "--seed", "2")
    code, out, err = call(*make, "--best-of", "2", "--keep-all", "-o", "a.wav")
    assert code == 0 and out.splitlines() == ["a.wav", "a-other1.wav"]
    assert "match" in err and "\n*" in err and "asked 124 BPM, heard" in err
    audio = {path.name for path in tmp_path.glob("*.wav")}
    assert audio == {"a.wav", "a-other1.wav"}
    scores = [json.loads(Path(name).with_suffix(".wav.json").read_text()) for name in out.split()]
    assert {one["recipe"]["item"] for one in scores} == {0, 64}
    code, out, _ = call(*make, "--best-of", "2", "--json", "-o", "b.wav")
    row = json.loads(out)
    best = max(row["takes"], key=lambda take: take["score"])
    assert len(row["takes"]) == 2 and row["item"] == best["item"]
    assert Path("b.wav").read_bytes() == Path("a.wav").read_bytes()


def test_retry_goes_on_until_the_tempo_is_heard(
    call: Call, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longform import choose

    heard_in = []

    def hear(waveform: Waveform, *, item: int, **wanted: object) -> choose.Heard:
        heard_in.append(item)
        obeyed = len(heard_in) == 3
        return choose.Heard(item=item, tempo_bpm=90.0, tempo_obeyed=obeyed, **wanted)

    monkeypatch.setattr(choose, "hear", hear)
    make = ("generate", "x", "--model", model_folder, "--seconds", "2", "--bpm", "90", "--json")
    _, out, _ = call(*make, "--retry", "9", "-o", "a.wav")
    assert heard_in == [0, 64, 128] and json.loads(out)["item"] == 128


def test_encode_and_decode_go_there_and_back(call: Call, model_folder: Path) -> None:
    rng = np.random.default_rng(0)
    noise = Waveform(0.1 * rng.standard_normal((1, 48_000)).astype(np.float32), 48_000)
    noise.save("in.flac")
    code, out, err = call("encode", "in.flac", "-o", "z.safetensors", "--model", model_folder)
    assert code == 0 and out == "z.safetensors\n" and "1.0 s of audio" in err
    assert load_tensors("z.safetensors")["latents"].shape == (4, 11)
    code, out, _ = call("decode", "z.safetensors", "-o", "out.wav", "--model", model_folder)
    assert code == 0 and out == "out.wav\n"
    back = read("out.wav")
    assert (back.channels, back.sample_rate, back.samples.shape[1]) == (2, 44_100, 44_100)


def test_inspect_knows_models_tensors_and_audio(call: Call, model_folder: Path) -> None:
    code, out, _ = call("inspect", model_folder, "--json")
    facts = json.loads(out)
    assert code == 0 and facts["model"] == "tiny" and facts["licence"] == "MIT"
    assert facts["parameters"].keys() == {"autoencoder", "clap", "dit", "conditioner"}
    assert all(count > 1_000 for count in facts["parameters"].values())
    _, out, _ = call("inspect", model_folder / "dit.safetensors")
    assert "dit.transformer.project_in.weight: F16 [32, 4]" in out
    times = np.arange(44_100) / 44_100
    wave = Waveform(0.5 * np.sin(2 * np.pi * 440 * times)[None].astype(np.float32), 44_100)
    wave.save("a.flac", tags={"prompt": "evil \x1b]0;title\x07 text"})
    _, out, _ = call("inspect", "a.flac")
    assert "seconds: 1.0" in out and "peak_db: -6.02" in out and "channels: 1" in out
    assert "evil  ]0;title  text" in out and "\x1b" not in out


def test_models_lists_what_is_installed(
    call: Call, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longform import bundle

    monkeypatch.setattr(bundle, "MODELS", model_folder.parent)
    assert call("models")[1] == "tiny  MIT  random weights, for tests\n"
    assert json.loads(call("models", "--json")[1]) == [{"name": "tiny", "path": str(model_folder)}]
    code, out, _ = call("doctor", "--json")
    findings = {one["name"]: one for one in json.loads(out)}
    assert code == 0 and findings["model"]["state"] == "ok"
    assert findings["audio files"]["detail"].startswith(".wav .flac .mp3 .ogg")
    monkeypatch.setattr(bundle, "MODELS", model_folder)
    code, out, _ = call("doctor")
    assert code == 1 and "fail  model: none is installed -> name a bundle folder" in out


def test_a_missing_training_package_names_the_extra(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "longform.train.clap", None)
    monkeypatch.delitem(sys.modules, "accelerate", raising=False)

    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name in ("longform.train.clap", "accelerate"):
                raise ModuleNotFoundError(f"No module named {name!r}", name="accelerate")

    monkeypatch.delitem(sys.modules, "longform.train.clap")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    code, _, err = call("train", "clap", "x.yaml")
    assert code == 2
    assert err == (
        'error: this command needs accelerate; install it with: pip install "longform[train]"\n'
    )


def test_plain_progress_is_rare_and_tells_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(cli_show.time, "monotonic", lambda: clock[0])
    lines = cli_show.PlainLines()
    for step in range(21):
        lines(Progress("denoise", step, 20))
        clock[0] += 1.0
    assert capsys.readouterr().err.splitlines() == [
        "denoise 5/20, 15 s left",
        "denoise 10/20, 10 s left",
        "denoise 15/20, 5 s left",
        "denoise 20/20",
    ]


def test_a_stage_that_comes_again_is_timed_anew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(cli_show.time, "monotonic", lambda: clock[0])
    lines = cli_show.PlainLines(every_seconds=1.0)
    for total, seconds in ((3, 100.0), (4, 2.0)):
        for step in range(1, total + 1):  # the first call comes when one is made already
            clock[0] += seconds
            lines(Progress("generate", step, total))
    assert capsys.readouterr().err.splitlines() == [
        "generate 1/3",
        "generate 2/3, 100 s left",
        "generate 3/3",
        "generate 1/4",
        "generate 2/4, 4 s left",
        "generate 3/4, 2 s left",
        "generate 4/4",
    ]


def test_the_bar_shows_stages_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with cli_show.reporter() as on_progress:
        on_progress(Progress("denoise [bold]", 1, 2))
        on_progress(Progress("decode", 2, 2))
        on_progress(Progress("decode", 1, 4))  # the same stage of another job
    shown = capsys.readouterr().err
    assert "denoise [bold]" in shown and "1/2" in shown and "decode" in shown and "1/4" in shown


def test_file_names_from_prompts() -> None:
    assert slug("Warm lo-fi, RAINY evening!") == "warm-lo-fi-rainy-evening"
    assert slug("春の海") == "track"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert len(slug("word " * 40)) <= 40 and not slug("word " * 40).endswith("-")
    assert Request(prompt="x", key="F# major", bpm=40, metre=7, seconds=285).seconds == 285
