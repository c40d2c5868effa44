"""One name is installed, `longform`, and every file of the four folders is in it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"longform": "", "autoencoder": "autoencoder", "dit": "dit", "train": "train"}
IGNORED = {"__pycache__"}


@pytest.mark.parametrize("folder", [name for name, target in FOLDERS.items() if target])
def test_a_folder_refuses_a_second_name(folder: str) -> None:
    """The same file under two names would give two classes, and isinstance would lie."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {folder}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"import longform.{folder}, not {folder}: one file, one module" in done.stderr


def shipped() -> set[str]:
    """Every file of the four folders, under the name that it has in the wheel."""
    names = set()
    for folder, target in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not IGNORED & set(path.parts):
                names.add(str(Path("longform") / target / path.relative_to(ROOT / folder)))
    return names


def test_the_wheel_holds_every_file_and_one_name(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: what an earlier build left behind must not get in
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns(*IGNORED))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "-m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir"
    command = [sys.executable, *build.split(), str(tmp_path), str(source)]
    subprocess.run(command, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"longform"}
    assert names == shipped()
    assert wheel.stat().st_size < 90 << 20
