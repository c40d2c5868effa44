"""Runs drawn and extrapolated: a known law is found again, and runs stand in their order."""

import json
from pathlib import Path

import numpy as np
import pytest
import trainees
from trainees import run_config

from longform.cli import run
from longform.config import load_yaml, to_mapping
from longform.errors import UserError
from longform.train.autoencoder_config import AutoencoderTrainConfig
from longform.train.clap import ClapTraining
from longform.train.curve_fit import fit_power_law
from longform.train.curve_report import extrapolate, loss_name, plot_command
from longform.train.curves import item_amount, place, read_run
from longform.train.dit_config import DiTTraining
from longform.train.planner import PlannerTraining
from longform.train.run_folder import read_config

CONFIGS = Path(__file__).parent.parent / "configs"
SOUND = "s of audio"
PARAMETERS = 6 * 8 + 8 + 8 * 3 + 3
"""Of the plain trainee."""


def law(compute: np.ndarray) -> np.ndarray:
    return 0.2 + 0.05 * (compute / 1e6) ** -0.5


def logged(folder: Path, steps: int, *, start_from: Path | None = None, before: float = 0) -> Path:
    """A real run of two steps whose log is then written anew: a loss that follows the law."""
    trainees.train("plain", folder, 2)
    rows = []
    for step in range(10, steps + 1, 10):
        compute = before + 4 * step * PARAMETERS
        loss = {"model/loss": float(law(compute)), "seconds": 2.0 * step}
        rows.append({"step": step, "time": 0.0, **loss})
    write(folder, rows)
    if start_from is not None:
        path = folder / "config.yaml"
        text = path.read_text().replace("start_from: null", f"start_from: {start_from}")
        path.write_text(text)
    return folder


def mapping(kind: type, name: str) -> dict:
    return to_mapping(load_yaml(kind, CONFIGS / f"{name}.yaml", []))


def write(folder: Path, rows: list[dict]) -> None:
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_known_law_is_found_again_through_noise_and_outliers() -> None:
    rng = np.random.default_rng(0)
    compute = np.linspace(2e4, 1e6, 400)
    loss = law(compute) * (1 + 0.01 * rng.standard_normal(400))
    loss[::40] += 0.5
    found = fit_power_law(compute, loss)
    assert found.floor == pytest.approx(0.2, abs=0.02)
    assert found.exponent == pytest.approx(0.5, abs=0.12)
    for more in (2e6, 1e7):
        low, high = found.spread(more)
        assert float(found.at(more)) == pytest.approx(float(law(np.array(more))), abs=0.01)
        assert low < float(law(np.array(more))) + 0.01 and high > float(law(np.array(more))) - 0.01
    again = fit_power_law(compute, loss)
    assert (again.floor, again.spread(1e7)) == (found.floor, found.spread(1e7))


def test_a_floor_is_never_below_nothing() -> None:
    compute = np.geomspace(1, 1e4, 40)
    found = fit_power_law(compute, compute**-0.3)
    assert found.floor == pytest.approx(0, abs=0.01)
    assert found.exponent == pytest.approx(0.3, abs=0.02)


def test_what_cannot_be_extrapolated_says_so() -> None:
    compute = np.linspace(1, 10, 20)
    with pytest.raises(UserError, match="5 points of the loss are too few"):
        fit_power_law(compute[:5], law(compute[:5]))
    with pytest.raises(UserError, match="does not fall"):
        fit_power_law(compute, 1 + 0.1 * compute)
    with pytest.raises(UserError, match="needs losses above 0"):
        fit_power_law(compute, 1 - compute)


def test_a_run_stands_behind_the_one_it_started_from(tmp_path: Path) -> None:
    first = logged(tmp_path / "first", 300)
    middle = first / "checkpoints" / "step-000000200"
    runs = [first, logged(tmp_path / "second", 100, start_from=first)]
    runs += [logged(tmp_path / "third", 100, start_from=middle)]
    runs += [logged(tmp_path / "other", 100)]
    one, two, three, four = place([read_run(path) for path in runs])
    assert one.run.parameters == PARAMETERS and one.run.step_amount == 4
    assert two.parent is one and two.steps_before == 300
    assert two.compute_before == 300 * 4 * PARAMETERS
    assert three.steps_before == 200 and three.seconds_before == 400
    assert four.parent is None and four.steps_before == 0
    curve = two.curve("model/loss")
    assert curve.steps[0] == 310 and curve.hours[0] == pytest.approx(620 / 3600)
    moved = (tmp_path / "elsewhere").joinpath("first")
    moved.parent.mkdir()
    first.rename(moved)
    found = place([read_run(moved), read_run(tmp_path / "second")])
    assert found[1].parent is found[0], "a folder that moved is known by its name"


