"""Imports point down: a model never knows the pipeline, nor the pipeline the command line."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {
    "audio", "audio_write", "checkpoint", "config", "device", "eight_bit", "errors", "files",
    "finish", "loudness", "progress", "riff", "shapes", "tags", "waveform",
}  # fmt: skip
PARTS = {"autoencoder", "dit", "clap", "listen", "music", "mel", "planner", "text"}
MIDDLE = {
    "batch", "batch_list", "bundle", "deliver", "engine", "hub", "jobs", "manifest", "pipeline",
    "planning", "provenance", "replay", "request", "result", "told",
}  # fmt: skip
# Which layers a module may import from; `music` and files are plain numbers, free of torch.
ALLOWED = {
    **dict.fromkeys(BASE, BASE),
    "listen": BASE | {"music"},
    "mel": BASE,
    "music": BASE,
    "nn": BASE,
    "text": BASE,
    "clap": BASE | {"mel"},
    "autoencoder": BASE | {"mel", "nn"},
    "dit": BASE | {"mel", "nn"},
    "planner": BASE | {"music", "nn"},
    **dict.fromkeys(MIDDLE, BASE | PARTS | MIDDLE),
    "train": BASE | PARTS | MIDDLE,
}
TOP = {
    "choose", "cli", "cli_accompany", "cli_batch", "cli_eval", "cli_files", "cli_generate",
    "cli_jobs", "cli_make", "cli_model", "cli_models", "cli_options", "cli_show", "cli_takes",
    "cli_task", "cli_train",
    "doctor", "__main__", "__init__",
}  # fmt: skip
WITHOUT_TORCH = BASE - {"checkpoint", "device", "eight_bit"} | {
    "music",
    "request",
    "cli",
    "cli_batch",
    "cli_files",
    "cli_generate",
}


def modules() -> list[tuple[str, Path]]:
    """(layer, file) for every shipped module; the layer is the name right below `longform`."""
    found = []
    for path in (ROOT / "longform").rglob("*.py"):
        found.append((path.relative_to(ROOT / "longform").parts[0].removesuffix(".py"), path))
    for folder in ("autoencoder", "dit", "train"):
        found += [(folder, path) for path in (ROOT / folder).rglob("*.py")]
    return found


def imported(path: Path, top_only: bool = False) -> set[str]:
    """Full names of everything that a file imports, inside functions and type-only blocks too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("layer", "path"), modules(), ids=lambda value: str(value)[-40:])
def test_imports_point_down(layer: str, path: Path) -> None:
    if layer in TOP:
        return
    assert layer in ALLOWED, f"{path}: give the new layer {layer!r} its place in this test"
    used = {name.split(".")[1] for name in imported(path) if name.startswith("longform.")}
    up = used - ALLOWED[layer] - {layer, "__version__"}
    assert not up, f"{path}: {layer} may not import {', '.join(sorted(up))}"


def test_light_modules_import_nothing_heavy_at_the_top() -> None:
    heavy = {"torch", "diffusers", "scipy", "soundfile", "librosa", "matplotlib"}
    for layer, path in modules():
        if layer in WITHOUT_TORCH:
            used = {name.split(".")[0] for name in imported(path, top_only=True)}
            assert not used & heavy, f"{path} imports {', '.join(sorted(used & heavy))}"
