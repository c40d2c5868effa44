"""CLAP learns: a tiny one on a corpus of tones, its spectrogram store, and retrieval."""

import itertools
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F

from longform.clap import AudioConfig, Clap, ClapConfig, TextConfig, Tokenizer
from longform.clap.loss import contrastive_loss
from longform.config import load_yaml
from longform.errors import UserError
from longform.train import checkpoints
from longform.train.clap import ClapTrainee, ClapTraining, captioned, retrieval, train
from longform.train.clap_vocabulary import TABLE_FILE
from longform.train.config import OptimConfig, RunConfig
from longform.train.loop import fit
from longform.train.mel_store import log_mel_of, open_store, read_log_mel
from longform.train.retrieval import rank
from longform.train.trainee import Draw

ROOT = Path(__file__).parent.parent
RATE = 8000
TONES_HZ = {"deep": 110.0, "low": 350.0, "middle": 1000.0, "high": 3000.0}
SPEEDS_HZ = {"slow": 1.5, "quick": 4.0, "fast": 10.0}
TINY = ClapConfig(
    embedding_width=16,
    text=TextConfig(max_tokens=16, table_width=16, width=16, layers=2, heads=2),
    audio=AudioConfig(
        sample_rate=RATE,
        fft_samples=512,
        hop_samples=256,
        bands=16,
        high_hz=4000.0,
        window_frames=32,
        width=16,
        conv_blocks=1,
        layers=1,
        heads=2,
    ),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pulsing tones, twelve kinds: one of each to train on, one held out."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    kinds = itertools.product(TONES_HZ.items(), SPEEDS_HZ.items(), range(2))
    for number, ((pitch, hz), (speed, rate_hz), take) in enumerate(kinds):
        time = np.arange(round(RATE * rng.uniform(0.5, 3.0))) / RATE
        tone = np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time)
        pulses = (np.sin(2 * np.pi * rate_hz * time) > 0) * 0.4
        soundfile.write(folder / f"{number:02d}.wav", tone * pulses, RATE)
        split = ("train", "validation")[take]
        facts = {"captions": [f"a {speed} {pitch} tone", f"{pitch}, {speed}"], "split": split}
        (folder / f"{number:02d}.json").write_text(json.dumps(facts))
    return folder


def training(corpus: Path, out: Path, steps: int, **run: object) -> ClapTraining:
    optim = OptimConfig(lr=1e-2, schedule="constant", warmup_steps=5)
    values = {"batch": 12, "ema": 0.8, "optimisers": {"clap": optim}, "prefetch": 0} | run
    config = RunConfig(out=str(out), steps=steps, **values)  # type: ignore[arg-type]
    return ClapTraining(run=config, corpus=str(corpus), clap=TINY)


def test_thirty_steps_learn_a_tiny_corpus(corpus: Path, tmp_path: Path) -> None:
    trainee = ClapTrainee(training(corpus, tmp_path / "run", 30, log_every=5))
    fit(trainee, trainee.config.run)
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    losses = [line["clap/loss"] for line in lines if "clap/loss" in line]
    assert losses[-1] < 0.5 * math.log(12) < losses[0]  # ln(batch) is chance
    held_out = lines[-1]
    assert held_out["validation/text_to_audio/R@1"] >= 0.5
    assert held_out["validation/chance/R@1"] == pytest.approx(1 / 12)

    clap = trainee.networks["clap"]
    assert isinstance(clap, Clap)
    result = retrieval(clap, trainee.tokenizer, captioned(corpus, "validation"))
    assert result.items == 12
    assert result.audio_to_text[1] >= 0.5 and result.audio_to_text[10] == 1.0
    assert "chance" in str(result) and "8.3%" in str(result)


def test_a_stopped_run_goes_on_to_the_same_bits(corpus: Path, tmp_path: Path) -> None:
    for name, stops in (("straight", (8,)), ("stopped", (3, 8))):
        for steps in stops:
            config = training(corpus, tmp_path / name, steps)
            fit(ClapTrainee(config), config.run)
    for part in ("networks", "ema", "optimisers"):
        straight, stopped = (
            checkpoints.read(tmp_path / name / "checkpoints/step-000000008", part)
            for name in ("straight", "stopped")
        )
        assert straight.keys() == stopped.keys() and straight
        assert all(torch.equal(straight[key], stopped[key]) for key in straight)


