"""Evaluation while training: the history, the rule that stops, and that nothing else changes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import test_train_dit
import torch
from test_train_dit import config
from trainees import Plain, make, run_config

from longform.errors import UserError
from longform.train import loop
from longform.train.config import EVALUATION_FIGURES, EvaluateConfig
from longform.train.dit import DiTTrainee
from longform.train.evaluate.online import HISTORY, Evaluations, plateau
from longform.train.state import State

folder, clap = test_train_dit.folder, test_train_dit.clap


class Heard(Plain):
    """Evaluations that rise for three steps and stay, and that use up random numbers."""

    def evaluate(self, weights) -> dict[str, float]:
        torch.rand(7)
        own = self.networks["model"].state_dict()["layers.0.weight"]
        assert not torch.equal(weights["model"]["layers.0.weight"], own)
        self.calls = getattr(self, "calls", 0) + 1
        return dict.fromkeys(EVALUATION_FIGURES, 0.0) | {"key": min(self.calls, 3) / 4}


def trained(out: Path, steps: int, **evaluate) -> State:
    run = run_config("plain", out, steps, evaluate={"autoencoder": "mini", "minutes": 0} | evaluate)
    return loop.fit(Heard(make("plain", run).config), run)


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / HISTORY).read_text().splitlines()]


def same(one: State, other: State) -> bool:
    pairs = zip(one.tensors().values(), other.tensors().values(), strict=True)
    return all(torch.equal(a[name], b[name]) for a, b in pairs for name in a)


def test_what_is_learned_does_not_depend_on_being_evaluated(tmp_path: Path) -> None:
    run = run_config("plain", tmp_path / "silent", 8)
    silent = loop.fit(make("plain", run), run)
    assert same(trained(tmp_path / "heard", 8), silent)
    trained(tmp_path / "halves", 3)
    assert same(trained(tmp_path / "halves", 8, prompts=3), silent)
    assert [row["step"] for row in rows(tmp_path / "halves")] == list(range(1, 9))
    assert rows(tmp_path / "heard")[2]["key"] == 0.75


def test_between_evaluations_lie_the_minutes(tmp_path: Path) -> None:
    trained(tmp_path, 5, minutes=60)
    assert [row["step"] for row in rows(tmp_path)] == [5]


def test_a_run_stops_when_the_metric_has_not_improved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path, 40, stop_when="key over 4").step == 7
    assert "stopped at step 7: key over 4" in capsys.readouterr().err
    assert (tmp_path / "checkpoints").is_dir()
    assert trained(tmp_path, 40, stop_when="key over 4").step == 7, "it stays stopped"
    assert trained(tmp_path, 9).step == 9, "without the rule it goes on"


def test_plateau() -> None:
    assert not plateau([0.1, 0.2], 2)
    assert plateau([0.3, 0.2, 0.3], 2)
    assert not plateau([0.1, 0.3, 0.2], 2)
    assert plateau([0.1, 0.3, 0.2, 0.3], 2)


def test_less_is_better_for_faults(tmp_path: Path) -> None:
    config = EvaluateConfig(autoencoder="mini", stop_when="clipped over 1")
    history = Evaluations(config, tmp_path, 0, 10)
    for step, clipped in ((1, 0.5), (2, 0.25)):
        history.note(step, dict.fromkeys(EVALUATION_FIGURES, 0.0) | {"clipped": clipped})
    assert not history.plateaued
    history.note(3, dict.fromkeys(EVALUATION_FIGURES, 0.0) | {"clipped": 0.25})
    assert history.plateaued
    history.close()


def test_a_rule_that_is_none_is_refused() -> None:
    for text in ("key", "key over 0", "keys over 3", "key < 0.1"):
        with pytest.raises(UserError, match=r"not 'METRIC over N' with one of tempo, key"):
            EvaluateConfig(autoencoder="mini", stop_when=text)
    with pytest.raises(UserError, match="prompts 1"):
        EvaluateConfig(autoencoder="mini", prompts=1)


def test_what_cannot_be_heard_says_so(tmp_path: Path) -> None:
    run = run_config("plain", tmp_path, 2, evaluate={"autoencoder": "mini"})
    with pytest.raises(UserError, match="only the denoiser"):
        loop.fit(make("plain", run), run)


def test_the_denoiser_is_heard_and_learns_the_same(
    folder: Path, clap: Path, tmp_path: Path
) -> None:
    states = []
    for name, evaluate in (("silent", None), ("heard", "every"), ("halves", "every")):
        plain = config(folder, clap, tmp_path / name)
        settings = EvaluateConfig(autoencoder=str(clap), minutes=0, prompts=2, seconds=3.0)
        for steps in (2, 3) if name == "halves" else (3,):
            run = replace(plain.run, steps=steps, evaluate=settings if evaluate else None)
            states.append(loop.fit(DiTTrainee(replace(plain, run=run)), run))
    silent, heard, _, halves = states
    assert same(silent, heard) and same(silent, halves)
    whole, resumed = rows(tmp_path / "heard"), rows(tmp_path / "halves")
    assert [row["step"] for row in whole] == [row["step"] for row in resumed] == [1, 2, 3]
    for row, other in zip(whole, resumed, strict=True):
        assert row.keys() == {"step", "time", *EVALUATION_FIGURES}
        assert {**row, "time": 0} == {**other, "time": 0}, "prompts and seeds are fixed"


def test_an_autoencoder_of_another_kind_is_refused_before_the_first_step(
    folder: Path, clap: Path, tmp_path: Path
) -> None:
    plain = config(folder, clap, tmp_path)
    evaluate = EvaluateConfig(autoencoder="mini")
    with pytest.raises(UserError, match=r"'mini' has 128 channels of hop 4096; the latents have 4"):
        DiTTrainee(replace(plain, run=replace(plain.run, evaluate=evaluate)))