def test_more_hours_buy_what_the_law_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = logged(tmp_path / "first", 400)
    before = 400 * 4 * PARAMETERS
    second = logged(tmp_path / "second", 600, start_from=first, before=before)
    out = tmp_path / "plot.png"
    found = plot_command([first, second], out, hours=(1.0,))
    assert found is not None and found.name == "model/loss" and found.by_parameters
    assert found.now == before + 600 * 4 * PARAMETERS
    assert found.per_hour == pytest.approx(1800 * 4 * PARAMETERS), "a step takes 2 s"
    later = found.after(1.0)
    assert float(found.law.at(later)) == pytest.approx(float(law(np.array(later))), rel=0.01)
    assert out.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert (
        "goes on from" in printed and "1 more hour, " in printed and "steps 20 to 1000" in printed
    )
    late = extrapolate(place([read_run(first), read_run(second)])[-1], "model/loss", 500)
    assert late.points.steps[0] == 500
    assert run(["train", "plot", str(first), str(second), "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert run(["train", "plot", str(first), "-o", str(out), "--force", "--no-fit"]) == 0


def test_evaluations_and_validations_are_drawn_too(tmp_path: Path) -> None:
    folder = logged(tmp_path / "run", 400)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told = [
        {"step": s, "validation/loss": 1 / s, "validation/key": 0.5} for s in range(40, 401, 40)
    ]
    write(folder, rows + told)
    with open(folder / "log.jsonl", "a") as file:
        file.write('{"step": 410, "model/lo')  # a line that is being written
    heard = [{"step": step, "time": 0.0, "tempo": step / 400} for step in (200, 400)]
    (folder / "evaluation.jsonl").write_text("".join(json.dumps(x) + "\n" for x in heard))
    (placed,) = place([read_run(folder)])
    assert loss_name(placed, None) == "validation/loss"
    assert list(placed.curve("evaluation/tempo").values) == [0.5, 1.0]
    assert placed.curve("validation/loss").hours[0] == pytest.approx(80 / 3600)
    plot_command([folder], tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text()
    assert drawn.count("stroke-dasharray") >= 1
    plot_command([folder], tmp_path / "bare.svg", fit=False)
    assert (tmp_path / "bare.svg").stat().st_size < len(drawn)


def test_what_is_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "plot.png")
    assert run(["train", "plot", str(tmp_path), "-o", out]) == 2
    assert "is not a run folder: config.yaml is missing" in capsys.readouterr().err
    folder = logged(tmp_path / "run", 400)
    capsys.readouterr()
    for words, error in (
        (["--loss", "dit/loss"], "logs no 'dit/loss'; it has model/loss"),
        (["--from-step", "380"], "3 points of the loss are too few"),
        (["--hours", "0"], "hours 0 must be above 0"),
    ):
        assert run(["train", "plot", str(folder), "-o", out, *words]) == 2
        told = capsys.readouterr().err
        assert error in told and told.count("\n") == 1, told
    assert run(["train", "plot", str(folder), "-o", str(tmp_path / "plot.txt")]) == 2
    assert "one of .png, .svg, .pdf" in capsys.readouterr().err
    (folder / "log.jsonl").write_text("")
    with pytest.raises(UserError, match="has logged no step yet"):
        plot_command([folder], out)
    assert not Path(out).exists()


def test_compute_counts_what_an_item_holds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trainees.train("gan", folder, 3, accumulate=2)
    found = read_run(folder)
    assert found.parameters == PARAMETERS, "the discriminator is not the model"
    assert (found.item_amount, found.step_amount, found.unit) == (1, 8, "items")
    assert item_amount(mapping(DiTTraining, "dit_mini")) == (pytest.approx(23.777, abs=1e-3), SOUND)
    assert item_amount(mapping(ClapTraining, "clap_mini")) == (pytest.approx(10.03, abs=0.1), SOUND)
    autoencoder = mapping(AutoencoderTrainConfig, "autoencoder_mini")
    crop = autoencoder["data"]["crop_samples"]
    assert item_amount(autoencoder) == (crop / 44_100, SOUND)
    tokens, unit = item_amount(mapping(PlannerTraining, "planner_mini"))
    assert 40 < tokens < 1000 and unit == "tokens"
    assert read_config(folder)["run"]["batch"] == run_config("gan", folder, 3).batch == 4
