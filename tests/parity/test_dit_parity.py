"""Denoiser and conditioners against the toolkit's own, on random weights."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from dit_family import (
    FRAMES,
    VARIANTS,
    make_condition,
    make_dit,
    make_input,
    toolkit_tensors,
    variant,
)
from torch import Tensor, nn

from longform.dit.condition import Condition
from longform.dit.conditioner import Prompts
from longform.dit.config import DiTConfig
from longform.dit.family_conditioner import FamilyConditioner, FamilyConditionerConfig, NumberPart
from longform.dit.features import ExpoFeatures, LogSnr, TimestepFeatures
from longform.dit.keys import derived
from longform.dit.keys import ours as ours_name
from longform.dit.model import DiT
from longform.nn.rope import rotary_angles, rotate

pytestmark = pytest.mark.parity
PREFIX = "model.model."
Find = Callable[[str], ModuleType]
Gold = Callable[[str, Tensor], None]
Figure = Callable[[str, Tensor, Tensor, float], None]
CONDITIONER = FamilyConditionerConfig(
    text_width=16, token_width=16, inpaint="local", latent_channels=4,
    numbers=(NumberPart(id="seconds_total", high=384.0, features="expo"),),
    cross_ids=("prompt", "seconds_total"), global_ids=("seconds_total",),
)  # fmt: skip


def theirs(find: Find, name: str, dit: DiT) -> nn.Module:
    """The reference's denoiser with the weights of ours; every key must find its place."""
    package, section, config = variant(name)
    made = find(f"{package}.models.dit").DiffusionTransformer(
        diffusion_objective=config.objective, **section["config"]
    )
    tensors = toolkit_tensors(dit) | derived(config)
    made.load_state_dict({key.removeprefix(PREFIX): t for key, t in tensors.items()}, strict=True)
    return made.eval().requires_grad_(False)


