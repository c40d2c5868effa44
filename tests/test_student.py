"""Few steps: the mathematics of distilling, the student in training, and who makes what."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from longform.config import load_yaml
from longform.deliver import recipe_of
from longform.dit.distill import crossed, ddim, stretches, velocity_towards
from longform.dit.flow import noised, velocity
from longform.dit.guidance import Denoise
from longform.dit.sampling import solve
from longform.errors import UserError
from longform.pipeline import Pipeline, Request
from longform.replay import planned
from longform.train.config import OptimConfig, RunConfig
from longform.train.dit_config import DiTTraining, Dropout, Window
from longform.train.loop import fit
from longform.train.pack import pack, read_part
from longform.train.student import StudentTrainee, StudentTraining
from longform.train.trainee import Draw
from tests.latents_folder import piece_facts, write_latents
from tests.tiny import CONDITIONER, DIT, tiny_bundle

STEPS = 4
NOTHING = Dropout(condition=0, text=0, control=0, guide=0, guide_features=0)


def gaussian(deviation: float, mean: float) -> Denoise:
    """The exact velocity for data that are normal: what a perfect network would say."""

    def denoise(x: Tensor, time: Tensor) -> Tensor:
        angle = (time * math.pi / 2).view(-1, 1, 1)
        alpha, sigma = angle.cos(), angle.sin()
        variance = (alpha * deviation) ** 2 + sigma**2
        clean = mean + alpha * deviation**2 / variance * (x - alpha * mean)
        return (alpha * x - clean) / sigma

    return denoise


def exact(x: Tensor, level: Tensor, following: Tensor, deviation: float, mean: float) -> Tensor:
    """Where the flow of such data leads: the standardised place of x stays."""

    def place(at: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = at.atan().cos().view(-1, 1, 1), at.atan().sin().view(-1, 1, 1)
        return alpha * mean, ((alpha * deviation) ** 2 + sigma**2).sqrt()

    (before, wide), (after, narrow) = place(level), place(following)
    return after + (x - before) / wide * narrow


def test_a_stretch_is_crossed_along_the_flow_of_the_data() -> None:
    torch.manual_seed(0)
    level, x = torch.tensor([60.0, 3.0, 0.4]), torch.randn(3, 2, 5)
    denoise = gaussian(0.7, 0.3)
    errors = []
    for ratio in (4.0, 2.0, 1.4):
        following = level / ratio
        wanted = exact(x, level, following, 0.7, 0.3)
        two = (crossed(denoise, x, level, following) - wanted).abs().max()
        time = level.atan() * (2 / math.pi)
        one = (ddim(x, denoise(x, time), level, following) - wanted).abs().max()
        assert two < one / 2
        errors.append(float(two))
    assert errors[2] < errors[1] / 4 < errors[0] / 16


def test_the_velocity_that_leads_somewhere_leads_there() -> None:
    x, landed = torch.randn(3, 2, 5), torch.randn(3, 2, 5)
    level, following = torch.tensor([80.0, 1.0, 0.1]), torch.tensor([20.0, 0.3, 0.0])
    v = velocity_towards(x, landed, level, following)
    torch.testing.assert_close(ddim(x, v, level, following), landed, atol=1e-5, rtol=1e-4)


def test_the_last_stretch_leads_to_what_the_teacher_says_is_clean() -> None:
    clean, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    level = torch.tensor([0.03, 0.05])
    time = level.atan() * (2 / math.pi)
    truth = velocity(clean, noise, time)
    x = noised(clean, noise, time)
    landed = crossed(
        lambda _, at: torch.where(at[:, None, None] > 0, truth, torch.nan_to_num(truth)),
        x,
        level,
        torch.zeros(2),
    )
    torch.testing.assert_close(landed, clean, atol=1e-5, rtol=1e-5)


def test_the_sampler_takes_the_same_steps_as_the_training() -> None:
    noise, denoise = torch.randn(2, 2, 6), gaussian(0.5, 0.0)
    made = solve(denoise, noise, sampler="ddim", steps=5, sigma_min=0.1, sigma_max=10.0)
    levels = [10.0 * 10 ** (-place / 2) for place in range(5)]
    x = noise * math.sin(math.atan(10.0))
    for level, following in zip(levels, [*levels[1:], 0.0], strict=True):
        at, to = torch.full((2,), level), torch.full((2,), following)
        x = ddim(x, denoise(x, at.atan() * (2 / math.pi)), at, to)
    torch.testing.assert_close(made, x, atol=1e-5, rtol=1e-4)


def test_stretches_begin_anywhere_between_the_levels() -> None:
    level, following = stretches(4000, 8, 0.03, 80.0, torch.Generator().manual_seed(0))
    ratio = (80 / 0.03) ** (1 / 7)
    last = following == 0
    assert float(last.float().mean()) == pytest.approx(1 / 8, abs=0.01)
    assert float((level == 80).float().mean()) == pytest.approx(1 / 16, abs=0.01)
    torch.testing.assert_close(
        level[~last] / following[~last], torch.full_like(level[~last], ratio)
    )
    assert level.max() == 80 and level.min() >= 0.03 / ratio**0.51
    assert level[last].max() < 0.03 * ratio**0.51


def test_a_tilt_teaches_high_levels_more_and_all_of_them() -> None:
    level, following = stretches(4000, 8, 0.03, 80.0, torch.Generator().manual_seed(0), tilt=2.0)
    ratio = (80 / 0.03) ** (1 / 7)
    upper = level > 80 / ratio**1.5  # the first two of eight steps
    assert float(upper.float().mean()) == pytest.approx(0.5, abs=0.01)
    assert float((following == 0).float().mean()) == pytest.approx(1 - (7 / 8) ** 0.5, abs=0.01)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("teacher") / "tiny").folder


def settings(teacher: Path, folder: Path, **changes) -> StudentTraining:
    latents = folder / "latents"
    if not latents.is_dir():
        latents.mkdir()
        pieces = {"a": (90, "train", piece_facts("a", 90)), "b": (70, "train", {"kind": "effect"})}
        held = {"c": (80, "validation", piece_facts("c", 80))}
        write_latents(latents, pieces | held)
    run = RunConfig(
        out=str(folder / "run"),
        steps=40,
        batch=4,
        ema=0.9,
        threads=1,
        log_every=5,
        validate_every=20,
        optimisers={"student": OptimConfig(lr=2e-3, schedule="constant")},
    )
    given = {
        "run": run,
        "latents": str(latents),
        "clap": str(teacher),
        "teacher": str(teacher),
        "dit": DIT,
        "conditioner": CONDITIONER,
        "windows": (Window(frames=64),),
        "dropout": NOTHING,
        "steps": STEPS,
        "guidance": 2.0,
        "projection": 0.0,
    }
    return StudentTraining(**given | changes)


@pytest.fixture(scope="module")
def taught(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a student that learned for a while."""
    folder = tmp_path_factory.mktemp("taught")
    config = settings(teacher, folder)
    fit(StudentTrainee(config), config.run)
    parts = dict.fromkeys(("autoencoder", "clap", "dit"), teacher)
    return pack(folder / "both", name="both", **parts, student=config.run.out).folder


