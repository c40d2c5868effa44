"""Choosing among takes: what is heard, what it is worth, and how it is told."""

from pathlib import Path

import numpy as np
import pytest

from longform import Pipeline
from longform.choose import Heard, badge, clap_match, hear, ranking, table
from longform.waveform import Waveform

RATE = 44_100


def beat(bpm: float, seconds: float = 12.0) -> Waveform:
    """Kick, hat and an A minor chord at a tempo, slightly wider than mono."""
    times = np.arange(round(seconds * RATE)) / RATE
    since = times % (60 / bpm)
    half = times % (30 / bpm)
    rng = np.random.default_rng(0)
    kick = np.exp(-since / 0.05) * np.sin(2 * np.pi * 60 * since)
    hat = 0.2 * np.exp(-half / 0.01) * rng.standard_normal(len(times))
    chord = sum(np.sin(2 * np.pi * hz * times) for hz in (220, 261.63, 329.63))
    middle = 0.4 * kick + hat + 0.05 * chord
    side = 0.02 * np.sin(2 * np.pi * 880 * times)
    return Waveform(np.stack([middle + side, middle - side]).astype(np.float32), RATE)


def test_a_clear_take_is_heard_as_it_is() -> None:
    heard = hear(beat(124), wanted_bpm=124, wanted_key="A minor")
    assert heard.tempo_obeyed and heard.tempo_bpm == pytest.approx(124, rel=0.01)
    assert heard.key == "A minor" and heard.key_relation == "exact"
    assert heard.faults == () and heard.obeys
    wrong = hear(beat(124), wanted_bpm=100, wanted_key="E major")
    assert wrong.tempo_obeyed is False and wrong.key_relation == "other" and not wrong.obeys
    assert heard.score == pytest.approx(1.0) and wrong.score == pytest.approx(0.0)


def test_faults_are_named() -> None:
    silence = Waveform(np.zeros((2, 5 * RATE), np.float32), RATE)
    assert "silent" in hear(silence).faults
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 5 * RATE)).astype(np.float32)
    assert "static" in hear(Waveform(noise, RATE)).faults
    loud = Waveform(np.clip(8 * beat(120).samples, -1, 1), RATE)
    assert "clipped" in hear(loud).faults


def test_a_short_take_has_neither_tempo_nor_key() -> None:
    heard = hear(beat(124, 1.0), wanted_bpm=124, match=0.3)
    assert heard.tempo_bpm is None and heard.obeys and heard.score == pytest.approx(0.3)


def test_the_best_take_obeys_first_and_matches_second() -> None:
    obeys = {"tempo_obeyed": True, "key_relation": "exact"}
    takes = [
        Heard(item=0, match=0.4, tempo_obeyed=False, key_relation="exact"),
        Heard(item=1, match=0.2, **obeys),
        Heard(item=2, match=0.3, **obeys),
        Heard(item=3, match=0.4, **obeys, faults=("seam",)),
        Heard(item=4, match=0.3, **obeys),
    ]
    assert ranking(takes)[:3] == [2, 4, 1]
    assert Heard(item=0, key_relation="fifth").score > Heard(item=0, key_relation="other").score


def test_badge_and_table_say_what_was_asked_and_heard() -> None:
    heard = Heard(
        item=0, wanted_bpm=124, wanted_key="A minor", match=0.25, tempo_bpm=124.06,
        tempo_obeyed=True, key="A minor", key_relation="exact",
    )  # fmt: skip
    assert badge(heard) == "asked 124 BPM, heard 124.1; asked A minor, heard A minor"
    assert badge(heard, {"key"}).startswith("planned 124 BPM, heard 124.1; asked")
    slow = Heard(item=1, wanted_bpm=140, tempo_bpm=70, tempo_obeyed=True, faults=("static",))
    assert badge(slow) == "asked 140 BPM, heard 70.0 (half time)"
    assert badge(Heard(item=0)) == ""
    lines = table([heard, slow], 0).splitlines()
    assert lines[0].split() == ["take", "match", "tempo", "key", "faults", "score"]
    assert lines[1].startswith("*  1     0.250  124.1 ok  A minor exact  none")
    assert lines[2].split()[:3] == ["2", "-", "70.0"] and "static" in lines[2]


def test_the_match_is_a_cosine_of_the_models_own_towers(model_folder: Path) -> None:
    pipe = Pipeline.from_pretrained(model_folder, device="cpu")
    first = clap_match(pipe, beat(120), "house")
    assert first is not None and -1 <= first <= 1
    assert first == clap_match(pipe, beat(120), "house")
    assert first != clap_match(pipe, beat(120), "rain")
    assert first != clap_match(pipe, beat(90), "house")
