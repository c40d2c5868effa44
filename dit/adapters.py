"""Low-rank adapters: read, stack with strengths, merge into the weights and take out again.

Two layouts are read: that of peft (LoRA, arXiv 2106.09685; DoRA, arXiv 2402.09353), and that of
Stable Audio 3, which knows eight kinds: lora, dora-rows, dora-cols and bora, each also "-xs", where
the low-rank bases are singular vectors of the weight itself (arXiv 2405.17604).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from longform.checkpoint import load_tensors, read_json, read_metadata
from longform.errors import UserError

PREFIXES = ("base_model", "model", "diffusion_model")  # wrappers around the denoiser
_MARK = ".parametrizations.weight."
_PEFT = {
    "lora_A.weight": "lora_A",
    "lora_B.weight": "lora_B",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
}
_PARTS = {
    "lora": {"lora_A", "lora_B"},
    "dora-rows": {"lora_A", "lora_B", "magnitude"},
    "dora-cols": {"lora_A", "lora_B", "magnitude"},
    "bora": {"lora_A", "lora_B", "magnitude_r", "magnitude_c"},
    "lora-xs": {"M_xs"},
    "dora-rows-xs": {"M_xs", "magnitude"},
    "dora-cols-xs": {"M_xs", "magnitude"},
    "bora-xs": {"M_xs", "magnitude_r", "magnitude_c"},
}
_BASES = {"U", "V"}  # of the -xs kinds; files seldom hold them
_FLOOR = 1e-12  # added to norms


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What an adapter file holds: by layer, as the file names it, the parts of its update.

    `scaling`, alpha / rank, multiplies the low-rank product.
    """

    name: str
    kind: str
    scaling: float
    layers: Mapping[str, Mapping[str, Tensor]]


@dataclass
class Merged:
    """Adapters merged into a module, which keeps working as before; the originals are kept here."""

    originals: dict[str, tuple[nn.Parameter, Tensor]] = field(default_factory=dict)

    def unmerge(self) -> None:
        """Give every weight its own bits back; a second call changes nothing."""
        with torch.no_grad():
            for parameter, original in self.originals.values():
                parameter.copy_(original)
        self.originals.clear()


def load_adapter(path: str | Path) -> Adapter:
    """Read a safetensors file, or a folder of peft with adapter_model.safetensors in it.

    Raises:
        UserError: not a whole safetensors file; keys or settings of no layout known here.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "adapter_model.safetensors"
    tensors = load_tensors(path)
    if not tensors:
        raise UserError(f"{path}: holds no tensors")
    if any(_MARK in key for key in tensors):
        return _stable_audio_adapter(path, tensors)
    return _peft_adapter(path, tensors)


def merge(module: nn.Module, adapters: Sequence[tuple[Adapter, float]]) -> Merged:
    """Put adapters, each with its strength, into the weights of `module`, one after the other.

    Strength 1 is the adapter as trained, 0 leaves it out. Nothing is changed when anything fails.

    Raises:
        UserError: layers of an adapter that `module` does not have, or of another shape, by name.
    """
    weights = {
        name.removesuffix(".weight"): parameter
        for name, parameter in module.named_parameters()
        if name.endswith(".weight") and parameter.ndim > 1
    }
    results: dict[str, Tensor] = {}
    for adapter, strength in adapters:
        for name, parts in _fitted(adapter, weights).items():
            if strength:
                base = results.get(name, weights[name].detach())
                results[name] = _adapted(adapter, parts, base, weights[name].detach(), strength)
    merged = Merged()
    with torch.no_grad():
        for name, weight in results.items():
            merged.originals[name] = (weights[name], weights[name].detach().clone())
            weights[name].copy_(weight)
    return merged


def _fitted(
    adapter: Adapter, weights: Mapping[str, nn.Parameter]
) -> dict[str, Mapping[str, Tensor]]:
    """The parts of an adapter by the names of the module; every one of them must fit."""
    found, astray, shapes = {}, [], []
    for name, parts in adapter.layers.items():
        own = _own_name(name, weights)
        if own is None:
            astray.append(name)
        elif fault := _shape_fault(adapter.kind, parts, weights[own]):
            shapes.append(f"{name} {fault}")
        else:
            found[own] = parts
    if astray or shapes:
        kinds = {"fit no layer": astray, "wrong shape": shapes}
        faults = "; ".join(
            f"{len(names)} {kind}: {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}"
            for kind, names in kinds.items()
            if names
        )
        raise UserError(f"adapter {adapter.name}: made for another network; {faults}")
    return found


def _own_name(name: str, known: Mapping[str, object]) -> str | None:
    """The module's name of a layer: less wrappers of the file's, more wrappers of the module's."""
    while True:
        if name in known:
            return name
        longer = [own for own in known if own.endswith(f".{name}")]
        if len(longer) == 1:
            return longer[0]
        first, _, rest = name.partition(".")
        if first not in PREFIXES or not rest:
            return None
        name = rest


