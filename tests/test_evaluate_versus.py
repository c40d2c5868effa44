"""Two reports side by side: differences in per cent, what counts as worse, what cannot be held."""

import json
from pathlib import Path
from typing import Any

import pytest

from longform.cli import run
from longform.errors import UserError
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.versus import BETTER, OF_CLIPS, compare, compare_command
from longform.train.evaluate.whole import evaluation_command
from tests.tiny import tiny_bundle


def report(figures: dict[str, float], obeyed: str = "yyyn", **about: Any) -> dict[str, Any]:
    """A report of a clip for each letter of `obeyed`."""
    rows = [
        {
            "name": f"prompt {number}",
            "seed": number,
            "signal": {"seconds": 47.0},
            "tempo_obeyed": letter == "y",
            "key_relation": "exact",
            "stereo_correct": True,
            **dict.fromkeys(("silent", "clipped", "static"), False),
        }
        for number, letter in enumerate(obeyed)
    ]
    return {
        "of": "mini",
        "scorer_sha256": "s",
        "reference": "unseen",
        "split": "all",
        "clips": len(rows),
        "figures": {name: {"value": value} for name, value in figures.items()},
        "each": rows,
        **about,
    }


def test_worse_depends_on_the_figure_and_on_the_per_cent() -> None:
    first = {"obedience.tempo": 0.8, "autoencoder.stft": 1.0, "distribution.diversity": 0.5}
    second = {"obedience.tempo": 0.77, "autoencoder.stft": 1.06, "distribution.diversity": 0.1}
    found = {
        one.figure: one for one in compare(report(first), report(second, "yynn"), within_percent=5)
    }
    assert found["obedience.tempo"].percent == -3.75 and found["obedience.tempo"].within
    assert found["autoencoder.stft"].percent == 6 and not found["autoencoder.stft"].within
    assert found["distribution.diversity"].within is None, "neither more nor less is better"
    (swapped, *_) = compare(report(second), report(first), within_percent=5)
    assert swapped.within, "better is always within"
    strict = compare(report(first), report(second), within_percent=3)
    assert not next(one for one in strict if one.figure == "obedience.tempo").within


def test_of_nothing_there_is_no_per_cent_but_worse_all_the_same() -> None:
    first, second = report({"signal.clipped_share": 0.0}), report({"signal.clipped_share": 0.25})
    (one,) = compare(first, second, within_percent=5)
    assert one.percent is None and one.within is False
    (same,) = compare(first, first, within_percent=5)
    assert same.percent == 0 and same.within


def test_clips_that_changed_are_counted_by_prompt_and_seed() -> None:
    figures = {"obedience.tempo": 0.5}
    (one,) = compare(report(figures, "yynn"), report(figures, "nyyy"), within_percent=5)
    assert (one.gained, one.lost) == (2, 1)


def test_only_reports_of_the_same_questions_are_compared() -> None:
    first = report({"obedience.tempo": 0.5})
    with pytest.raises(UserError, match="prompt 4' with seed 4 and 47 s"):
        compare(first, report({"obedience.tempo": 0.5}, "yyynn"), within_percent=5)
    with pytest.raises(UserError, match="differ in scorer_sha256: s and t"):
        compare(first, report({}, scorer_sha256="t"), within_percent=5)
    with pytest.raises(UserError, match="differ in split: all and test"):
        compare(first, report({}, split="test"), within_percent=5)
    assert set(BETTER) | set(OF_CLIPS) <= set(DEFINITIONS)


def test_a_file_that_is_no_report_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    path.write_text("{}")
    assert run(["eval", "compare", str(path), str(tmp_path / "none.json")]) == 2
    assert "is not one of longform eval CLIPS" in capsys.readouterr().err
    path.write_text(json.dumps(report({})))
    assert run(["eval", "compare", str(tmp_path), str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_two_settings_of_one_model_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny_bundle(tmp_path / "tiny").folder)
    words = ["eval", "--model", model, "--scorer", model, "--seconds", "6", "--count", "2"]
    words += ["--jobs", "1", "--out"]
    assert run([*words, str(tmp_path / "a")]) == 0
    assert run([*words, str(tmp_path / "b"), "--steps", "1", "--no-planner"]) == 0
    capsys.readouterr()
    out = tmp_path / "compared.json"
    pair = [str(tmp_path / name) for name in ("a", "b")]
    assert run(["eval", "compare", *pair, "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "no planner True, steps 1" in printed and "-50.0 %" in printed
    result = json.loads(out.read_text())
    steps = next(one for one in result["figures"] if one["figure"] == "model.steps")
    assert (steps["first"], steps["second"], steps["within"]) == (2, 1, True)
    assert result["clips"] == 2 and isinstance(result["within"], bool)
    with pytest.raises(UserError, match="exists already"):
        compare_command(*pair, out=out)
    with pytest.raises(UserError, match="steps: settings of clips to be made"):
        evaluation_command(tmp_path / "a" / "clips", settings={"steps": 2}, scorer=model)
