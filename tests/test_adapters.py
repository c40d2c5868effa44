"""Adapters against the published implementation; merging that can be undone to the bit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from longform.checkpoint import load_tensors, save_tensors
from longform.dit.adapters import load_adapter, merge
from longform.dit.config import DiTConfig
from longform.dit.model import DiT
from longform.errors import UserError

GOLD = Path(__file__).parent / "gold" / "adapters.safetensors"
KINDS = [f"{kind}{xs}" for xs in ("", "-xs") for kind in ("lora", "dora-rows", "dora-cols", "bora")]
STRENGTH = 0.7
LAYERS = ("linear", "conv")


def gold(kind: str) -> dict[str, dict[str, Tensor]]:
    """Tensors of the reference: the base weights, the adapter's file and the resulting weights."""
    parts: dict[str, dict[str, Tensor]] = {"base": {}, "file": {}, "result": {}}
    for key, tensor in load_tensors(GOLD).items():
        of, part, name = key.split("|")
        if of == kind:
            parts[part][name] = tensor
    return parts


def small(base: dict[str, Tensor]) -> nn.ModuleDict:
    module = nn.ModuleDict({"linear": nn.Linear(6, 5), "conv": nn.Conv1d(3, 4, 3)})
    with torch.no_grad():
        for name in LAYERS:
            module.get_parameter(f"{name}.weight").copy_(base[name])
    return module


def written(folder: Path, kind: str, **settings: Any) -> Path:
    path = folder / f"{kind}.safetensors"
    settings = {"rank": 2, "alpha": 3.0, "adapter_type": kind} | settings
    tensors = {f"model.{key}": tensor for key, tensor in gold(kind)["file"].items()}
    save_tensors(path, tensors, {"lora_config": json.dumps(settings)})
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_equals_the_published_implementation(kind: str, tmp_path: Path) -> None:
    parts = gold(kind)
    module = small(parts["base"])
    adapter = load_adapter(written(tmp_path, kind))
    assert (adapter.kind, adapter.scaling, adapter.name) == (kind, 1.5, kind)
    merged = merge(module, [(adapter, STRENGTH)])
    for name in LAYERS:
        weight = module.get_parameter(f"{name}.weight")
        torch.testing.assert_close(weight.detach(), parts["result"][name], atol=1e-6, rtol=1e-5)
    merged.unmerge()
    merged.unmerge()
    assert all(torch.equal(module.get_parameter(f"{n}.weight"), parts["base"][n]) for n in LAYERS)


@pytest.mark.parametrize("kind", ["lora", "bora", "lora-xs", "bora-xs"])
def test_the_kind_is_guessed_as_the_reference_does(kind: str, tmp_path: Path) -> None:
    assert load_adapter(written(tmp_path, kind, adapter_type=None)).kind == kind


def test_older_files_call_every_dora_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, "dora-cols", adapter_type="dora")
    assert load_adapter(path).kind == "dora-rows"
    tensors = load_tensors(path)
    for key in tensors:
        if key.endswith("magnitude"):
            tensors[key] = tensors[key][None]
    save_tensors(path, tensors, {"lora_config": '{"adapter_type": "dora", "alpha": 3, "rank": 2}'})
    adapter = load_adapter(path)
    assert adapter.kind == "dora-cols"
    module = small(gold("dora-cols")["base"])
    merge(module, [(adapter, STRENGTH)])
    weight = module.get_parameter("linear.weight").detach()
    torch.testing.assert_close(weight, gold("dora-cols")["result"]["linear"], atol=1e-6, rtol=1e-5)


DIT = DiTConfig(
    io_channels=4, width=16, depth=2, heads=2, cond_token_width=16, global_width=8, ff_width=24,
    rotary_width=4,
)  # fmt: skip
QKV = "transformer.layers.1.self_attn.to_qkv"
CONV = "preprocess_conv"


def peft(folder: Path, dora: bool = False, **settings: Any) -> Path:
    """A folder as peft writes it, for two layers of the denoiser."""
    torch.manual_seed(5)
    shapes = {QKV: ((3, 16), (48, 3)), CONV: ((3, 4, 1), (4, 3, 1))}
    tensors = {}
    for layer, (a, b) in shapes.items():
        tensors[f"base_model.model.{layer}.lora_A.weight"] = torch.randn(a)
        tensors[f"base_model.model.{layer}.lora_B.default.weight"] = torch.randn(b)
        if dora:
            tensors[f"base_model.model.{layer}.lora_magnitude_vector"] = torch.rand(b[0]) + 1
    folder.mkdir(exist_ok=True)
    save_tensors(folder / "adapter_model.safetensors", tensors)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 3, "lora_alpha": 6} | settings))
    return folder


