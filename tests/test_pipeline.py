"""The pipeline on a model of random weights: lengths, seeds, plans, what the denoiser is told."""

from pathlib import Path

import numpy as np
import pytest
import torch

from longform import Pipeline, UserError, Waveform
from longform.progress import Progress
from longform.request import Request


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(model_folder, device="cpu")


def samples(pipe: Pipeline, item: int = 0, **settings: object) -> np.ndarray:
    wanted = {"prompt": "house, 124 BPM, A minor", "seconds": 2.0, "steps": 2} | settings
    return pipe.run(Request(**wanted), item=item).waveform.samples  # pyright: ignore


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.345])
def test_a_track_has_exactly_the_asked_length(pipe: Pipeline, seconds: float) -> None:
    track = pipe.generate("rain", seconds=seconds, steps=1)
    assert track.samples.shape == (2, round(seconds * 44100)) and track.sample_rate == 44100
    assert track.samples.dtype == np.float32 and np.isfinite(track.samples).all()


def test_the_same_request_gives_the_same_samples_and_others_do_not(pipe: Pipeline) -> None:
    first = samples(pipe)
    assert np.array_equal(first, samples(pipe))
    others = [
        samples(pipe, item=1),
        samples(pipe, seed=1),
        samples(pipe, prompt="techno, 124 BPM, A minor"),
        samples(pipe, bpm=90.0),
        samples(pipe, key="C major"),
        samples(pipe, free=True),
        samples(pipe, negative="drums"),
        samples(pipe, guidance=7.0),
    ]
    for number, other in enumerate(others):
        assert not np.array_equal(first, other), number


def test_facts_say_where_tempo_and_key_come_from(pipe: Pipeline) -> None:
    facts = pipe.run(Request(prompt="slow jazz trio", seconds=8, steps=1, bpm=87)).facts
    assert facts["style"] == "jazz trio" and facts["tempo_bpm"] == 87
    assert facts["sources"]["tempo"] == "asked" and facts["sources"]["style"] == "prompt"
    assert facts["sources"]["key"] == "drawn" and facts["key"].split()[1] in ("major", "minor")
    assert facts["sections"][0][1] == 0.0


def test_effects_and_free_pieces_have_no_plan(pipe: Pipeline) -> None:
    for request in (
        Request(prompt="heavy rain and thunder", seconds=1, steps=1),
        Request(prompt="house", seconds=2, steps=1, free=True),
    ):
        assert "sections" not in pipe.run(request).facts


def test_the_guide_that_reaches_the_denoiser_is_the_plans(pipe: Pipeline) -> None:
    """Beat phase at the asked tempo; nothing given when free."""
    seen = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    try:
        samples(pipe, seconds=12.0, bpm=120.0, guidance=1.0, steps=1)
        samples(pipe, seconds=12.0, free=True, guidance=1.0, steps=1)
    finally:
        hook.remove()
    rate = pipe.autoencoder.latent_rate_hz
    angle = 2 * np.pi * 2.0 * (np.arange(20) + 0.5) / rate  # 120 BPM are two beats a second
    assert np.allclose(seen[0].guide[0, :20, 0].numpy(), np.sin(angle), atol=1e-4)
    given = slice(48, 57)
    assert seen[0].guide[0, :, given].eq(1).all() and seen[1].guide[0, :, given].eq(0).all()


def test_length_decides_how_much_is_computed(pipe: Pipeline) -> None:
    widths = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: widths.append(inputs[0].shape[-1]))
    try:
        samples(pipe, seconds=1.0, steps=1)
        samples(pipe, seconds=10.0, steps=1)
    finally:
        hook.remove()
    assert widths == [11, 108]


def test_progress_names_the_stages_in_order(pipe: Pipeline) -> None:
    seen: list[Progress] = []
    pipe.generate("house", seconds=2, steps=3, on_progress=seen.append)
    assert [(one.step, one.total) for one in seen if one.stage == "denoise"] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert seen[-1].stage == "decode" and seen[-1].step == seen[-1].total


def test_encode_and_decode_are_the_autoencoders(pipe: Pipeline) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 22050)).astype(np.float32)
    latents = pipe.encode(Waveform(noise, 22050))
    assert latents.shape == (4, 11)
    again = pipe.decode(latents)
    assert again.samples.shape == (2, 11 * 4096)
    with pytest.raises(UserError, match="7, 3"):
        pipe.decode(torch.zeros(7, 3))
