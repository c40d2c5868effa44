"""What the denoiser is told: every part heard, every absence known, nothing leaking."""

import math
from dataclasses import replace

import pytest
import torch
from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel

from longform.dit.condition import Condition, choose, join
from longform.dit.conditioner import Conditioner, Prompts
from longform.dit.config import ConditionerConfig, GuideFeature
from longform.dit.features import position_features
from longform.errors import UserError

FEATURES = (
    GuideFeature(name="beat", start=0, stop=2),
    GuideFeature(name="chord", start=2, stop=14),
    GuideFeature(name="music", start=14, stop=15),
)
CONFIG = ConditionerConfig(
    text_width=12, token_width=16, project_text=True, mask_text=True, controls=True,
    global_text=True, guide_features=FEATURES, position_features=True, latent_rate_hz=10.0,
)  # fmt: skip
RATE_HZ, FRAMES = 10.0, 30


def prompts(**changes) -> Prompts:
    generator = torch.Generator().manual_seed(0)
    settings = {
        "text": torch.randn(2, 5, 12, generator=generator),
        "text_mask": torch.tensor([[True] * 5, [True] * 2 + [False] * 3]),
        "seconds_start": torch.tensor([0.0, 30.0]),
        "seconds_total": torch.tensor([60.0, 190.0]),
        "frames": FRAMES,
        "tempo_bpm": torch.tensor([120.0, 90.0]),
        "key": torch.tensor([0, 21]),
        "metre": torch.tensor([4, 3]),
        "guide": torch.randn(2, FRAMES, 15, generator=generator),
    }
    return Prompts(**settings | changes)


@pytest.fixture
def conditioner() -> Conditioner:
    torch.manual_seed(0)
    made = Conditioner(CONFIG).eval().requires_grad_(False)
    torch.nn.init.normal_(made.controls.no_tempo)
    return made


def test_the_shapes_are_those_the_config_announces(conditioner: Conditioner) -> None:
    told = conditioner(prompts())
    assert told.tokens.shape == (2, 5 + 2 + 3, 16)
    assert told.token_mask.sum(1).tolist() == [10, 7]
    assert told.global_.shape == (2, CONFIG.global_width) == (2, 64)
    assert told.guide.shape == (2, FRAMES, CONFIG.guide_channels) == (2, FRAMES, 15 + 3 + 20)


def test_timing_equals_diffusers() -> None:
    ours = Conditioner(ConditionerConfig(text_width=32, token_width=32))
    theirs = StableAudioProjectionModel(32, 32, 0, 512)
    for one, other in (
        (ours.seconds_start, theirs.start_number_conditioner),
        (ours.seconds_total, theirs.end_number_conditioner),
    ):
        other.time_positional_embedding[0].weights.data = one.frequencies.data
        other.time_positional_embedding[1].load_state_dict(one.linear.state_dict())
    start, total = torch.tensor([3.0, 700.0]), torch.tensor([47.0, 285.0])
    text, mask = torch.randn(2, 4, 32), torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    told = ours(
        Prompts(text=text, text_mask=mask, seconds_start=start, seconds_total=total, frames=8)
    )
    reference = theirs(text * mask[..., None], start, total)
    names = ("text_hidden_states", "seconds_start_hidden_states", "seconds_end_hidden_states")
    wanted = torch.cat([getattr(reference, name) for name in names], dim=1)
    torch.testing.assert_close(told.tokens, wanted)
    torch.testing.assert_close(told.global_, wanted[:, -2:].flatten(1))
    assert told.guide is None and told.token_mask is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds_start", torch.tensor([10.0, 10.0])),
        ("seconds_total", torch.tensor([90.0, 90.0])),
        ("tempo_bpm", torch.tensor([121.0, 180.0])),
        ("tempo_bpm", torch.tensor([math.nan, math.nan])),
        ("tempo_bpm", None),
        ("key", torch.tensor([1, -1])),
        ("key", None),
        ("metre", torch.tensor([3, -1])),
        ("metre", None),
        ("text", None),
    ],
)
def test_each_wish_is_heard_by_tokens_and_global_vector(
    conditioner: Conditioner, name: str, value: torch.Tensor | None
) -> None:
    told, other = conditioner(prompts()), conditioner(prompts(**{name: value}))
    if name != "text":
        assert ((told.tokens - other.tokens).abs().amax((1, 2)) > 1e-3).all()
    assert ((told.global_ - other.global_).abs().amax(1) > 1e-3).all()
    assert torch.isfinite(other.tokens).all() and torch.isfinite(other.global_).all()