@torch.no_grad()
def distance(trainee: StudentTrainee) -> float:
    """From the teacher, over more levels than one validation of so few pieces draws."""
    assert trainee.held_out is not None
    numbers = np.arange(len(trainee.held_out))
    apart = [
        trainee._apart(
            trainee.networks["student"],
            trainee.held_out_batch(trainee.held_out, numbers, Draw(0, draw)),
        )
        for draw in range(32)
    ]
    return float(torch.cat(apart).mean())


def test_a_tilt_changes_what_is_taught_and_not_how_it_is_judged(
    teacher: Path, tmp_path: Path
) -> None:
    even, tilted = (StudentTrainee(settings(teacher, tmp_path, tilt=tilt)) for tilt in (1.0, 3.0))
    drawn, held = [], []
    for trainee in (even, tilted):
        trainee.prepare(torch.device("cpu"))
        drawn.append(trainee.draw(Draw(0, 0))["level"])
        assert trainee.held_out is not None
        held.append(trainee.held_out_batch(trainee.held_out, np.zeros(1, int), Draw(0, 0)))
    assert bool((drawn[1] >= drawn[0]).all()) and not torch.equal(*drawn)
    assert torch.equal(held[0]["level"], held[1]["level"])
    with pytest.raises(UserError, match="tilt is"):
        settings(teacher, tmp_path, tilt=0.5)


