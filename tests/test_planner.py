"""The planner: its grammar loses nothing, what it writes fits, and every wish holds."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import WIDTH, tiny_bundle
from typer.testing import CliRunner

from longform.bundle import Bundle, write_bundle
from longform.checkpoint import load_tensors
from longform.cli import app
from longform.config import to_mapping
from longform.errors import UserError
from longform.manifest import NetworkPart
from longform.music.draw import draw_plan
from longform.music.outline import outline_yaml, read_outline
from longform.music.outline_plan import outline_of
from longform.music.plan import FAMILIES, Plan
from longform.music.styles import STYLES
from longform.music.theory import Chord, Key
from longform.pipeline import Pipeline
from longform.planner import Planner, PlannerConfig
from longform.planner.codec import encode, rewritten
from longform.planner.grammar import Grammar
from longform.planner.vocabulary import Vocabulary
from longform.planner.writer import Writer, sample
from longform.planning import plan_of
from longform.provenance import read_recipe
from longform.replay import make_again, planned
from longform.request import Request

SMALL = PlannerConfig(text_width=WIDTH, width=16, depth=2, heads=2)
WORDS = Vocabulary(SMALL.styles, SMALL.qualities)


def small_planner() -> Planner:
    torch.manual_seed(3)
    return Planner(SMALL).eval().requires_grad_(False)


def encode_text(prompts: object) -> tuple[torch.Tensor, torch.Tensor]:
    text = torch.randn(1, 5, WIDTH, generator=torch.Generator().manual_seed(len(str(prompts))))
    return text, torch.tensor([[True, True, True, False, False]])


WRITER = Writer(small_planner(), encode_text)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles")
    plain = tiny_bundle(folder / "plain")
    dit = load_tensors(plain.folder / "dit.safetensors")

    def part(name: str) -> dict[str, torch.Tensor]:
        return {k.removeprefix(name): v for k, v in dit.items() if k.startswith(name)}

    return write_bundle(
        folder / "planned",
        replace(plain.manifest, planner=NetworkPart(config=to_mapping(SMALL))),
        autoencoder=load_tensors(plain.folder / "autoencoder.safetensors"),
        clap=load_tensors(plain.folder / "clap.safetensors"),
        dit=part("dit."),
        conditioner=part("conditioner."),
        tokenizer=plain.folder / "tokenizer.json",
        planner=small_planner().state_dict(),
    )


def reread(plan: Plan) -> tuple[Plan, Grammar]:
    """The plan through its tokens, each of which must be allowed and counted down to."""
    grammar, encoded = Grammar(WORDS), encode(plan, WORDS)
    for token, left in zip(encoded.tokens, encoded.left, strict=True):
        assert grammar.allowed()[token], WORDS.meaning(token)
        assert grammar.countdown == left
        grammar.accept(token)
        if grammar.expects == "key":
            grammar.bars = plan.bars
    assert grammar.finished and not grammar.allowed().any()
    return rewritten(plan, grammar), grammar


@pytest.mark.parametrize("style", STYLES)
def test_a_piece_survives_its_tokens(style: str) -> None:
    for number, seconds in enumerate((4.0, 90.0)):
        plan = draw_plan(style=style, seconds=seconds, seed=number)
        again, grammar = reread(plan)
        assert again.chords == plan.chords
        assert grammar.key == plan.key and grammar.metre == plan.metre
        assert 40 + grammar.header["tempo"] == plan.tempo_bpm
        for one, other in zip(plan.sections, again.sections, strict=True):
            assert other.energy == pytest.approx(one.energy, abs=0.0251)
            assert replace(other, energy=one.energy) == one


def test_any_chords_and_any_lengths_survive() -> None:
    """Inversions, two chords in a bar, no repetition, and sections longer than one token says."""
    rng = np.random.default_rng(0)
    plan = draw_plan(style="pop", seconds=285.0, seed=1, form=[("verse", 130), ("verse", 7)])

    def chord() -> Chord:
        quality = WORDS.qualities[rng.integers(len(WORDS.qualities))]
        return Chord(root=int(rng.integers(12)), quality=quality, bass=int(rng.integers(12)))

    bars = tuple(tuple(chord() for _ in range(rng.integers(1, 3))) for _ in range(137))
    odd = replace(plan, chords=bars)
    assert reread(odd)[0].chords == bars
    kinds = [WORDS.meaning(token)[0] for token in encode(odd, WORDS).tokens]
    assert kinds.count("more") == 2 and "loop" not in kinds and "again" not in kinds


def test_a_progression_is_the_same_in_every_key() -> None:
    tokens = [
        encode(draw_plan(style="soul", seconds=60.0, seed=5, key=key, bpm=90), WORDS).tokens
        for key in ("C major", "F# major")
    ]
    different = [i for i, pair in enumerate(zip(*tokens, strict=True)) if len(set(pair)) > 1]
    assert different == [2]  # the key


def test_repetition_is_said_once() -> None:
    plan = draw_plan(style="house", seconds=240.0, seed=2)
    kinds = [WORDS.meaning(token)[0] for token in encode(plan, WORDS).tokens]
    assert kinds.count("chord") < plan.bars / 4 and "again" in kinds


def test_step_by_step_equals_the_whole() -> None:
    """The cache, the places and the mask of the prefix agree; padding changes nothing."""
    planner = small_planner()
    encoded = encode(draw_plan(style="folk", seconds=30.0, seed=1), WORDS)
    text, mask = encode_text("a")
    tokens = torch.tensor([[WORDS.token("start"), *encoded.tokens[:-1], 5, 5]])
    left = torch.tensor([[*encoded.left, (0, 0), (0, 0)]])
    whole = planner(text, mask, torch.tensor([30.0]), tokens, left)[0]
    other = planner(text + 9 * ~mask[..., None], mask, torch.tensor([30.0]), tokens, left)[0]
    torch.testing.assert_close(other, whole)
    cache = planner.begin(text, mask, 30.0)
    for place, left_here in enumerate(encoded.left):
        stepped = planner.step(int(tokens[0, place]), left_here, place, cache)
        torch.testing.assert_close(stepped, whole[place], atol=1e-5, rtol=1e-4)


def test_the_future_is_not_seen() -> None:
    planner = small_planner()
    text, mask = encode_text("a")
    tokens, left = torch.randint(0, WORDS.size, (1, 9)), torch.zeros(1, 9, 2, dtype=torch.long)
    before = planner(text, mask, torch.tensor([9.0]), tokens, left)
    tokens[0, 6] = (tokens[0, 6] + 1) % WORDS.size
    after = planner(text, mask, torch.tensor([9.0]), tokens, left)
    torch.testing.assert_close(after[:, :6], before[:, :6])
    assert not torch.allclose(after[:, 6], before[:, 6])


@pytest.mark.parametrize("seconds", [1.0, 9.5, 120.0])
def test_untrained_plans_are_whole_and_fit(seconds: float) -> None:
    """With random weights everything hangs on the grammar."""
    plan = WRITER(prompt="something", seconds=seconds, seed=4, tail_seconds=min(3.0, seconds / 10))
    assert sum(section.bars for section in plan.sections) == plan.bars
    assert plan.bars == 1 or plan.bars * plan.bar_seconds <= seconds
    assert seconds - plan.bars * plan.bar_seconds < plan.bar_seconds + 3.01
    assert all(section.families <= set(FAMILIES) for section in plan.sections)
    assert all(one.end_bar == other.start_bar for one, other in pairwise(plan.sections))
    assert plan.sources == dict.fromkeys(("style", "tempo", "key", "metre", "plan"), "planner")
    assert Plan.from_json(plan.to_json()) == plan


def test_the_same_seed_writes_the_same_plan() -> None:
    one = WRITER(prompt="calm", seconds=60.0, seed=8)
    assert one == WRITER(prompt="calm", seconds=60.0, seed=8)
    assert one.chords != WRITER(prompt="calm", seconds=60.0, seed=9).chords


def test_what_is_asked_for_holds() -> None:
    plan = WRITER(seconds=40.0, seed=1, bpm=93.5, key="C# minor", metre=3, style="waltz")
    assert (plan.tempo_bpm, plan.metre, plan.style) == (93.5, 3, "waltz")
    assert plan.key == Key.parse("C# minor")
    assert plan.sources["tempo"] == plan.sources["key"] == "asked"


@pytest.mark.parametrize("seed", range(2))
def test_what_the_prompt_says_holds(seed: int) -> None:
    prompt = "jazz in minor, 3/4, 140 bpm, with flute and piano, no drums"
    plan = WRITER(prompt=prompt, seconds=60.0, seed=seed)
    assert (plan.style, plan.key.mode, plan.metre, plan.tempo_bpm) == (
        "jazz trio",
        "minor",
        3,
        140.0,
    )
    for section in plan.sections:
        assert "drums" not in section.families
        if section.name in ("verse", "chorus", "solo", "bridge"):
            assert {"winds", "keys"} <= section.families


def test_a_section_plan_is_completed_not_replaced() -> None:
    text = "intro 8s: soft pads / verse 16s / chorus 16s: no drums / outro 8s"
    request = Request(prompt="pop", plan=text, key="D major", seed=3)
    plan = plan_of(request, 48.0, compose=WRITER)
    assert [section.name for section in plan.sections] == ["intro", "verse", "chorus", "outro"]
    starts = [section.start_bar * plan.bar_seconds for section in plan.sections]
    assert starts == pytest.approx([0, 8, 24, 40], abs=plan.bar_seconds / 2)
    assert plan.sections[0].families == {"pad"} and "drums" not in plan.sections[2].families
    drawn = plan_of(request, 48.0)
    assert plan.chords != drawn.chords and plan.sources["plan"] == "planner"
    whole = replace(request, plan=outline_yaml(outline_of(plan)), seconds=48.0)
    again = plan_of(whole, 48.0, compose=WRITER)
    assert (again.sections, again.chords) == (plan.sections, plan.chords)
    assert "plan" not in again.sources  # nothing was left to write
    chords = (
        "sections:\n- {name: verse, seconds: 24, chords: [Am, 'F,G']}\n- {name: outro, seconds: 24}"
    )
    given = plan_of(Request(prompt="pop", plan=chords, bpm=120.0), 48.0, compose=WRITER)
    assert [",".join(map(str, bar)) for bar in given.chords[:4]] == ["Am", "F,G", "Am", "F,G"]


def test_sampling_keeps_to_what_is_allowed_and_likely() -> None:
    allowed = np.array([False, True, True, True])
    logits = torch.tensor([9.0, 0.0, 1.0, -9.0])
    generator = torch.Generator().manual_seed(0)
    drawn = [sample(logits, allowed, generator) for _ in range(400)]
    share = float(F.softmax(torch.tensor([0.0, 1.0]) / 0.9, dim=0)[1])
    assert set(drawn) == {1, 2}
    assert np.mean(np.array(drawn) == 2) == pytest.approx(share, abs=0.07)


def test_a_model_keeps_the_words_it_was_trained_with() -> None:
    few = replace(SMALL, styles=("house", "jazz trio"))
    writer = Writer(Planner(few).eval(), encode_text)
    assert writer(prompt="hm", seconds=20.0, seed=1).style in few.styles
    assert writer(prompt="techno", seconds=20.0, seed=1).style == "techno"
    with pytest.raises(UserError, match="'skiffle' is unknown; upgrade longform"):
        PlannerConfig(styles=("skiffle",))


def test_a_bundle_holds_a_planner_or_none(bundle: Bundle, tmp_path: Path) -> None:
    planner = bundle.planner()
    assert planner is not None
    torch.testing.assert_close(
        planner.tokens.weight, small_planner().tokens.weight, atol=1e-3, rtol=1e-3
    )
    assert tiny_bundle(tmp_path / "none").planner() is None
    before = bundle.content_hash()
    path = bundle.folder / "planner.safetensors"
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert bundle.content_hash() != before
    path.unlink()
    with pytest.raises(UserError, match=r"planner\.safetensors is missing"):
        Bundle.load(bundle.folder)
    path.write_bytes(kept)


def test_a_replay_does_not_ask_the_planner(bundle: Bundle, tmp_path: Path) -> None:
    """The written plan is in the recipe; another planner, or none, makes the same audio from it."""
    from longform.deliver import deliver

    pipe = Pipeline(bundle)
    request = Request(prompt="rainy night", seconds=9.0, seed=5)
    made = pipe.run(request)
    assert made.facts["sources"]["plan"] == "planner"
    done = deliver(
        made, tmp_path / "a.wav", pipe=pipe, job="generate", parameters={"prompt": "rainy night",
        "seconds": 9.0, "seed": 5}, finishing=None,
    )  # fmt: skip
    recipe = read_recipe(tmp_path / "a.wav")
    assert recipe == done.recipe and recipe.plan is not None
    outline = read_outline(recipe.plan)
    assert outline.total_seconds == 9.0 and all(part.chords for part in outline.sections)
    pipe.planner.tokens.weight.fill_(0)
    again, waveform = make_again(recipe, pipe)
    assert waveform.sha256 == made.waveform.sha256 == recipe.samples_sha256
    assert again.facts["written"] == recipe.plan
    assert planned(replace(recipe, plan=None)) == recipe.parameters
    assert pipe.run(request).waveform.sha256 != recipe.samples_sha256


def test_no_planner_is_as_without_one(bundle: Bundle, tmp_path: Path) -> None:
    request = Request(prompt="rainy night", seconds=4.0, seed=5, no_planner=True)
    drawn = Pipeline(bundle).run(request)
    plain = Pipeline(tiny_bundle(tmp_path / "plain")).run(replace(request, no_planner=False))
    assert drawn.waveform.sha256 == plain.waveform.sha256
    assert "written" not in drawn.facts and "plan" not in drawn.facts["sources"]


def test_the_command_prints_a_plan_that_can_be_given_back(bundle: Bundle, tmp_path: Path) -> None:
    model, file = str(bundle.folder), tmp_path / "plan.yaml"
    common = ["rainy night", "--seconds", "20", "--seed", "3", "--model", model]
    done = CliRunner().invoke(app, ["plan", *common, "--bpm", "100", "-o", str(file)])
    assert done.exit_code == 0, done.output
    written = plan_of(
        Request(prompt="rainy night", bpm=100.0, seed=3, seconds=20.0), 20.0,
        compose=Pipeline(bundle).composer(Request(prompt="x")),
    )  # fmt: skip
    given = Request(prompt="rainy night", seed=99, plan=file.read_text(), no_planner=True)
    read = plan_of(given, 20.0)
    assert (read.chords, read.sections, read.tempo_bpm) == (
        written.chords, written.sections, 100.0
    )  # fmt: skip
    refused = CliRunner().invoke(app, ["plan", *common, "-o", str(tmp_path / "plan.json")])
    assert isinstance(refused.exception, (UserError, SystemExit)) and not list(
        tmp_path.glob("*.json")
    )
    drawn = CliRunner().invoke(app, ["plan", *common, "--no-planner"])
    assert "sections:" in drawn.stdout and drawn.stdout != file.read_text()


def test_facts_are_json(bundle: Bundle) -> None:
    facts = Pipeline(bundle).run(Request(prompt="calm", seconds=3.0)).facts
    assert json.loads(json.dumps(facts))["written"].startswith("tempo_bpm")
