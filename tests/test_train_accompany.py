"""Learning to answer a mix and to follow a melody: the inputs, the pairs, the run that starts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from longform.autoencoder.build import as_autoencoder, build
from longform.dit.grow import CONTEXT, GUIDE
from longform.errors import UserError
from longform.music.draw import draw_plan
from longform.music.guide import FEATURES, MELODY
from longform.music.melody import melody_lines, read_notes
from longform.train.coder import Source, fingerprint
from longform.train.config import OptimConfig, RunConfig
from longform.train.corpus_items import item_specs
from longform.train.dit import DiTTrainee
from longform.train.dit_config import Accompany, DiTTraining, Dropout, Window
from longform.train.encode import encode_corpus
from longform.train.loop import fit
from longform.train.pack import read_part
from longform.train.pairs import PairDataset, survey_pairs
from longform.train.trainee import Draw
from longform.train.windows import ASKED_FEATURES
from tests.latents_folder import RATE_HZ, SHARD, piece_facts, write_latents, write_pairs
from tests.tiny import AUTOENCODER as CODER
from tests.tiny import CONDITIONER, DIT, HEARS, LISTENER, tiny_bundle

SUNG = [[0.5 * number, 0.5, 60 + number % 7] for number in range(28)]
NOTES = [[1.0, 0.5, 60], [1.5, 0.5, 64], [1.5, 0.5, 67]]


def test_each_frame_gets_the_pitch_class_that_fills_it_most() -> None:
    notes = read_notes([*NOTES, [2.06, 0.005, 65], [4.0, 0.1, 70]], "item")
    lines = melody_lines(notes, 50, 10.0)
    assert lines.shape == (50, 12) and set(lines.sum(1)) == {0.0, 1.0}
    sung = [int(row.argmax()) if row.any() else None for row in lines]
    assert sung[10:15] == [0] * 5 and sung[15:20] == [7] * 5  # G above the third E
    assert sung[20] is None and sung[40] == 10 and sung[:10] == [None] * 10
    later = melody_lines(notes, 20, 10.0, start_seconds=1.2)
    assert np.array_equal(later, lines[12:32])
    assert read_notes([], "item") is None
    with pytest.raises(UserError, match="item: melody must be a list of"):
        read_notes([[1.0, 2.0]], "item")


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny").folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Latents of pieces, one with a melody, and of pairs."""
    pieces = {
        "tune": (150, "train", piece_facts("tune", 150) | {"melody": SUNG}),
        "song": (90, "train", piece_facts("song", 90) | {"melody": []}),
    }
    latents, pairs = (tmp_path_factory.mktemp(name) for name in ("latents", "pairs"))
    return write_latents(latents, pieces), write_pairs(pairs)


def config(folders: tuple[Path, Path], clap: Path, out: Path, **changes: Any) -> DiTTraining:
    run = RunConfig(
        out=str(out),
        steps=4,
        batch=4,
        ema=0.9,
        threads=1,
        checkpoint_steps=2,
        optimisers={"dit": OptimConfig(lr=3e-3, schedule="constant")},
    )
    settings = {
        "run": run,
        "latents": str(folders[0]),
        "clap": str(clap),
        "dit": LISTENER,
        "conditioner": HEARS,
        "windows": (Window(frames=32),),
        "accompany": Accompany(latents=str(folders[1]), share=0.5),
    }
    return DiTTraining(**settings | changes)


def drawn(trainee: DiTTrainee, steps: int) -> list[dict[str, Any]]:
    """The rows of many steps."""
    trainee.prepare(torch.device("cpu"))
    batches = [trainee.draw(Draw(0, step)) for step in range(steps)]
    return [
        {key: value[row] for key, value in batch.items()}
        for batch in batches
        for row in range(len(batch["ids"]))
    ]


NOTHING = Dropout(condition=0, text=0, control=0, guide=0, guide_features=0, context=0)