def test_peft_on_the_denoiser(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = DiT(DIT)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    path = peft(tmp_path / "one")
    tensors = load_tensors(path / "adapter_model.safetensors")
    merged = merge(module, [(load_adapter(path), 0.5)])
    for layer in (QKV, CONV):
        a = tensors[f"base_model.model.{layer}.lora_A.weight"].flatten(1)
        b = tensors[f"base_model.model.{layer}.lora_B.default.weight"].flatten(1)
        weight = module.get_parameter(f"{layer}.weight")
        wanted = before[f"{layer}.weight"] + (0.5 * 2 * b @ a).view(weight.shape)
        torch.testing.assert_close(weight.detach(), wanted, atol=1e-6, rtol=1e-6)
    assert len(merged.originals) == 2
    merged.unmerge()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_peft_scalings(tmp_path: Path) -> None:
    assert load_adapter(peft(tmp_path / "a")).scaling == 2
    assert load_adapter(peft(tmp_path / "b", use_rslora=True)).scaling == pytest.approx(6 / 3**0.5)
    assert load_adapter(peft(tmp_path / "c", dora=True)).kind == "dora-rows"
    (tmp_path / "a" / "adapter_config.json").unlink()
    assert load_adapter(tmp_path / "a").scaling == 1
    with pytest.raises(UserError, match="alpha_pattern is not supported"):
        load_adapter(peft(tmp_path / "d", alpha_pattern={"x": 1}))
    with pytest.raises(UserError, match="alpha must be a number, got 'two'"):
        load_adapter(peft(tmp_path / "e", lora_alpha="two"))


def test_adapters_stack_in_order(tmp_path: Path) -> None:
    module, again = small(gold("lora")["base"]), small(gold("lora")["base"])
    lora = load_adapter(written(tmp_path, "lora"))
    dora = load_adapter(written(tmp_path, "dora-rows"))
    merge(module, [(lora, 1.0), (dora, 0.4), (lora, 0.0)])
    merge(again, [(lora, 1.0)])
    merge(again, [(dora, 0.4)])
    other = small(gold("lora")["base"])
    merge(other, [(dora, 0.4), (lora, 1.0)])
    weights = [m.get_parameter("linear.weight").detach() for m in (module, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2], atol=1e-3)


def test_singular_vectors_are_those_of_the_weight_itself(tmp_path: Path) -> None:
    lora, small_core = (load_adapter(written(tmp_path, kind)) for kind in ("lora", "lora-xs"))
    base = gold("lora-xs")["base"]
    alone, stacked = small(base), small(base)
    merge(alone, [(small_core, 1.0)])
    merge(stacked, [(lora, 1.0), (small_core, 1.0)])
    both = small(base)
    merge(both, [(lora, 1.0)])
    name = "linear.weight"
    difference = stacked.get_parameter(name) - both.get_parameter(name)
    wanted = alone.get_parameter(name) - base["linear"]
    torch.testing.assert_close(difference, wanted, atol=1e-5, rtol=1e-4)


def test_strength_zero_and_half_precision_keep_every_bit(tmp_path: Path) -> None:
    module = small(gold("bora")["base"]).to(torch.bfloat16)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    adapter = load_adapter(written(tmp_path, "bora"))
    assert not merge(module, [(adapter, 0.0)]).originals
    merged = merge(module, [(adapter, 1.0)])
    assert not torch.equal(module.get_parameter("linear.weight"), before["linear.weight"])
    merged.unmerge()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_layers_that_fit_nothing_are_named_and_nothing_changes(tmp_path: Path) -> None:
    adapter = load_adapter(written(tmp_path, "lora"))
    module = nn.ModuleDict({"linear": nn.Linear(6, 5), "other": nn.Conv1d(3, 4, 3)})
    before = module.get_parameter("linear.weight").clone()
    with pytest.raises(UserError, match=r"adapter lora: .* 1 fit no layer: model\.conv$"):
        merge(module, [(adapter, 1.0)])
    assert torch.equal(module.get_parameter("linear.weight"), before)
    module = nn.ModuleDict({"linear": nn.Linear(7, 5), "conv": nn.Conv1d(3, 4, 3)})
    with pytest.raises(UserError, match=r"1 wrong shape: model\.linear \(lora_A \(2, 6\) for a"):
        merge(module, [(adapter, 1.0)])


def test_layers_are_found_below_wrappers_of_the_module(tmp_path: Path) -> None:
    adapter = load_adapter(written(tmp_path, "lora"))
    inner = small(gold("lora")["base"])
    merge(nn.ModuleDict({"denoiser": nn.ModuleDict({"model": inner})}), [(adapter, STRENGTH)])
    weight = inner.get_parameter("conv.weight").detach()
    torch.testing.assert_close(weight, gold("lora")["result"]["conv"], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({}, {}, "holds no tensors"),
        ({"a.weight": (2, 2)}, {}, "'a.weight' is no key of an adapter"),
        ({"a.parametrizations.weight.0.gate": (2, 2)}, {}, "gate' is no key of an adapter"),
        ({"a.lora_A.weight": (2, 2)}, {}, "'a' has lora_A; a lora adapter has lora_A, lora_B"),
        (
            {"a.parametrizations.weight.0.lora_A": (2, 2)},
            {"lora_config": '{"adapter_type": "loha"}'},
            "adapter type 'loha' is unknown; known: lora, dora-rows",
        ),
        ({"a.parametrizations.weight.0.lora_A": (2, 2)}, {"lora_config": "["}, "not a JSON object"),
    ],
)
def test_files_that_are_no_adapters(
    tmp_path: Path, tensors: dict[str, Any], metadata: dict[str, str], message: str
) -> None:
    path = tmp_path / "file.safetensors"
    save_tensors(path, {name: torch.ones(shape) for name, shape in tensors.items()}, metadata)
    with pytest.raises(UserError, match=message):
        load_adapter(path)


def test_values_must_be_finite(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    tensors = {
        "a.lora_A.weight": torch.full((1, 2), float("nan")),
        "a.lora_B.weight": torch.ones(2, 1),
    }
    save_tensors(path, tensors)
    with pytest.raises(UserError, match="lora_A of 'a' holds values that are not finite"):
        load_adapter(path)