def _shape_fault(kind: str, parts: Mapping[str, Tensor], weight: Tensor) -> str | None:
    rows, columns = weight.shape[0], weight[0].numel()
    rank = parts["M_xs"].shape[0] if kind.endswith("-xs") else parts["lora_A"].shape[0]
    along = rows if kind.startswith("dora-rows") else columns
    wanted = {
        "lora_A": rank * columns,
        "lora_B": rows * rank,
        "M_xs": rank * rank,
        "magnitude": along,
        "magnitude_r": rows,
        "magnitude_c": columns,
        "U": rows * rank,
        "V": columns * rank,
    }
    for part, tensor in parts.items():
        if tensor.numel() != wanted[part]:
            return f"({part} {tuple(tensor.shape)} for a weight {tuple(weight.shape)})"
    beyond = kind.endswith("-xs") and rank > min(rows, columns)
    return f"(rank {rank} for a weight {tuple(weight.shape)})" if beyond else None


def _adapted(
    adapter: Adapter, parts: Mapping[str, Tensor], base: Tensor, own: Tensor, strength: float
) -> Tensor:
    """The weight after one adapter: `base` before it, `own` without any; computed in float32."""
    parts = {name: tensor.to(base.device).float() for name, tensor in parts.items()}
    delta = adapter.scaling * strength * _product(adapter.kind, parts, own)
    plain = adapter.kind.removesuffix("-xs")
    if plain == "lora":
        return base + delta.view(base.shape).to(base.dtype)
    weight = base.flatten(1).float() + delta
    if plain == "bora":
        weight = weight / (weight.norm(dim=1, keepdim=True) + _FLOOR)
        weight = weight * parts["magnitude_r"].view(-1, 1)
        weight = weight / (weight.norm(dim=0, keepdim=True) + _FLOOR)
        weight = weight * parts["magnitude_c"].view(1, -1)
    else:
        across = 1 if plain == "dora-rows" else 0
        weight = weight / (weight.norm(dim=across, keepdim=True) + _FLOOR)
        weight = weight * parts["magnitude"].flatten().unsqueeze(across)
    return weight.view(base.shape).to(base.dtype)


def _product(kind: str, parts: Mapping[str, Tensor], own: Tensor) -> Tensor:
    """The low-rank product (rows, columns), before scaling."""
    if not kind.endswith("-xs"):
        return parts["lora_B"].flatten(1) @ parts["lora_A"].flatten(1)
    core = parts["M_xs"]
    if "U" in parts and "V" in parts:
        return parts["U"] @ core @ parts["V"].T
    u, _, v = torch.linalg.svd(own.flatten(1).float().cpu(), full_matrices=False)
    # Singular vectors have no sign of their own: the largest entry of each left one is positive.
    signs = u.gather(0, u.abs().argmax(dim=0, keepdim=True)).sign()[0]
    signs[signs == 0] = 1
    u, v = (u * signs)[:, : len(core)], (v * signs[:, None])[: len(core)]
    return u.to(core) @ core @ v.to(core)


