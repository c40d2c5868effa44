"""What several test files share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model of random weights; made once, not to be changed."""
    from tiny import tiny_bundle

    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder
