"""The whole evaluation: each measure on music whose answer is known, then one command for all."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluate_music import SAMPLE_RATE, noise, piece
from judges import save_openl3, save_passt

from longform.audio import Waveform, read
from longform.bundle import Bundle
from longform.cli import run
from longform.errors import UserError
from longform.music.theory import Key, roman_bars
from longform.progress import Progress
from longform.train.encode import main as encode
from longform.train.evaluate.definitions import DEFINITIONS, SECTIONS, section_of
from longform.train.evaluate.descriptors import BINS, METRES, describe, divergences, mirdd
from longform.train.evaluate.features import analysis_mono
from longform.train.evaluate.figures import clip_row
from longform.train.evaluate.harmony import hear_harmony
from longform.train.evaluate.inventory import Asked, find_clips
from longform.train.evaluate.key import KEYS
from longform.train.evaluate.measure import measure_all
from longform.train.evaluate.memorisation import CACHE, nearest_by_latents, open_library
from longform.train.evaluate.mix import measure_mix
from longform.train.evaluate.report import Inputs
from longform.train.evaluate.structure import analyse_structure, repetition_share
from longform.train.evaluate.targets import TARGETS
from longform.train.evaluate.whole import evaluation_command
from longform.train.evaluate.zeroshot import (
    STYLE_NAMES,
    Words,
    family_auc,
    style_confusion,
    top_share,
)
from longform.train.latents import LatentDataset
from tests.tiny import tiny_bundle

HOP = 4096
ROWS = (
    ("house", 124.0, "A minor"),
    ("house", 120.0, "C major"),
    ("rock", 100.0, "G major"),
    ("rock", 90.0, "E minor"),
    ("pop", 110.0, "D major"),
    ("pop", 104.0, "F major"),
    ("techno", 132.0, "D minor"),
    ("techno", 128.0, "B minor"),
)


PLAYED = {"major": "I V vi IV", "minor": "i VI iv V"}
"""The loop of `evaluate_music.piece`."""


def described(bpm: float, key: str, seconds: float = 12.0):
    waveform = piece(bpm, Key.parse(key), seconds)
    mono = analysis_mono(waveform)
    return describe(mono, hear_harmony(mono), analyse_structure(waveform), bpm)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny").folder)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pieces of music with the truth beside them, all of the training split."""
    folder = tmp_path_factory.mktemp("real")
    for number, (style, bpm, key) in enumerate(ROWS):
        piece(bpm, Key.parse(key), 12.0, number).save(folder / f"{number}.flac", bits=16)
        facts = {"kind": "music", "style": style, "tempo_bpm": bpm, "key": key, "split": "train"}
        captions = {"captions": [style, f"{style}, {bpm:g} bpm, in {key}"]}
        (folder / f"{number}.json").write_text(json.dumps(facts | captions))
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips: one asked for another key, one at half the tempo, one that is a copy."""
    folder = tmp_path_factory.mktemp("clips")
    for number, (style, bpm, key) in enumerate(ROWS[:4]):
        waveform = piece(bpm, Key.parse(key), 12.0, number if number == 3 else 9)
        asked = {0: "house, 124 bpm, in E major", 1: "house, 60 bpm, C major"}
        prompt = asked.get(number, f"{style}, {bpm:g} bpm, in {key}")
        loop = roman_bars(PLAYED[Key.parse(key).mode], Key.parse(key))
        chords = [str(chord) for (chord,) in loop] * 2
        facts = {"seconds": 12.0, "end_seconds": 8.0, "tempo_bpm": bpm, "metre": 4, "key": key}
        tags = {"prompt": prompt, "facts": json.dumps(facts | {"chords": chords})}
        waveform.save(folder / f"{number}.flac", bits=16, tags=tags)
    return folder


def test_a_mix_is_measured_in_every_band() -> None:
    wide = measure_mix(noise(3.0, 0.1))
    assert wide.fold_loss_db == pytest.approx(3.01, abs=0.1)
    for band in ("low", "middle", "high"):
        assert wide.correlation[band] == pytest.approx(0, abs=0.1)
        assert wide.width[band] == pytest.approx(0.5, abs=0.06)
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    sine = 0.5 * np.sin(2 * np.pi * 1000 * time)
    mono = measure_mix(Waveform(np.stack([sine, sine]), SAMPLE_RATE))
    assert mono.crest_db == pytest.approx(3.01, abs=0.05) and mono.fold_loss_db == 0
    assert mono.correlation["middle"] == pytest.approx(1) and mono.width["middle"] == 0
    assert mono.bandwidth_hz == pytest.approx(1000, abs=40)
    opposed = measure_mix(Waveform(np.stack([sine, -sine]), SAMPLE_RATE))
    assert opposed.width["middle"] == pytest.approx(1) and opposed.fold_loss_db == 120
    nothing = measure_mix(Waveform(np.zeros((2, SAMPLE_RATE)), SAMPLE_RATE))
    assert nothing.fold_loss_db is None and nothing.correlation == {}


def test_the_eleven_descriptors_of_a_known_piece() -> None:
    found = described(100, "D major")
    assert found.keys() == BINS.keys() and len(BINS) == 11
    assert KEYS[int(found["key_signature"].argmax())] == Key.parse("D major")
    scale = set(Key.parse("D major").scale)
    assert sum(found["note_pitch_classes"][list(scale)]) > 0.8
    assert int(found["chord_triads"].argmax()) in {2, 7, 9, 11 + 12}  # D, G, A, B minor
    assert METRES[int(found["beats_per_bar"].argmax())] == 4
    assert found["percussive_density"].argmax() >= 1
    assert all(
        histogram.sum() == pytest.approx(1) or name == "structure_labels"
        for name, histogram in found.items()
    )


def test_the_distance_by_descriptors_is_zero_for_like_and_sees_a_transposition() -> None:
    ours = [described(100, key) for key in ("D major", "G major")]
    theirs = [described(100, key) for key in ("C# major", "F# major")]
    assert mirdd(ours, ours) == pytest.approx(0, abs=1e-12)
    apart = divergences(ours, theirs)
    assert apart["note_pitch_classes"] > 0.2 and apart["key_signature"] > 1
    assert apart["beats_per_bar"] < 0.1
    silence = np.zeros(44_100, np.float32)
    empty = describe(silence, hear_harmony(silence), analyse_structure(noise(2.0)), 0.0)
    assert not any(histogram.any() for histogram in empty.values())


def test_repetition_is_the_share_that_comes_again() -> None:
    once = np.eye(40)
    assert repetition_share(once) == 0
    again = np.tile(np.eye(20), (2, 2))
    assert repetition_share(again) >= 0.85, "all but the edges, which have fewer neighbours"


def test_classification_counts_by_what_was_asked() -> None:
    shares = np.full((3, len(STYLE_NAMES)), 0.01)
    for row, style in enumerate(("house", "techno", "house")):
        shares[row, STYLE_NAMES.index(style)] = 0.5
    asked = ["house", "house", None]
    assert style_confusion(shares, asked).pairs == [
        {"asked": "house", "heard": "techno", "clips": 1}
    ]
    assert top_share(shares, asked, 1) == 0.5 and top_share(shares, [None] * 3, 1) is None
    words = Words(styles=np.eye(8), families=np.eye(8))
    named = [frozenset({"drums"}), frozenset({"bass"}), frozenset({"bass"})]
    assert family_auc(np.eye(8)[[0, 1, 1]], words, named) == {"drums": 1.0, "bass": 1.0}
    assert family_auc(np.eye(8)[[1, 0, 0]], words, named) == {"drums": 0.0, "bass": 0.0}


def test_an_excerpt_of_a_training_piece_is_found_where_it_was_taken(
    model: str, tmp_path: Path
) -> None:
    data, latents = tmp_path / "data", tmp_path / "latents"
    data.mkdir()
    for number, (_, bpm, key) in enumerate(ROWS[:2]):
        piece(bpm, Key.parse(key), 18.0, number).save(data / f"{number}.flac", bits=16)
        (data / f"{number}.json").write_text(json.dumps({"split": "train"}))
    encode(model, data, latents)
    start = 60 * HOP
    copied = read(data / "1.flac").samples[:, start : start + 11 * SAMPLE_RATE]
    Waveform(0.7 * copied, SAMPLE_RATE).save(tmp_path / "copy.flac")
    piece(95, Key.parse("Eb minor"), 11.0, 7).save(tmp_path / "own.flac")
    piece(95, Key.parse("Eb minor"), 5.0, 7).save(tmp_path / "short.flac")
    asked = [Asked(path=tmp_path / f"{name}.flac", name=name) for name in ("copy", "own", "short")]
    autoencoder = Bundle.load(model).autoencoder()
    copy, own, short = nearest_by_latents(asked, autoencoder, LatentDataset(latents, "train"))
    assert copy is not None and own is not None and short is None
    assert copy.item == "1" and copy.likeness > 0.9 > own.likeness + 0.1
    assert start / SAMPLE_RATE - 0.2 <= copy.seconds <= start / SAMPLE_RATE + 1.3


def test_what_was_asked_comes_from_tags_then_a_report_then_side_cars(
    clips: Path, real: Path, tmp_path: Path
) -> None:
    tagged = find_clips(clips)[0]
    assert (tagged.bpm, str(tagged.key), tagged.style) == (124, "E major", "house")
    assert (tagged.asked_seconds, tagged.end_seconds) == (12, 8)
    assert [one.bpm for one in find_clips(real)] == [row[1] for row in ROWS]
    shutil.copy(real / "0.flac", tmp_path / "x.flac")
    row = {"file": "x.flac", "name": "soft pop", "asked_bpm": 99.0, "asked_key": "B minor"}
    (tmp_path / "report.json").write_text(json.dumps({"each": [row]}))
    (told,) = find_clips(tmp_path)
    assert (told.prompt, told.bpm, str(told.key), told.style) == ("soft pop", 99, "B minor", "pop")


def test_one_command_measures_everything(
    model: str,
    clips: Path,
    real: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("longform.train.evaluate.report.AUTOENCODER_PIECES", 1)
    training = shutil.copytree(real, tmp_path / "training")
    save_openl3(tmp_path)
    save_passt(tmp_path)
    settings = {"model": model, "scorer": model, "reference": real, "training": training}
    settings["full"] = tmp_path
    report = evaluation_command(clips, **settings, out=tmp_path / "a", jobs=1)
    figures = report["figures"]
    assert figures["obedience.tempo"]["value"] == 1
    assert figures["obedience.tempo_unfolded"]["value"] == 0.75
    assert figures["obedience.key"]["value"] <= 0.75 < figures["obedience.key"]["real"]
    assert figures["obedience.chords"]["value"] > 0.85 > figures["obedience.chords"]["chance"]
    assert list(figures) == [name for name in DEFINITIONS if name in figures], "in one order"
    ratio, own = (figures[f"distribution.clap_fd{x}"]["value"] for x in ("_ratio", "_autoencoder"))
    halves, ours = (figures["distribution.clap_fd"][x] for x in ("real", "value"))
    assert ratio == pytest.approx(ours / (halves + own), rel=0.05) and own > 0
    assert figures["autoencoder.key"]["real"] == 1 and figures["autoencoder.alarms"]["real"] == 0
    assert figures["memorisation.clap_beyond"]["value"] == 0
    assert figures["signal.duration_error"]["value"] == 0
    assert figures["signal.tail_reached"]["value"] == 0, "the music goes on to the end"
    assert figures["memorisation.clap_median"]["real"] == pytest.approx(1, abs=1e-3)
    closest = report["details"]["memorisation_clap"]["closest"]
    assert ("3.flac", "3") in {(one["clip"], one["item"]) for one in closest[:2]}
    found = report["details"]["memorisation_clap"]
    assert found["line"] == pytest.approx(1, abs=1e-3) and len(found["closest_held_out"]) == 8
    assert report["split"] == "all" and 0 < figures["model.size"]["value"] < 90
    assert figures["structure.similarity_overlap"]["real"] > 0
    assert {section_of(name) for name in figures} == set(SECTIONS)
    assert report["absent"].keys() == {"memorisation.latents", "obedience.laion_clap"}
    assert report["details"]["full"]["passt_pairs"] == 2, "the other prompts are no captions"
    assert figures["distribution.openl3"]["value"] > 0 and "distribution.passt" in figures
    assert "structure.return_median" not in figures, "12 s are too short to tell: absent, not 0"
    assert (tmp_path / "a" / "report.json").read_text() == json.dumps(report, indent=1) + "\n"
    page = (tmp_path / "a" / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)|url\(|@import|https?://""", page)
    for name, entry in figures.items():
        assert DEFINITIONS[name].title in page.replace("&#x27;", "'"), name
        assert entry["unit"] == DEFINITIONS[name].unit
    assert "LAION-CLAP score: not measured; laion_clap is not in the folder of --full" in page
    assert page.count("<audio") == 4 and "prefers-color-scheme:dark" in page
    assert "<summary>By style</summary>" in page and "Targets:" in page
    printed = capsys.readouterr().out
    assert "obedience: key exact" in printed and "at least 95.0 %" in printed
    assert "4 clips and 8 real pieces measured in" in printed and "missed by" in printed
    assert "held-out pieces reach" in printed and "the classifier's own" in printed
    assert [one["figure"] for one in report["targets"]] == [one.figure for one in TARGETS]
    with pytest.raises(UserError, match=r"report\.json: exists already"):
        evaluation_command(clips, **settings, out=tmp_path / "a")