def test_the_tokens_that_denoisers_read_can_stay(corpus: Path, tmp_path: Path) -> None:
    first = ClapTrainee(training(corpus, tmp_path / "first", 3))
    fit(first, first.config.run)
    with pytest.raises(UserError, match=r"keep_tokens.*start_from"):
        replace(first.config, keep_tokens=True)
    config = training(corpus, tmp_path / "more", 5, start_from=str(tmp_path / "first"))
    more = ClapTrainee(replace(config, keep_tokens=True))
    fit(more, config.run)

    texts = ["a slow deep tone", "high, fast"]
    ids, mask = first.tokenizer(texts)
    checkpoint = checkpoints.newest(tmp_path / "more/checkpoints", lambda _: None)
    assert checkpoint is not None
    claps = []
    for folder in (tmp_path / "first/checkpoints/step-000000003", checkpoint):
        clap = Clap(TINY)
        ema = checkpoints.read(folder, "ema")
        clap.load_state_dict({key.removeprefix("clap."): value for key, value in ema.items()})
        claps.append(clap.eval())
    before, after = claps
    with torch.no_grad():
        assert torch.equal(before.text_tokens(ids, mask), after.text_tokens(ids, mask))
        assert not torch.allclose(before.embed_text(ids, mask), after.embed_text(ids, mask))
    assert not torch.equal(before.audio.stem.weight, after.audio.stem.weight)


def test_a_batch_is_a_pure_function_of_the_draw(corpus: Path, tmp_path: Path) -> None:
    trainee = ClapTrainee(training(corpus, tmp_path, 1))
    trainee.prepare(torch.device("cpu"))
    first = trainee.draw(Draw(0, 5))
    trainee.draw(Draw(0, 6))
    again = trainee.draw(Draw(0, 5))
    other = trainee.draw(Draw(0, 5, rank=1, world=2))
    assert first["mel"].shape == (12, 16, 32)
    assert first["ids"] == again["ids"] and torch.equal(first["mel"], again["mel"])
    assert torch.equal(first["tokens"], again["tokens"])
    assert not torch.equal(first["mel"], other["mel"])
    same_text = (first["tokens"][:, None] == first["tokens"][None]).all(dim=-1)
    assert torch.equal(first["group"][:, None] == first["group"][None], same_text)


def test_a_window_belongs_to_its_item_and_a_short_item_is_repeated(
    corpus: Path, tmp_path: Path
) -> None:
    trainee = ClapTrainee(replace(training(corpus, tmp_path, 1), gain_db=0.0))
    trainee.prepare(torch.device("cpu"))
    lengths = trainee.store.frames
    assert lengths.min() < 32 < lengths.max()
    batch = trainee.draw(Draw(0, 0))
    numbers = {item.id: number for number, item in enumerate(trainee.items)}
    for identity, mel, tokens in zip(batch["ids"], batch["mel"], batch["tokens"], strict=True):
        item = trainee.items[numbers[identity]]
        texts = [trainee.tokenizer.encode(text) for text in item.captions]
        assert [number for number in tokens.tolist() if number] in texts
        whole = trainee.store.whole(numbers[identity])
        whole = whole.repeat(1, 32)[:, : max(32, whole.shape[1])]
        assert any(torch.equal(mel, view) for view in whole.unfold(1, 32, 1).unbind(1))


def test_the_word_table_begins_as_it_ships_and_stays(corpus: Path, tmp_path: Path) -> None:
    config = training(corpus, tmp_path / "frozen", 2)
    trainee = ClapTrainee(config)
    start = _table(trainee).clone()
    shipped = checkpoints.load_tensors(TABLE_FILE)["table"][:, :16].float()
    assert torch.equal(start, shipped)
    fit(trainee, config.run)
    assert torch.equal(_table(trainee), start)

    config = replace(training(corpus, tmp_path / "free", 2), freeze_table=False)
    trainee = ClapTrainee(config)
    fit(trainee, config.run)
    assert not torch.equal(_table(trainee), start)


def _table(trainee: ClapTrainee) -> torch.Tensor:
    return trainee.networks["clap"].get_parameter("text.table.weight").detach()


def test_words_of_one_meaning_lie_together() -> None:
    table = F.normalize(checkpoints.load_tensors(TABLE_FILE)["table"].float(), dim=-1)
    words = Tokenizer.load().vocabulary
    for word, near, far in (("piano", "keyboard", "rain"), ("sad", "tragic", "drum")):
        vectors = table[[words[word], words[near], words[far]]]
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_store_equals_the_audio_and_follows_the_corpus(corpus: Path, tmp_path: Path) -> None:
    items, audio = captioned(corpus, "validation"), TINY.audio
    store = open_store(tmp_path, items, audio)
    for number, item in enumerate(items):
        mel = read_log_mel(item.path, log_mel_of(audio), RATE)
        torch.testing.assert_close(store.whole(number), mel, rtol=1e-3, atol=1e-3)
    made = (tmp_path / "mel.f16").stat().st_mtime_ns
    open_store(tmp_path, items, audio)
    assert (tmp_path / "mel.f16").stat().st_mtime_ns == made  # kept
    fewer = open_store(tmp_path, items[1:], audio)
    assert torch.equal(fewer.whole(0), store.whole(1))
    bands = open_store(tmp_path, items[1:], replace(audio, bands=8)).whole(0).shape[0]
    assert bands == 8


