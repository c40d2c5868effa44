"""A corpus as latents: right, resumable, and read back by windows."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from torch import nn

from longform.autoencoder.build import as_autoencoder, build
from longform.errors import UserError
from longform.progress import Progress
from longform.train import checkpoints
from longform.train.coder import Source, fingerprint, load_autoencoder
from longform.train.encode import encode_corpus, main
from longform.train.latents import LatentDataset

RATE = 44_100
CONFIG = {
    "sample_rate": RATE,
    "latent_channels": 6,
    "encoder_width": 16,
    "encoder_depth": 1,
    "decoder_widths": [16, 16, 16],
    "decoder_depths": [1, 1, 1],
}
HOP = 4096
SAMPLES = (72_000, 2_400, 48_000, 32_000)
SPLITS = ("train", "validation", "train", "test")


def tiny(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = build("spectral", CONFIG).eval().requires_grad_(False)
    for parameter in network.parameters():
        if not parameter.any():
            parameter.normal_(std=0.02)
    return network


def source(network: nn.Module) -> Source:
    return Source("spectral", CONFIG, "a run, step 1", fingerprint(network))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, (samples, split) in enumerate(zip(SAMPLES, SPLITS, strict=True)):
        audio = rng.normal(0, 0.1, (samples, 2))
        soundfile.write(folder / f"p{number}.flac", audio, RATE)
        facts = {"split": split, "captions": [f"piece {number}"], "plan": {"bars": number}}
        (folder / f"p{number}.json").write_text(json.dumps(facts))
    return folder


def encode(network: nn.Module, corpus: Path, out: Path, **settings) -> LatentDataset:
    settings = {"window_seconds": 0.5, "shard_bytes": 200, **settings}
    return encode_corpus(network, source(network), corpus, out, **settings)


def whole(network: nn.Module, corpus: Path, name: str) -> torch.Tensor:
    audio, _ = soundfile.read(corpus / f"{name}.flac", dtype="float32")
    return as_autoencoder(network).encode(torch.from_numpy(audio.T.copy())[None]).mean[0]


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_latents_are_those_of_the_whole_piece(tmp_path: Path, corpus: Path) -> None:
    network = tiny()
    data = encode(network, corpus, tmp_path / "out")
    assert [item.id for item in data.items] == ["p0", "p1", "p2", "p3"]
    assert len({item.shard for item in data.items}) > 1
    for index, item in enumerate(data.items):
        expected = whole(network, corpus, item.id)
        assert item.frames == expected.shape[1] == -(-SAMPLES[index] // HOP)
        torch.testing.assert_close(
            data.window(index, 0, item.frames), expected, atol=2e-3, rtol=2e-3
        )
    assert data.items[2].facts["plan"] == {"bars": 2} and data.items[2].captions == ("piece 2",)
    assert data.latent_rate_hz == RATE / HOP
    assert data.autoencoder["sha256"] == fingerprint(network)


def test_statistics_are_of_the_training_split(tmp_path: Path, corpus: Path) -> None:
    data = encode(tiny(), corpus, tmp_path / "out")
    train = torch.cat([data.window(i, 0, data.items[i].frames) for i in (0, 2)], dim=1)
    torch.testing.assert_close(data.mean, train.mean(1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(data.std, train.std(1, correction=0), atol=1e-6, rtol=1e-4)


def test_windows_end_in_silence(tmp_path: Path, corpus: Path) -> None:
    network = tiny()
    data = encode(network, corpus, tmp_path / "out")
    frames = data.items[0].frames
    everything = data.window(0, 0, frames)
    window = data.window(0, frames - 3, 8)
    assert torch.equal(window[:, :3], everything[:, -3:])
    assert torch.equal(window[:, 3:], data.silence[:, None].expand(-1, 5))
    assert torch.equal(data.window(0, frames + 9, 2), data.silence[:, None].expand(-1, 2))
    zeros = torch.zeros(1, 2, HOP * 41)
    silence = as_autoencoder(network).encode(zeros).mean[0, :, 20]
    torch.testing.assert_close(data.silence, silence, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(data.silence, torch.zeros(6), atol=1e-3)


def test_an_interrupted_call_goes_on_and_changes_nothing(tmp_path: Path, corpus: Path) -> None:
    network = tiny()
    encode(network, corpus, tmp_path / "straight")

    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(network, corpus, tmp_path / "halves", on_progress=interrupt)
    with pytest.raises(UserError, match=r"not a finished folder of latents"):
        LatentDataset(tmp_path / "halves")
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "halves").glob("*.safetensors")}
    steps: list[int] = []
    encode(network, corpus, tmp_path / "halves", on_progress=lambda p: steps.append(p.step))
    assert steps == [4] and len(done) == 2
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    assert contents(tmp_path / "halves") == contents(tmp_path / "straight")


def test_what_changed_is_encoded_again(tmp_path: Path, corpus: Path) -> None:
    network = tiny()
    encode(network, corpus, tmp_path / "out")
    (corpus / "p3.flac").unlink()
    (corpus / "p1.json").write_text('{"split": "validation", "captions": ["new words"]}')
    steps: list[int] = []
    data = encode(network, corpus, tmp_path / "out", on_progress=lambda p: steps.append(p.step))
    assert [item.id for item in data.items] == ["p0", "p1", "p2"]
    assert data.items[1].captions == ("new words",)
    assert len(steps) <= 1
    with pytest.raises(UserError, match="holds no latents of split 'test'"):
        LatentDataset(tmp_path / "out", "test")


def test_latents_of_two_networks_never_mix(tmp_path: Path, corpus: Path) -> None:
    encode(tiny(), corpus, tmp_path / "out")
    with pytest.raises(UserError, match="holds latents of another autoencoder or setting"):
        encode(tiny(1), corpus, tmp_path / "out")
    with pytest.raises(UserError, match="another autoencoder or setting"):
        encode(tiny(), corpus, tmp_path / "out", sample=True)


def test_samples_spread_around_the_mean(tmp_path: Path, corpus: Path) -> None:
    network = tiny()
    data = encode(network, corpus, tmp_path / "out", sample=True)
    audio, _ = soundfile.read(corpus / "p0.flac", dtype="float32")
    posterior = as_autoencoder(network).encode(torch.from_numpy(audio.T.copy())[None])
    noise = (data.window(0, 0, data.items[0].frames) - posterior.mean[0]) / posterior.std[0]
    assert 0.7 < noise.std() < 1.3 and abs(noise.mean()) < 0.3
    encode(network, corpus, tmp_path / "again", sample=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "again")


def test_the_unreadable_is_left_out_and_listed(tmp_path: Path, corpus: Path) -> None:
    whole_file = (corpus / "p2.flac").read_bytes()
    (corpus / "p2.flac").write_bytes(whole_file[: len(whole_file) // 2])
    (corpus / "p9.wav").write_bytes(b"RIFF")
    told: list[str] = []
    data = encode(tiny(), corpus, tmp_path / "out", say=told.append)
    assert [item.id for item in data.items] == ["p0", "p1", "p3"]
    assert len(told) == 2 and any("p2.flac" in line for line in told)
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert {Path(path).name for path in index["rejected"]} == {"p2.flac", "p9.wav"}


def test_from_a_run_folder(tmp_path: Path, corpus: Path) -> None:
    """The averaged weights of the newest checkpoint are those that encode."""
    live, averaged = tiny(0), tiny(1)
    tensors = {
        "networks": {f"generator.{name}": t for name, t in live.state_dict().items()},
        "ema": {f"generator.{name}": t for name, t in averaged.state_dict().items()},
    }
    part = {"prefix": "generator.", "config": CONFIG, "kind": "spectral"}
    run = tmp_path / "run"
    checkpoints.save(run / "checkpoints", 7, tensors, {"parts": {"autoencoder": part}}, 2)
    network, found = load_autoencoder(run)
    assert found.sha256 == fingerprint(averaged) != fingerprint(live)
    assert found.source == "run, step 7" and not network.training
    main(run, corpus, tmp_path / "out")
    data = LatentDataset(tmp_path / "out", "train")
    assert [item.id for item in data.items] == ["p0", "p2"]
    expected = whole(averaged, corpus, "p0")
    torch.testing.assert_close(data.window(0, 2, 4), expected[:, 2:6], atol=2e-3, rtol=2e-3)


def test_threads_that_read_at_once_open_a_shard_once(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(tiny(), corpus, tmp_path / "out", shard_bytes=1)
    alone = [data.window(number, 0, 4) for number in range(len(data))]
    opened = []

    def slowly(path: Path, framework: str) -> safe_open:
        opened.append(path.name)
        time.sleep(0.05)
        return safe_open(path, framework=framework)

    monkeypatch.setattr("safetensors.safe_open", slowly)
    data = LatentDataset(tmp_path / "out")
    with ThreadPoolExecutor(4 * len(data)) as pool:
        together = list(pool.map(lambda n: data.window(n, 0, 4), [*range(len(data))] * 4))
    assert sorted(opened) == sorted({item.shard for item in data.items})
    assert all(torch.equal(got, want) for got, want in zip(together, alone * 4, strict=True))
