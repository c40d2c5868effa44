"""Every family of the hub through every job: lengths, seeds, windows, and what is said."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5GemmaConfig,
    T5GemmaEncoderModel,
)

from longform import Pipeline, UserError, Waveform
from longform.audio import read
from longform.autoencoder.settings import to_toolkit
from longform.checkpoint import load_tensors, save_tensors
from longform.cli import run
from longform.hub.convert import convert
from longform.hub.families import FAMILIES
from longform.hub.model import Model
from longform.request import Request
from longform.result import Result
from longform.tags import read_tags
from tests.hub_models import FAMILIES as KINDS
from tests.hub_models import SAME, WINDOWED, toolkit_config, toolkit_tensors
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
    if kind in ("three", "windowed"):
        base = SAME if kind == "three" else WINDOWED
        wider = to_toolkit(replace(base, patch_samples=HOP // 16))
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
    if (list(JOBS).index(job) + list(KINDS).index(kind)) % len(KINDS) == 0:  # each, somewhere
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
def test_a_model_that_hears_no_mix_and_no_tune_says_so(
    pipes: dict[str, Pipeline], kind: str
) -> None:
    with pytest.raises(UserError, match="cannot hear a recording to accompany it"):
        pipes[kind].accompany(recording(0.5), asked())
    with pytest.raises(UserError, match="cannot follow a melody"):
        pipes[kind].run(asked(), melody=recording(0.5))


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
    with pytest.raises(UserError, match="cannot listen: its text encoder is no CLAP"):
        pipe.run(asked(like_amount=1.0), like=recording(0.3))


@pytest.mark.parametrize("job", ["inpaint", "extend"])
def test_a_model_trained_to_inpaint_is_told_what_to_keep(
    pipes: dict[str, Pipeline], job: str
) -> None:
    pipe, audio = pipes["three"], recording(1.0)
    if job == "inpaint":
        calls = seen(pipe, lambda: pipe.inpaint(audio, asked(guidance=3.0), [(0.3, 0.6)]))
    else:
        calls = seen(pipe, lambda: pipe.extend(audio, asked(guidance=3.0), after_seconds=0.5))
        audio = Waveform(np.pad(audio.samples, ((0, 0), (0, RATE // 2))), RATE)
    assert len(calls) == 2, "one pass of two steps, from noise alone"
    local = calls[0][2].local
    assert local.shape[0] == 2 and torch.equal(local[0], local[1]), (
        "guided away from the text alone"
    )
    latents = pipe.dit.standardise(pipe.encode(audio, fill=True)[None])[0].T
    mask = local[0, :, 0]
    assert torch.allclose(local[0, :, 1:], latents * mask[:, None], atol=1e-5)
    times = (np.arange(len(mask)) + 0.5) * HOP / RATE
    sure = {"inpaint": (0.3, 0.6), "extend": (1.0, 9.0)}[job]
    new = mask.numpy() == 0
    assert new[(times > sure[0]) & (times < sure[1])].all()
    assert new[times > audio.seconds + HOP / RATE].all(), "the headroom"
    assert not new[(times < sure[0] - 0.05) | ((times > sure[1] + 0.05) & (times < 0.95))].any()
    parts = cast(nn.ModuleDict, pipe.conditioner.parts)
    told = parts["seconds_total"](torch.tensor([np.ceil(audio.seconds)]))
    assert torch.allclose(calls[0][2].global_[0], told[0], atol=1e-6), "the piece is the window"


def test_a_model_that_was_not_trained_to_inpaint_gets_the_known_put_back(
    pipes: dict[str, Pipeline],
) -> None:
    calls = seen(pipes["open"], lambda: JOBS["inpaint"][1](pipes["open"], asked(guidance=1.0)))
    assert len(calls) == 4 and calls[0][2].local is None and calls[0][2].concat is None


def write_text_encoder(folder: Path, kind: str, seed: int = 0) -> Path:
    """A tower of the published width and vocabulary, one or two thin layers deep."""
    torch.manual_seed(seed)
    count, hello, world = {
        "t5": (32_100, 8774, 296), "clap": (50_265, 31414, 232), "t5gemma": (256_000, 4521, 2134),
    }[kind]  # fmt: skip
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{index}" for index in range(4, count))]
    words[hello], words[world] = "Hello", "world"
    thin = {"intermediate_size": 8, "num_attention_heads": 1, "pad_token_id": 1}
    if kind == "clap":
        config = ClapTextConfig(vocab_size=count, num_hidden_layers=2, projection_dim=8, **thin)
        return converted_clap(folder, ClapTextModelWithProjection(config), words)
    if kind == "t5":
        sizes = {"d_model": 512, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 1}
        tower: Any = T5EncoderModel(T5Config(vocab_size=32_128, pad_token_id=1, **sizes))
    else:
        side = {"vocab_size": count, "hidden_size": 768, "num_hidden_layers": 1, "head_dim": 8}
        side |= thin | {"num_key_value_heads": 1}
        gemma = T5GemmaConfig(encoder=side, decoder=side, vocab_size=count)
        gemma.is_encoder_decoder = False
        tower = T5GemmaEncoderModel(gemma)
    tower.to(torch.bfloat16).save_pretrained(folder)
    write_tokenizer(folder, words)
    return folder


def converted_clap(folder: Path, tower: nn.Module, words: list[str]) -> Path:
    """A text tower on its way from a checkpoint of laion_clap, through the command line."""
    renamed = {"text_model.": "text_branch.", ".linear1.": ".0.", ".linear2.": ".2."}
    tensors = {}
    for name, tensor in tower.state_dict().items():
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        tensors[f"module.{name}"] = tensor.half() if tensor.is_floating_point() else tensor
    source, roberta = (folder.with_name(f"{folder.name}{end}") for end in (".pt", "-roberta"))
    torch.save({"epoch": 3, "state_dict": tensors}, source)
    write_tokenizer(roberta, words)
    command = ["convert", str(source), str(folder), "--to", "clap"]
    assert run(command) == 2, "the tokenizer is missing"
    assert run([*command, "--text-encoder", str(roberta)]) == 0
    return folder


@pytest.fixture(scope="module")
def t5_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_encoder(tmp_path_factory.mktemp("t5-small"), "t5")


@pytest.mark.parametrize(
    ("kind", "tower", "name"),
    [
        ("open", "t5", "t5-small"),
        ("two", "clap", "HTSAT-base"),
        pytest.param("three", "t5gemma", "t5gemma-b-b-ul2", marks=pytest.mark.slow),
    ],
)
def test_the_command_line_makes_a_track_with_a_folder_and_its_text_encoder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, tower: str, name: str
) -> None:
    """Also that a replay with another text encoder is not taken for the same model."""
    text = write_text_encoder(tmp_path / "text", tower)
    folder = write(tmp_path / "mine", kind, "t5-small" if kind == "open" else None)
    out = tmp_path / "a.wav"
    command = ["generate", "Hello world", "--seconds", "0.5", "--steps", "2", "--seed", "1"]
    command += ["--model", str(folder), "-o", str(out), "--guidance", "2"]
    capsys.readouterr()
    assert run(command) == 2
    error = capsys.readouterr().err
    assert f"{name} " in error and "--text-encoder" in error
    assert not out.exists()
    assert run([*command, "--text-encoder", str(text), "--bpm", "90"]) == 0
    said, family = capsys.readouterr(), FAMILIES[KINDS[kind]]
    assert said.out.strip() == str(out) and read(out).seconds == pytest.approx(0.5)
    assert f"steps 2 (usually {family.steps})" in said.err and "no musical controls" in said.err
    assert f"licence: {family.licence}" in said.err, "before the model is used"
    assert read_tags(out)["licence"] == family.licence
    given = ["--model", str(folder), "--text-encoder"]
    assert run(["replay", str(out), "--verify", *given, str(text)]) == 0
    if tower == "t5gemma":
        return
    other = write_text_encoder(tmp_path / "other", tower, seed=1)
    assert run(["replay", str(out), "--verify", *given, str(other)]) == 2
    assert "made with model 'mine'" in capsys.readouterr().err
    assert run(["replay", str(out), "--verify", *given, str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize("kind", ["open", "windowed"])
def test_every_layout_of_a_model_gives_the_same_audio(tmp_path: Path, kind: str) -> None:
    places = {"toolkit": write(tmp_path / "toolkit", kind), "wrapped": tmp_path / "wrapped"}
    for layout in ("bundle", "diffusers"):
        places[layout] = convert(places["toolkit"], tmp_path / layout, layout).path
    ema, raw = "diffusion_ema.ema_model.", {}
    for name, tensor in load_tensors(places["toolkit"] / "model.safetensors").items():
        own = name.startswith("model.")
        raw[f"{ema}{name.removeprefix('model.')}" if own else f"diffusion.{name}"] = tensor
    places["wrapped"].mkdir()
    save_tensors(places["wrapped"] / "model.safetensors", raw)
    shutil.copy(places["toolkit"] / "model_config.json", places["wrapped"])
    made = []
    for layout, place in places.items():
        model = Model.open(place)
        assert model.checkpoint.layout == layout and model.manifest.text is not None
        pipe = Pipeline(model, "cpu", hashed(model.manifest.text.width))
        made.append(pipe.run(asked(seconds=0.3, guidance=2.0)).waveform.samples)
    assert made[0].any() and all(np.array_equal(made[0], other) for other in made[1:])


def test_missing_tensors_are_refused_unless_allowed(tmp_path: Path, t5_small: Path) -> None:
    folder = write(tmp_path / "mine", "open", "t5-small", leave_out="to_timestep_embed")
    with pytest.raises(UserError, match="to_timestep_embed"):
        Pipeline.from_pretrained(folder, "cpu", text_encoder=t5_small)
    pipe = Pipeline.from_pretrained(folder, "cpu", allow_missing=True, text_encoder=t5_small)
    assert np.isfinite(pipe.run(asked(seconds=0.3)).waveform.samples).all()


def test_a_model_of_our_own_takes_no_other_text_encoder(model_folder: Path, t5_small: Path) -> None:
    with pytest.raises(UserError, match="text encoder of its own"):
        Pipeline.from_pretrained(model_folder, "cpu", text_encoder=t5_small)