def test_a_share_of_a_step_answers_a_mix(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path
) -> None:
    rows = drawn(DiTTrainee(config(folders, clap, tmp_path, dropout=NOTHING)), 60)
    assert len(rows) == 240 and {row["ids"] for row in rows} == {"tune", "song", "p.0", "p.1"}
    names = list(FEATURES)
    answers = [row for row in rows if row["ids"].startswith("p")]
    assert len(answers) / len(rows) == pytest.approx(0.5, abs=0.1)
    only_asked = 0
    for row in answers:
        length = {"p.0": 200, "p.1": 30}[row["ids"]]
        start = int(row["latents"][0, 0])
        there = (start + torch.arange(32)) < length
        assert torch.equal(row["context_mask"], there)
        assert torch.equal(row["context"][0, there], row["latents"][0, there])  # the same frames
        assert not torch.equal(row["context"][1], row["latents"][1])
        span = (2.0, 9.0) if row["ids"] == "p.0" else (0.0, 2.5)
        assert start / RATE_HZ < span[1] and (start + 32) / RATE_HZ > span[0]
        given = {name for name, kept in zip(names, row["guide_mask"], strict=True) if kept}
        only_asked += given == set(ASKED_FEATURES)
        assert given in (set(ASKED_FEATURES), set(names) - {MELODY})
        assert row["text_mask"].any()
    assert only_asked / len(answers) == pytest.approx(0.5, abs=0.15)
    for row in (row for row in rows if not row["ids"].startswith("p")):
        assert not row["context_mask"].any() and not row["context"].any()
        assert bool(row["guide_mask"][names.index(MELODY)]) == (row["ids"] == "tune")
    tune = next(row for row in rows if row["ids"] == "tune" and row["latents"][0, 0] == 0)
    wanted = melody_lines(np.asarray(SUNG), 32, RATE_HZ)
    assert torch.equal(tune["guide"][:, FEATURES[MELODY]], torch.from_numpy(wanted))


def test_a_context_is_dropped_as_a_whole_whatever_else_is(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path
) -> None:
    rates = replace(NOTHING, condition=0.5, context=0.4)
    rows = drawn(DiTTrainee(config(folders, clap, tmp_path, dropout=rates)), 100)
    answers = [row for row in rows if row["ids"] == "p.0"]
    for null in (False, True):
        kept = [bool(row["context_mask"].any()) for row in answers if bool(row["drop"]) == null]
        assert np.mean(kept) == pytest.approx(0.6, abs=0.12), null


def test_steps_with_other_windows_make_pieces_alone(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path
) -> None:
    windows = (Window(frames=16, share=0.5), Window(frames=64, share=0.5))
    everything = Accompany(latents=str(folders[1]), share=1.0)
    rows = drawn(
        DiTTrainee(config(folders, clap, tmp_path, windows=windows, accompany=everything)), 12
    )
    kinds = {(len(row["guide"]), row["ids"].startswith("p")) for row in rows}
    assert kinds == {(16, True), (64, False)}


def test_a_run_that_starts_from_less_says_so_and_resumes_bit_by_bit(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    less = {"dit": DIT, "conditioner": CONDITIONER, "accompany": None}
    first = config(folders, clap, tmp_path / "first", **less)
    first = replace(first, run=replace(first.run, steps=2))
    fit(DiTTrainee(first), first.run)

    def later(name: str) -> DiTTraining:
        made = config(folders, clap, tmp_path / name)
        return replace(made, run=replace(made.run, start_from=first.run.out))

    capsys.readouterr()
    fit(DiTTrainee(later("straight")), later("straight").run)
    assert "new: guide feature 'melody', context" in capsys.readouterr().err
    broken = later("broken")
    fit(DiTTrainee(broken), replace(broken.run, steps=2))
    fit(DiTTrainee(broken), broken.run)
    one, two = (read_part(tmp_path / name, "dit") for name in ("straight", "broken"))
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    assert one.tensors[CONTEXT].any()
    assert one.tensors[GUIDE][:, FEATURES[MELODY]].any()
    lines = [json.loads(line) for line in (tmp_path / "straight" / "log.jsonl").open()]
    figures = {"validation/accompany_loss", "validation/accompany_loss_without_context"}
    assert figures <= lines[-1].keys()


def test_a_model_learns_to_hear_the_mix(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path
) -> None:
    """Where the answer is the mix itself, the loss falls far below that without the mix."""
    copies = tmp_path / "copies"
    copies.mkdir()
    items: dict[str, tuple[int, str, dict[str, Any]]] = {}
    for name, split in (("a", "train"), ("b", "train"), ("c", "validation")):
        known = {"kind": "stem", "context": f"{name}.context", "active": [[0.0, 5.0]]}
        items[name] = (64, split, known)
        items[f"{name}.context"] = (64, split, {"kind": "context"})
    write_latents(copies, items)
    tensors = load_file(copies / SHARD)
    same = {name: tensors[name.removesuffix(".context")].clone() for name in tensors}
    save_file(same, copies / SHARD)
    made = config(folders, clap, tmp_path / "run", dropout=replace(NOTHING, context=0.2))
    made = replace(
        made,
        accompany=Accompany(latents=str(copies), share=1.0),
        run=replace(made.run, steps=60, checkpoint_steps=0, batch=8, ema=0.0),
    )
    fit(DiTTrainee(made), made.run)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    told = lines[-1]["validation/accompany_loss"]
    assert told < 0.8 * lines[-1]["validation/accompany_loss_without_context"]


def test_a_config_that_cannot_accompany_is_told(
    folders: tuple[Path, Path], clap: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="accompany: this model hears no context; set"):
        config(folders, clap, tmp_path, dit=DIT, conditioner=CONDITIONER)
    with pytest.raises(UserError, match=r"dit\.context_channels is 0; this conditioner makes 5"):
        config(folders, clap, tmp_path, dit=replace(LISTENER, context_channels=0))
    with pytest.raises(UserError, match=r"context_latents is 3; dit\.io_channels is 4"):
        config(
            folders, clap, tmp_path, dit=replace(LISTENER, context_channels=4),
            conditioner=replace(HEARS, context_latents=3),
        )  # fmt: skip
    with pytest.raises(UserError, match="holds no pairs of split 'train'"):
        DiTTrainee(config(folders, clap, tmp_path, accompany=Accompany(latents=str(folders[0]))))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A built corpus of noise: a piece of three stems, one of one, an effect of none."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "corpus"
    (folder / "stems").mkdir(parents=True)
    (folder / "corpus.json").write_text("{}")
    for name, stems in {"m1": ("bass", "drums", "lead"), "m2": ("keys",), "e1": ()}.items():
        plan = draw_plan(style="funk", seconds=20.0, seed=1)
        facts: Mapping[str, Any] = {
            "split": "train", "style": "funk", "moods": ["happy"], "plan": plan.to_json(),
            "stems": stems, "melody": NOTES, "stem_instruments": {"bass": ["slap bass"]},
        }  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(facts))
        soundfile.write(folder / f"{name}.flac", rng.normal(0, 0.1, (48_000, 2)), 44_100)
        for stem in stems:
            audio = rng.normal(0, 0.05, (48_000, 2))
            soundfile.write(folder / "stems" / f"{name}.{stem}.flac", audio, 44_100)
    return folder


