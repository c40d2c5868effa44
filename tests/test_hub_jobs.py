"""Every family of the hub through every job: lengths, seeds, windows, and what is said."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from longform import Pipeline, UserError, Waveform
from longform.audio import read
from longform.autoencoder.settings import to_toolkit
from longform.checkpoint import save_tensors
from longform.cli import run
from longform.hub.families import FAMILIES
from longform.hub.model import Model
from longform.request import Request
from longform.result import Result
from tests.hub_models import FAMILIES as KINDS
from tests.hub_models import SAME, toolkit_config, toolkit_tensors
from tests.test_text_encoders import write_tokenizer

RATE = 44_100
HOP = 512
WINDOW = 128
"""Latent frames of the window; 1.49 s."""
JOBS: dict[str, tuple[float, Callable[[Pipeline, Request], Result]]] = {
    "generate": (0.7, lambda pipe, asked: pipe.run(replace(asked, seconds=0.7))),
    "sfx --loop": (0.4, lambda pipe, asked: pipe.sfx(replace(asked, seconds=0.4), looped=True)),
    "transfer": (0.9, lambda pipe, asked: pipe.transfer(recording(0.9), asked, strength=0.6)),
    "transfer, long": (1.6, lambda pipe, asked: pipe.transfer(recording(1.6), asked)),
    "inpaint": (1.0, lambda pipe, asked: pipe.inpaint(recording(1.0), asked, [(0.3, 0.6)])),
    "extend": (2.1, lambda pipe, asked: pipe.extend(recording(1.1), asked, after_seconds=1.0)),
    "vary": (0.6, lambda pipe, asked: pipe.vary(replace(asked, seconds=0.6), 0.5)),
    "loop": (0.6, lambda pipe, asked: pipe.loop(replace(asked, bpm=200.0, metre=2), 1)),
}


def recording(seconds: float) -> Waveform:
    noise = np.random.default_rng(0).standard_normal((2, round(seconds * RATE)))
    return Waveform((0.1 * noise).astype(np.float32), RATE)


def hashed(width: int) -> Callable[[Sequence[str]], tuple[Tensor, Tensor]]:
    """A text encoder without weights: four tokens out of a prompt's hash."""

    def encode(prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        rows = []
        for prompt in prompts:
            seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:6], "little")
            rows.append(torch.randn(4, width, generator=torch.Generator().manual_seed(seed)))
        return torch.stack(rows), torch.ones(len(rows), 4, dtype=torch.bool)

    return encode


def write(folder: Path, kind: str, text: str | None = None, leave_out: str = "-") -> Path:
    """A checkpoint with frames of 512 samples and a window of 128 frames."""
    config: dict[str, Any] = toolkit_config(kind)
    config["sample_size"] = WINDOW * HOP
    if kind == "three":
        wider = to_toolkit(replace(SAME, patch_samples=HOP // 16))
        config["model"]["pretransform"]["config"] = wider
    else:
        coder = config["model"]["pretransform"]["config"]
        coder["downsampling_ratio"] = HOP
        for side in ("encoder", "decoder"):
            coder[side]["config"] = {**coder[side]["config"], "strides": [16, 32]}
    if text is not None:
        config["model"]["conditioning"]["configs"][0]["config"]["t5_model_name"] = text
    tensors = toolkit_tensors(config)
    folder.mkdir()
    kept = {name: one for name, one in tensors.items() if leave_out not in name}
    save_tensors(folder / "model.safetensors", kept)
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def pipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pipeline]:
    torch.set_num_threads(1)
    root, made = tmp_path_factory.mktemp("families"), {}
    for kind in KINDS:
        model = Model.open(write(root / kind, kind))
        assert model.manifest.text is not None
        made[kind] = Pipeline(model, "cpu", hashed(model.manifest.text.width))
    return made


def asked(prompt: str = "piano", **settings: Any) -> Request:
    return Request(**{"prompt": prompt, "steps": 2, "negative": "noise"} | settings)


def seen(pipe: Pipeline, work: Callable[[], object]) -> list[tuple[Any, ...]]:
    """What the denoiser was called with."""
    calls: list[tuple[Any, ...]] = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: calls.append(inputs))
    try:
        work()
    finally:
        hook.remove()
    return calls


@pytest.mark.parametrize("kind", KINDS)
def test_weight_norm_is_not_worked_out_anew_in_every_window(
    pipes: dict[str, Pipeline], kind: str
) -> None:
    autoencoder = cast(nn.Module, pipes[kind].autoencoder)
    names = set(autoencoder.state_dict())
    assert names and not any(name.endswith(("weight_g", "weight_v")) for name in names)


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_job_gives_sound_of_exactly_its_length_out_of_the_window_it_was_trained_on(
    pipes: dict[str, Pipeline], kind: str, job: str
) -> None:
    seconds, work = JOBS[job]
    pipe, family, made = pipes[kind], FAMILIES[KINDS[kind]], []
    calls = seen(pipe, lambda: made.append(work(pipe, asked()).waveform))
    assert made[0].samples.shape == (2, round(seconds * RATE)) and made[0].sample_rate == RATE
    assert np.isfinite(made[0].samples).all()
    assert np.array_equal(made[0].samples, work(pipe, asked()).waveform.samples)
    widths = {call[0].shape[-1] for call in calls}
    if family.whole_window:
        assert widths == {WINDOW}
    elif job == "generate":
        assert widths == {math.ceil((seconds + family.headroom_seconds) * RATE / HOP)}


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_both_prompts_are_heard(pipes: dict[str, Pipeline], kind: str) -> None:
    pipe = pipes[kind]
    changes = ({}, {"seed": 2}, {"prompt": "drums"}, {"negative": "hiss"})
    made = [pipe.run(asked(seconds=0.2, guidance=3.0, **one)).waveform.samples for one in changes]
    for other in made[1:]:
        assert not np.array_equal(made[0], other)


