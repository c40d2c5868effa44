"""The transformer against an independent implementation, and what its options promise."""

import math
from dataclasses import replace

import pytest
import torch
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from diffusers.models.transformers.stable_audio_transformer import StableAudioDiTModel
from torch import Tensor, nn

from longform.dit.attention import PLAIN_SCORES, attention
from longform.dit.condition import Condition
from longform.dit.config import ConditionerConfig, DiTConfig
from longform.dit.features import NumberEmbedding
from longform.dit.model import DiT
from longform.dit.norms import RMSNorm
from longform.errors import UserError
from longform.nn.rope import rotary_angles, rotate

PREPEND = DiTConfig(
    io_channels=8, width=128, depth=3, heads=2, cond_token_width=64, global_width=48, ff_width=512,
    timestep_frequencies=16,
)  # fmt: skip
ADALN = replace(
    PREPEND, global_mode="adaln", norm="rms", qk_norm="rms", guide_channels=5, cross_heads=2,
    memory_tokens=3, rotary_width=64,
)  # fmt: skip


def randomised(module: nn.Module, seed: int = 0, std: float = 0.05) -> nn.Module:
    """Every parameter random: zero-initialised branches would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data += std * torch.randn(parameter.shape, generator=generator)
    return module


def condition(config: DiTConfig, batch: int = 2, frames: int = 20, tokens: int = 7) -> Condition:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    guide = draw(batch, frames, config.guide_channels) if config.guide_channels else None
    return Condition(
        draw(batch, tokens, config.cond_token_width), None, draw(batch, config.global_width), guide
    )


def test_stable_audio_2_has_the_published_size_and_takes_whole_tracks() -> None:
    with torch.device("meta"):
        dit = DiT(DiTConfig())
        told = Condition(torch.empty(1, 130, 768), None, torch.empty(1, 1536))
        v = dit(torch.empty(1, 64, 6144), torch.empty(1), told)
    assert sum(parameter.numel() for parameter in dit.parameters()) == 1_056_828_544
    assert v.shape == (1, 64, 6144)
    assert ConditionerConfig().global_width == 1536


def diffusers_name(name: str) -> list[str]:
    """Names in diffusers of one tensor of ours; several where it splits what we keep fused."""
    for ours, theirs in (
        ("timestep_features", "time_proj"),
        ("to_timestep_embed", "timestep_proj"),
        ("to_global_embed", "global_proj"),
        ("to_cond_embed", "cross_attention_proj"),
        ("transformer.project_in", "proj_in"),
        ("transformer.project_out", "proj_out"),
        ("transformer.layers", "transformer_blocks"),
        ("pre_norm", "norm1"),
        ("cross_attend_norm", "norm2"),
        ("ff_norm", "norm3"),
        ("gamma", "weight"),
        ("beta", "bias"),
        ("self_attn", "attn1"),
        ("cross_attn", "attn2"),
        ("to_out", "to_out.0"),
        ("ff.ff", "ff.net"),
    ):
        name = name.replace(ours, theirs)
    if "to_qkv" in name:
        return [name.replace("to_qkv", part) for part in ("to_q", "to_k", "to_v")]
    if "to_kv" in name:
        return [name.replace("to_kv", part) for part in ("to_k", "to_v")]
    return [name]


def test_the_transformer_equals_diffusers() -> None:
    config = PREPEND
    ours = randomised(DiT(config)).eval()
    theirs = StableAudioDiTModel(
        in_channels=8, num_layers=3, attention_head_dim=64, num_attention_heads=2,
        num_key_value_attention_heads=1, out_channels=8, cross_attention_dim=64, time_proj_dim=32,
        global_states_input_dim=48, cross_attention_input_dim=64,
    ).eval()  # fmt: skip
    mapped = {}
    for name, tensor in ours.state_dict().items():
        if name.startswith("latent_"):
            continue
        names = diffusers_name(name)
        mapped |= dict(zip(names, tensor.chunk(len(names)), strict=True))
    mapped["time_proj.weight"] = mapped["time_proj.weight"][:, 0]
    theirs.load_state_dict(mapped, strict=True)

    told, frames = condition(config), 20
    latents, time = torch.randn(2, 8, frames), torch.tensor([0.13, 0.87])
    rotary = get_1d_rotary_pos_embed(32, frames + 1, use_real=True, repeat_interleave_real=False)
    with torch.no_grad():
        reference = theirs(
            latents,
            time,
            encoder_hidden_states=told.tokens,
            global_hidden_states=told.global_[:, None],
            rotary_embedding=rotary,
        ).sample
        result = ours(latents, time, told)
    assert reference.std() > 0.3
    assert (result - reference).abs().max() <= 2e-5


@pytest.mark.parametrize("config", [PREPEND, ADALN], ids=["prepend", "adaln"])
def test_the_network_starts_as_the_identity_around_its_linear_ends(config: DiTConfig) -> None:
    """Every branch starts at zero, so neither the condition nor other frames are heard yet."""
    dit = DiT(config)
    told = condition(config)
    latents = torch.randn(2, 8, 20)
    v = dit(latents, torch.tensor([0.1, 0.9]), told)
    ends = dit.transformer
    local = 0 if told.guide is None else dit.to_guide_embed(told.guide)
    wanted = ends.project_out(ends.project_in(latents.mT) + local).mT
    torch.testing.assert_close(v, wanted)


@pytest.mark.parametrize("config", [PREPEND, ADALN], ids=["prepend", "adaln"])
def test_every_input_is_heard_and_every_parameter_learns(config: DiTConfig) -> None:
    dit = randomised(DiT(config))
    told = condition(config)
    latents, time = torch.randn(2, 8, 20), torch.tensor([0.3, 0.6])
    v = dit(latents, time, told)
    v.square().mean().backward()
    silent = [name for name, p in dit.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent
    changes = {
        "time": dit(latents, time + 0.1, told),
        "tokens": dit(latents, time, replace(told, tokens=told.tokens + 1)),
        "global": dit(latents, time, replace(told, global_=told.global_ + 1)),
        "order": dit(latents.flip(-1), time, told).flip(-1),
    }
    if told.guide is not None:
        changes["guide"] = dit(latents, time, replace(told, guide=told.guide.flip(1)))
    for name, changed in changes.items():
        assert (changed - v).abs().max() > 1e-3, name


@pytest.mark.parametrize("config", [PREPEND, ADALN], ids=["prepend", "adaln"])
def test_checkpointing_gives_the_same_gradients(config: DiTConfig) -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        dit = randomised(DiT(config))
        dit.transformer.checkpointing = checkpointing
        latents = torch.arange(320.0).view(2, 8, 20).sin()
        dit(latents, torch.tensor([0.2, 0.7]), condition(config)).square().sum().backward()
        gradients.append({n: p.grad for n, p in dit.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


def test_hidden_tokens_are_not_seen() -> None:
    dit = randomised(DiT(ADALN)).eval()
    told = condition(ADALN, tokens=6)
    mask = torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    latents, time = torch.randn(2, 8, 20), torch.tensor([0.4, 0.4])
    whole = dit(latents, time, replace(told, token_mask=mask))
    short = Condition(told.tokens[1:, :3], None, told.global_[1:], told.guide[1:])
    torch.testing.assert_close(whole[1:], dit(latents[1:], time[1:], short))


def test_zero_tokens_leave_the_cross_attention_silent() -> None:
    """The null branch of guidance: zeros in, exactly zero out, whatever the number of tokens."""
    dit = randomised(DiT(PREPEND)).eval()
    told = condition(PREPEND)
    latents, time = torch.randn(2, 8, 20), torch.tensor([0.4, 0.9])
    zeros = [replace(told, tokens=torch.zeros(2, count, 64)) for count in (1, 9)]
    torch.testing.assert_close(dit(latents, time, zeros[0]), dit(latents, time, zeros[1]))
    context = torch.zeros(2, 4, 64)
    assert not dit.transformer.layers[0].cross_attn(torch.randn(2, 5, 128), context, None).any()


@pytest.mark.parametrize("frames", [1, 64, 300])
def test_one_model_takes_any_length(frames: int) -> None:
    dit = randomised(DiT(ADALN)).eval()
    v = dit(torch.randn(1, 8, frames), torch.tensor([0.5]), condition(ADALN, 1, frames))
    assert v.shape == (1, 8, frames) and torch.isfinite(v).all()


def test_rotary_scores_depend_on_distance_alone_and_turn_only_their_channels() -> None:
    angles = rotary_angles(50, 32, 10_000.0, torch.device("cpu"))
    q, k = torch.randn(2, 1, 1, 1, 64)
    turned_q, turned_k = (rotate(x.expand(1, 1, 50, 64), angles)[0, 0] for x in (q, k))
    scores = turned_q @ turned_k.T
    torch.testing.assert_close(scores[10, 3], scores[40, 33], atol=1e-4, rtol=1e-4)
    assert (scores[10, 3] - scores[10, 4]).abs() > 1e-3
    assert torch.equal(turned_q[7, 32:], q[0, 0, 0, 32:])
    first = math.cos(7) * q[0, 0, 0, 0] - math.sin(7) * q[0, 0, 0, 16]
    torch.testing.assert_close(turned_q[7, 0], first)


@pytest.mark.parametrize("masked", [False, True])
def test_short_training_sequences_attend_as_all_others_do(masked: bool) -> None:
    q, k, v = (torch.randn(2, 3, n, 16, requires_grad=True) for n in (9, 11, 11))
    mask = torch.rand(2, 11) < 0.6 if masked else None
    assert q.shape[2] * k.shape[2] < PLAIN_SCORES
    with torch.no_grad():
        blockwise = attention(q, k, v, mask)
    torch.testing.assert_close(attention(q, k, v, mask), blockwise)


def test_flash_is_refused_in_one_clear_line_where_it_cannot_run() -> None:
    q = torch.randn(1, 1, 4, 8)
    with pytest.raises(UserError, match="attention 'flash' needs"):
        attention(q, q, q, implementation="flash")
    dit = DiT(replace(PREPEND, attention="flash"))
    with pytest.raises(UserError, match="choose attention 'sdpa'"):
        dit(torch.randn(2, 8, 20), torch.rand(2), condition(PREPEND))


def test_sixteen_bit_weights_give_nearly_the_same_velocity() -> None:
    dit = randomised(DiT(ADALN)).eval()
    told, latents, time = condition(ADALN), torch.randn(2, 8, 20), torch.tensor([0.2, 0.8])
    exact = dit(latents, time, told)
    rounded = dit.bfloat16()(latents, time, told)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).std() < 0.05 * exact.std()


def test_latents_are_standardised_and_restored() -> None:
    dit = DiT(PREPEND)
    latents = torch.randn(2, 8, 500) * torch.arange(1.0, 9)[:, None] + 3
    dit.latent_mean.copy_(latents.mean(dim=(0, 2)))
    dit.latent_scale.copy_(1 / latents.std(dim=(0, 2)))
    inside = dit.standardise(latents)
    torch.testing.assert_close(inside.mean(dim=(0, 2)), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(inside.std(dim=(0, 2)), torch.ones(8))
    torch.testing.assert_close(dit.restore(inside), latents)


def test_norms_and_numbers_are_what_their_formulas_say() -> None:
    x = torch.randn(3, 16)
    norm = randomised(RMSNorm(16), std=0.5)
    wanted = torch.nn.functional.rms_norm(x, (16,), norm.gamma, eps=1e-5)
    torch.testing.assert_close(norm(x), wanted)
    embed = NumberEmbedding(0.0, 512.0, 4, 6)
    share = 100 / 512
    angles = 2 * math.pi * share * embed.frequencies
    features = torch.cat([torch.tensor([share]), angles.sin(), angles.cos()])
    torch.testing.assert_close(embed(torch.tensor([100.0]))[0], embed.linear(features))
    torch.testing.assert_close(embed(torch.tensor([600.0])), embed(torch.tensor([512.0])))


def test_impossible_shapes_are_refused() -> None:
    for changes, message in (
        ({"heads": 3}, "width 128 is not a multiple of heads 3"),
        ({"rotary_width": 66}, "rotary_width 66 must be even and at most 64"),
        ({"cond_token_width": 50}, "give cross_heads"),
        ({"heads": 4, "cross_heads": 3}, "heads 4 is not a multiple of cross_heads 3"),
    ):
        with pytest.raises(UserError, match=message):
            replace(PREPEND, **changes)
