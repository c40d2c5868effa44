"""The planner in training: its pieces, a run that is resumed to the same bits, and its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import WIDTH, tiny_bundle

from longform.checkpoint import load_into
from longform.config import from_mapping
from longform.errors import UserError
from longform.music.prompt import read_prompt
from longform.planner import Planner, PlannerConfig
from longform.planner.codec import encode
from longform.planner.vocabulary import Vocabulary
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.planner import NO_TARGET, PlannerTrainee, PlannerTraining
from longform.train.planner_figures import changes, obedience
from longform.train.planner_pieces import LENGTHS_SECONDS, Pieces
from longform.train.trainee import Draw

SHAPE = {"text_width": WIDTH, "width": 16, "depth": 1, "heads": 2}
FILES = ("networks.safetensors", "ema.safetensors", "optimisers.safetensors")


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("clap") / "model").folder


def training(clap: Path, out: Path, steps: int, **shape: int) -> PlannerTraining:
    run = {
        "out": str(out),
        "steps": steps,
        "batch": 4,
        "prefetch": 0,
        "log_every": 1,
        "optimisers": {"planner": {"lr": 0.01, "schedule": "constant"}},
    }
    data = {"run": run, "clap": str(clap), "planner": SHAPE | shape, "pieces": 40}
    return from_mapping(PlannerTraining, data | {"validation_pieces": 6, "written_pieces": 1})


@pytest.fixture(scope="module")
def straight(clap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "straight"
    config = training(clap, out, 11)
    fit(PlannerTrainee(config), config.run)
    return out


def test_a_piece_is_what_its_number_says() -> None:
    vocabulary = Vocabulary(PlannerConfig().styles, PlannerConfig().qualities)
    pieces, others = Pieces(5, vocabulary), Pieces(5, vocabulary)
    others[3]
    for number in (0, 3, 70_000):
        assert np.array_equal(pieces[number].tokens, others[number].tokens)
        assert pieces[number].captions == others[number].captions
        assert pieces[number].tokens.tolist() == encode(pieces.plan(number), vocabulary).tokens
    assert pieces[0] is pieces[0]
    drawn = [pieces.plan(number) for number in range(60)]
    assert len({plan.style for plan in drawn}) > 20
    assert {plan.seconds < 60 for plan in drawn} == {True, False}
    assert sum(chance for _, _, chance in LENGTHS_SECONDS) == pytest.approx(1)
    told = [read_prompt(text) for number in range(40) for text in pieces[number].captions]
    assert sum(facts.style is not None for facts in told) > 40


def test_a_batch_is_shifted_and_padded(clap: Path, tmp_path: Path) -> None:
    trainee = PlannerTrainee(training(clap, tmp_path / "run", 1))
    batch = trainee.draw(Draw(0, 5))
    start = trainee.planner.vocabulary.token("start")
    for row in range(4):
        piece = trainee.pieces[int(str(batch["ids"][row]).split()[1])]
        count = len(piece.tokens)
        assert batch["targets"][row, :count].tolist() == piece.tokens.tolist()
        assert batch["tokens"][row, :count].tolist() == [start, *piece.tokens[:-1].tolist()]
        assert batch["left"][row, :count].tolist() == piece.left.tolist()
        assert (batch["targets"][row, count:] == NO_TARGET).all()


def test_eight_steps_deal_every_piece_once(clap: Path, tmp_path: Path) -> None:
    trainee = PlannerTrainee(training(clap, tmp_path / "run", 1))
    batches = [trainee.draw(Draw(7, step)) for step in range(8)]
    drawn = [name for batch in batches for name in batch["ids"]]
    assert len(set(drawn)) == 32
    spread = [
        np.ptp([len(trainee.pieces[int(n.split()[1])].tokens) for n in b["ids"]]) for b in batches
    ]
    everything = np.ptp([len(trainee.pieces[int(n.split()[1])].tokens) for n in drawn])
    assert np.median(spread) < everything / 4


def test_it_learns_and_resumes_to_the_same_bits(straight: Path, clap: Path, tmp_path: Path) -> None:
    out = tmp_path / "halves"
    for steps in (5, 11):
        config = training(clap, out, steps)
        fit(PlannerTrainee(config), config.run)
    for name in FILES:
        path = Path("checkpoints") / "step-000000011" / name
        assert (out / path).read_bytes() == (straight / path).read_bytes()
    lines = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    losses = [line["planner/loss"] for line in lines if "planner/loss" in line]
    assert losses[-1] < losses[0] - 0.5
    figures = {name for name in lines[-1] if name.startswith("validation/")}
    names = ("loss", "valid", "tempo", "style", "chords", "form")
    assert {f"validation/{name}" for name in names} <= figures


def test_a_run_becomes_a_part_of_a_bundle(straight: Path) -> None:
    part = read_part(straight, "planner")
    config = from_mapping(PlannerConfig, part.config)
    assert config.width == SHAPE["width"]
    load_into(Planner(config), part.tensors, part.source)


def test_a_planner_for_another_text_tower_is_refused(clap: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"text_width is 99; .* has 16"):
        PlannerTrainee(training(clap, tmp_path / "run", 1, text_width=99))


def test_figures_know_right_from_wrong() -> None:
    vocabulary = Vocabulary(PlannerConfig().styles, PlannerConfig().qualities)
    pieces = Pieces(1, vocabulary)
    plan = pieces.plan(0)
    tokens = torch.from_numpy(pieces[0].tokens)[None].long()
    caption = [f"{plan.style}, {plan.tempo_bpm:g} bpm, {plan.key}"]
    sure = torch.full((1, tokens.shape[1], vocabulary.size), -30.0)
    right = sure.scatter(2, tokens[..., None], 30.0)
    for name, found in obedience(vocabulary, right, tokens, caption).items():
        assert found == pytest.approx([1.0]), name
    wrong = right.roll(1, dims=2)
    figures = obedience(vocabulary, wrong, tokens, caption)
    assert figures["valid"][0] < 1e-6 and figures["key"] == [0.0]
    silent = obedience(vocabulary, right, tokens, ["something"])
    assert silent["key"] == [] and silent["valid"] == pytest.approx([1.0])
    found = changes(plan)
    assert sum(kind == "form" for kind, _, _ in found) == len(plan.sections) - 1
    chords = sum(map(len, plan.chords))
    assert sum(kind == "chords" for kind, _, _ in found) == chords - 1