def test_padding_of_the_text_changes_nothing_that_is_seen(conditioner: Conditioner) -> None:
    long = prompts()
    padded = torch.cat([long.text, torch.full((2, 3, 12), 7.0)], dim=1)
    mask = torch.cat([long.text_mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    told, same = conditioner(long), conditioner(replace(long, text=padded, text_mask=mask))
    torch.testing.assert_close(same.global_, told.global_)
    for row in range(2):
        seen = [c.tokens[row][c.token_mask[row]] for c in (told, same)]
        torch.testing.assert_close(seen[0], seen[1])


def test_no_text_is_one_learned_token_however_it_is_said(conditioner: Conditioner) -> None:
    absent = conditioner(prompts(text=None, text_mask=None))
    hidden = conditioner(prompts(text_mask=torch.zeros(2, 5, dtype=torch.bool)))
    torch.testing.assert_close(absent.tokens[:, 0], conditioner.no_text.expand(2, -1))
    torch.testing.assert_close(hidden.global_, absent.global_)
    assert hidden.token_mask.sum(1).tolist() == absent.token_mask.sum(1).tolist() == [6, 6]


def test_an_absent_feature_differs_from_one_that_is_zero(conditioner: Conditioner) -> None:
    zero = prompts(guide=torch.zeros(2, FRAMES, 15))
    given = conditioner(zero).guide
    absent = conditioner(prompts(guide=None)).guide
    assert torch.equal(given[..., :15], absent[..., :15])
    assert given[..., 15:18].eq(1).all() and absent[..., 15:18].eq(0).all()
    mask = torch.tensor([[True, False, True], [True, True, True]])
    some = conditioner(prompts(guide_mask=mask)).guide
    assert torch.equal(some[0, 0, 15:18], mask[0].float())
    assert not some[0, :, 2:14].any() and some[0, :, :2].any() and some[1, :, 2:14].any()


def test_the_null_branch_keeps_timing_alone(conditioner: Conditioner) -> None:
    wish = prompts()
    other = prompts(text=wish.text + 1, tempo_bpm=None, key=None, metre=None, guide=wish.guide + 1)
    null, same = (conditioner.null(conditioner(one)) for one in (wish, other))
    assert not null.tokens.any()
    for name in ("tokens", "global_", "guide"):
        assert torch.equal(getattr(null, name), getattr(same, name)), name
    told = conditioner(wish)
    assert torch.equal(null.global_[:, :32], told.global_[:, :32])
    assert torch.equal(null.guide[..., 18:], told.guide[..., 18:])
    assert torch.equal(null.guide, conditioner(prompts(guide=None)).guide)
    assert torch.equal(conditioner.null(told, keep_guide=True).guide, told.guide)


def test_positions_say_where_the_piece_ends() -> None:
    start, total = torch.tensor([8.0]), torch.tensor([10.0])
    rows = position_features(start, total, FRAMES, RATE_HZ)[0]
    assert rows[:, -1].tolist() == [0.0] * 20 + [1.0] * 10
    later = position_features(start + 1, total, FRAMES - 10, RATE_HZ)[0]
    torch.testing.assert_close(rows[10:], later)
    assert rows.abs().max() <= 1


def test_conditions_of_different_length_stand_in_one_batch(conditioner: Conditioner) -> None:
    told = conditioner(prompts())
    short = conditioner(prompts(text=None, text_mask=None))
    both = join(told, short)
    assert both.tokens.shape == (4, 10, 16)
    assert both.token_mask.sum(1).tolist() == [10, 7, 6, 6]
    assert torch.equal(both.tokens[2:, :6], short.tokens) and not both.tokens[2:, 6:].any()
    plain = Condition(told.tokens, None, told.global_)
    assert join(plain, plain).token_mask is None


def test_choosing_takes_whole_items(conditioner: Conditioner) -> None:
    told = conditioner(prompts())
    null = conditioner.null(told)
    mixed = choose(torch.tensor([False, True]), told, null)
    for name in ("tokens", "global_", "guide"):
        assert torch.equal(getattr(mixed, name)[0], getattr(told, name)[0])
        assert torch.equal(getattr(mixed, name)[1], getattr(null, name)[1])


def test_impossible_configs_are_refused() -> None:
    with pytest.raises(UserError, match="set project_text: true"):
        ConditionerConfig(text_width=3)
    with pytest.raises(UserError, match="guide feature 'b' must start at channel 2"):
        gap = (GuideFeature(name="a", start=0, stop=2), GuideFeature(name="b", start=3, stop=4))
        ConditionerConfig(guide_features=gap)
