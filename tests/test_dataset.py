"""Any folder of audio as training data: side-cars, splits, crops, and what is left out."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from longform.errors import UserError
from longform.train.dataset import draw_crops, read_crop, scan, split_of, survey
from longform.train.trainee import Draw

RATE = 8_000


def ramp(path: Path, seconds: float, rate: int = RATE, channels: int = 1) -> None:
    """Audio whose every sample tells where it stands: n / 2^15."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.arange(round(seconds * rate)) / 2**15
    soundfile.write(path, np.stack([samples] * channels, 1), rate, subtype="PCM_16")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ramp(tmp_path / "b.wav", 2.0)
    ramp(tmp_path / "deep" / "a.flac", 1.0, channels=2)
    ramp(tmp_path / "told.wav", 0.5)
    (tmp_path / "b.txt").write_text("a slow waltz\n\n soft piano \n")
    facts = {"captions": ["x"], "split": "test", "tempo_bpm": 90, "kind": "effect"}
    (tmp_path / "told.json").write_text(json.dumps(facts))
    (tmp_path / ".hidden.wav").write_bytes(b"")
    (tmp_path / "notes.pdf").write_bytes(b"x")
    return tmp_path


def test_scan_reads_what_is_there(folder: Path) -> None:
    items = {item.id: item for item in scan(folder)}
    assert list(items) == ["b", "deep/a", "told"]
    assert items["b"].captions == ("a slow waltz", "soft piano")
    assert (items["b"].seconds, items["b"].sample_rate, items["b"].channels) == (2.0, RATE, 1)
    assert items["deep/a"].captions == () and items["deep/a"].facts["kind"] == "music"
    assert items["deep/a"].split == split_of("a")
    assert items["told"].split == "test" and items["told"].facts["tempo_bpm"] == 90
    assert [item.id for item in scan(folder, split="test")] == ["told"]


def test_the_unusable_is_listed_and_the_rest_is_used(folder: Path) -> None:
    (folder / "noise.wav").write_bytes(b"not audio at all")
    (folder / "empty.flac").write_bytes(b"")
    (folder / "b.json").write_text("{")
    ramp(folder / "odd.wav", 0.1)
    (folder / "odd.json").write_text('{"split": "trian"}')
    items, rejected = survey(folder)
    assert [item.id for item in items] == ["deep/a", "told"]
    reasons = {one.path.name: one.reason for one in rejected}
    assert reasons.keys() == {"noise.wav", "empty.flac", "b.wav", "odd.wav"}
    assert "b.json: not readable" in reasons["b.wav"]
    assert "split 'trian' is not one of train, validation, test" in reasons["odd.wav"]
    told: list[str] = []
    scan(folder, say=told.append)
    assert len(told) == 4 and all(line.startswith("left out: ") for line in told)


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        scan(tmp_path / "absent")
    with pytest.raises(UserError, match="holds no usable audio"):
        scan(tmp_path)
    ramp(tmp_path / "a.wav", 0.1)
    (tmp_path / "a.json").write_text('{"split": "train"}')
    with pytest.raises(UserError, match="no usable audio of split 'test'"):
        scan(tmp_path, split="test")


def test_stems_of_a_built_corpus_are_not_pieces(folder: Path) -> None:
    ramp(folder / "stems" / "b.drums.wav", 1.0)
    assert "stems/b.drums" in {item.id for item in scan(folder)}
    (folder / "corpus.json").write_text("{}")
    assert {item.id for item in scan(folder)} == {"b", "deep/a", "told"}


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    ramp(tmp_path / "a.wav", 0.1)
    ramp(tmp_path / "a.flac", 0.1)
    assert [item.id for item in scan(tmp_path)] == ["a.flac", "a.wav"]


def test_splits_are_stable_and_in_proportion() -> None:
    splits = [split_of(f"piece-{number}") for number in range(4000)]
    assert 0.88 < splits.count("train") / 4000 < 0.92
    assert 0.035 < splits.count("test") / 4000 < 0.065
    assert [split_of(name) for name in ("a", "b", "hello")] == ["train", "train", "train"]


def test_crops_are_where_they_should_be(folder: Path) -> None:
    item = {item.id: item for item in scan(folder)}["b"]
    crop = read_crop(item, 0.25, 100, RATE)
    assert crop.shape == (2, 100) and crop.dtype == np.float32
    np.testing.assert_array_equal(crop[0] * 2**15, np.arange(2000, 2100))
    np.testing.assert_array_equal(crop[0], crop[1])
    end = read_crop(item, 2.0 - 40 / RATE, 100, RATE)
    assert end[0, 39] == 15_999 / 2**15 and not end[:, 40:].any()
    half = read_crop(item, 0.5, 100, RATE // 2)
    np.testing.assert_allclose(half[0, 20:80] * 2**15, 4000 + 2 * np.arange(20, 80), atol=30)


def test_drawn_crops_are_a_pure_function_of_the_draw(folder: Path) -> None:
    items = scan(folder)
    audio, chosen, starts = draw_crops(items, Draw(1, 5), 6, 1000, RATE)
    again, _, _ = draw_crops(items, Draw(1, 5), 6, 1000, RATE)
    other, _, _ = draw_crops(items, Draw(1, 6), 6, 1000, RATE)
    assert audio.shape == (6, 2, 1000)
    np.testing.assert_array_equal(audio, again)
    assert (audio != other).any()
    assert sorted(item.id for item in chosen[:3]) == ["b", "deep/a", "told"]
    for crop, item, start in zip(audio, chosen, starts, strict=True):
        assert 0 <= start <= item.seconds - 1000 / RATE
        assert crop[0, 0] * 2**15 == pytest.approx(round(start * RATE))
    long, _, starts = draw_crops(items, Draw(1, 5), 3, 3 * RATE, RATE)
    assert not starts.any() and not long[:, :, 2 * RATE :].any()