def test_it_begins_as_its_teacher_and_comes_nearer_to_what_guidance_says(
    teacher: Path, tmp_path: Path
) -> None:
    config = settings(teacher, tmp_path)
    trainee = StudentTrainee(config)
    trainee.prepare(torch.device("cpu"))
    before = distance(trainee)
    same = trainee.networks["student"].state_dict()
    for name, tensor in trainee.teacher.state_dict().items():
        assert torch.equal(tensor, same[name])
    fit(trainee, config.run)
    assert distance(trainee) < 0.7 * before
    for name, tensor in StudentTrainee(config).teacher.state_dict().items():
        assert torch.equal(tensor, trainee.teacher.state_dict()[name]), "the teacher moved"


def test_resumed_equals_straight(teacher: Path, tmp_path: Path) -> None:
    def run(name: str, *steps: int) -> dict[str, Tensor]:
        config = settings(teacher, tmp_path)
        for count in steps:
            short = replace(config.run, out=str(tmp_path / name), steps=count)
            fit(StudentTrainee(replace(config, run=short)), short)
        return read_part(tmp_path / name, "student").tensors

    straight, resumed = run("straight", 4), run("resumed", 2, 4)
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in straight.items())


def test_a_student_goes_on_from_another(teacher: Path, taught: Path, tmp_path: Path) -> None:
    config = settings(teacher, tmp_path)
    still = {"student": OptimConfig(lr=1e-30, schedule="constant")}
    run = replace(config.run, steps=1, start_from=str(taught), optimisers=still)
    fit(StudentTrainee(replace(config, run=run)), run)
    before = read_part(taught, "student").tensors
    for name, tensor in read_part(run.out, "student").tensors.items():
        torch.testing.assert_close(tensor, before[name].float(), atol=1e-6, rtol=1e-6)


def hearing(config: StudentTraining) -> StudentTrainee:
    """In training by a teacher to whom words matter; one that never learned is deaf to them."""
    trainee = StudentTrainee(config)
    torch.manual_seed(0)
    for parameter in trainee.teacher.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return trainee


@torch.no_grad()
def test_a_student_is_to_add_words_above_a_noise_level(
    teacher: Path, taught: Path, tmp_path: Path
) -> None:
    levels = {"sigma_min": 0.1, "sigma_max": 100.0, "words_sigma": 5.0}
    trainee = hearing(settings(teacher, tmp_path, student=str(taught), words=0.5, **levels))
    trainee.prepare(torch.device("cpu"))
    assert trainee.before is not None
    said = read_part(taught, "student").tensors
    for name, tensor in trainee.before.state_dict().items():
        assert torch.equal(tensor, said[name].float())
    batch = trainee.draw(Draw(0, 0))
    batch["level"] = torch.tensor([100.0, 5.0, 5 / math.sqrt(10), 0.4])  # 0.4: over a step below
    apart = trainee._apart_in_words(trainee.before, trainee.before, batch)

    time = batch["level"].atan() * (2 / math.pi)
    x = noised(trainee.standardised(batch["latents"]), batch["noise"], time)
    heard = trainee.teacher.conditioner(trainee.told(batch))
    unheard = trainee.teacher.conditioner.null(heard, keep_guide=True)
    words = trainee.teacher.dit(x, time, heard) - trainee.teacher.dit(x, time, unheard)
    words = words.square().mean(dim=(1, 2))
    share = 0.5 * torch.tensor([1.0, 1.0, 0.5, 0.0])
    assert bool((words > 0).all())
    torch.testing.assert_close(apart, share.square() * words, atol=1e-7, rtol=1e-3)


def test_a_student_learns_words_and_resumes_exactly(
    teacher: Path, taught: Path, tmp_path: Path
) -> None:
    config = settings(teacher, tmp_path, student=str(taught), words=4.0, words_sigma=0.1)

    def left(name: str, steps: int, rate: float = 1e-4) -> float:
        learning = {"student": OptimConfig(lr=rate, schedule="constant")}
        out = str(tmp_path / name)
        run = replace(config.run, out=out, steps=steps, optimisers=learning)
        trainee = hearing(replace(config, run=run))
        fit(trainee, run)
        return trainee.validate(trainee.networks, 0)["words"]

    left("resumed", 15)
    assert left("straight", 40) == left("resumed", 40) < 0.8 * left("still", 1, rate=1e-30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": -1.0}, "words -1"),
        ({"words_sigma": 0.0}, "words_sigma 0"),
        ({"words": 1.0}, "student None"),
        ({"student": "mini"}, "words is 0 and student mini"),
    ],
)
def test_words_that_cannot_be_taught(teacher: Path, tmp_path: Path, changes, message) -> None:
    with pytest.raises(UserError, match=message):
        settings(teacher, tmp_path, **changes)


