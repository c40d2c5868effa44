"""What is read out of a prompt."""

import pytest

from longform.music import read_prompt

PROMPTS = [
    ("deep house 124 bpm", {"style": "house", "bpm": 124}),
    ("Techno, 132bpm, A minor", {"style": "techno", "bpm": 132, "key": "A minor"}),
    ("lofi beats to study to, sleepy", {"style": "lo-fi hip hop"}),
    (
        "liquid drum & bass at 174 BPM in F# minor",
        {"style": "drum and bass", "bpm": 174, "key": "F# minor"},
    ),
    ("a gentle waltz for music box", {"style": "waltz", "metre": 3}),
    ("folk song in 6/8", {"style": "folk", "metre": 6}),
    ("jazz in 5/4", {"style": "jazz trio", "metre": 5}),
    ("epic orchestral, D minor", {"style": "cinematic orchestral", "key": "D minor"}),
    ("sad solo piano in Bb major", {"style": "solo piano", "key": "Bb major"}),
    ("12 bar blues shuffle in E", {"style": "blues", "key": "E major"}),
    ("bossa nova, Am", {"style": "bossa nova", "key": "A minor"}),
    ("synthwave, tempo 100", {"style": "synthwave", "bpm": 100}),
    ("8-bit chiptune boss fight, fast", {"style": "chiptune"}),
    ("rock with acoustic guitar and organ", {"style": "rock"}),
    ("trap beat, dark, 140 beats per minute", {"style": "trap", "bpm": 140}),
    ("reggae, one love, key of G", {"style": "reggae", "key": "G major"}),
    ("funk, slap bass, c minor", {"style": "funk", "key": "C minor"}),
    ("dark ambient drone with wind", {"style": "ambient", "effect": None}),
    ("Genre: Disco | BPM: 118 | Mood: Happy", {"style": "disco", "bpm": 118}),
    ("heavy metal, E flat minor, 3/4", {"style": "metal", "key": "Eb minor", "metre": 3}),
    ("country ballad with fiddle", {"style": "country"}),
    ("trip hop, 90.5 bpm", {"style": "downtempo", "bpm": 90.5}),
    ("something in a minor key", {"key": None, "style": None}),
    ("music for A dark room", {"key": None}),
    ("lo-fi hip hop with rain", {"style": "lo-fi hip hop", "effect": None}),
    ("rain on a tin roof", {"effect": "rain", "style": None}),
    ("thunderstorm, distant thunder", {"effect": "thunder"}),
    ("sound of an old engine starting", {"effect": "engine"}),
    ("laser zap sfx", {"effect": "laser"}),
    ("footsteps on gravel", {"effect": "footsteps"}),
    ("a huge explosion", {"effect": "explosion"}),
    ("warm rain pads and soft piano", {"effect": None}),
    ("", {"style": None, "bpm": None, "key": None, "metre": None, "effect": None}),
]


@pytest.mark.parametrize(("prompt", "facts"), PROMPTS, ids=[prompt for prompt, _ in PROMPTS])
def test_prompt_facts(prompt: str, facts: dict) -> None:
    found = read_prompt(prompt)
    for name, value in facts.items():
        read = getattr(found, name)
        assert (str(read) if name == "key" and read is not None else read) == value, name


def test_prompt_families_moods_and_mode() -> None:
    found = read_prompt("calm, nostalgic piano and strings without drums, minor key")
    assert found.families == {"keys", "strings"} and found.without == {"drums"}
    assert found.moods == ("calm", "nostalgic") and found.mode == "minor"
