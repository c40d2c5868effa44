"""Lay the shipped tree out as build/types/longform, every file a link, for type checkers."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
MIRROR = ROOT / "build" / "types" / "longform"
FOLDERS = {"longform": "", "autoencoder": "autoencoder", "dit": "dit", "train": "train"}

shutil.rmtree(MIRROR, ignore_errors=True)
for source, target in FOLDERS.items():
    for path in (ROOT / source).rglob("*"):
        if path.suffix == ".py" or path.name == "py.typed":
            link = MIRROR / target / path.relative_to(ROOT / source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
