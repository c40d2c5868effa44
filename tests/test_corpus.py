"""Building the corpus (same whatever the jobs, resumable) and looking one through."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from longform.errors import UserError
from longform.music import STYLES, Plan
from longform.progress import Progress
from longform.train.corpus import build, make_item
from longform.train.corpus_check import check
from longform.train.corpus_items import ItemSpec, item_specs, split_of

RATE = 44100
HOURS = 0.004


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_build_is_the_same_for_any_jobs_and_resumes(tmp_path: Path) -> None:
    build(tmp_path / "one", HOURS, 5, jobs=1, stems=False, effects_share=1.0)
    seen: list[Progress] = []
    build(
        tmp_path / "two", HOURS, 5, jobs=2, stems=False, effects_share=1.0, on_progress=seen.append
    )
    whole = contents(tmp_path / "one")
    assert contents(tmp_path / "two") == whole
    assert seen[0].step == 0 and seen[-1].step == seen[-1].total == len(whole) // 2

    side_car, *others = sorted((tmp_path / "one").glob("e*.json"))
    others[0].write_text('{"id": "e00')
    side_car.unlink()
    side_car.with_suffix(".flac").write_bytes(b"half")
    kept = others[1].stat().st_mtime_ns
    build(tmp_path / "one", HOURS, 5, jobs=1, stems=False, effects_share=1.0)
    assert contents(tmp_path / "one") == whole
    assert others[1].stat().st_mtime_ns == kept
    assert check(tmp_path / "one") == []


def test_a_piece_has_audio_stems_and_everything_known(tmp_path: Path) -> None:
    (tmp_path / "stems").mkdir()
    spec = ItemSpec(index=0, id="m1", kind="music", name="synthwave", seconds=20.0, seed=4)
    make_item(tmp_path, spec, stems=True)
    record = json.loads((tmp_path / "m1.json").read_text())
    mix, rate = soundfile.read(tmp_path / "m1.flac", always_2d=True)
    assert rate == record["sample_rate"] == RATE
    assert len(mix) / RATE == pytest.approx(record["seconds"]) == pytest.approx(20, abs=0.1)
    assert soundfile.info(tmp_path / "m1.flac").subtype == "PCM_16"
    assert np.abs(mix).max() < 10 ** (-1 / 20) and np.abs(mix[-20:]).max() < 1e-3
    stems = [soundfile.read(tmp_path / "stems" / f"m1.{name}.flac")[0] for name in record["stems"]]
    assert len(stems) >= 2
    assert np.abs(np.sum(stems, axis=0) - mix).max() < (len(stems) + 1) * 2 / 32767
    plan = Plan.from_json(record["plan"])
    assert (plan.style, plan.tempo_bpm, str(plan.key), plan.metre, list(plan.moods)) == tuple(
        record[name] for name in ("style", "tempo_bpm", "key", "metre", "moods")
    )
    assert 6 <= len(record["captions"]) <= 8 and len(set(record["captions"])) >= 6
    assert record["instruments"] and record["split"] == split_of("m1")
    assert all(len(note) == 3 and 0 <= note[0] < 20 for note in record["melody"])
    assert check(tmp_path) == []


def test_items_are_balanced_stable_and_of_mixed_length() -> None:
    specs = list(item_specs(20, 7))
    assert specs == list(item_specs(40, 7))[: len(specs)]
    assert specs != list(item_specs(20, 8))[: len(specs)]
    pieces = [spec for spec in specs if spec.kind == "music"]
    counts = [sum(spec.name == style for spec in pieces) for style in STYLES]
    assert max(counts) - min(counts) <= 1
    shares = [
        np.mean([low <= spec.seconds < high for spec in pieces])
        for low, high in ((20, 60), (60, 180), (180, 285.1))
    ]
    np.testing.assert_allclose(shares, (0.35, 0.35, 0.30), atol=0.08)
    effects = sum(spec.seconds for spec in specs if spec.kind == "effect")
    assert effects / sum(spec.seconds for spec in specs) == pytest.approx(0.06, abs=0.005)
    assert len({spec.id for spec in specs}) == len({spec.seed for spec in specs}) == len(specs)
    assert {spec.kind for spec in item_specs(0.1, 1, 0.0)} == {"music"}
    assert {spec.kind for spec in item_specs(0.1, 1, 1.0)} == {"effect"}
    splits = [split_of(f"m0001-{index:06d}") for index in range(4000)]
    assert splits.count("train") / 4000 == pytest.approx(0.9, abs=0.02)
    assert splits.count("test") / 4000 == pytest.approx(0.05, abs=0.015)


def test_builds_refuse_what_cannot_be_built(tmp_path: Path) -> None:
    for values, culprit in (
        ({"hours": 0}, "hours"),
        ({"effects_share": 2.0}, "effects share"),
        ({"jobs": 0}, "jobs"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(UserError, match=culprit):
            build(tmp_path, **{"hours": 0.001, "seed": 1, **values})


def tone(
    path: Path, rate: int = RATE, seconds: float = 1.0, gain: float = 0.3, hz: float = 440
) -> None:
    time = np.arange(int(rate * seconds)) / rate
    soundfile.write(path, np.clip(gain * np.sin(2 * np.pi * hz * time), -1, 1), rate)
    path.with_suffix(".txt").write_text("a tone")


def test_check_finds_each_planted_defect_and_nothing_else(tmp_path: Path) -> None:
    tone(tmp_path / "good.wav")
    tone(tmp_path / "json.flac", hz=300)
    (tmp_path / "json.txt").unlink()
    (tmp_path / "json.json").write_text(json.dumps({"captions": ["fine"], "tempo_bpm": None}))
    assert check(tmp_path) == []

    tone(tmp_path / "quiet.wav", gain=0.0)
    tone(tmp_path / "hot.wav", gain=3.0)
    (tmp_path / "later.wav").write_bytes((tmp_path / "good.wav").read_bytes())
    (tmp_path / "later.txt").write_text("the same tone")
    tone(tmp_path / "slow.wav", rate=22050, hz=500)
    tone(tmp_path / "tiny.wav", seconds=0.1)
    tone(tmp_path / "mute.wav", hz=600)
    (tmp_path / "mute.txt").write_text("  ")
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio here")
    (tmp_path / "broken.txt").write_text("words")
    for name, text, hz in (
        ("syntax", "{", 700),
        ("list", "[]", 710),
        ("types", '{"captions": ["x"], "tempo_bpm": "fast", "metre": true}', 720),
        ("words", '{"captions": [3]}', 730),
        ("empty", '{"style": "house"}', 740),
    ):
        tone(tmp_path / f"{name}.wav", hz=hz)
        (tmp_path / f"{name}.json").write_text(text)
    found = sorted((problem.path.name, problem.kind) for problem in check(tmp_path))
    assert found == [
        ("broken.wav", "unreadable"),
        ("empty.json", "missing caption"),
        ("hot.wav", "clipped"),
        ("later.wav", "duplicate"),
        ("list.json", "bad side-car"),
        ("mute.wav", "missing caption"),
        ("quiet.wav", "silent"),
        ("slow.wav", "wrong rate"),
        ("syntax.json", "bad side-car"),
        ("tiny.wav", "too short"),
        ("types.json", "bad side-car"),
        ("types.json", "bad side-car"),
        ("words.json", "bad side-car"),
        ("words.json", "missing caption"),
    ]
    details = {problem.detail for problem in check(tmp_path) if problem.path.name == "types.json"}
    assert any("tempo_bpm" in detail and "'fast'" in detail for detail in details)


def test_check_refuses_a_folder_without_audio(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        check(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no audio"):
        check(tmp_path)
