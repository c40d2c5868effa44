"""Jobs that make something new, on a model of random weights: effects, loops, variations, plans."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from longform import Pipeline, UserError
from longform.jobs.circular import closed, rolled_to_calm
from longform.jobs.level import leveled
from longform.jobs.loop import loop_plan
from longform.jobs.planned import PlannedResult
from longform.jobs.sfx import trimmed
from longform.jobs.vary import VaryResult
from longform.planning import plan_of
from longform.request import Request
from longform.waveform import Waveform


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(model_folder, device="cpu")


def request(prompt: str = "house, A minor", **settings: object) -> Request:
    return Request(**({"prompt": prompt, "steps": 2} | settings))  # pyright: ignore


@pytest.mark.parametrize(
    ("bpm", "bars", "metre", "samples"),
    [(124, 8, 4, 682_839), (90, 1, 4, 117_600), (133.7, 3, 3, 178_115)],
)
def test_a_loop_is_exact_to_the_sample_and_its_wrap_is_quiet(
    pipe: Pipeline, bpm: float, bars: int, metre: int, samples: int
) -> None:
    result = pipe.loop(request(bpm=bpm, metre=metre), bars)
    assert result.waveform.samples.shape == (2, samples)
    assert result.wrap is not None and result.wrap.jump < result.wrap.median_jump
    steps = np.abs(np.diff(result.waveform.samples, axis=1)).max(axis=0)
    wrap = np.abs(result.waveform.samples[:, 0] - result.waveform.samples[:, -1]).max()
    assert wrap == pytest.approx(result.wrap.jump, rel=1e-4) and wrap < np.median(steps)
    assert result.wrap.cut_seconds == pytest.approx((-samples % 4096) / 44_100, abs=1e-4)
    assert result.marks.loop == (0, samples - 1) and result.marks.beats == bars * metre
    assert len(result.marks.cues) == bars and json.dumps(result.facts | result.measured)


def test_the_circle_is_cut_elsewhere_at_every_step_and_no_place_is_an_edge(pipe: Pipeline) -> None:
    seen = []
    hook = pipe.dit.register_forward_pre_hook(
        lambda _, inputs: seen.append((inputs[0][:1], inputs[2].guide[:1]))
    )
    try:
        pipe.loop(request(bpm=120, steps=4), 2)
    finally:
        hook.remove()
    frames = math.ceil(4 * 44_100 / 4096)
    beats = []
    for x, guide in seen:
        assert x.shape[-1] == frames + 64
        assert torch.equal(x[..., :64], x[..., frames:]), "what follows on the circle is beside it"
        assert torch.equal(guide[:, :64, :48], guide[:, frames:, :48])
        beats.append(guide[0, :, 0])
    assert all(not torch.equal(beats[0], other) for other in beats[1:])
    positions = [guide[..., 57:] for _, guide in seen]
    assert all(torch.equal(positions[0], other) for other in positions[1:])


def test_the_model_on_the_circle_does_not_care_where_it_is_cut(pipe: Pipeline) -> None:
    """A denoiser that looks at neighbours alone gives the same whichever way the circle lies."""
    from longform.jobs import circular

    real = pipe.dit.forward
    pipe.dit.forward = lambda x, *_: x + 0.5 * torch.roll(x, 1, -1)  # pyright: ignore
    try:
        model = circular._on_circle(pipe, 20, circular._window(pipe, 20), 0, 0)
        x = torch.randn(1, 4, 20)
        condition, _ = pipe.condition(request(), 10.0, None, None, frames=84)
        wanted = x + 0.5 * torch.roll(x, 1, -1)
        for _ in range(3):
            assert torch.allclose(model(x, torch.zeros(1), condition), wanted)
    finally:
        pipe.dit.forward = real


def test_the_end_of_a_turn_fades_into_what_leads_up_to_its_start() -> None:
    rng = np.random.default_rng(0)
    turn = rng.standard_normal((2, 9000)).astype(np.float32)
    assert np.allclose(closed(turn, turn[:, -2000:]), turn, atol=1e-6), "alike: nothing happens"
    lead = rng.standard_normal((2, 2000)).astype(np.float32)
    faded = closed(turn, lead)
    assert np.array_equal(faded[:, :7000], turn[:, :7000])
    assert np.allclose(faded[:, -1], lead[:, -1], atol=1e-3)
    for part in np.split(faded[:, 7000:], 4, axis=1):
        assert part.std() == pytest.approx(1.0, abs=0.07), "unlike: the level stays"
    tone = np.sin(2 * np.pi * 9 * np.arange(1000) / 1000)[None].astype(np.float32)
    calm = rolled_to_calm(np.roll(tone, 20, axis=1))
    assert np.abs(calm[:, 0] - calm[:, -1]).max() == pytest.approx(
        np.abs(np.diff(tone[:, 916:], axis=1)).max(axis=0).min(), rel=0.5
    )


@pytest.mark.parametrize("bpm", [120.0, 124.0, 133.7])
def test_a_loop_is_led_at_its_exact_tempo_up_to_its_last_bar(pipe: Pipeline, bpm: float) -> None:
    seen = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].guide[0]))
    try:
        pipe.loop(request(bpm=bpm, steps=1, guidance=1.0), 2)
    finally:
        hook.remove()
    samples = round(8 * 60 / bpm * 44_100)
    frames = math.ceil(samples / 4096)
    guide = seen[0][:, :2].numpy()
    centres = (np.arange(frames) + 0.5) * 4096
    times = np.where(centres >= samples, samples - 2048, centres) / 44_100
    angle = 2 * np.pi * times * bpm / 60
    wanted = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    turns = [np.roll(wanted, -shift, axis=0) for shift in range(frames)]
    shown = guide[32 : 32 + frames]
    assert min(float(np.abs(shown - one).max()) for one in turns) < 2e-3


def test_a_loops_plan_is_one_full_section_without_an_ending() -> None:
    plan = plan_of(request("trance", seed=2), 90.0)
    assert plan is not None
    short = loop_plan(plan, 8, 123.5, 15.5)
    (section,) = short.sections
    assert (section.start_bar, section.bars, short.bars) == (0, 8, 8)
    assert section.energy == max(one.energy for one in plan.sections)
    assert short.tempo_bpm == 123.5 and short.end_seconds <= 15.5


def test_mistakes_about_loops(pipe: Pipeline) -> None:
    with pytest.raises(UserError, match="bars 65"):
        pipe.loop(request(), 65)
    with pytest.raises(UserError, match="needs a tempo"):
        pipe.loop(request("rain"), 2)
    with pytest.raises(UserError, match="decide the length"):
        pipe.loop(request(seconds=3.0), 2)
    with pytest.raises(UserError, match="up to 285 s"):
        pipe.loop(request(bpm=40), 64)


def test_takes_of_an_effect_differ_and_repeat(pipe: Pipeline) -> None:
    first, second = (pipe.sfx(request("door knock", seconds=1.0), item) for item in (0, 1))
    again = pipe.sfx(request("door knock", seconds=1.0), 0)
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert not np.array_equal(first.waveform.samples[:, :999], second.waveform.samples[:, :999])
    assert first.peak_db <= -0.9 and first.loudness_lufs == pytest.approx(-18, abs=0.1)
    assert pipe.sfx(request("rain", steps=None, seconds=0.3)).facts["steps"] == 20
    for seconds in (0.2, 31.0):
        with pytest.raises(UserError, match=r"outside 0.3..30"):
            pipe.sfx(request("rain", seconds=seconds))
    looped = pipe.sfx(request("rain", seconds=1.5), looped=True)
    assert looped.waveform.samples.shape == (2, 66_150)
    assert looped.marks is not None and looped.marks.loop == (0, 66_149)
    assert looped.wrap is not None and looped.wrap.jump < looped.wrap.median_jump


def test_silence_around_an_effect_goes_and_its_tail_fades() -> None:
    rng = np.random.default_rng(0)
    samples = np.zeros((2, 44_100), np.float32)
    samples[:, 10_000:20_000] = 0.5 * rng.standard_normal((2, 10_000))
    kept, (before, after) = trimmed(Waveform(samples, 44_100))
    assert before == pytest.approx(10_000 / 44_100 - 0.01, abs=0.006)
    assert after == pytest.approx((44_100 - 20_000) / 44_100 - 0.12, abs=0.006)
    assert abs(kept.samples[:, 0]).max() == 0 and abs(kept.samples[:, -1]).max() < 1e-6
    middle = kept.samples[:, 1000:9000].tobytes()
    assert middle in [samples[:, at + 1000 : at + 9000].tobytes() for at in range(9300, 9800)]
    silent = Waveform(np.zeros((1, 500), np.float32), 44_100)
    assert trimmed(silent) == (silent, (0.0, 0.0)) and leveled(silent) is silent
    short = leveled(Waveform(0.1 * samples[:, 10_000:12_000], 44_100))
    assert short.true_peak_db == pytest.approx(-1.0, abs=0.05)


def test_a_variation_of_nothing_is_the_piece_and_of_more_is_further_away(pipe: Pipeline) -> None:
    asked = request(seconds=2.0, seed=4)
    original = pipe.run(asked).waveform.samples
    results = [pipe.vary(asked, amount) for amount in (0.0, 0.2, 1.0)]
    away = [float(np.abs(one.waveform.samples - original).mean()) for one in results]
    assert away[0] == 0 < away[1] < away[2]
    kept = [one.noise_kept for one in results if isinstance(one, VaryResult)]
    assert kept == pytest.approx([1.0, np.cos(0.1 * np.pi), 0.0], abs=1e-6)
    other = pipe.vary(asked, 0.2, item=1)
    assert not np.array_equal(other.waveform.samples, results[1].waveform.samples)
    assert other.facts["sections"] == pipe.run(asked).facts["sections"], "the plan stays"
    with pytest.raises(UserError, match="amount 2"):
        pipe.vary(asked, 2.0)


def test_a_planned_piece_is_measured_section_by_section(pipe: Pipeline) -> None:
    text = "intro 3s: soft pads / drop 4s: full / outro 2.5s"
    result = pipe.run(request(plan=text))
    assert isinstance(result, PlannedResult)
    assert result.waveform.samples.shape[1] == round(9.5 * 44_100)
    assert [section.name for section in result.sections] == ["intro", "drop", "outro"]
    part = result.waveform.samples[:, : round(result.sections[1].start_seconds * 44_100)]
    level = 10 * np.log10((part.astype(float) ** 2).mean())
    assert result.sections[0].level_db == pytest.approx(level, abs=0.05)
    assert result.energy_rank_correlation is not None
    assert result.marks is not None and [name for name, _ in result.marks.cues][1] == "drop"
    plain = pipe.run(request(seconds=2.0))
    assert plain.marks is None and "plan" not in plain.facts