def _stable_audio_adapter(path: Path, tensors: Mapping[str, Tensor]) -> Adapter:
    layers: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for key, tensor in tensors.items():
        layer, found, tail = key.partition(_MARK)
        part = tail.partition(".")[2]
        if not found or part not in _BASES.union(*_PARTS.values()):
            unknown.append(key)
        else:
            layers.setdefault(layer, {})[part] = tensor
    if unknown:
        raise UserError(f"{path}: {unknown[0]!r} is no key of an adapter")
    settings = _settings(path)
    kind = settings.pop("adapter_type", None) or _guessed_kind(layers)
    kind = _dora_kind(layers) if kind == "dora" else kind
    first = next(iter(layers.values()))
    rank = len(first.get("lora_A", first.get("M_xs", "?")))
    alpha = _number(path, settings.pop("alpha", rank))
    return _checked(path, kind, alpha / rank, layers)


def _settings(path: Path) -> dict[str, Any]:
    text = read_metadata(path).get("lora_config", "{}")
    try:
        settings = json.loads(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: its metadata 'lora_config' is not a JSON object")
    return settings


def _guessed_kind(layers: Mapping[str, Mapping[str, Tensor]]) -> str:
    """The kind of an adapter that does not say it, as the reference guesses."""
    parts = next(iter(layers.values())).keys()
    plain = "bora" if "magnitude_r" in parts else "lora"
    plain = _dora_kind(layers) if "magnitude" in parts else plain
    return f"{plain}-xs" if "M_xs" in parts else plain


def _dora_kind(layers: Mapping[str, Mapping[str, Tensor]]) -> str:
    """Older files call both kinds dora; (1, columns) tells the one along columns."""
    magnitudes = [parts["magnitude"] for parts in layers.values() if "magnitude" in parts]
    by_columns = any(one.ndim == 2 and one.shape[0] == 1 for one in magnitudes)
    return "dora-cols" if by_columns else "dora-rows"


def _peft_adapter(path: Path, tensors: Mapping[str, Tensor]) -> Adapter:
    layers: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        plain = key.replace(".default.", ".").removesuffix(".default")
        tail = next((tail for tail in _PEFT if plain.endswith(f".{tail}")), None)
        if tail is None:
            raise UserError(f"{path}: {key!r} is no key of an adapter")
        layers.setdefault(plain.removesuffix(f".{tail}"), {})[_PEFT[tail]] = tensor
    kind = "dora-rows" if any("magnitude" in parts for parts in layers.values()) else "lora"
    return _checked(path, kind, _peft_scaling(path, layers), layers)


def _peft_scaling(path: Path, layers: Mapping[str, Mapping[str, Tensor]]) -> float:
    """alpha / rank, or alpha / sqrt(rank), of the adapter_config.json beside the file."""
    beside = path.parent / "adapter_config.json"
    if not beside.is_file():
        return 1.0
    settings = read_json(beside)
    for name in ("alpha_pattern", "rank_pattern", "fan_in_fan_out", "lora_bias"):
        if settings.pop(name, None):
            raise UserError(f"{beside}: {name} is not supported")
    rank = len(next(iter(layers.values())).get("lora_A", "?"))
    alpha = _number(beside, settings.pop("lora_alpha", rank))
    return alpha / (rank**0.5 if settings.pop("use_rslora", False) else rank)


def _checked(
    path: Path, kind: str, scaling: float, layers: Mapping[str, Mapping[str, Tensor]]
) -> Adapter:
    if kind not in _PARTS:
        raise UserError(f"{path}: adapter type {kind!r} is unknown; known: {', '.join(_PARTS)}")
    for layer, parts in layers.items():
        if parts.keys() - _BASES != _PARTS[kind]:
            has, needs = ", ".join(sorted(parts)), ", ".join(sorted(_PARTS[kind]))
            raise UserError(f"{path}: {layer!r} has {has}; a {kind} adapter has {needs}")
        for part, tensor in parts.items():
            if not torch.isfinite(tensor).all():
                raise UserError(f"{path}: {part} of {layer!r} holds values that are not finite")
    return Adapter(name=path.stem, kind=kind, scaling=scaling, layers=layers)


def _number(path: Path, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(f"{path}: alpha must be a number, got {value!r}")
    return float(value)
