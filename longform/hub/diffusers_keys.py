"""Names in the diffusers layout: every tensor of transformer, vae and projection model."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from longform.autoencoder.config import OobleckConfig, SameConfig
from longform.autoencoder.keys import to_diffusers
from longform.autoencoder.oobleck import Oobleck
from longform.autoencoder.same import Same
from longform.checkpoint import parameter_budget
from longform.hub.tensors import Form, Pair

DIT = "model.model."
AUTOENCODER = "pretransform.model."
CONDITIONER = "conditioner.conditioners."

_NUMBERS = {"seconds_start": "start", "seconds_total": "end"}


def transformer_pairs(depth: int) -> list[Pair]:
    """The transformer with `depth` blocks (StableAudioDiTModel)."""
    pairs = [
        _dit("timestep_features.weight", "time_proj.weight", form="flat"),
        _dit("preprocess_conv.weight", "preprocess_conv.weight"),
        _dit("postprocess_conv.weight", "postprocess_conv.weight"),
        _dit("transformer.project_in.weight", "proj_in.weight"),
        _dit("transformer.project_out.weight", "proj_out.weight"),
    ]
    for index in (0, 2):
        pairs += [
            _dit(f"to_timestep_embed.{index}.{kind}", f"timestep_proj.{index}.{kind}")
            for kind in ("weight", "bias")
        ]
        pairs.append(_dit(f"to_global_embed.{index}.weight", f"global_proj.{index}.weight"))
        pairs.append(_dit(f"to_cond_embed.{index}.weight", f"cross_attention_proj.{index}.weight"))
    for block in range(depth):
        pairs += _block(f"transformer.layers.{block}.", f"transformer_blocks.{block}.")
    return pairs


def _block(ours: str, theirs: str) -> list[Pair]:
    pairs = []
    for ours_norm, theirs_norm in (("pre_norm", 1), ("cross_attend_norm", 2), ("ff_norm", 3)):
        pairs.append(_dit(f"{ours}{ours_norm}.gamma", f"{theirs}norm{theirs_norm}.weight"))
        pairs.append(_dit(f"{ours}{ours_norm}.beta", f"{theirs}norm{theirs_norm}.bias"))
    one, two = f"{theirs}attn1", f"{theirs}attn2"
    qkv = tuple(f"{one}.to_{name}.weight" for name in "qkv")
    kv = tuple(f"{two}.to_{name}.weight" for name in "kv")
    pairs.append(_dit(f"{ours}self_attn.to_qkv.weight", *qkv, form="rows"))
    pairs.append(_dit(f"{ours}self_attn.to_out.weight", f"{one}.to_out.0.weight"))
    pairs.append(_dit(f"{ours}cross_attn.to_q.weight", f"{two}.to_q.weight"))
    pairs.append(_dit(f"{ours}cross_attn.to_kv.weight", *kv, form="rows"))
    pairs.append(_dit(f"{ours}cross_attn.to_out.weight", f"{two}.to_out.0.weight"))
    for kind in ("weight", "bias"):
        pairs.append(_dit(f"{ours}ff.ff.0.proj.{kind}", f"{theirs}ff.net.0.proj.{kind}"))
        pairs.append(_dit(f"{ours}ff.ff.2.{kind}", f"{theirs}ff.net.2.{kind}"))
    return pairs


def vae_pairs(config: OobleckConfig | SameConfig, budget: int, where: str) -> list[Pair]:
    """The autoencoder (AutoencoderOobleck or AutoencoderSAME).

    Raises:
        UserError: `config` asks for more than `budget` parameters.
    """

    def build() -> nn.Module:
        return Oobleck(config) if isinstance(config, OobleckConfig) else Same(config)

    ours = skeleton(build, budget, where)
    theirs = to_diffusers(config, ours)  # in the same order
    return [
        Pair(AUTOENCODER + name, (other,), _form(config, name, one, two))
        for (name, one), (other, two) in zip(ours.items(), theirs.items(), strict=True)
    ]


def _form(config: OobleckConfig | SameConfig, name: str, ours: Tensor, theirs: Tensor) -> Form:
    if isinstance(config, SameConfig) and config.differential and name.endswith("to_qkv.weight"):
        return "parts"
    return "same" if ours.shape == theirs.shape else "channels"


def skeleton(build: Callable[[], nn.Module], budget: int, where: str) -> dict[str, Tensor]:
    """The tensors of a network without their values.

    Raises:
        UserError: it has more than `budget` parameters, or cannot be built.
    """
    with parameter_budget(budget, where), torch.device("meta"):
        return build().state_dict()


def projection_pairs(text: str | None, numbers: Iterable[str]) -> list[Pair]:
    """The projection model: the text projection of conditioner `text`, and the number embedders."""
    pairs = []
    if text is not None:
        pairs += [
            Pair(f"{CONDITIONER}{text}.proj_out.{kind}", (f"text_projection.{kind}",))
            for kind in ("weight", "bias")
        ]
    for number in numbers:
        ours = f"{CONDITIONER}{number}.embedder.embedding"
        theirs = f"{_NUMBERS[number]}_number_conditioner.time_positional_embedding"
        pairs.append(Pair(f"{ours}.0.weights", (f"{theirs}.0.weights",)))
        pairs += [Pair(f"{ours}.1.{kind}", (f"{theirs}.1.{kind}",)) for kind in ("weight", "bias")]
    return pairs


def _dit(ours: str, *theirs: str, form: Form = "same") -> Pair:
    return Pair(DIT + ours, theirs, form)
