"""What is read out of a prompt."""

import numpy as np
import pytest

from longform.music import read_prompt
from longform.music.styles import STYLES
from longform.train.songbook.captions import captions

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
    ("dreamy|ambient|electric piano, string ensemble, deep bass", {"style": "ambient"}),
    ("Instruments: tenor sax|Tempo: downtempo|BPM: 91|Subgenre: blues", {"style": "blues"}),
    ("raw blues tune, acoustic drums, downtempo", {"style": "blues"}),
    ("disco with clean guitar, drums and slap bass, lively tempo", {"style": "disco"}),
    ("dark, epic, orchestral percussion, string ensemble", {"style": "cinematic orchestral"}),
    ("warm, soulful rnb with rock drums and a slow feel", {"style": "soul"}),
    ("sampled drums, music box|dubstep|B minor", {"style": "dubstep"}),
    ("honky-tonk piano, double bass, brushed drums", {"style": None}),
    ("around 130 bpm, rustic, violin, upbeat tempo", {"style": None}),
    ("confident jazz guitar", {"style": "jazz trio"}),
    ("gentle piano without drums", {"style": "solo piano"}),
    ("Mood: dark, techno, 128 bpm", {"style": "techno", "bpm": 128}),
    ("chill downtempo", {"style": "downtempo"}),
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


def test_styles_of_the_songbook_are_read_from_its_captions() -> None:
    """Instruments and tempo words beside a named style do not stand for another one."""
    read, wrong = 0, []
    for style in STYLES.values():
        for seed in range(10):
            moods, tools = (
                list(np.random.default_rng(seed).permutation(x))
                for x in (style.moods, style.instruments)
            )
            facts = {
                "kind": "music",
                "style": style.name,
                "moods": moods[:2],
                "instruments": tools[:6],
            }
            facts |= {"tempo_bpm": 100.0, "key": "A minor", "metre": 4, "sections": ["verse"]}
            for text in captions(facts, seed, 8):
                found = read_prompt(text).style
                read += found == style.name
                if found not in (None, style.name):
                    wrong.append((style.name, found, text))
    assert read > 1900 and len(wrong) < 0.01 * read, wrong
