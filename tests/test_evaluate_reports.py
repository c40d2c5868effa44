"""The reports of the evaluation: right figures from known music, and clear words for bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_music import SAMPLE_RATE, noise, piece

from longform.audio import Waveform
from longform.clap import AudioConfig, Clap, ClapConfig, TextConfig, Tokenizer
from longform.errors import UserError
from longform.music.prompt import read_prompt
from longform.music.styles import STYLES
from longform.music.theory import Key
from longform.train.evaluate.clips import listen, summarise
from longform.train.evaluate.command import (
    calibrate_command,
    generation_command,
    structure_command,
)
from longform.train.evaluate.generation import clap_scores, prompt_match
from longform.train.evaluate.prompts import load_prompts
from longform.train.evaluate.selection import select_music
from tests.tiny import tiny_bundle

SECONDS = 12.0


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces of music in the test split, one of them with a wrong label; a training piece."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = [
        ("a", "house", 124.0, "A minor", "A minor", "test"),
        ("b", "rock", 100.0, "C major", "C major", "test"),
        ("c", "rock", 90.0, "G major", "E minor", "test"),
        ("d", "pop", 110.0, "D major", "D major", "train"),
    ]
    for name, style, bpm, key, label, split in rows:
        piece(bpm, Key.parse(key), SECONDS).save(folder / f"{name}.flac", bits=16)
        facts = {"kind": "music", "style": style, "tempo_bpm": bpm, "key": label, "split": split}
        (folder / f"{name}.json").write_text(json.dumps(facts | {"captions": [style]}))
    return folder


def test_the_prompts_cover_the_styles_and_say_what_the_table_says() -> None:
    prompts = load_prompts()
    assert len(prompts) == 64
    assert {prompt.style for prompt in prompts} == set(STYLES)
    assert sum(prompt.tempo_bpm is not None for prompt in prompts) >= 60
    assert sum(prompt.key is not None for prompt in prompts) >= 60
    for prompt in prompts:
        facts = read_prompt(prompt.text)
        assert (facts.style, facts.bpm, facts.key) == (prompt.style, prompt.tempo_bpm, prompt.key)


def test_plain_prompt_lines_are_read_and_broken_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("# comment\n\nhouse, 120 bpm, in A minor\n")
    (prompt,) = load_prompts(path)
    assert (prompt.tempo_bpm, prompt.key) == (120, Key(9, "minor"))
    for line in ("house\t120\tA minor", "house\tfast\tA minor\tx", "house\t120\tA minor\t-"):
        path.write_text(line)
        with pytest.raises(UserError, match="prompt line"):
            load_prompts(path)
    path.write_text("# nothing\n")
    with pytest.raises(UserError, match="no prompt"):
        load_prompts(path)
    with pytest.raises(UserError, match="cannot be read"):
        load_prompts(tmp_path / "missing.txt")


def test_prompts_of_a_corpus_are_its_test_captions(corpus: Path) -> None:
    texts = [prompt.text for prompt in load_prompts(corpus)]
    assert sorted(texts) == ["house", "rock", "rock"], "none of the training split"


def test_selection_deals_the_styles_evenly_and_repeats_itself(corpus: Path) -> None:
    first = select_music(corpus, split="test", count=2, seed=0)
    assert {item.facts["style"] for item in first} == {"house", "rock"}
    assert first == select_music(corpus, split="test", count=2, seed=0)
    assert len(select_music(corpus, split="test", count=9, seed=1)) == 3
    assert len(select_music(corpus, split="all", count=9, seed=1)) == 4
    with pytest.raises(UserError, match="validation"):
        select_music(corpus, split="validation", count=9, seed=1)


def test_calibration_reports_right_and_wrong(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = calibrate_command(corpus, out=tmp_path / "report.json")
    assert report["tempo"]["obeyed_share"] == 1
    assert report["key"]["exact_share"] == pytest.approx(2 / 3, abs=1e-3)
    assert report["key"]["relations"]["relative"] == 1
    assert json.loads((tmp_path / "report.json").read_text())["clips"] == 3
    printed = capsys.readouterr().out
    assert "key exact" in printed and "wrong:" in printed


def test_summary_counts_faults_and_chance() -> None:
    silence = Waveform(np.zeros((2, 2 * SAMPLE_RATE), dtype=np.float32), SAMPLE_RATE)
    clips = [
        listen(piece(120, Key.parse("C major"), 8.0), name="right", asked_bpm=120),
        listen(piece(120, Key.parse("C major"), 8.0), name="wrong", asked_bpm=150),
        listen(silence, name="silent", asked_bpm=70, asked_key=Key.parse("C major")),
        listen(noise(3.0, 0.5), name="noise"),
    ]
    figures = summarise(clips)
    assert figures["tempo"]["asked"] == 3
    assert figures["tempo"]["obeyed_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert figures["tempo"]["chance_share"] == pytest.approx(1 / 6, abs=1e-3)
    assert (figures["silent"], figures["static"]) == (1, 1)
    assert figures["key"]["relations"]["other"] == 1
    json.dumps([clip.to_json() for clip in clips])


def test_prompt_match_counts_every_clip_against_a_stranger() -> None:
    perfect = prompt_match(np.eye(6), seed=0)
    assert perfect["above_shuffled_share"] == perfect["above_any_share"] == 1
    assert perfect["top1_share"] == 1
    blind = prompt_match(np.ones((6, 6)), seed=0)
    assert blind["above_shuffled_share"] == blind["above_any_share"] == 0
    half = np.eye(4)
    half[:2] = 1 - half[:2]
    assert prompt_match(half, seed=3)["above_any_share"] == 0.5


def test_what_is_there_is_gone_on_with_and_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny_bundle(tmp_path / "tiny").folder)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("house, 120 bpm, in A minor\nslow rock\n")
    settings = {"model": model, "prompts": prompts, "seconds": 8.0, "out": tmp_path / "out"}
    whole = generation_command(**settings)
    assert whole["clips"] == 2 and whole["generate_seconds_mean"] > 0
    assert whole["chords"]["asked"] == 2, "the files tell the chords of their plans"
    assert whole["chords"]["bars"] >= 4
    assert [row["asked_bpm"] is None for row in whole["each"]] == [False, False]
    assert whole["each"][0]["asked_key"] == "A minor" and whole["each"][1]["style"] == "rock"
    first, second = (tmp_path / "out" / f"00{number}.flac" for number in (0, 1))
    before = first.read_bytes(), second.read_bytes()
    for path in (second, second.with_name("001.flac.json")):
        path.unlink()
    resumed = generation_command(**settings)
    assert (first.read_bytes(), second.read_bytes()) == before
    assert resumed["each"][0]["generate_seconds"] is None
    assert "2 clips of 8 s by" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"000\.flac: exists already, made from another request"):
        generation_command(**settings | {"seed": 9})
    assert (first.read_bytes(), second.read_bytes()) == before


def test_clap_scores_are_cosines_of_every_clip_with_every_text() -> None:
    torch.manual_seed(0)
    audio = AudioConfig(width=16, heads=2, layers=1, conv_blocks=1, bands=16, window_frames=64)
    text = TextConfig(vocabulary=len(Tokenizer.load()), width=16, heads=2, layers=2, table_width=8)
    clap = Clap(ClapConfig(embedding_width=8, audio=audio, text=text)).eval()
    waveforms = [noise(2.0), piece(100, Key.parse("C major"), 4.0).resampled(48_000)]
    scores = clap_scores(clap, Tokenizer.load(), waveforms, ["rain", "rock", "jazz trio"])
    assert scores.shape == (2, 3)
    assert np.abs(scores).max() <= 1 + 1e-5
    alone = clap_scores(clap, Tokenizer.load(), waveforms[1:], ["rock"])
    assert alone[0, 0] == pytest.approx(scores[1, 1], abs=1e-5)


def test_structure_command_writes_pictures_and_figures(corpus: Path, tmp_path: Path) -> None:
    report = structure_command([corpus / "a.flac", corpus / "b.flac"], tmp_path / "form")
    assert (tmp_path / "form" / "a.png").is_file()
    assert json.loads((tmp_path / "form" / "report.json").read_text())
    assert all(not one["seam"]["audible"] for one in report["pieces"])


def test_an_output_folder_that_is_a_file_is_refused(corpus: Path) -> None:
    with pytest.raises(UserError, match="cannot be made"):
        structure_command([corpus / "a.flac"], corpus / "a.flac")
