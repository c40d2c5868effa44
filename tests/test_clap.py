"""The two towers, the spectrogram and the loss."""

import math
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import longform.mel
from longform.checkpoint import load_into, load_tensors, save_tensors
from longform.clap import AudioConfig, Clap, ClapConfig, TextConfig, Tokenizer
from longform.clap.loss import contrastive_loss
from longform.errors import UserError
from longform.mel import SILENCE, LogMel, hz_from_mel, mel_filters, mel_from_hz
from longform.train.mel_store import log_mel_of

TINY = ClapConfig(
    embedding_width=8,
    text=TextConfig(vocabulary=50, max_tokens=12, table_width=6, width=16, layers=3, heads=2),
    audio=AudioConfig(bands=12, window_frames=16, width=16, conv_blocks=1, layers=2, heads=2),
)


@pytest.fixture
def clap() -> Clap:
    torch.manual_seed(0)
    return Clap(TINY).eval()


def batch() -> tuple[Tensor, Tensor]:
    """Three texts of 4, 7 and 12 tokens."""
    ids = torch.randint(4, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(12)[None] < torch.tensor([4, 7, 12])[:, None]
    return ids.masked_fill(~mask, 0), mask


def test_mini_has_at_most_five_million_parameters_and_the_tokenizers_vocabulary() -> None:
    config = ClapConfig()
    count = sum(parameter.numel() for parameter in Clap(config).parameters())
    assert 4_500_000 < count <= 5_000_000
    assert config.text.vocabulary == len(Tokenizer.load(max_tokens=config.text.max_tokens))


def test_embeddings_have_unit_norm(clap: Clap) -> None:
    text = clap.embed_text(*batch())
    audio = clap.embed_audio(torch.randn(2, 12, 40))
    assert text.shape == (3, 8) and audio.shape == (2, 8)
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(audio.norm(dim=-1), torch.ones(2))


def test_a_text_alone_equals_itself_in_a_batch(clap: Clap) -> None:
    ids, mask = batch()
    together, tokens = clap.embed_text(ids, mask), clap.text_tokens(ids, mask)
    for row, length in enumerate((4, 7, 12)):
        alone = ids[row : row + 1, :length], mask[row : row + 1, :length]
        torch.testing.assert_close(clap.embed_text(*alone)[0], together[row])
        torch.testing.assert_close(clap.text_tokens(*alone)[0], tokens[row, :length])
        assert (tokens[row, length:] == 0).all()


def test_what_stands_on_padding_does_not_matter_and_each_token_does(clap: Clap) -> None:
    ids, mask = batch()
    before = clap.embed_text(ids, mask)
    torch.testing.assert_close(clap.embed_text(ids.masked_fill(~mask, 49), mask), before)
    for position in range(4):
        changed = ids.clone()
        changed[0, position] = (ids[0, position] + 1) % 50
        assert (clap.embed_text(changed, mask)[0] - before[0]).abs().max() > 1e-4


def test_the_order_of_words_matters(clap: Clap) -> None:
    ids, mask = batch()
    assert (clap.embed_text(ids.flip(1), mask)[2] - clap.embed_text(ids, mask)[2]).norm() > 1e-3


def test_text_tokens_are_the_next_to_last_hidden_layer(clap: Clap) -> None:
    """Against what enters the last block, and against the tower written out with torch's own."""
    ids, mask = batch()
    seen: list[Tensor] = []
    clap.text.blocks[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clap.embed_text(ids, mask)
    torch.testing.assert_close(clap.text_tokens(ids, mask), seen[0])

    weights = clap.text.state_dict()
    x = F.embedding(ids, weights["table.weight"]) @ weights["widen.weight"].T
    x = x + weights["widen.bias"] + weights["positions"]
    for number in range(TINY.text.layers - 1):
        x = _block(x, mask, weights, f"blocks.{number}.", heads=2)
    torch.testing.assert_close(clap.text_tokens(ids, mask)[mask], x[mask], rtol=1e-4, atol=1e-5)


def _block(x: Tensor, mask: Tensor, weights: dict[str, Tensor], prefix: str, heads: int) -> Tensor:
    """One pre-norm block of `torch.nn.TransformerEncoderLayer` with our weights."""
    width = x.shape[-1]
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    names = {
        "self_attn.in_proj_": "qkv.",
        "self_attn.out_proj.": "out.",
        "linear1.": "mlp.0.",
        "linear2.": "mlp.2.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_mlp.",
    }
    layer.load_state_dict(
        {f"{a}{kind}": weights[f"{prefix}{b}{kind}"] for a, b in names.items() for kind in KINDS}
    )
    with torch.no_grad():
        return layer.train()(x, src_key_padding_mask=~mask)


KINDS = ("weight", "bias")


def test_long_audio_is_the_mean_of_its_windows(clap: Clap) -> None:
    mel = torch.randn(2, 12, 40)
    windows = [mel[..., 0:16], mel[..., 16:32], mel[..., 24:40]]  # the last one ends with the audio
    each = torch.stack([clap.embed_audio(window) for window in windows])
    expected = F.normalize(each.mean(dim=0), dim=-1)
    torch.testing.assert_close(clap.embed_audio(mel), expected)


def test_short_audio_is_repeated_to_a_window(clap: Clap) -> None:
    mel = torch.randn(1, 12, 6)
    repeated = torch.cat([mel, mel, mel], dim=-1)[..., :16]
    torch.testing.assert_close(clap.embed_audio(mel), clap.embed_audio(repeated))
    assert clap.embed_audio(mel[..., :1]).isfinite().all()


def test_audio_alone_equals_itself_in_a_batch(clap: Clap) -> None:
    mel = torch.randn(3, 12, 20)
    together = clap.embed_audio(mel)
    for row in range(3):
        torch.testing.assert_close(clap.embed_audio(mel[row : row + 1])[0], together[row])


def test_weights_survive_a_file(clap: Clap, tmp_path: Path) -> None:
    save_tensors(tmp_path / "clap.safetensors", clap.state_dict())
    torch.manual_seed(1)
    other = Clap(TINY).eval()
    assert not torch.equal(other.embed_text(*batch()), clap.embed_text(*batch()))
    load_into(other, load_tensors(tmp_path / "clap.safetensors"), "clap")
    assert torch.equal(other.embed_text(*batch()), clap.embed_text(*batch()))
    mel = torch.randn(1, 12, 20)
    assert torch.equal(other.embed_audio(mel), clap.embed_audio(mel))


def test_the_scale_is_clamped(clap: Clap) -> None:
    assert clap.scale.item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        clap.log_scale.fill_(50.0)
    assert clap.scale.item() == pytest.approx(100.0)


def test_impossible_configs_are_refused() -> None:
    with pytest.raises(UserError, match="at least 2"):
        TextConfig(layers=1)
    with pytest.raises(UserError, match="not a multiple of its 5 heads"):
        TextConfig(heads=5)
    with pytest.raises(UserError, match="window_frames 430"):
        AudioConfig(window_frames=430)
    with pytest.raises(UserError, match="high_hz"):
        AudioConfig(sample_rate=16_000)


# --- the loss ---


def test_the_loss_against_hand_computed_values() -> None:
    audio = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # Likeness times 2: [[1.2, 0], [1.6, 2]].
    rows = math.log(math.exp(1.2) + 1) - 1.2 + math.log(math.exp(1.6) + math.exp(2)) - 2
    columns = math.log(math.exp(1.2) + math.exp(1.6)) - 1.2 + math.log(1 + math.exp(2)) - 2
    expected = (rows / 2 + columns / 2) / 2
    assert contrastive_loss(audio, text, torch.tensor(2.0)).item() == pytest.approx(expected)


def test_items_of_one_group_are_no_negatives() -> None:
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    scale, group = torch.tensor(100.0), torch.tensor([7, 7, 9])
    assert contrastive_loss(same, same, scale, group).item() == pytest.approx(2 / 3 * math.log(2))
    apart = F.normalize(torch.randn(5, 8), dim=-1)
    alone = contrastive_loss(apart, apart.flip(0), scale / 10, torch.arange(5))
    torch.testing.assert_close(alone, contrastive_loss(apart, apart.flip(0), scale / 10))


# --- the spectrogram ---


def sine(hz: float, seconds: float = 0.5, phase: float = 0.0) -> Tensor:
    time = torch.arange(round(44_100 * seconds)) / 44_100
    return torch.sin(2 * math.pi * hz * time + phase)


def test_filters_equal_librosas() -> None:
    ours = mel_filters(
        sample_rate=44_100, fft_samples=2048, bands=64, low_hz=100.0, high_hz=16_000.0
    )
    theirs = librosa.filters.mel(
        sr=44_100, n_fft=2048, n_mels=64, fmin=100.0, fmax=16_000.0, htk=True, norm=None
    )
    torch.testing.assert_close(torch.from_numpy(ours), torch.from_numpy(theirs), atol=1e-5, rtol=0)


def test_no_filter_is_empty() -> None:
    filters = mel_filters(
        sample_rate=44_100, fft_samples=2048, bands=96, low_hz=30.0, high_hz=16_000.0
    )
    assert (filters.sum(axis=1) > 0).all()


def test_levels_and_places_of_the_spectrogram() -> None:
    log_mel = log_mel_of(AudioConfig())
    mel = log_mel(sine(1000.0)[None, None])
    assert mel.shape == (1, 96, 21)
    steady = mel[0, :, 5:15]
    low_mel, high_mel = mel_from_hz(np.array([30.0, 16_000.0]))
    edges = hz_from_mel(np.linspace(low_mel, high_mel, 98))
    loudest = int(steady.mean(dim=1).argmax())
    assert edges[loudest] < 1000.0 < edges[loudest + 2]
    assert steady.max().item() == pytest.approx(2.0, abs=0.2)  # 0 dB
    quieter = log_mel(0.1 * sine(1000.0)[None, None])[0, loudest, 10]
    assert (steady[loudest, 5] - quieter).item() == pytest.approx(1.0, abs=0.01)  # 20 dB
    assert log_mel(torch.zeros(1, 2, 4096)).eq(SILENCE).all()
    assert log_mel(torch.zeros(1, 2, 10)).shape == (1, 96, 1)


def test_what_is_out_of_phase_is_heard() -> None:
    log_mel = log_mel_of(AudioConfig())
    left = sine(440.0)
    mono, wide = torch.stack([left, left])[None], torch.stack([left, -left])[None]
    torch.testing.assert_close(log_mel(wide), log_mel(mono))
    torch.testing.assert_close(log_mel(left[None, None]), log_mel(mono))


def test_long_audio_in_blocks_equals_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    log_mel: LogMel = log_mel_of(AudioConfig())
    audio = torch.randn(1, 2, 50_000, generator=torch.Generator().manual_seed(0))
    whole = log_mel(audio)
    monkeypatch.setattr(longform.mel, "_BLOCK_FRAMES", 7)
    torch.testing.assert_close(log_mel(audio), whole)
    assert whole.shape[-1] == 48