def test_recall_and_chance_against_hand_counts() -> None:
    text = torch.eye(4)
    audio = torch.tensor([[0.9, 0, 0, 0.1], [0.2, 0.1, 0.9, 0], [0, 0.3, 0.5, 0], [0, 0, 0, 1.0]])
    result = rank(F.normalize(audio, dim=-1), text, ["a", "b", "c", "d"])
    assert result.text_to_audio == {1: 0.5, 10: 1.0}  # b's best is c, c's best is b
    assert result.audio_to_text == {1: 0.75, 10: 1.0}
    assert result.chance == {1: 0.25, 10: 1.0}
    alike = rank(F.normalize(audio, dim=-1), text[[0, 1, 1, 3]], ["a", "b", "b", "d"])
    assert alike.text_to_audio[1] == 1.0
    assert alike.chance[1] == pytest.approx((1 + 2 + 2 + 1) / 16)


def test_a_collapsed_model_scores_nothing() -> None:
    """Equal embeddings are ties, and a tie is no answer."""
    same = F.normalize(torch.ones(20, 4), dim=-1)
    result = rank(same, same, [str(number) for number in range(20)])
    assert result.text_to_audio == {1: 0.0, 10: 0.0}
    assert result.chance == {1: pytest.approx(0.05), 10: pytest.approx(0.5)}


def test_wrong_settings_are_named(corpus: Path, tmp_path: Path) -> None:
    config = training(corpus, tmp_path, 1)
    with pytest.raises(UserError, match="vocabulary is 100; the tokenizer has 8192"):
        text = replace(TINY.text, vocabulary=100)
        ClapTrainee(replace(config, clap=replace(TINY, text=text)))
    with pytest.raises(UserError, match="table_width is 200; the word table has 128"):
        text = replace(TINY.text, table_width=200)
        ClapTrainee(replace(config, clap=replace(TINY, text=text)))
    soundfile.write(tmp_path / "a.wav", np.zeros(800), RATE)
    with pytest.raises(UserError, match="no audio with captions"):
        ClapTrainee(replace(config, corpus=str(tmp_path)))


def test_the_shipped_config_loads_and_an_unknown_key_is_an_error() -> None:
    path = ROOT / "configs/clap_mini.yaml"
    assert load_yaml(ClapTraining, path).clap == ClapConfig()
    with pytest.raises(UserError, match="did you mean 'corpus'"):
        train(path, ["corpsu=x"])


RANKS = """
import sys, torch, torch.distributed as dist
import torch.nn.functional as F
from longform.clap.loss import contrastive_loss, gather_ranks
rank, file = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
data = torch.load(f"{file}.pt")
weight = data["weight"].requires_grad_()
audio, text = (F.normalize(data[k].chunk(2)[rank] @ weight, dim=-1) for k in ("audio", "text"))
loss = contrastive_loss(gather_ranks(audio), gather_ranks(text), torch.tensor(5.0))
loss.backward()
dist.all_reduce(weight.grad)
if rank == 0:
    torch.save({"loss": loss.detach(), "grad": weight.grad / 2}, f"{file}.out")
"""


def test_two_ranks_give_the_gradient_of_one_large_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = {"audio": torch.randn(6, 5), "text": torch.randn(6, 5), "weight": torch.randn(5, 4)}
    file = tmp_path / "ranks"
    torch.save(data, f"{file}.pt")
    commands = [[sys.executable, "-c", RANKS, str(rank), str(file)] for rank in range(2)]
    for process in [subprocess.Popen(command) for command in commands]:
        assert process.wait(timeout=120) == 0
    weight = data["weight"].requires_grad_()
    audio, text = (F.normalize(data[key] @ weight, dim=-1) for key in ("audio", "text"))
    loss = contrastive_loss(audio, text, torch.tensor(5.0))
    loss.backward()
    found = torch.load(f"{file}.out")
    torch.testing.assert_close(found["loss"], loss.detach())
    torch.testing.assert_close(found["grad"], weight.grad)
