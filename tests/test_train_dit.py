"""The denoiser's trainee: what a batch says, what dropout takes, and that it learns and resumes."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from longform.config import load_yaml, to_mapping
from longform.dit.denoiser import Denoiser
from longform.errors import UserError
from longform.music.draw import draw_plan
from longform.music.guide import GUIDE_CHANNELS, guide
from longform.train.config import OptimConfig, RunConfig
from longform.train.dit import DiTTrainee, prompts_of, visits
from longform.train.dit_config import DiTTraining, Dropout, Window
from longform.train.latents import LatentDataset
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.trainee import Draw
from tests.latents_folder import RATE_HZ, SILENCE, piece_facts, write_latents, write_pairs
from tests.tiny import CLAP, CONDITIONER, DIT, LATENT_CHANNELS, tiny_bundle

PIECES = {"long": (300, "train"), "short": (40, "train"), "held": (120, "validation")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Latents of three pieces and an effect; channel 0 counts the frames of its piece."""
    pieces = {
        name: (frames, split, piece_facts(name, frames)) for name, (frames, split) in PIECES.items()
    }
    hit = {"hit": (20, "train", {"kind": "effect"})}
    return write_latents(tmp_path_factory.mktemp("latents"), pieces | hit)


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny").folder


def config(folder: Path, clap: Path, out: Path, **changes) -> DiTTraining:
    run = RunConfig(
        out=str(out),
        steps=6,
        batch=4,
        ema=0.9,
        threads=1,
        checkpoint_steps=3,
        optimisers={"dit": OptimConfig(lr=3e-3, schedule="constant")},
    )
    settings = {
        "run": run,
        "latents": str(folder),
        "clap": str(clap),
        "dit": DIT,
        "conditioner": CONDITIONER,
        "windows": (Window(frames=64),),
        "validation_items": 4,
    }
    return DiTTraining(**settings | changes)


@pytest.fixture
def trainee(folder: Path, clap: Path, tmp_path: Path) -> DiTTrainee:
    nothing = Dropout(condition=0, text=0, control=0, guide=0, guide_features=0)
    made = DiTTrainee(config(folder, clap, tmp_path / "run", dropout=nothing))
    made.prepare(torch.device("cpu"))
    return made


def rows(trainee: DiTTrainee, name: str, steps: int = 12) -> list[dict[str, Tensor]]:
    """Every draw of one item among many steps, as single rows."""
    found = []
    for step in range(steps):
        batch = trainee.draw(Draw(0, step))
        keys = [key for key in batch if key != "ids"]
        found += [
            {key: batch[key][row] for key in keys}
            for row, item in enumerate(batch["ids"])
            if item == name
        ]
    return found


def test_a_batch_tells_where_its_window_lies(trainee: DiTTrainee) -> None:
    plan = draw_plan(style="house", seconds=300 / RATE_HZ, seed=4)
    starts = set()
    for row in rows(trainee, "long"):
        start = int(row["latents"][0, 0])
        starts.add(start)
        assert row["seconds_start"] == math.floor(start / RATE_HZ)
        assert row["seconds_total"] == math.ceil(300 / RATE_HZ)
        told = torch.from_numpy(guide(plan, 64, RATE_HZ, start / RATE_HZ))
        torch.testing.assert_close(row["guide"], told)
        assert row["guide_mask"].all() and row["key"] == 9 + 12 and row["metre"] == 4
        assert row["tempo_bpm"] == pytest.approx(plan.tempo_bpm)
    assert 0 in starts and len(starts) > 5


def test_windows_reach_past_the_end_and_short_pieces_are_padded_with_silence(
    trainee: DiTTrainee,
) -> None:
    short = rows(trainee, "short")[0]["latents"]
    assert torch.equal(short[0, :40], torch.arange(40.0))
    assert torch.equal(short[:, 40:], torch.tensor(SILENCE)[:, None].expand(-1, 24))
    ends = [float(row["latents"][0, -1]) for row in rows(trainee, "long", 40)]
    assert 9.0 in ends and any(end > 64 for end in ends)


def test_an_effect_has_text_and_timing_but_no_guide_and_no_controls(trainee: DiTTrainee) -> None:
    row = rows(trainee, "hit")[0]
    assert not row["guide_mask"].any() and not row["guide"].any()
    assert row["tempo_bpm"].isnan() and row["key"] == -1 and row["metre"] == -1
    assert row["text_mask"].any()


def test_text_is_the_frozen_towers_for_one_of_the_captions(trainee: DiTTrainee) -> None:
    from longform.clap import Tokenizer

    ids, mask = Tokenizer.load()(["caption one of long", "long two"])
    wanted = trainee.clap.text_tokens(ids, mask).half().float()
    seen = set()
    for row in rows(trainee, "long"):
        length = int(row["text_mask"].sum())
        match = [
            number
            for number in range(2)
            if mask[number].sum() == length
            and torch.allclose(row["text"][:length], wanted[number, :length], atol=2e-3)
        ]
        assert len(match) == 1 and not row["text"][length:].any()
        seen.add(match[0])
    assert seen == {0, 1}