def test_pairs_are_sums_of_other_stems_and_depend_on_the_seed_alone(corpus: Path) -> None:
    items, rejected = survey_pairs(corpus, 5, 0)
    assert rejected == [] and [item.id for item in items] == sorted(
        name for number in range(5) for name in (f"m1.{number}", f"m1.{number}.context")
    )
    found = {item.id: item for item in items}
    targets = set()
    for number in range(5):
        target, context = found[f"m1.{number}"], found[f"m1.{number}.context"]
        assert target.facts["context"] == context.id and target.split == "train"
        assert not set(target.facts["families"]) & set(context.facts["families"])
        assert [path.name for path in target.parts] == [
            f"m1.{name}.flac" for name in target.facts["families"]
        ]
        assert target.captions and not context.captions
        assert ("melody" in target.facts) == ("lead" in target.facts["families"])
        targets |= set(target.facts["families"])
    assert targets == {"bass", "drums", "lead"}
    assert survey_pairs(corpus, 5, 0)[0] == items != survey_pairs(corpus, 5, 1)[0]
    assert any("slap" in text.lower() for item in items for text in item.captions)
    (corpus / "stems" / "m1.lead.flac").unlink()
    with pytest.raises(UserError, match="holds no piece with stems"):
        survey_pairs(corpus, 5, 0)


def test_a_pair_is_encoded_from_the_sum_of_its_audio(corpus: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("spectral", CODER).eval().requires_grad_(False)
    source = Source("spectral", CODER, "a run, step 1", fingerprint(network))
    out = tmp_path / "pairs"

    def find(folder: str | Path) -> tuple[list, list]:
        return survey_pairs(folder, 3, 0)

    encode_corpus(network, source, corpus, out, find=find)
    kept = (out / "latents-00000.safetensors").stat().st_mtime_ns
    encode_corpus(network, source, corpus, out, find=find)
    assert (out / "latents-00000.safetensors").stat().st_mtime_ns == kept
    pairs = PairDataset(out, "train")
    assert 0 < len(pairs) <= 3 and all(item.facts["kind"] == "stem" for item in pairs.items)
    for number, item in enumerate(pairs.items):
        (context,) = (one for one in find(corpus)[0] if one.id == item.facts["context"])
        audio = sum(soundfile.read(path, dtype="float32")[0] for path in context.parts)
        wanted = as_autoencoder(network).encode(torch.from_numpy(np.asarray(audio).T)[None]).mean[0]
        latents, there = pairs.context(number, 0, 20)
        assert there.sum() == wanted.shape[1] == 12
        torch.testing.assert_close(latents[:, :12], wanted, atol=2e-3, rtol=2e-3)


def test_shorter_pieces_are_more_pieces_of_the_same_seed() -> None:
    usual, short = (list(item_specs(1, 3, longest_seconds=longest)) for longest in (285.0, 90.0))
    assert usual == list(item_specs(1, 3))
    lengths = [spec.seconds for spec in short if spec.kind == "music"]
    assert min(lengths) >= 20 and 80 < max(lengths) <= 90 and len(short) > len(usual)
