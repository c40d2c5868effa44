"""A recording in place of a prompt: what is heard in it, what the denoiser reads, what is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from longform import Pipeline, UserError, Waveform
from longform.bundle import Bundle
from longform.clap.reader import ClapReader
from longform.clap.turn import ALIKE, turned
from longform.cli import run
from longform.jobs.like import LikeResult, liken
from longform.provenance import read_recipe
from longform.request import Request

RATE = 44_100


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> Pipeline:
    return Pipeline.from_pretrained(model_folder, device="cpu")


@pytest.fixture(scope="module")
def recording() -> Waveform:
    """Six seconds of A minor, a click on each beat of 100 BPM."""
    times = np.arange(6 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * hz * times) for hz in (110.0, 220.0, 261.63, 329.63))
    beat = np.random.default_rng(0).standard_normal(len(times)) * np.exp(-((times % 0.6) / 0.02))
    return Waveform((0.05 * tones + 0.3 * beat)[None].astype(np.float32), RATE)


def test_tokens_are_turned_until_the_text_tower_hears_the_target() -> None:
    reader_of = Bundle.load("mini")
    clap, tokenizer = reader_of.clap(), reader_of.text_encoder().tokenizer
    with torch.no_grad():
        tokens, mask = clap.text_tokens(*tokenizer(["sad piano"])), tokenizer(["sad piano"])[1]
        target = clap.embed_text(*tokenizer(["relentless techno at 140 bpm"]))[0]
        before = float(clap.embed_tokens(tokens, mask)[0] @ target)
    with torch.inference_mode():
        moved, reached = turned(clap, tokens, mask, target)
    assert before < 0.5 < ALIKE <= reached and moved.shape == tokens.shape
    same, near = turned(clap, moved, mask, target)
    assert torch.equal(same, moved) and near == pytest.approx(reached)
    assert not any(weight.grad is not None for weight in clap.parameters())


def test_what_the_words_leave_open_is_heard(pipe: Pipeline, recording: Waveform) -> None:
    def heard(prompt: str, **asked: object) -> tuple[Request, set[str]]:
        liked = liken(pipe, Request(prompt=prompt, like_amount=1.0, **asked), recording)
        assert liked is not None
        return liked.request, set(liked.heard)

    request, found = heard("techno")
    assert found == {"tempo", "key"} and request.prompt == "techno"
    assert request.bpm in (pytest.approx(100, abs=0.5), pytest.approx(200, abs=1))
    assert request.key == "A minor"
    request, found = heard("techno, 130 BPM", key="D minor")
    assert found == set() and (request.bpm, request.key) == (None, "D minor")
    request, found = heard("techno", free=True)
    assert found == set() and request.bpm is None
    assert "style" in heard("")[1] and heard("")[0].prompt


def test_the_amount_leads_from_the_prompt_to_the_recording(
    pipe: Pipeline, recording: Waveform
) -> None:
    seen = []
    hook = pipe.dit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].tokens[0]))
    asked = {"prompt": "house, 120 BPM, A minor", "seconds": 1.0, "steps": 1, "guidance": 1.0}
    try:
        pipe.run(Request(**asked))
        for amount in (0.0, 0.5, 1.0):
            result = pipe.run(Request(**asked, like_amount=amount), like=recording)
    finally:
        hook.remove()
    words, *mixed = seen
    away = [float((tokens - words).norm()) for tokens in mixed]
    assert away[0] == 0 < away[1] < away[2]
    assert isinstance(result, LikeResult) and -1 <= result.similarity <= 1
    reader = pipe.encode_text
    assert isinstance(reader, ClapReader)
    own = reader.hear(result.waveform) @ reader.hear(recording)
    assert result.similarity == pytest.approx(float(own), abs=1e-3)
    assert result.facts["sources"]["tempo"] == "prompt" and result.facts["like"]["heard"] == []


def test_python_takes_a_recording_alone(pipe: Pipeline, recording: Waveform) -> None:
    made = pipe.generate(like=recording, seconds=1.0, steps=1)
    assert made.samples.shape == (2, RATE)
    for request, like, message in (
        (Request(prompt="x", like_amount=0.5), None, "needs the recording"),
        (Request(prompt="x"), Waveform(np.zeros((1, RATE), np.float32), RATE), "is silent"),
    ):
        with pytest.raises(UserError, match=message):
            pipe.run(request, like=like)
    for settings in ({"like_amount": 0.5}, {}):
        with pytest.raises(UserError, match="the prompt is empty"):
            Request(prompt=" ", **settings)
    with pytest.raises(UserError, match="like amount 2"):
        Request(prompt="x", like_amount=2.0)


def test_the_command_remembers_the_recording(
    recording: Waveform, model_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    recording.save("ref.wav", bits=16)
    quick = ["--model", str(model_folder), "--seconds", "1", "--steps", "1", "--seed", "4"]
    assert run(["generate", "--like", "ref.wav", *quick, "--json"]) == 0
    row = json.loads(capfd.readouterr().out)
    assert row["path"] == "like-ref-4.wav" and row["like_amount"] == 1 and row["like"]["words"]
    assert row["sources"]["key"] == "heard" and -1 <= row["similarity"] <= 1
    recipe = read_recipe("like-ref-4.wav")
    assert set(recipe.inputs) == {"like"} and recipe.parameters["like_amount"] == 1
    model = ["--model", str(model_folder)]
    assert run(["replay", "like-ref-4.wav", "--verify", *model]) == 2
    assert "needs the recording 'like'" in capfd.readouterr().err
    assert run(["replay", "like-ref-4.wav", "--verify", "--input", "ref.wav", *model]) == 0
    Path("list.csv").write_text(
        "prompt,like,seconds,steps,seed\n,ref.wav,1,1,4\nhouse,ref.wav,1,1,4\n"
    )
    assert run(["batch", "list.csv", *model]) == 0
    first, second = (read_recipe(f"list/{name}.wav") for name in ("001-generate", "002-house"))
    assert first.samples_sha256 == recipe.samples_sha256
    assert second.parameters["like_amount"] == 0.5
    for arguments, message in (
        (["generate", "--like", "none.wav"], "none.wav: no such file"),
        (["generate", "x", "--like-amount", "0.5", *model], "needs the recording"),
        (["generate"], "the prompt is empty"),
        (["vary", "like-ref-4.wav"], "was made after a recording"),
    ):
        assert run(arguments) == 2
        assert message in capfd.readouterr().err
