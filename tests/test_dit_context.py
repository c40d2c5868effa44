"""A denoiser that gains inputs: at first the model it was, then it hears a melody and a context."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from longform.checkpoint import load_into
from longform.dit.conditioner import Conditioner, Prompts
from longform.dit.config import ConditionerConfig, DiTConfig
from longform.dit.denoiser import Denoiser
from longform.dit.grow import CONTEXT, GUIDE, grown
from longform.dit.model import DiT
from longform.errors import UserError
from tests.tiny import CONDITIONER, DIT, HEARS, LATENT_CHANNELS, LISTENER, WIDTH

FRAMES = 12


def prompts(conditioner: ConditionerConfig, batch: int = 2, **changes: Any) -> Prompts:
    generator = torch.Generator().manual_seed(0)
    settings = {
        "text": torch.randn(batch, 3, WIDTH, generator=generator),
        "text_mask": torch.ones(batch, 3, dtype=torch.bool),
        "seconds_start": torch.zeros(batch),
        "seconds_total": torch.full((batch,), 60.0),
        "frames": FRAMES,
        "guide": torch.randn(batch, FRAMES, conditioner.feature_channels, generator=generator),
        "guide_mask": torch.rand(batch, len(conditioner.guide_features), generator=generator) < 0.7,
    }
    return Prompts(**settings | changes)


def heard(batch: int = 2, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(batch, FRAMES, dtype=torch.bool)
    mask[:, 9:] = False
    return {
        "context": torch.randn(batch, FRAMES, LATENT_CHANNELS, generator=generator),
        "context_mask": mask,
    }


def denoiser(dit: DiTConfig, conditioner: ConditionerConfig, std: float = 0.0) -> Denoiser:
    torch.manual_seed(0)
    made = Denoiser(DiT(dit), Conditioner(conditioner)).eval().requires_grad_(False)
    if std:
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=std)
    return made


def velocity(network: Denoiser, told: Prompts) -> Tensor:
    batch = len(told.seconds_start)
    generator = torch.Generator().manual_seed(2)
    latents = torch.randn(batch, LATENT_CHANNELS, FRAMES, generator=generator)
    return network(latents, torch.linspace(0.2, 0.8, batch), told)


@pytest.mark.parametrize("patch", [1, 2])
def test_a_model_that_gains_inputs_is_at_first_the_model_it_was(patch: int) -> None:
    before = replace(DIT, patch_size=patch)
    after = replace(LISTENER, patch_size=patch)
    old = denoiser(before, CONDITIONER, std=0.2)
    tensors, new = grown(old.dit.state_dict(), CONDITIONER, after, HEARS)
    assert new == ["guide feature 'melody'", "context"]
    listener = denoiser(after, HEARS)
    load_into(listener.dit, tensors, "grown")
    load_into(listener.conditioner, old.conditioner.state_dict(), "as it was")

    told = prompts(CONDITIONER)
    channels = (0, HEARS.feature_channels - CONDITIONER.feature_channels)
    melody = torch.nn.functional.pad(told.guide, channels, value=1.0)
    given = torch.nn.functional.pad(told.guide_mask, (0, 1), value=True)
    more = prompts(HEARS, guide=melody, guide_mask=given, **heard())
    wanted = velocity(old, told)
    torch.testing.assert_close(velocity(listener, more), wanted, atol=1e-5, rtol=1e-4)
    assert wanted.abs().max() > 0.1


def test_a_context_that_starts_at_zero_changes_no_bit() -> None:
    plain = replace(DIT, context_channels=0)
    with_context = replace(DIT, context_channels=HEARS.context_channels)
    told = replace(CONDITIONER, context_latents=LATENT_CHANNELS)
    old, new = denoiser(plain, CONDITIONER, std=0.2), denoiser(with_context, told)
    new.load_state_dict(
        dict(old.state_dict()) | {f"dit.{CONTEXT}": new.dit.to_context_embed.weight}
    )
    wanted = velocity(old, prompts(CONDITIONER))
    assert torch.equal(velocity(new, prompts(CONDITIONER, **heard())), wanted)
    assert torch.equal(velocity(new, prompts(CONDITIONER)), wanted)


def test_a_context_is_heard_where_it_is_there_and_kept_by_the_null_branch() -> None:
    network = denoiser(LISTENER, HEARS, std=0.2)
    silent = velocity(network, prompts(HEARS))
    one, other = (velocity(network, prompts(HEARS, **heard(seed=seed))) for seed in (1, 2))
    assert (one - other).abs().max() > 1e-3 and (one - silent).abs().max() > 1e-3
    hidden = heard()
    hidden["context"] = hidden["context"].clone()
    hidden["context"][:, 9:] = 7.0
    assert torch.equal(velocity(network, prompts(HEARS, **hidden)), one)

    condition = network.conditioner(prompts(HEARS, **heard()))
    assert torch.equal(network.conditioner.null(condition).context, condition.context)
    without = network.conditioner.without_context(condition)
    assert torch.equal(without.context, network.conditioner(prompts(HEARS)).context)
    assert without.tokens is condition.tokens and network.conditioner.hears_context


def test_an_item_alone_equals_itself_in_a_batch() -> None:
    network = denoiser(LISTENER, HEARS, std=0.2)
    together = prompts(HEARS, batch=3, **heard(3))
    latents = torch.randn(3, LATENT_CHANNELS, FRAMES)
    time = torch.tensor([0.2, 0.5, 0.8])
    whole = network(latents, time, together)
    for row in range(3):
        part = slice(row, row + 1)
        alone = replace(
            together,
            **{
                name: value[part]
                for name, value in vars(together).items()
                if isinstance(value, Tensor)
            },
        )
        torch.testing.assert_close(
            network(latents[part], time[part], alone), whole[part], atol=1e-5, rtol=1e-4
        )


def test_what_else_is_missing_stays_missing() -> None:
    tensors = dict(denoiser(DIT, CONDITIONER).dit.state_dict())
    del tensors["to_global_embed.0.weight"]
    found, _ = grown(tensors, CONDITIONER, LISTENER, HEARS)
    with pytest.raises(UserError, match=r"1 missing: to_global_embed\.0\.weight"):
        load_into(DiT(LISTENER), found, "grown")
    narrower = replace(HEARS, guide_features=HEARS.guide_features[:8])
    found, new = grown(DiT(LISTENER).state_dict(), HEARS, replace(DIT, guide_channels=75), narrower)
    assert new == [] and found[GUIDE].shape[1] == HEARS.guide_channels