def told(condition: Condition) -> dict[str, Any]:
    """A condition in the reference's words."""

    def turned(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.mT

    words = {
        "cross_attn_cond": condition.tokens,
        "global_embed": condition.global_,
        "prepend_cond": condition.prepend,
        "input_concat_cond": turned(condition.concat),
        "local_add_cond": turned(condition.local),
    }
    if condition.prepend is not None:
        words["prepend_cond_mask"] = torch.ones(condition.prepend.shape[:2])
    return {word: value for word, value in words.items() if value is not None}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_denoiser_equals_the_reference(
    find: Find, gold: Gold, figure: Figure, name: str
) -> None:
    config: DiTConfig = variant(name)[2]
    dit = make_dit(config)
    reference = theirs(find, name, dit)
    condition, (latents, time) = make_condition(config), make_input(config)
    wanted = reference(latents, time, **told(condition))
    result = dit(latents, time, condition)
    gold(f"dit/{name}", wanted)
    assert wanted.std() > 0.3
    figure(f"denoiser, {name}", result, wanted, 2e-5)


PARTS = [
    ("stable_audio_tools", {"min_val": 0, "max_val": 512}, NumberPart(id="n", high=512.0)),
    ("stable_audio_tools", {"min_val": 2, "max_val": 9}, NumberPart(id="n", low=2.0, high=9.0)),
    (
        "stable_audio_3",
        {"min_val": 0, "max_val": 384, "fourier_features_type": "expo"},
        NumberPart(id="n", high=384.0, features="expo"),
    ),
    ("stable_audio_tools", {"max_val": 100}, NumberPart(id="n", high=100.0, kind="integer")),
]


@pytest.mark.parametrize(("package", "words", "part"), PARTS)
def test_numbers_equal_the_reference(
    find: Find, figure: Figure, package: str, words: dict[str, Any], part: NumberPart
) -> None:
    module = find(f"{package}.models.conditioners")
    kind = module.IntConditioner if part.kind == "integer" else module.NumberConditioner
    theirs = kind(16, **words).requires_grad_(False)
    config = replace(CONDITIONER, numbers=(part,), cross_ids=("n",), global_ids=("n",))
    ours = FamilyConditioner(config).requires_grad_(False)
    prefix = "conditioner.conditioners.n."
    tensors = {ours_name(prefix + key): t for key, t in theirs.state_dict().items()}
    short = {str(key).removeprefix("conditioner."): t for key, t in tensors.items()}
    missing = ours.load_state_dict(short, strict=False)
    assert not missing.missing_keys and not missing.unexpected_keys
    values = [-3, 0, 1, 7, 47, 99, 284, 383, 5000]
    if part.kind == "number":
        values = [value + 0.3 for value in values]
    wanted = theirs(values, "cpu")[0]
    told = Prompts(
        text=None, text_mask=None, seconds_start=torch.zeros(9), seconds_total=torch.zeros(9),
        frames=4, numbers={"n": torch.tensor(values)},
    )  # fmt: skip
    assert wanted.std() > 0.1
    figure(f"number conditioner, {part.kind}, {part.features}", ours(told).tokens, wanted, 1e-6)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("padding", ["zero", "learned", "none"])
def test_conditions_are_assembled_as_in_the_reference(
    find: Find, figure: Figure, padding: str, negative: bool
) -> None:
    """Padding, order of tokens, global vector, what is known: all of Stable Audio 3's."""
    module, wrapper = find("stable_audio_3.models.conditioners"), find("stable_audio_3.models")
    text = module.Conditioner(16, 16, padding_mode=padding)
    seconds = module.NumberConditioner(16, 0, 384, "expo").requires_grad_(False)
    features, mask = torch.randn(2, 5, 16), torch.tensor([[1] * 5, [1, 1, 0, 0, 0]]).bool()
    totals = torch.tensor([12.0, 300.0])
    known, kept = torch.randn(2, FRAMES, 4), torch.rand(2, FRAMES) < 0.5
    tensors = {
        "prompt": (text.apply_padding(features, mask), mask),
        "seconds_total": seconds(totals.tolist(), "cpu"),
        "inpaint_mask": [kept[:, None].float()],
        "inpaint_masked_input": [known.mT * kept[:, None]],
    }
    asked = SimpleNamespace(
        cross_attn_cond_ids=["prompt", "seconds_total"],
        global_cond_ids=["seconds_total"],
        input_concat_ids=[],
        local_add_cond_ids=["inpaint_mask", "inpaint_masked_input"],
        modular_local_cond_ids=[],
        prepend_cond_ids=[],
    )
    assemble = find(f"{wrapper.__name__}.diffusion").ConditionedDiffusionModelWrapper
    wanted = assemble.get_conditioning_inputs(asked, tensors)
    ours = FamilyConditioner(
        replace(CONDITIONER, padding="keep" if padding == "none" else padding)
    ).requires_grad_(False)
    ours.parts["seconds_total"].linear.load_state_dict(seconds.embedder.embedding[1].state_dict())
    if padding == "learned":
        ours.get_parameter("parts.prompt.padding").copy_(text.padding_embedding)
    told = ours(
        Prompts(
            text=features, text_mask=mask, seconds_start=torch.zeros(2), seconds_total=totals,
            frames=FRAMES, known=known, known_mask=kept,
        ),
        negative=negative,
    )  # fmt: skip
    tokens = wanted["cross_attn_cond"]
    if negative:  # as the reference's guidance does
        tokens = torch.where(wanted["cross_attn_mask"].bool()[..., None], tokens, 0.0)
    figure("condition, tokens", told.tokens, tokens, 1e-6)
    figure("condition, global vector", told.global_, wanted["global_cond"], 1e-6)
    assert torch.equal(told.local.mT, wanted["local_add_cond"])


def test_timestep_features_and_rotation_equal_the_reference(find: Find, figure: Figure) -> None:
    blocks, later = find("stable_audio_tools.models.blocks"), find("stable_audio_3.models.blocks")
    t = torch.linspace(0, 1, 50)
    learned = TimestepFeatures(128)
    theirs = blocks.FourierFeatures(1, 256)
    theirs.weight.data = learned.weight.data
    figure("Fourier features, learned", learned(t), theirs(t[:, None]), 1e-6)
    expo = later.ExpoFourierFeatures(256, 0.5, 10_000.0)
    figure("Fourier features, expo", ExpoFeatures(128)(t), expo(t), 1e-6)
    scaled = find("stable_audio_3.models.dit").DiffusionTransformer
    figure("log SNR of a time", LogSnr()(t), scaled._t_to_logsnr_cond(scaled, t), 1e-6)
    transformer = find("stable_audio_tools.models.transformer")
    frequencies, _ = transformer.RotaryEmbedding(32).forward_from_seq_len(200)
    q = torch.randn(1, 2, 200, 64)
    wanted = transformer.apply_rotary_pos_emb(q, frequencies)
    angles = rotary_angles(200, 32, 10_000.0, torch.device("cpu"))
    figure("rotary positions", rotate(q, angles), wanted, 1e-6)
