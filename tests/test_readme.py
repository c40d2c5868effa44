"""The README tells the truth: its commands parse and run, its Python runs, its files exist."""

import json
import re
import runpy
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from longform import bundle
from longform.audio import info
from longform.cli import app, run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
BASH = [block.strip() for language, block in BLOCKS if language == "bash"]
PYTHON = [block for language, block in BLOCKS if language == "python"]
SET_UP = [block for block in BASH if "python3 -m venv" in block]
TRAINING = [block for block in BASH if "longform train" in block]
EXECUTED = [block for block in BASH if block not in SET_UP + TRAINING]


def longform_lines(block: str) -> list[list[str]]:
    """The arguments of every `longform` command in a block, alone or after installing."""
    found = re.findall(r"(?:^|&& (?:\.venv/bin/)?)longform (.*)$", block, re.MULTILINE)
    return [shlex.split(line) for line in found]


def parse(command: Any, name: str, arguments: list[str]) -> None:
    """Parse a command line as far as running it would, sub-commands too; a mistake raises."""
    context = command.make_context(name, list(arguments))
    if hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args]
        if not rest and command.invoke_without_command:
            return
        name, command, rest = command.resolve_command(context, rest)
        parse(command, name, rest)


@pytest.fixture
def mini(listener_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of random weights under the name `mini`; the current folder is an empty one."""
    folder = tmp_path / "models" / "mini"
    shutil.copytree(listener_folder, folder)
    about = json.loads((folder / "longform.json").read_text())
    (folder / "longform.json").write_text(json.dumps(about | {"name": "mini"}))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(bundle, "MODELS", tmp_path / "models")
    return tmp_path / "work"


def test_two_commands_set_everything_up() -> None:
    assert len(SET_UP) == 2 and all("\n" not in block for block in SET_UP)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for block in SET_UP:
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install torch==")
    extras = re.findall(r"\[(\w+)\]", SET_UP[1])
    assert extras == ["dev"] and "dev" in project["optional-dependencies"]
    assert ".venv/bin/longform generate" in SET_UP[0]
    assert SET_UP[1].endswith("&& .venv/bin/python -m pytest")


def test_ci_runs_the_command_of_the_readme() -> None:
    script = runpy.run_path(str(ROOT / ".ci" / "readme.py"))
    assert [script["command"](kind) for kind in ("track", "tests")] == SET_UP
    assert "readme.py tests run" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("block", BASH, ids=lambda block: block[:40])
def test_every_command_parses(block: str) -> None:
    command = typer.main.get_command(app)
    for arguments in longform_lines(block):
        parse(command, "longform", arguments)


def test_parsing_would_find_a_mistake() -> None:
    command = typer.main.get_command(app)
    for wrong in (["generate", "x", "--nosuch", "1"], ["corpus", "nosuch"], ["train", "clap"]):
        with pytest.raises(Exception, match=r"(?i)no such|missing"):
            parse(command, "longform", wrong)


def test_the_first_command_makes_a_track(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (arguments,) = longform_lines(SET_UP[0])
    assert run(arguments) == 0
    assert capsys.readouterr().out == "track.wav\n"
    assert info(mini / "track.wav").channels == 2


@pytest.mark.parametrize("block", EXECUTED, ids=lambda block: block[:40])
def test_short_commands_run(mini: Path, block: str) -> None:
    lines = longform_lines(block)
    assert len(lines) == len(block.splitlines())
    for arguments in lines:
        assert run(arguments) == 0, arguments


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block[:40])
def test_python_runs(mini: Path, block: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block, "README.md", "exec"), {})
    said = capsys.readouterr().out
    if "track.save" in block:
        assert "(2, 220500) 44100" in said
        assert info("ambient.flac").seconds == 5
    else:
        assert "001-rain.flac" in said and info("002-funk.flac").seconds == 4
        assert said.startswith("1.935") and said.endswith("[] []\n")


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"\b((?:configs|notebooks|tests)/[\w./]+)", README))
    assert any(name.startswith("configs/") for name in named)
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert not missing


def test_the_training_commands_fit_the_configs_that_they_name() -> None:
    (block,) = TRAINING
    made = set()
    for config in re.findall(r"configs/\S+\.yaml", block):
        made.add(yaml.safe_load((ROOT / config).read_text(encoding="utf-8"))["run"]["out"])
    used = set(re.findall(r"\bruns/\w+", block))
    assert used and used <= made


def test_every_option_in_the_table_exists() -> None:
    command: Any = typer.main.get_command(app)
    known = {
        option for parameter in command.commands["generate"].params for option in parameter.opts
    }
    rows = re.findall(r"^\| (`-.*?) \|", README, re.MULTILINE)
    for option in re.findall(r"`(--?\w+)", " ".join(rows)):
        assert option in known, option
    assert {"--seconds", "--seed", "--force", "--json"} <= known