def test_a_training_corpus_is_listened_to_once(model: str, real: Path, tmp_path: Path) -> None:
    data = shutil.copytree(real, tmp_path / "data", ignore=lambda *_: ["0.flac", "5.flac"])
    heard: list[Progress] = []
    first = open_library(data, model, tmp_path, jobs=1, on_progress=heard.append)
    assert len(heard) == 6 and len(list((data / CACHE).iterdir())) == 1
    again = open_library(data, model, tmp_path, jobs=1, on_progress=heard.append)
    assert len(heard) == 6 and np.array_equal(first.vectors, again.vectors)
    assert again.ids == first.ids
    shutil.copy(real / "0.flac", data / "0.flac")
    other = open_library(data, model, tmp_path, jobs=1, on_progress=heard.append)
    assert len(heard) == 13 and "0" in other.ids, "another corpus"
    shutil.rmtree(data / CACHE)
    (data / CACHE).write_text("a file in the way")
    open_library(data, model, tmp_path, jobs=1)
    assert list(tmp_path.glob("clap-*.safetensors"))


def test_pieces_of_the_training_corpus_count_as_real_only_from_its_test_split(
    model: str, clips: Path, real: Path, tmp_path: Path
) -> None:
    settings = {"model": model, "scorer": model, "out": tmp_path, "jobs": 1}
    with pytest.raises(UserError, match="no usable audio of split 'test'"):
        evaluation_command(clips, **settings, reference=real, training=real)
    same = Inputs(clips=clips, cache=tmp_path, reference=real, training=real / ".." / real.name)
    assert same.held_out == "test" and replace(same, split="all").held_out == "all"
    assert replace(same, training=None).held_out == "all"