def test_a_draw_is_a_function_of_its_numbers(trainee: DiTTrainee) -> None:
    first, again = trainee.draw(Draw(3, 7)), trainee.draw(Draw(3, 7))
    other = trainee.draw(Draw(3, 8))
    assert first["ids"] == again["ids"]
    for key in first.keys() - {"ids"}:
        assert torch.equal(first[key].nan_to_num(), again[key].nan_to_num()), key
    assert not torch.equal(first["latents"], other["latents"])


def test_dropout_rates_are_those_of_the_config(folder: Path, clap: Path, tmp_path: Path) -> None:
    rates = Dropout(condition=0.2, text=0.25, control=0.5, guide=0.3, guide_features=0.0)
    made = DiTTrainee(config(folder, clap, tmp_path, dropout=rates))
    made.prepare(torch.device("cpu"))
    music = [row for name in ("long", "short") for row in rows(made, name, 120)]
    drop = torch.stack([row["drop"] for row in music]).float()
    guided = torch.stack([row["guide_mask"] for row in music])
    assert torch.equal(guided.any(1), guided.all(1))
    kept = guided[:, 0].float()
    assert drop.mean() == pytest.approx(0.2, abs=0.05)
    assert kept[drop == 0].mean() == pytest.approx(0.7, abs=0.06)
    assert kept[drop == 1].mean() == pytest.approx(0.5, abs=0.12)
    for name in ("key", "metre"):
        gone = torch.stack([row[name] for row in music]) == -1
        assert gone.float().mean() == pytest.approx(0.5, abs=0.06), name
    text = torch.stack([row["text_mask"].any() for row in music]).float()
    assert text.mean() == pytest.approx(0.75, abs=0.05)


def test_guide_features_are_dropped_one_by_one(folder: Path, clap: Path, tmp_path: Path) -> None:
    rates = Dropout(condition=0, text=0, control=0, guide=0, guide_features=1.0)
    made = DiTTrainee(config(folder, clap, tmp_path, dropout=rates))
    made.prepare(torch.device("cpu"))
    kinds = {tuple(row["guide_mask"].tolist()) for row in rows(made, "long")}
    assert len(kinds) > 5


def test_other_windows_take_as_many_frames(folder: Path, clap: Path, tmp_path: Path) -> None:
    windows = (Window(frames=64, share=0.5), Window(frames=16, share=0.5))
    made = DiTTrainee(config(folder, clap, tmp_path, windows=windows))
    made.prepare(torch.device("cpu"))
    shapes = {tuple(made.draw(Draw(0, step))["latents"].shape) for step in range(12)}
    assert shapes == {(4, LATENT_CHANNELS, 64), (16, LATENT_CHANNELS, 16)}
    ranks = {made.draw(Draw(0, 3, rank, 2))["latents"].shape for rank in range(2)}
    assert len(ranks) == 1


def test_an_epoch_visits_a_piece_once_for_every_window_it_spans(folder: Path) -> None:
    data = LatentDataset(folder, "train")
    named = [data.items[number].id for number in visits(data, 64)]
    assert sorted(named) == ["hit"] + ["long"] * 5 + ["short"]


def test_the_null_branch_hears_nothing_of_text_and_controls(trainee: DiTTrainee) -> None:
    batch = dict(trainee.draw(Draw(0, 0)))
    network = trainee.networks["dit"].eval()
    assert isinstance(network, Denoiser)
    for parameter in network.dit.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    other = batch | {"text": batch["text"].flip(0) + 1, "key": batch["key"] + 1}
    latents, time = torch.randn(4, LATENT_CHANNELS, 64), torch.full((4,), 0.5)
    drop = torch.tensor([True, False, True, False])
    first = network(latents, time, prompts_of(batch), drop)
    second = network(latents, time, prompts_of(other), drop)
    same = (first - second).flatten(1).abs().amax(1) < 1e-6
    assert same.tolist() == drop.tolist()


def test_a_resumed_run_equals_a_straight_one(folder: Path, clap: Path, tmp_path: Path) -> None:
    straight = config(folder, clap, tmp_path / "straight")
    assert fit(DiTTrainee(straight), straight.run).step == 6

    broken = config(folder, clap, tmp_path / "broken")
    fit(DiTTrainee(broken), replace(broken.run, steps=3))
    fit(DiTTrainee(broken), broken.run)
    one, two = (read_part(tmp_path / name, "dit") for name in ("straight", "broken"))
    assert (
        one.tensors.keys()
        == two.tensors.keys()
        == DiTTrainee(straight).networks["dit"].dit.state_dict().keys()
    )
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    assert torch.equal(one.tensors["latent_scale"], torch.tensor([0.02, 1, 1, 1]))

    lines = [json.loads(line) for line in (tmp_path / "straight" / "log.jsonl").open()]
    assert {"validation/loss", "validation/loss_without_guide"} <= lines[-1].keys()