def test_the_student_makes_what_is_new_unless_only_the_teacher_can(taught: Path) -> None:
    pipe = Pipeline.from_pretrained(taught)
    assert pipe.student is not None and pipe.student.student is None

    def made(**changes) -> tuple[str, int, float]:
        facts = pipe.run(Request(prompt="house", seconds=1, **changes)).facts
        return facts.get("denoiser", "teacher"), facts["steps"], facts["guidance"]

    assert made() == ("student", STEPS, 1.0)
    assert made(steps=3) == ("student", 3, 1.0)
    assert made(steps=STEPS + 1) == ("teacher", STEPS + 1, 3.0)
    assert made(teacher=True) == ("teacher", 30, 3.0)
    assert made(guidance=2.0) == ("teacher", 30, 2.0)
    assert made(negative="drums", steps=2) == ("teacher", 2, 3.0)
    assert (
        made(plan="intro 1s")[0] == "teacher"
        and made(plan="intro 1s", teacher=False)[0] == "student"
    )
    effect = Request(prompt="laser", seconds=0.5)
    assert pipe.sfx(effect).facts["denoiser"] == "student"
    assert "denoiser" not in pipe.sfx(effect, looped=True).facts
    assert "denoiser" not in pipe.loop(Request(prompt="house", bpm=120, steps=2), bars=1).facts
    audio = pipe.run(Request(prompt="house", seconds=1)).waveform
    assert "denoiser" not in pipe.transfer(audio, Request(prompt="techno", steps=2)).facts
    assert pipe.student.autoencoder is pipe.autoencoder


def test_a_plan_that_was_written_is_played_again_by_whom_it_was_written_for(taught: Path) -> None:
    recipe = recipe_of(Pipeline.from_pretrained(taught), job="generate", parameters={"seconds": 1})
    asked = planned(replace(recipe, plan="intro 1s"))
    assert asked["plan"] == "intro 1s" and asked["teacher"] is False
    assert planned(replace(recipe, plan="x", parameters={"seconds": 1, "teacher": True}))["teacher"]
    assert planned(recipe) == {"seconds": 1}
    own = replace(recipe, plan="x", parameters={"seconds": 1, "plan": "intro 1s"})
    assert "teacher" not in planned(own)


def test_a_bundle_with_a_student_is_packed_again_with_it(taught: Path, tmp_path: Path) -> None:
    again = pack(
        tmp_path / "again",
        name="again",
        **dict.fromkeys(("autoencoder", "clap", "dit", "student"), taught),
        eight_bit=True,
    )
    assert again.manifest.student is not None and again.manifest.student.steps == STEPS
    student, before = again.student(), Pipeline.from_pretrained(taught).bundle.student()
    assert student is not None and before is not None
    for name, tensor in student.dit().state_dict().items():
        torch.testing.assert_close(tensor, before.dit().state_dict()[name], atol=0.02, rtol=0.02)
    own, other = read_part(taught, "student").tensors, read_part(taught, "dit").tensors
    assert any(not torch.equal(own[f"dit.{name}"], tensor) for name, tensor in other.items())
    (tmp_path / "again" / "student.safetensors").unlink()
    with pytest.raises(UserError, match=r"student\.safetensors is missing"):
        Pipeline.from_pretrained(tmp_path / "again")


def test_the_shipped_config_is_that_of_its_teacher() -> None:
    configs = Path(__file__).parent.parent / "configs"
    student = load_yaml(StudentTraining, configs / "student_mini.yaml")
    teacher = load_yaml(DiTTraining, configs / "dit_mini_listen.yaml")
    assert (student.dit, student.conditioner) == (teacher.dit, teacher.conditioner)
    assert student.teacher == teacher.run.out and student.whitening == teacher.whitening


def test_mistakes_are_named(teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dit is not configured as that of the teacher"):
        StudentTrainee(settings(teacher, tmp_path, dit=replace(DIT, depth=1)))
    with pytest.raises(UserError, match="steps 1, sigma_min"):
        settings(teacher, tmp_path, steps=1)
    with pytest.raises(UserError, match="has no student"):
        read_part(teacher, "student")