@pytest.mark.slow
def test_processes_do_not_change_a_figure(model: str, clips: Path) -> None:
    asked = find_clips(clips)[:2]
    alone, together = (measure_all(asked, model, jobs=jobs, stage="x") for jobs in (1, 2))
    for one, other in zip(alone, together, strict=True):
        assert clip_row(one) == clip_row(other)
        assert np.array_equal(one.windows, other.windows)


def test_form_is_compared_with_pieces_of_its_length_alone(
    model: str, real: Path, tmp_path: Path
) -> None:
    for number, seconds in enumerate([20.0, 20.0, 14.0, 14.0]):
        piece(100, Key.parse("C major"), seconds, number).save(tmp_path / f"{number}.flac", bits=16)
    settings = {"model": None, "scorer": model, "reference": real, "jobs": 1}
    report = evaluation_command(tmp_path, **settings, out=tmp_path / "long")
    told = report["absent"]["structure of real pieces"]
    assert told == "0 of 8 are about as long as the clips, 4 are needed"
    found = report["figures"]
    assert "structure.changes_overlap" not in found
    assert "real" not in found["structure.repetition_median"]
    assert "real" in found["signal.loudness_median"], "what does not hang on length is compared"


def test_without_real_pieces_their_sections_are_absent(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("longform.train.evaluate.whole.LONG_SECONDS", 7.0)
    words = ["eval", "--model", model, "--scorer", model, "--seconds", "6", "--count", "1"]
    words += ["--takes", "2", "--long", "1", "--jobs", "1", "--out", str(tmp_path)]
    assert run(words) == 0
    long = json.loads((tmp_path / "long" / "report.json").read_text())
    assert long["clips"] == 1 and long["each"][0]["signal"]["seconds"] == 7
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["clips"] == 2 and len(list((tmp_path / "clips").glob("*.flac"))) == 2
    assert "distribution.diversity_seeds" in report["figures"]
    assert "distribution.clap_fd" not in report["figures"]
    assert {"distribution", "autoencoder", "memorisation.clap"} <= report["absent"].keys()
    assert not any("real" in figure for figure in report["figures"].values())
    assert run(["eval", "--seconds", "6"]) == 2
    assert "name a folder of clips, or a model" in capsys.readouterr().err
    assert run(["eval", str(tmp_path), "--long", "1"]) == 2
    assert "--long makes clips" in capsys.readouterr().err
    assert run(["eval", str(tmp_path), "--full", str(tmp_path)]) == 2
    assert "laion_clap/config.json is not there" in capsys.readouterr().err


def test_every_definition_is_complete() -> None:
    for one in DEFINITIONS.values():
        assert section_of(one.id) in SECTIONS and one.title and one.text and one.source
        assert "{" not in one.text + one.source
