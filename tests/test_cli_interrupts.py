"""A command that is stopped, by Ctrl-C or from outside: one line, its exit code, nothing left."""

import signal
from pathlib import Path

import pytest

from longform import cli
from longform.files import atomic
from tests.commands import Call, interrupt_at, interrupted_denoising

STAGES = [
    "longform.pipeline.timed",  # planning and conditioning
    "longform.deliver.finish",
    "longform.audio_write._write_blocks",
    "longform.audio_write.write_tags",
    "longform.audio_write._remove_chance",
    "longform.files._sync",
    "longform.bundle.read_json",
]


@pytest.mark.parametrize("place", STAGES)
def test_an_interrupt_in_any_stage_is_one_line_code_130_and_leaves_nothing(
    call: Call,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    interrupt_at(monkeypatch, place)
    code, out, err = call("generate", "x", "--model", model_folder, "-o", "a.wav")
    assert (code, out) == (130, "") and "interrupted" in err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_an_interrupt_while_denoising_leaves_nothing(
    call: Call, model_folder: Path, tmp_path: Path
) -> None:
    with interrupted_denoising():
        code, out, err = call("generate", "x", "--model", model_folder, "-o", "a.wav")
    assert (code, out) == (130, "") and "interrupted" in err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_termination_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(prog_name: str) -> None:
        with atomic(tmp_path / "a.wav") as temporary:
            temporary.write_text(prog_name)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(cli, "app", work)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stop.value.code == 143 and not list(tmp_path.iterdir())