def test_training_lowers_the_loss(folder: Path, clap: Path, tmp_path: Path) -> None:
    small = config(folder, clap, tmp_path / "run", windows=(Window(frames=32),))
    small = replace(small, run=replace(small.run, steps=90, checkpoint_steps=0, validate_every=0))
    fit(DiTTrainee(small), small.run)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    losses = [line["dit/loss"] for line in lines if "dit/loss" in line]
    assert losses[-1] < 0.7 * losses[0]


class Oracle(nn.Module):
    """Knows the clean latents, and tells the velocity of a straight path from them to x_t."""

    def __init__(self, clean: Tensor) -> None:
        super().__init__()
        self.clean = nn.Parameter(clean)

    def forward(self, x: Tensor, time: Tensor, *_: object) -> Tensor:
        return (x - self.clean) / time[:, None, None]


def test_the_objective_of_the_config_is_what_is_trained(
    folder: Path, clap: Path, tmp_path: Path
) -> None:
    flow = replace(DIT, objective="rectified_flow")
    found = {}
    for name, dit in (("flow", flow), ("v", DIT)):
        made = DiTTrainee(config(folder, clap, tmp_path / name, dit=dit))
        made.prepare(torch.device("cpu"))
        batch = made.draw(Draw(0, 0))
        oracle = Oracle(made.standardised(batch["latents"]))
        loss = made.losses("dit", {"dit": oracle}, batch, torch.Generator().manual_seed(0))["loss"]
        held_out = made._held_out_loss(oracle, dict(batch), np.arange(len(batch["latents"])))
        found[name] = float(loss.detach()), float(held_out.detach().max())
    assert max(found["flow"]) < 1e-6 and min(found["v"]) > 1e-2


class Clock(nn.Module):
    """Remembers the time steps that it was asked at."""

    def forward(self, x: Tensor, time: Tensor, *_: object) -> Tensor:
        self.time = time
        return x


def test_time_steps_lie_where_the_config_says(folder: Path, clap: Path, tmp_path: Path) -> None:
    settings = {"logit_normal_share": 1.0, "logit_normal_mean": 8.0}
    made = DiTTrainee(config(folder, clap, tmp_path / "run", **settings))
    made.prepare(torch.device("cpu"))
    clock = Clock()
    made.losses("dit", {"dit": clock}, made.draw(Draw(0, 0)), torch.Generator().manual_seed(0))
    assert clock.time.min() > 0.9


def test_what_does_not_fit_is_told(folder: Path, clap: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dit\.guide_channels is 3; this conditioner makes"):
        config(folder, clap, tmp_path, dit=replace(DIT, guide_channels=3))
    with pytest.raises(UserError, match=r"dit\.io_channels is 5; the data have 4"):
        DiTTrainee(config(folder, clap, tmp_path, dit=replace(DIT, io_channels=5)))
    with pytest.raises(UserError, match="is not a finished folder of latents"):
        DiTTrainee(config(tmp_path, clap, tmp_path))


CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("dit_*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_trains_at_toy_size(
    path: Path, folder: Path, clap: Path, tmp_path: Path
) -> None:
    """Each shipped config, narrowed to a toy, makes one step."""
    whole = load_yaml(DiTTraining, path)
    heads = 2 * (whole.dit.heads // whole.dit.kv_heads)
    width = CLAP.text.width
    hears = bool(whole.conditioner.context_latents)
    conditioner = replace(
        whole.conditioner,
        text_width=width,
        token_width=width,
        latent_rate_hz=RATE_HZ,
        context_latents=LATENT_CHANNELS * hears,
    )
    dit = replace(
        whole.dit,
        io_channels=LATENT_CHANNELS,
        width=8 * heads,
        depth=1,
        heads=heads,
        cond_token_width=width,
        cross_heads=2,
        global_width=conditioner.global_width,
        ff_width=16,
        rotary_width=4,
        context_channels=conditioner.context_channels,
    )
    run = replace(whole.run, out=str(tmp_path / "run"), steps=1, batch=2, start_from=None)
    windows = tuple(replace(w, frames=max(1, w.frames // 64)) for w in whole.windows)
    pairs = whole.accompany and replace(whole.accompany, latents=str(write_pairs(tmp_path)))
    toy = replace(
        whole,
        run=replace(run, compile=False, threads=1),
        latents=str(folder),
        clap=str(clap),
        dit=dit,
        conditioner=conditioner,
        windows=windows,
        accompany=pairs,
    )
    assert fit(DiTTrainee(toy), toy.run).step == 1


def test_guide_channels_of_the_music_are_those_of_the_conditioner() -> None:
    assert CONDITIONER.feature_channels == GUIDE_CHANNELS
    assert to_mapping(CONDITIONER)["guide_features"][0] == {"name": "beat", "start": 0, "stop": 2}
