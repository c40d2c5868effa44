"""A model folder: complete, strict, and harmless whoever made it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from longform import bundle
from longform.bundle import MANIFEST, Bundle, list_models, write_bundle
from longform.checkpoint import load_tensors, parameter_budget, read_shapes, save_tensors
from longform.eight_bit import SUFFIX, restore, shrink
from longform.errors import UserError
from longform.train import checkpoints
from longform.train.pack import pack


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    """The model folder, free to be damaged."""
    return Path(shutil.copytree(model_folder, tmp_path / "copy"))


def all_parts(folder: Path) -> None:
    loaded = Bundle.load(folder)
    for name in ("autoencoder", "clap", "dit", "conditioner", "tokenizer"):
        getattr(loaded, name)()


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads((folder / MANIFEST).read_text())
    change(data)
    (folder / MANIFEST).write_text(json.dumps(data))


def test_every_part_loads_ready_for_inference(model_folder: Path) -> None:
    loaded = Bundle.load(model_folder)
    assert (loaded.name, loaded.defaults.steps) == ("tiny", 2)
    for network in (loaded.autoencoder(), loaded.clap(), loaded.dit(), loaded.conditioner()):
        assert isinstance(network, torch.nn.Module)
        assert not network.training
        assert not any(one.requires_grad for one in network.parameters())
        assert all(one.dtype == torch.float32 for one in network.parameters())
    ids, mask = loaded.tokenizer()(["slow piano"])
    assert ids.shape == mask.shape and ids.max() < tiny.CLAP.text.vocabulary


def test_weights_come_back_to_16_bit_precision(model_folder: Path, tmp_path: Path) -> None:
    """The same seed, built again: what was written is what was made."""
    again = tiny.tiny_bundle(tmp_path / "again")
    assert again.content_hash() == Bundle.load(model_folder).content_hash()
    torch.manual_seed(0)
    made = tiny.quietened(tiny.build("spectral", tiny.AUTOENCODER)).state_dict()
    loaded = again.autoencoder()
    assert isinstance(loaded, torch.nn.Module)
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, made[name], rtol=1e-3, atol=1e-6)


def test_matrices_are_stored_in_16_bits_and_vectors_as_they_are(model_folder: Path) -> None:
    for part in ("autoencoder", "clap", "dit"):
        for kind, shape in read_shapes(model_folder / f"{part}.safetensors").values():
            assert len(shape) < 2 or kind in ("F16", "BF16", "I64")
            assert len(shape) >= 2 or kind in ("F32", "I64")


def test_the_hash_follows_the_content(copy: Path) -> None:
    before = Bundle.load(copy).content_hash()
    edit(copy, lambda data: data.update(description="changed"))
    assert Bundle.load(copy).content_hash() != before


def test_installed_models_are_found_by_name(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MODELS", tmp_path)
    assert list_models() == {"copy": copy}
    assert Bundle.load("copy").folder == copy
    with pytest.raises(UserError, match="'nosuch' is neither installed nor a folder"):
        Bundle.load("nosuch")
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="is not a model bundle"):
        Bundle.load(tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=2), "format 2, this program reads 1; upgrade"),
        (lambda d: d.pop("format"), "format None"),
        (lambda d: d.update(licens="MIT"), "unknown key 'licens'; did you mean 'licence'"),
        (lambda d: d.pop("clap"), "key 'clap' is missing"),
        (lambda d: d["autoencoder"].update(kind="nosuch"), "'nosuch' is unknown"),
        (lambda d: d["dit"]["config"].update(widht=3), "did you mean 'width'"),
        (lambda d: d["dit"]["config"].update(depth=3), "fewer than the network"),
        (lambda d: d["dit"]["config"].update(depth=1), "unexpected"),
        (lambda d: d["dit"]["config"].update(depth=10**9), "fewer than the network"),
        (lambda d: d["dit"]["config"].update(ff_width=10**14), "cannot be built|fewer than"),
        (lambda d: d["dit"]["config"].update(ff_width=-1), "cannot be built"),
        (lambda d: d["clap"]["config"]["text"].update(vocabulary=9), "fit|9"),
    ],
)
def test_a_manifest_that_lies_is_one_clear_line(
    copy: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(copy, change)
    with pytest.raises(UserError, match=message) as error:
        all_parts(copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [MANIFEST, *bundle.PARTS])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "random"])
def test_damaged_files_are_one_clear_line(copy: Path, name: str, damage: str) -> None:
    path = copy / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        new = {"empty": b"", "half": content[: len(content) // 2], "random": b"\x93z\x01" * 99}
        path.write_bytes(new[damage])
    with pytest.raises(UserError) as error:
        all_parts(copy)
    assert "\n" not in str(error.value) and str(copy) in str(error.value)


def test_values_that_are_not_finite_are_refused(copy: Path) -> None:
    tensors = load_tensors(copy / "dit.safetensors")
    next(one for one in tensors.values() if one.is_floating_point()).view(-1)[0] = torch.nan
    save_tensors(copy / "dit.safetensors", tensors)
    with pytest.raises(UserError, match="not finite"):
        all_parts(copy)


def test_links_out_of_the_folder_are_refused(copy: Path, model_folder: Path) -> None:
    (copy / "clap.safetensors").unlink()
    (copy / "clap.safetensors").symlink_to(model_folder / "clap.safetensors")
    with pytest.raises(UserError, match="is a link out of the bundle"):
        Bundle.load(copy)


def test_eight_bits_are_half_the_size_and_the_same_network(
    model_folder: Path, tmp_path: Path
) -> None:
    loaded = Bundle.load(model_folder)
    names = ("autoencoder", "clap", "dit", "conditioner")
    parts: dict[str, Any] = {name: getattr(loaded, name)().state_dict() for name in names}
    small = write_bundle(
        tmp_path / "small",
        loaded.manifest,
        tokenizer=model_folder / "tokenizer.json",
        eight_bit=True,
        **parts,
    )
    sizes = [
        (folder / "autoencoder.safetensors").stat().st_size
        for folder in (model_folder, small.folder)
    ]
    assert sizes[1] < 0.7 * sizes[0]  # small matrices stay as they are
    for name in names:
        for key, tensor in getattr(small, name)().state_dict().items():
            whole = parts[name][key]
            scale = whole.abs().flatten(1).amax(1) if whole.ndim > 1 else whole.abs()
            error = (tensor - whole).abs().flatten(1).amax(1) if whole.ndim > 1 else 0 * scale
            assert (error <= scale / 250 + 1e-9).all(), (name, key)


def test_scales_that_do_not_fit_are_refused() -> None:
    small = shrink({"w": torch.randn(64, 80), "b": torch.randn(9)})
    assert small["w"].dtype == torch.int8 and small["b"].dtype == torch.float32
    with pytest.raises(UserError, match=r"file: 'w\.row_scale' has shape"):
        restore(small | {"w" + SUFFIX: torch.ones(63)}, "file")
    with pytest.raises(UserError, match=r"file: 'v\.row_scale' has no matrix"):
        restore(small | {"v" + SUFFIX: torch.ones(63)}, "file")


def test_writing_refuses_what_does_not_fit_and_leaves_nothing(
    model_folder: Path, tmp_path: Path
) -> None:
    loaded = Bundle.load(model_folder)
    parts: dict[str, Any] = {"tokenizer": model_folder / "tokenizer.json"}
    for name in ("autoencoder", "clap", "dit", "conditioner"):
        parts[name] = getattr(loaded, name)().state_dict()
    manifest = replace(loaded.manifest, name="other")
    written = write_bundle(tmp_path / "good", manifest, **parts)
    assert written.name == "other"
    with pytest.raises(UserError, match="exists already"):
        write_bundle(tmp_path / "good", manifest, **parts)
    write_bundle(tmp_path / "good", loaded.manifest, **parts, overwrite=True)
    assert Bundle.load(tmp_path / "good").name == "tiny"
    parts["dit"].popitem()
    with pytest.raises(UserError, match=r"1 missing|fewer than"):
        write_bundle(tmp_path / "bad", manifest, **parts)
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def test_trained_runs_become_a_bundle(model_folder: Path, tmp_path: Path) -> None:
    """Averages win over the last step's weights, and each part is cut out by its prefix."""
    loaded = Bundle.load(model_folder)
    manifest = loaded.manifest
    states = {
        name: getattr(loaded, name)().state_dict()
        for name in ("autoencoder", "clap", "dit", "conditioner")
    }
    configs = {name: getattr(manifest, name).config for name in states}
    for run, prefixes in {
        "ae": {"autoencoder": "generator."},
        "clap": {"clap": "clap."},
        "dit": {"dit": "model.dit.", "conditioner": "model.conditioner."},
    }.items():
        tensors = {
            prefixes[name] + key: tensor
            for name in prefixes
            for key, tensor in states[name].items()
        }
        stale = {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
        parts = {
            name: {"prefix": prefix, "config": configs[name], "kind": "spectral"}
            for name, prefix in prefixes.items()
        }
        files = {"networks": stale | {"discriminator.x": torch.ones(1)}, "ema": tensors}
        checkpoints.save(tmp_path / run / "checkpoints", 7, files, {"parts": parts}, keep=1)
    (tmp_path / "about.yaml").write_text("description: d\nlicence: CC0-1.0\ndefaults: {steps: 9}\n")
    runs: dict[str, Any] = {"autoencoder": tmp_path / "ae", "clap": tmp_path / "clap"}
    runs["dit"] = tmp_path / "dit"
    made = pack(tmp_path / "out", name="new", **runs, about=tmp_path / "about.yaml")
    assert (made.name, made.manifest.licence, made.defaults.steps) == ("new", "CC0-1.0", 9)
    assert made.manifest.card["checkpoints"]["dit"] == "dit, step 7"
    for name in ("autoencoder.safetensors", "clap.safetensors", "dit.safetensors"):
        assert (made.folder / name).read_bytes() == (model_folder / name).read_bytes()
    for again in ("second", "third"):
        parts = dict.fromkeys(("autoencoder", "clap", "dit"), made.folder)
        made = pack(tmp_path / again, name="new", **parts)
        assert made.manifest.card["checkpoints"]["dit"] == "model 'new' (dit, step 7)"
    runs["dit"] = tmp_path / "clap"
    with pytest.raises(UserError, match="holds clap, not the part 'dit'"):
        pack(tmp_path / "bad", name="new", **runs)
    assert not (tmp_path / "bad").exists()


def test_large_values_choose_the_wider_16_bits(tmp_path: Path) -> None:
    assert bundle._half(torch.full((2, 2), 1e5)).dtype == torch.bfloat16
    assert bundle._half(torch.ones(2, 2)).dtype == torch.float16
    assert bundle._half(torch.ones(2)).dtype == torch.float32


def test_the_budget_stops_before_memory_is_touched() -> None:
    with pytest.raises(UserError, match="holds 10 numbers"), parameter_budget(10, "file"):
        torch.nn.Linear(20_000, 20_000)  # 1.6 GB
    with parameter_budget(6, "file"):
        torch.nn.Linear(2, 2)
    torch.nn.Linear(100, 100)  # the budget ends with its block