@pytest.mark.parametrize("kind", KINDS)
def test_an_effect_is_cut_to_what_sounds(pipes: dict[str, Pipeline], kind: str) -> None:
    made = pipes[kind].sfx(asked(seconds=0.5))
    cut = made.cut_before_seconds + made.cut_after_seconds
    assert made.waveform.seconds == pytest.approx(0.5 - cut, abs=2e-3)
    assert np.isfinite(made.waveform.samples).all()


def test_what_is_asked_for_is_the_start_of_the_whole_window(pipes: dict[str, Pipeline]) -> None:
    pipe = pipes["open"]
    latents = torch.randn(4, WINDOW, generator=torch.Generator().manual_seed(0))
    whole = pipe.decode(latents).samples
    part = pipe.decode(latents, seconds=0.6).samples
    assert np.allclose(part, whole[:, : round(0.6 * RATE)], atol=1e-5)
    with pytest.raises(UserError, match="make less, and extend it"):
        pipe.run(asked(seconds=1.6))
    with pytest.raises(UserError, match="take fewer bars"):
        pipe.loop(asked(bpm=100.0), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_family_is_run_by_its_own_defaults(pipes: dict[str, Pipeline], kind: str) -> None:
    pipe, family = pipes[kind], FAMILIES[KINDS[kind]]
    settings = pipe.settle(Request(prompt="piano"))
    assert (settings.steps, settings.guidance) == (family.steps, family.guidance)
    assert settings.seconds == pytest.approx(WINDOW * HOP / RATE)
    assert pipe.dit.config.objective == family.objective
    short = Request(prompt="piano", seconds=0.3, steps=None if family.steps < 10 else 10)
    calls = seen(pipe, lambda: pipe.run(short))
    times = [float(call[1][0]) for call in calls]
    assert len(times) == (short.steps or family.steps) and times == sorted(times, reverse=True)
    first = np.arctan(family.sigma_max) * 2 / np.pi if family.objective == "v" else 1.0
    assert times[0] == pytest.approx(first, abs=1e-5)
    assert len(calls[0][0]) == (1 if family.guidance == 1 else 2)


def test_what_is_off_the_defaults_or_has_no_control_is_said(pipes: dict[str, Pipeline]) -> None:
    pipe = pipes["open"]
    assert pipe.remarks(Request(prompt="piano", steps=100, guidance=7.0)) == []
    off, words = pipe.remarks(Request(prompt="piano", steps=9, guidance=2.5, key="A minor"))
    assert "steps 9 (usually 100), guidance 2.5 (usually 7)" in off
    assert "no musical controls" in words
    plain, told, same = (
        pipe.run(one).waveform.samples
        for one in (
            asked("piano", seconds=0.3),
            asked("piano", seconds=0.3, bpm=90.0, key="A minor"),
            asked("piano, 90 BPM, A minor", seconds=0.3),
        )
    )
    assert np.array_equal(told, same) and not np.array_equal(told, plain)
    with pytest.raises(UserError, match="cannot follow a plan over time"):
        pipe.run(Request(prompt="piano", steps=2, plan="intro 0.5s / drop 0.5s"))


@pytest.fixture(scope="module")
def t5_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of the width and vocabulary of t5-small, one thin layer deep."""
    folder = tmp_path_factory.mktemp("t5-small")
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{index}" for index in range(32_096))]
    words[8774], words[296] = "Hello", "world"
    config = T5Config(
        vocab_size=32_128, d_model=512, d_kv=4, d_ff=8, num_layers=1, num_heads=1, pad_token_id=1
    )
    T5EncoderModel(config).half().save_pretrained(folder)
    write_tokenizer(folder, words)
    return folder


def test_the_command_line_makes_a_track_with_a_folder_and_its_text_encoder(
    tmp_path: Path, t5_small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = write(tmp_path / "mine", "open", "t5-small"), tmp_path / "a.wav"
    command = ["generate", "Hello world", "--seconds", "0.5", "--steps", "2", "--seed", "1"]
    command += ["--model", str(folder), "-o", str(out)]
    assert run(command) == 2
    error = capsys.readouterr().err
    assert "the folder of t5-small" in error and "--text-encoder" in error
    assert error.count("\n") == 1 and not out.exists()
    assert run([*command, "--text-encoder", str(t5_small), "--bpm", "90"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out) and read(out).seconds == pytest.approx(0.5)
    assert "steps 2 (usually 100)" in said.err and "no musical controls" in said.err
    given = ["--model", str(folder), "--text-encoder", str(t5_small)]
    assert run(["replay", str(out), "--verify", *given]) == 0


def test_missing_tensors_are_refused_unless_allowed(tmp_path: Path, t5_small: Path) -> None:
    folder = write(tmp_path / "mine", "open", "t5-small", leave_out="to_timestep_embed")
    with pytest.raises(UserError, match="to_timestep_embed"):
        Pipeline.from_pretrained(folder, "cpu", text_encoder=t5_small)
    pipe = Pipeline.from_pretrained(folder, "cpu", allow_missing=True, text_encoder=t5_small)
    assert np.isfinite(pipe.run(asked(seconds=0.3)).waveform.samples).all()


def test_a_model_of_our_own_takes_no_other_text_encoder(model_folder: Path, t5_small: Path) -> None:
    with pytest.raises(UserError, match="text encoder of its own"):
        Pipeline.from_pretrained(model_folder, "cpu", text_encoder=t5_small)
