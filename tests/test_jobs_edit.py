"""Jobs that start from a recording, on a model of random weights: what is kept, and what is new."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from longform import Pipeline, UserError, Waveform
from longform.jobs import JOBS, parameters_of, rerun
from longform.jobs.checks import INTENTIONS
from longform.jobs.splice import aligned, put
from longform.jobs.windows import joint_denoiser, windows
from longform.request import Request


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(model_folder, device="cpu")


def recording(seconds: float, rate: int = 44_100, channels: int = 2, seed: int = 0) -> Waveform:
    """Noise that swells, with a loudness of its own at each moment."""
    count = round(seconds * rate)
    noise = np.random.default_rng(seed).standard_normal((channels, count))
    swell = 0.05 + 0.1 * np.sin(np.arange(count) / rate * 2) ** 2
    return Waveform((noise * swell).astype(np.float32), rate)


def request(prompt: str = "house, 120 BPM", **settings: object) -> Request:
    return Request(**({"prompt": prompt, "steps": 2} | settings))  # pyright: ignore


def test_strength_0_is_the_autoencoders_round_trip(pipe: Pipeline) -> None:
    audio = recording(2.345)
    wanted = pipe.decode(pipe.encode(audio)).samples[:, : audio.samples.shape[1]]
    result = pipe.transfer(audio, request(), strength=0.0)
    assert np.array_equal(result.waveform.samples, wanted)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (22_050, 2), (8_000, 1)])
def test_a_transfer_has_the_rate_and_length_of_the_recording(
    pipe: Pipeline, rate: int, channels: int
) -> None:
    audio = recording(1.7777, rate, channels)
    result = pipe.transfer(audio, request(), strength=0.7)
    assert result.waveform.sample_rate == rate
    assert result.waveform.samples.shape == (2, audio.samples.shape[1])
    assert set(result.measured) >= {"chroma", "onset", "loudness"}


def test_strength_decides_how_far_and_the_seed_which_way(pipe: Pipeline) -> None:
    audio = recording(2.0)
    trip = pipe.encode(pipe.transfer(audio, request(), strength=0.0).waveform)
    away = []
    for strength in (0.1, 0.4, 1.0):
        made = pipe.transfer(audio, request(), strength=strength).waveform
        away.append(float((pipe.encode(made) - trip).abs().mean()))
    assert away[0] < away[1] < away[2]
    first, other = (
        pipe.transfer(audio, request(seed=seed), strength=0.4).waveform.samples for seed in (0, 1)
    )
    assert not np.array_equal(first, other)


def test_what_is_kept_reaches_the_denoiser_as_heard(pipe: Pipeline) -> None:
    rate, seconds = 44_100, 12.0
    samples = 1e-4 * np.random.default_rng(0).standard_normal((2, round(seconds * rate)))
    for at in np.arange(0.1, seconds - 0.2, 0.6):  # 100 BPM
        samples[:, round(at * rate) :][:, :2000] += 0.4 * np.exp(-np.arange(2000) / 400)
    audio = Waveform(samples.astype(np.float32), rate)
    seen = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].guide[0]))
    try:
        pipe.transfer(audio, request("house", guidance=1.0, steps=1), keep="groove")
        pipe.transfer(audio, request("house", guidance=1.0, steps=1, bpm=90), keep="groove")
        pipe.transfer(audio, request("rain", guidance=1.0, steps=1), keep="groove")
    finally:
        hook.remove()
    times = (np.arange(len(seen[0])) + 0.5) / pipe.autoencoder.latent_rate_hz
    angle = 2 * np.pi * (times - 0.1) / 0.6
    heard = np.arctan2(*seen[0][:, :2].numpy().T)
    away = np.angle(np.exp(1j * (heard - angle)))
    assert np.abs(away).max() < 0.6, "the beat of the recording, to a tenth"
    given = seen[0][0, 48:57].tolist()  # beat, bar, phrase, chord, bass, section, energy, ...
    assert given == [1, 0, 0, 1, 1, 1, 1, 1, 1]
    asked = np.arctan2(*seen[1][:, :2].numpy().T)
    away = np.angle(np.exp(1j * (asked - 2 * np.pi * times * 1.5)))
    assert np.allclose(away[times < 8], 0, atol=1e-3), "an asked tempo is not the recording's"
    assert not seen[2][:, :57].any(), "an effect is led by nothing"


def test_a_recording_that_leads_has_guidance_of_its_own(
    pipe: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = recording(1.0)
    monkeypatch.setattr(pipe, "defaults", replace(pipe.defaults, led_guidance=4.5, guidance=2.0))

    def guidance(**asked: float) -> float:
        return pipe.transfer(audio, request(steps=1, **asked), strength=0.5).facts["guidance"]

    assert guidance() == 4.5 and guidance(guidance=3.0) == 3.0
    monkeypatch.setattr(pipe, "defaults", replace(pipe.defaults, led_guidance=None))
    assert guidance() == 2.0


def test_mistakes_about_transfer(pipe: Pipeline) -> None:
    audio = recording(1.0)
    for arguments, message in (
        ({"strength": 1.5}, "strength 1.5 is outside"),
        ({"keep": "vibe"}, "keep 'vibe' is unknown; use one of everything-but-timbre, melody"),
        ({"strength": 0.5, "keep": "groove"}, "not both"),
    ):
        with pytest.raises(UserError, match=message):
            pipe.transfer(audio, request(), **arguments)
    with pytest.raises(UserError, match="neither seconds nor a plan"):
        pipe.transfer(audio, request(seconds=3.0), strength=0.5)
    long = Waveform(np.zeros((1, 8_000 * 286), np.float32), 8_000)
    with pytest.raises(UserError, match=r"lasts 286.0 s"):
        pipe.transfer(long, request(), strength=0.5)
    assert set(INTENTIONS) == {"everything-but-timbre", "melody", "groove", "loose"}


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1)])
def test_outside_of_the_regions_no_bit_changes(pipe: Pipeline, rate: int, channels: int) -> None:
    audio = recording(6.0, rate, channels)
    result = pipe.inpaint(audio, request(), [(4.0, 6.0), (1.0, 2.0)])
    new = np.zeros(audio.samples.shape[1], bool)
    new[rate : 2 * rate] = new[4 * rate :] = True
    assert np.array_equal(result.waveform.samples[:, ~new], audio.samples[:, ~new])
    changed = (result.waveform.samples != audio.samples).any(axis=0)
    assert changed[new].mean() > 0.99 and result.kept_exactly
    assert result.regions == ((1.0, 2.0), (4.0, 6.0))
    assert [seam.at_seconds for seam in result.seams] == [1.0, 2.0, 4.0]
    assert 0 < result.worst_seam < 1.5


def test_known_latents_come_back_under_each_steps_noise(pipe: Pipeline) -> None:
    from longform.jobs.edit import put_back

    clean, noise = torch.randn(1, 4, 9), torch.randn(1, 4, 9)
    fresh = torch.arange(9) >= 5
    between = put_back(pipe, clean, noise, fresh)
    x = torch.randn(1, 4, 9)
    for time in (0.0, 0.3, 1.0):
        angle = time * np.pi / 2
        wanted = np.cos(angle) * pipe.dit.standardise(clean) + np.sin(angle) * noise
        mixed = between(x, time)
        assert torch.allclose(mixed[..., :5], wanted[..., :5], atol=1e-6)
        assert torch.equal(mixed[..., 5:], x[..., 5:])


def test_extending_goes_on_from_the_last_sound_and_leads_up_to_the_first(pipe: Pipeline) -> None:
    sound = recording(4.0, 48_000, 1)
    audio = Waveform(np.pad(sound.samples, ((0, 0), (0, 24_000))), 48_000)  # half a second of rest
    result = pipe.extend(audio, request(), after_seconds=3.0, before_seconds=1.5)
    samples = result.waveform.samples
    assert samples.shape == (1, 9 * 48_000)
    (_, first_stop), (second_start, _) = result.regions
    assert 1.5 < first_stop < 1.54 and 5.45 < second_start < 5.5
    kept = slice(round(first_stop * 48_000), round(second_start * 48_000))
    begin = round(1.5 * 48_000)
    assert np.array_equal(
        samples[:, kept], audio.samples[:, kept.start - begin : kept.stop - begin]
    )
    rest = samples[:, round(5.5 * 48_000) : 6 * 48_000]
    assert np.abs(rest).max() > 1e-4, "the rest at the end is filled"
    assert result.kept_exactly and len(result.seams) == 2


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_an_addition_takes_over_where_the_music_has_rung_out(pipe: Pipeline, level: float) -> None:
    """Whatever the level: a tail 40 dB down would leave a hole between the old and the new."""
    sound = recording(4.0)
    fade = np.where(np.arange(4 * 44_100) < 2.5 * 44_100, 1.0, 10**-2.5).astype(np.float32)
    audio = Waveform(sound.samples * fade * np.float32(level), 44_100)
    result = pipe.extend(audio, request(), after_seconds=1.0)
    ((start, stop),) = result.regions
    assert 2.4 < start < 2.5 and stop == 5.0 and result.kept_exactly
    assert np.array_equal(
        result.waveform.samples[:, : round(start * 44_100)],
        audio.samples[:, : round(start * 44_100)],
    )
    silent = Waveform(np.zeros((2, 44_100), np.float32), 44_100)
    assert pipe.extend(silent, request(), after_seconds=1.0).regions == ((0.0, 2.0),)


def test_mistakes_about_edits(pipe: Pipeline) -> None:
    audio = recording(3.0)
    for regions, message in (
        ([], "0 regions"),
        ([(1, 5)], "region 1-5 does not lie within 0-3"),
        ([(2, 1)], "region 2-1"),
        ([(float("nan"), 2)], "region nan"),
        ([(0, 2), (1, 3)], "regions overlap"),
    ):
        with pytest.raises(UserError, match=message):
            pipe.inpaint(audio, request(), regions)
    with pytest.raises(UserError, match="nothing to add"):
        pipe.extend(audio, request())
    with pytest.raises(UserError, match="after -1"):
        pipe.extend(audio, request(), after_seconds=-1.0)
    with pytest.raises(UserError, match="6 channels"):
        pipe.inpaint(recording(1.0, channels=6), request(), [(0, 1)])


def test_overlapping_windows_cover_everything_and_agree() -> None:
    for frames in (5, 100, 101, 1000):
        spans = list(windows(frames, 100, 30))
        assert spans[0][0] == 0 and spans[-1][1] == frames
        for (_, stop), (start, end) in pairwise(spans):
            assert stop - start >= 30 and end - start <= 100
    widths = []

    def window(start: int, stop: int):  # a denoiser that knows its place
        def denoise(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            widths.append(x.shape[-1])
            return x * 2 + torch.arange(start, stop)

        return denoise

    x = torch.randn(1, 3, 1000)
    joint = joint_denoiser(1000, window, 100, 30)
    assert torch.allclose(joint(x, torch.zeros(1)), 2 * x + torch.arange(1000), atol=1e-3)
    assert max(widths) <= 100


def test_new_audio_is_put_in_with_equal_power() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.standard_normal((1, 9_000)).astype(np.float32), rng.standard_normal((1, 6_000))
    joined = put(old, new, 1_000, 2_000, 1_000)
    assert np.array_equal(joined[:, :1_000], old[:, :1_000])
    assert np.array_equal(joined[:, 7_000:], old[:, 7_000:])
    assert np.allclose(joined[:, 3_000:6_000], new[:, 2_000:5_000], atol=1e-6)
    for part in (slice(1_000, 3_000), slice(6_000, 7_000)):
        assert joined[:, part].std() == pytest.approx(1.0, abs=0.06)
    assert aligned(Waveform(new, 1000), Waveform(old, 1000)).samples.shape == (1, 9_000)


@pytest.mark.parametrize(
    ("job", "own"),
    [
        ("transfer", {"strength": 0.4}),
        ("inpaint", {"regions": [[0.5, 1.0]]}),
        ("extend", {"after_seconds": 0.5}),
        ("vary", {"amount": 0.4}),
    ],
)
def test_a_job_is_run_again_by_its_name(pipe: Pipeline, job: str, own: dict) -> None:
    audio = recording(1.5)
    parameters = {k: v for k, v in parameters_of(request(), **own).items() if v is not None}
    first, again = (rerun(pipe, job, parameters, {"audio": audio}) for _ in range(2))
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert job in JOBS and first.facts["job"] in (job, "transfer")


def test_wrong_recipes_are_refused(pipe: Pipeline) -> None:
    with pytest.raises(UserError, match="job 'remix' is unknown"):
        rerun(pipe, "remix", {}, {})
    with pytest.raises(UserError, match="starts from a recording"):
        rerun(pipe, "inpaint", {"prompt": "x"}, {})
    with pytest.raises(UserError, match="unknown key"):
        rerun(pipe, "loop", {"prompt": "x", "beats": 3}, {})
    with pytest.raises(UserError, match="parameters do not fit"):
        rerun(pipe, "vary", {"prompt": "x"}, {})
