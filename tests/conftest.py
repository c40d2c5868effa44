"""What several test files share."""

import signal
from pathlib import Path

import pytest

from tests.commands import Call

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background jobs
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model of random weights; made once, not to be changed."""
    from tiny import tiny_bundle

    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder


@pytest.fixture(scope="session")
def listener_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `model_folder`, of a model that answers a recording and follows a tune."""
    from tiny import HEARS, LISTENER, tiny_bundle

    folder = tmp_path_factory.mktemp("models") / "listener"
    return tiny_bundle(folder, dit=LISTENER, conditioner=HEARS).folder


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """Run one command line in an empty folder: exit code, stdout, stderr."""
    from longform.cli import run

    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([str(one) for one in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run_it
