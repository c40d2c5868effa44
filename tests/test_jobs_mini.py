"""What every job must reach on `mini`, figures printed: pytest -m slow tests/test_jobs_mini.py -rP

It takes some ten minutes. Recordings are composed and rendered for it, so the Debian
packages fluidsynth and fluid-soundfont-gm are needed.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

from longform import Pipeline, Waveform
from longform.audio import read
from longform.choose import clap_match
from longform.clap.reader import ClapReader
from longform.deliver import FINISHED_JOBS, deliver, machine_of
from longform.finish import Finishing
from longform.jobs.planned import PlannedResult
from longform.music.draw import draw_plan
from longform.provenance import read_recipe, sidecar_of
from longform.replay import compare, make, make_again
from longform.request import Request
from longform.train.evaluate.tempo import estimate_tempo, tempo_obeyed
from longform.train.songbook.compose import compose
from longform.train.songbook.render import render
from tests.bench.transfer_curve import clips

pytestmark = pytest.mark.slow
STRENGTHS = (0.0, 0.4, 0.7, 1.0)
LIKED = (
    "house", "techno", "drum and bass", "lo-fi hip hop", "synthwave", "ambient", "jazz trio",
    "cinematic orchestral", "solo piano", "bossa nova", "funk", "rock",
)  # fmt: skip
Bed = dict[str, tuple[Waveform, str, float]]


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    return Pipeline.from_pretrained("mini", device="cpu")


@pytest.fixture(scope="module")
def bed() -> Bed:
    """Name -> (recording, prompt of another style, tempo): the twelve clips of the bench."""
    return clips()


def test_groove_is_kept_and_the_prompt_is_heard(pipe: Pipeline, bed: Bed) -> None:
    onsets, gains = [], []
    for name, (audio, prompt, _) in bed.items():
        made = pipe.transfer(audio, Request(prompt=prompt, seed=1), keep="groove")
        before, after = (clap_match(pipe, one, prompt) for one in (audio, made.waveform))
        assert before is not None and after is not None
        onsets.append(made.retention.onset)
        gains.append(after - before)
        print(f"{name:20s} onset {onsets[-1]:.3f}, CLAP {before:.3f} -> {after:.3f}", flush=True)
    print(f"mean onset {np.mean(onsets):.3f}; CLAP up in {sum(one > 0 for one in gains)} of 12")
    assert np.mean(onsets) >= 0.6 and np.mean(gains) > 0


def test_with_strength_retention_falls_and_the_match_rises(pipe: Pipeline, bed: Bed) -> None:
    table = np.zeros((len(STRENGTHS), len(bed), 4))
    for column, (name, (audio, prompt, _)) in enumerate(bed.items()):
        audio = Waveform(audio.samples[:, : 5 * audio.sample_rate], audio.sample_rate)
        for row, strength in enumerate(STRENGTHS):
            made = pipe.transfer(audio, Request(prompt=prompt, seed=1), strength=strength)
            kept = (made.retention.chroma, made.retention.onset, made.retention.loudness)
            table[row, column] = *kept, clap_match(pipe, made.waveform, prompt)
        print(f"{name:20s}", np.round(table[:, column], 2).tolist(), flush=True)
    print("strength   chroma    onset loudness     CLAP")
    for strength, row in zip(STRENGTHS, table.mean(1), strict=True):
        print(f"{strength:8.2f}" + "".join(f" {value:8.3f}" for value in row))
    assert (np.diff(table[..., :3].mean((1, 2))) < 0).all()
    assert (np.diff(table[..., 3].mean(1)) > 0).all()


def test_at_strength_0_the_file_holds_the_autoencoders_round_trip(
    pipe: Pipeline, bed: Bed, tmp_path: Path
) -> None:
    audio, prompt, _ = bed["mix pop"]
    trip = pipe.decode(pipe.encode(audio)).samples[:, : audio.samples.shape[1]]
    request = Request(prompt=prompt, seed=1)
    made = pipe.transfer(audio, request, strength=0.0)
    task: dict[str, Any] = {"pipe": pipe, "job": "transfer", "inputs": {"audio": audio}}
    task["parameters"] = asdict(request) | {"strength": 0.0}
    raw = deliver(made, tmp_path / "raw.wav", **task, finishing=None, bits=32)
    usual = deliver(made, tmp_path / "usual.wav", **task, finishing=Finishing(lufs=None), bits=32)
    scale = min(1.0, 10 ** (raw.report.gain_db / 20))
    away = np.abs(read(tmp_path / "raw.wav").samples - trip * scale).max()
    held = usual.finished.limited_db
    print(f"raw: differs by {away:.1e}; finished without a level: limited by up to {held:.1f} dB")
    assert np.array_equal(made.waveform.samples, trip) and away < 1e-6


@pytest.mark.parametrize("name", ["mix bossa nova", "mix pop", "mix trance"])
def test_edits_keep_every_other_bit_and_join_like_the_music(
    pipe: Pipeline, bed: Bed, name: str
) -> None:
    audio = bed[name][0]
    request = Request(prompt=name.removeprefix("mix "), seed=2)
    inside = pipe.inpaint(audio, request, [(3.0, 6.0)])
    longer = pipe.extend(audio, request, after_seconds=4.0, before_seconds=2.0)
    rate = audio.sample_rate
    same = np.r_[0 : 3 * rate, 6 * rate : 10 * rate]
    assert np.array_equal(inside.waveform.samples[:, same], audio.samples[:, same])
    (_, first), (last, _) = longer.regions
    kept = slice(round(first * rate), round(last * rate))
    moved = slice(kept.start - 2 * rate, kept.stop - 2 * rate)
    assert np.array_equal(longer.waveform.samples[:, kept], audio.samples[:, moved])
    for job, made in (("inpaint", inside), ("extend", longer)):
        ratios = [round(seam.ratio, 3) for seam in made.seams]
        print(f"{name}, {job}: seams {ratios} of the 95th percentile; kept {made.kept_exactly}")
        assert made.worst_seam < 1 and made.kept_exactly


@pytest.mark.parametrize("prompt", ["house", "techno, dark", "lo-fi hip hop, mellow keys"])
def test_a_loop_is_exact_closes_and_is_in_tune(pipe: Pipeline, prompt: str) -> None:
    made = pipe.loop(Request(prompt=prompt, bpm=124.0, seed=5), 8)
    samples = made.waveform.samples
    cents = tuning_cents(samples, made.waveform.sample_rate)
    print(f"{prompt}: {samples.shape[1]} samples, wrap {made.wrap.jump:.5f}, median jump inside "
          f"{made.wrap.median_jump:.5f}, tuning {cents:+.1f} cents")  # fmt: skip
    assert samples.shape[1] in (682_838, 682_839)
    assert made.wrap.jump < made.wrap.median_jump
    assert abs(cents) < 3


def tuning_cents(samples: np.ndarray, sample_rate: int) -> float:
    """How far the partials from 60 to 900 Hz lie off A4 = 440 Hz, as one circular mean in cents."""
    power = (np.abs(np.fft.rfft(samples, axis=1)) ** 2).sum(0)
    hz = np.arange(len(power)) * sample_rate / samples.shape[1]
    inside = (hz > 60) & (hz < 900)
    turns = 12 * np.log2(hz[inside] / 440)
    mean = (power[inside] * np.exp(2j * np.pi * turns)).sum()
    return float(100 * np.angle(mean) / (2 * np.pi))


PLANS = {
    "synthwave": "intro 4s: soft pads / drop 6s: full drums, bright / outro 4s",
    "house": "intro 4s / verse 4s / chorus 5s / outro 3s",
    "techno": "intro 4s / build 4s / drop 5s / outro 3s",
    "cinematic orchestral": "intro 5s: quiet strings / chorus 6s: full, loud / outro 4s: soft",
    "pop": "verse 4s / chorus 5s / bridge 4s / outro 3s",
    "rock": "intro 3s / verse 4s / chorus 5s / outro 3s",
    "lo-fi hip hop": "intro 4s: soft / verse 5s / break 4s / outro 3s",
    "trance": "intro 4s / break 4s: pads / drop 5s: full / outro 3s",
    "ambient": "intro 5s: quiet / verse 6s / outro 4s",
    "funk": "intro 3s: drums / verse 4s / chorus 5s / break 3s",
}


def test_sections_are_as_loud_as_planned(pipe: Pipeline) -> None:
    found = []
    for seed, (prompt, plan) in enumerate(PLANS.items()):
        made = pipe.run(Request(prompt=prompt, plan=plan, seed=seed))
        assert isinstance(made, PlannedResult) and made.energy_rank_correlation is not None
        found.append(made.energy_rank_correlation)
        levels = [(one.name, one.energy, one.level_db) for one in made.sections]
        print(f"{prompt:22s} rho {found[-1]:+.2f} {levels}", flush=True)
    print(f"mean of {len(found)} plans: {np.mean(found):.3f}")
    assert np.mean(found) >= 0.7


def test_twenty_files_of_all_jobs_and_formats_replay_bit_by_bit(
    pipe: Pipeline, bed: Bed, tmp_path: Path
) -> None:
    audio = bed["mix pop"][0]
    audio = Waveform(audio.samples[:, : 3 * audio.sample_rate], audio.sample_rate)
    readers = {"mutagen": _told_by_mutagen}
    if shutil.which("ffprobe") is not None:  # of the Debian package ffmpeg
        readers["ffprobe"] = _told_by_ffprobe
    seen = dict.fromkeys(["exact", *readers], 0)
    for number, (job, own) in enumerate(_twenty()):
        suffix = (".wav", ".flac", ".mp3", ".ogg")[number % 4]
        path = tmp_path / f"{number:02d}-{job}{suffix}"
        parameters = {"prompt": f"funk number {number}", "seed": number, "steps": 4} | own
        heard = job in ("transfer", "inpaint", "extend") or own.get("amount") == 0.5
        inputs = {"audio": audio} if heard else {}
        task: dict[str, Any] = {"job": job, "parameters": parameters, "inputs": inputs}
        finishing = Finishing() if job in FINISHED_JOBS else None
        deliver(make(pipe, **task), path, pipe=pipe, **task, finishing=finishing)
        recipe = read_recipe(path)
        _, again = make_again(recipe, pipe, inputs=inputs)
        verdict = compare(path, recipe, again, machine_of(pipe))
        seen["exact"] += verdict.same_samples and verdict.same_file
        for name, told in readers.items():
            seen[name] += told(path) == (parameters["prompt"], "AI-generated")
        assert sidecar_of(path).is_file()
        print(f"{path.name}: {verdict}", flush=True)
    print(seen)
    assert set(seen.values()) == {20}


def _twenty() -> Iterator[tuple[str, dict[str, Any]]]:
    """Jobs and their own parameters; five of each file format."""
    yield from [("generate", {"seconds": 3.0}), ("generate", {"seconds": 2.5, "free": True})]
    yield from [("generate", {"plan": "intro 2s / drop 2s"}), ("generate", {"seconds": 0.7})]
    yield from [("transfer", {"keep": "groove"}), ("transfer", {"strength": 0.0})]
    yield from [("transfer", {"strength": 0.5}), ("transfer", {"keep": "melody", "bpm": 100.0})]
    yield from [("sfx", {"seconds": 1.0}), ("sfx", {"seconds": 1.0, "looped": True})]
    yield from [("inpaint", {"regions": [[1.0, 2.0]]}), ("inpaint", {"regions": [[0.0, 1.0]]})]
    yield from [("extend", {"after_seconds": 1.0}), ("extend", {"before_seconds": 1.0})]
    yield from [("loop", {"bars": 1}), ("loop", {"bars": 2, "bpm": 140.0})]
    yield from [("vary", {"amount": 0.3, "seconds": 2.0}), ("vary", {"amount": 0.5})]
    yield from [
        ("generate", {"seconds": 2.0, "negative": "noise"}),
        ("vary", {"amount": 0.0, "seconds": 2.0}),
    ]


def _told_by_mutagen(path: Path) -> tuple[str, str]:
    held = mutagen.File(path).tags
    if path.suffix in (".wav", ".mp3"):
        texts = {frame.desc: str(frame) for frame in held.getall("TXXX")}
        texts["comment"] = texts.get("comment", str(held.get("COMM::eng", "")))
    else:
        texts = {name.lower(): text[0] for name, text in held.as_dict().items()}
    return texts["prompt"], texts["comment"]


def _told_by_ffprobe(path: Path) -> tuple[str, str]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags:stream_tags"]
    said = json.loads(subprocess.check_output([*command, path]))
    groups = [said.get("format", {}), *said.get("streams", [])]
    tags = {name.lower(): text for one in groups for name, text in one.get("tags", {}).items()}
    return tags["title"], tags["comment"]


def test_what_is_longer_than_a_window_is_made_in_one_piece(pipe: Pipeline, bed: Bed) -> None:
    audio = bed["mix pop"][0]
    made = pipe.extend(audio, Request(prompt="pop", seed=2, steps=6), after_seconds=90.0)
    samples, rate = made.waveform.samples, audio.sample_rate
    blocks = samples[:, : len(samples[0]) // rate * rate].reshape(2, -1, rate)
    levels = 10 * np.log10((blocks.astype(float) ** 2).mean((0, 2)) + 1e-12)
    joins = levels[8:96]  # the windows overlap somewhere in here
    print(f"seam {made.worst_seam:.3f}; levels of each second: {np.round(joins, 1).tolist()}")
    assert samples.shape[1] == 100 * rate and made.worst_seam < 1
    assert joins.min() > np.median(levels[:8]) - 20, "no hole"


def test_music_like_a_recording_is_nearer_to_it_than_to_others(pipe: Pipeline) -> None:
    recordings = {style: rendered(style, 9100 + seed) for seed, style in enumerate(LIKED)}
    reader = pipe.encode_text
    assert isinstance(reader, ClapReader)
    rows, obeyed = [], 0
    for seed, (style, (audio, bpm)) in enumerate(recordings.items()):
        request = Request(prompt="", like_amount=1.0, seconds=8.0, seed=seed)
        made = pipe.run(request, like=audio)
        vector = reader.hear(made.waveform)
        rows.append([float(vector @ reader.hear(other)) for other, _ in recordings.values()])
        heard = estimate_tempo(made.waveform).bpm
        obeyed += tempo_obeyed(heard, bpm)
        words, asked = made.facts["like"]["words"], made.facts.get("tempo_bpm")
        print(f"{style:22s} as {words!r}: likeness {rows[-1][seed]:.2f}, "
              f"{bpm:g} BPM, asked {asked}, heard {heard:g}", flush=True)  # fmt: skip
    table = np.array(rows)
    own, others = np.diag(table), (table.sum(1) - np.diag(table)) / (len(table) - 1)
    print(f"to its own {own.mean():.3f}, to the others {others.mean():.3f}; nearer to its own in "
          f"{(own > others).sum()} of 12; tempo within 4 % in {obeyed} of 12")  # fmt: skip
    assert own.mean() > others.mean() + 0.15 and (own > others).mean() >= 0.75


def rendered(style: str, seed: int, seconds: float = 12.0) -> tuple[Waveform, float]:
    """The middle of a composed piece, and its tempo."""
    plan = draw_plan(style=style, seconds=2 * seconds, seed=seed)
    made = render(compose(plan), stems=False)
    start = round(0.35 * made.mix.shape[1])
    piece = made.mix[:, start : start + round(seconds * made.sample_rate)]
    return Waveform(np.ascontiguousarray(piece), made.sample_rate), plan.tempo_bpm
