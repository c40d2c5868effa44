"""Answering a recording with a stem, and following a tune: on a tiny model that hears both."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from longform import Pipeline, UserError, Waveform
from longform.audio import read
from longform.cli import run
from longform.dit.condition import Condition
from longform.dit.guidance import mixed
from longform.jobs.accompany import AccompanyResult, agreement, with_mix
from longform.jobs.melody import MelodyResult, hear_tune, match
from longform.listen.describe import describe
from longform.listen.melody import hear_melody
from longform.music.guide import FEATURES, MELODY
from longform.music.melody import melody_lines
from longform.music.plan import FAMILIES
from longform.provenance import read_recipe
from longform.request import Request
from tests.tiny import HEARS

RATE = 32_000
LEAD = FEATURES["families"].start + FAMILIES.index("lead")
TUNE = (60, 64, 67, 72, 71, 67, 62, 65)


def sung(pitches: tuple[int, ...] = TUNE, seconds: float = 0.4, shift: int = 0) -> Waveform:
    """A line of tones with harmonics and short gaps, as from a reed."""
    times = np.arange(round(seconds * RATE)) / RATE
    shape = np.minimum(1, np.minimum(times, seconds - 0.05 - times) / 0.02).clip(min=0)
    tones = [
        shape * sum(np.sin(2 * np.pi * n * hz * times) / n for n in range(1, 6))
        for hz in (440 * 2 ** ((pitch + shift - 69) / 12) for pitch in pitches)
    ]
    return Waveform(0.1 * np.concatenate(tones)[None].astype(np.float32), RATE)


@pytest.fixture(scope="module")
def pipe(listener_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(listener_folder, device="cpu")


def test_guidance_by_sources_is_the_papers_sum() -> None:
    def model(x: torch.Tensor, time: torch.Tensor, told: Condition) -> torch.Tensor:
        return x * told.global_[:, :1, None] + time[:, None, None]

    def told(value: float) -> Condition:
        return Condition(torch.zeros(1, 2, 3), None, torch.full((1, 4), value))

    x, time = torch.randn(1, 2, 5), torch.tensor([0.4])
    none, words, mix = told(0.5), told(2.0), told(-1.0)
    said = [model(x, time, one) for one in (words, mix, none)]
    both = mixed(model, [(words, 3.0), (mix, 2.0), (none, 1 - 3.0 - 2.0)])
    wanted = said[2] + 3.0 * (said[0] - said[2]) + 2.0 * (said[1] - said[2])
    torch.testing.assert_close(both(x, time), wanted)


def test_a_stem_is_as_long_as_the_mix_and_depends_on_it(pipe: Pipeline) -> None:
    mix, other = sung(), sung(shift=3)
    request = Request(prompt="bass line", steps=2, seed=1)
    stem = pipe.accompany(mix, request)
    assert isinstance(stem, AccompanyResult) and stem.facts["job"] == "accompany"
    assert stem.waveform.samples.shape == (2, mix.samples.shape[1])
    assert stem.waveform.sample_rate == RATE and stem.measured.keys() == {
        "rhythm", "harmony", "tempo_bpm", "key",
    }  # fmt: skip
    again, changed = pipe.accompany(mix, request), pipe.accompany(other, request)
    assert np.array_equal(again.waveform.samples, stem.waveform.samples)
    assert not np.allclose(changed.waveform.samples, stem.waveform.samples, atol=1e-4)


def test_words_and_mix_have_scales_of_their_own(pipe: Pipeline) -> None:
    """v(neither) + mix (v(mix) - v(neither)) + words (v(both) - v(mix)), without idle parts."""
    heard: list[tuple[tuple[int, int], ...]] = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: heard.append(_told(inputs[2])))
    made = {}
    try:
        for words, mix in ((3.0, 2.0), (3.0, 1.0), (2.0, 2.0), (1.0, 1.0), (0.0, 0.0)):
            request = Request(prompt="bass line", steps=1, guidance=words, seed=1)
            stem = pipe.accompany(sung(), request, context_guidance=mix)
            made[words, mix] = stem.waveform.samples
    finally:
        hook.remove()
    words_and_mix, mix_alone, neither = (1, 1), (0, 1), (0, 0)
    assert heard == [
        (words_and_mix, mix_alone, neither),
        (words_and_mix, mix_alone),
        (words_and_mix, neither),
        (words_and_mix,),
        (neither,),
    ]
    loud = [np.abs(one - made[1.0, 1.0]).max() for one in made.values()]
    assert min(loud[:3] + loud[4:]) > 1e-5


def _told(condition: Condition) -> tuple[tuple[int, int], ...]:
    """For each item of a batch: whether it is told words, and a mix."""
    assert condition.context is not None
    parts = condition.tokens.flatten(1), condition.context.flatten(1)
    words, mix = (part.any(dim=1).int().tolist() for part in parts)
    return tuple(zip(words, mix, strict=True))


def test_a_quiet_mix_gets_the_same_stem_as_quiet(pipe: Pipeline) -> None:
    mix, request = sung(), Request(prompt="drums", steps=1, seed=1)
    quiet = Waveform(mix.samples * np.float32(0.25), RATE)
    loud, soft = (pipe.accompany(one, request).waveform.samples for one in (mix, quiet))
    np.testing.assert_allclose(soft, 0.25 * loud, atol=1e-4)


def test_stem_and_mix_together_keep_their_levels_below_the_ceiling(pipe: Pipeline) -> None:
    mix, request = sung(), Request(prompt="drums", steps=1, seed=1)
    stem = pipe.accompany(mix, request)
    both = with_mix(stem, mix)
    assert pipe.accompany(mix, request, together=True).waveform.sha256 == both.waveform.sha256
    added = stem.waveform.samples + mix.samples
    gain = float(np.abs(both.waveform.samples).max() / np.abs(added).max())
    np.testing.assert_allclose(both.waveform.samples, gain * added, atol=1e-6)
    assert gain <= 1 and both.waveform.true_peak_db <= -0.99


def test_agreement_tells_a_stem_that_fits_from_one_that_does_not() -> None:
    mix = describe(sung())
    fitting, off = (agreement(mix, describe(sung(shift=s))) for s in (12, 6))
    assert fitting.harmony > 0.8 > 0.2 > off.harmony and fitting.rhythm > 0.8
    late = Waveform(np.roll(sung().samples, RATE // 5, axis=1), RATE)
    assert agreement(mix, describe(late)).rhythm < 0.5
    silent = agreement(mix, describe(Waveform(0 * late.samples, RATE)))
    assert silent.harmony == silent.rhythm == 0


def test_the_tune_of_a_line_is_heard_note_by_note() -> None:
    notes = hear_melody(sung())
    assert [int(pitch) for pitch in notes[:, 2]] == list(TUNE)
    np.testing.assert_allclose(notes[:, 0], 0.4 * np.arange(8), atol=0.06)
    assert len(hear_melody(Waveform(np.zeros((1, RATE), np.float32), RATE))) == 0
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 2 * RATE))
    assert len(hear_melody(Waveform(noise.astype(np.float32), RATE))) < 3
    curves = describe(sung())
    assert match(notes, curves) > 0.8 > 0.4 > match(notes + np.array([0, 0, 6]), curves)


def test_a_piece_is_led_along_the_tune(pipe: Pipeline) -> None:
    seen = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].guide[0]))
    try:
        made = pipe.run(Request(prompt="house", steps=1, seed=2, guidance=1.0), melody=sung())
    finally:
        hook.remove()
    assert isinstance(made, MelodyResult) and 0 <= made.melody_match <= 1
    assert made.waveform.seconds == pytest.approx(sung().seconds)
    rate_hz = pipe.autoencoder.latent_rate_hz
    wanted = melody_lines(hear_melody(sung()), len(seen[0]), rate_hz)
    assert wanted.any() and seen[0][wanted.any(axis=1), LEAD].all()
    np.testing.assert_array_equal(seen[0][:, FEATURES[MELODY]].numpy(), wanted)
    first = HEARS.feature_channels
    flags = dict(zip(FEATURES, seen[0][0, first : first + len(FEATURES)].tolist(), strict=True))
    assert flags[MELODY] == flags["families"] == 1 and flags["chord"] == flags["bass"] == 0
    asked = hear_tune(pipe, Request(prompt="x", seconds=1.0, key="D minor"), sung()).request
    assert asked.seconds == 1.0 and asked.key == "D minor"


def test_models_that_cannot_listen_say_so(model_folder: Path, pipe: Pipeline) -> None:
    deaf = Pipeline.from_pretrained(model_folder, device="cpu")
    request = Request(prompt="drums", steps=1)
    with pytest.raises(UserError, match="'tiny' cannot hear a recording to accompany it"):
        deaf.accompany(sung(), request)
    with pytest.raises(UserError, match="'tiny' cannot follow a melody"):
        deaf.run(request, melody=sung())
    silence = Waveform(np.zeros((1, RATE), np.float32), RATE)
    with pytest.raises(UserError, match="no tune is heard"):
        pipe.run(request, melody=silence)
    with pytest.raises(UserError, match="context guidance 31 is outside"):
        pipe.accompany(sung(), request, context_guidance=31)
    with pytest.raises(UserError, match="neither seconds nor a plan"):
        pipe.accompany(sung(), Request(prompt="drums", seconds=3.0))
    assert np.isfinite(pipe.accompany(silence, request).waveform.samples).all()


def test_the_commands_write_and_remember(
    listener_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    sung().save("in.wav", bits=16)
    model = ["--model", str(listener_folder)]
    quick = [*model, "--steps", "1", "--seed", "3"]
    command = ["accompany", "in.wav", "drums", "--together", "both.wav", *quick, "--json"]
    assert run(command) == 0
    row = json.loads(capfd.readouterr().out)
    assert row["path"] == "in-accompany-3.wav" and -1 <= row["rhythm"] <= 1
    assert row["together"] == "both.wav"
    stem, both, old = (read(name) for name in (row["path"], "both.wav", "in.wav"))
    assert stem.samples.shape == both.samples.shape == (2, old.samples.shape[1])
    assert run(["generate", "house", "--melody", "in.wav", *quick, "-o", "tune.wav"]) == 0
    assert "melody match" in capfd.readouterr().err
    for path in (row["path"], "both.wav", "tune.wav"):
        assert len(read_recipe(path).inputs) == 1
        assert run(["replay", path, "--verify", "--input", "in.wav", *model]) == 0, path
    Path("list.csv").write_text(
        "prompt,job,audio,melody,steps,seed\n"
        "drums,accompany,in.wav,,1,3\nhouse,generate,,in.wav,1,3\nx,accompany,in.wav,in.wav,1,3\n"
    )
    assert run(["batch", "list.csv", *model]) == 1
    assert "accompany takes no melody" in capfd.readouterr().err
    assert read_recipe("list/001-drums.wav").same_task(read_recipe(row["path"]))
    assert (
        read_recipe("list/002-house.wav").samples_sha256 == read_recipe("tune.wav").samples_sha256
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    for own, said in ((["--together", "both.wav"], "both.wav"),
                      (["-o", "a.wav", "--together", "./a.wav"], "two results cannot go to one"),
                      (["--context-guidance", "-1"], "context guidance -1 is outside 0..30"),
                      (["--bpm", "9"], "bpm 9 is outside")):  # fmt: skip
        assert run(["accompany", "in.wav", "drums", *own, *quick]) == 2
        assert said in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
