"""LAION-CLAP: our conversion to transformers' ClapModel against laion_clap's own network."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from test_text_encoders import PROMPTS, TINY, write_tokenizer
from torch import Tensor
from transformers import RobertaConfig, RobertaModel

from longform.text.clap_audio import SAMPLE_RATE, WINDOW_SAMPLES, load_clap_audio
from longform.text.encoders import load_clap_text
from longform.text.laion import convert_clap

pytestmark = pytest.mark.parity
Figure = Callable[[str, Tensor, Tensor, float], None]
AUDIO = {
    "audio_length": 1024, "clip_samples": WINDOW_SAMPLES, "mel_bins": 64, "sample_rate": 48_000,
    "window_size": 1024, "hop_size": 480, "fmin": 50, "fmax": 14_000, "class_num": 527,
    "model_type": "HTSAT", "model_name": "tiny",
}  # fmt: skip


@pytest.fixture(scope="module")
def clap(laion: Callable[[str], ModuleType]) -> Any:
    """The whole network, HTSAT-tiny with a thin text tower of RoBERTa's width, random."""
    text = RobertaConfig(
        vocab_size=12, hidden_size=768, num_hidden_layers=3, num_attention_heads=12,
        intermediate_size=48, max_position_embeddings=90, type_vocab_size=1, layer_norm_eps=1e-5,
        pad_token_id=1,
    )  # fmt: skip
    module = laion("clap_module.model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.RobertaModel, "from_pretrained", lambda _: RobertaModel(text))
        words = module.CLAPTextCfg(77, 12, 768, 12, 3, "roberta")
        made = module.CLAP(768, AUDIO, words)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "_extractor." not in name:  # the spectrogram, which is no part of what was learned
                parameter.add_(0.02 * torch.randn_like(parameter))
        statistics = made.audio_branch.bn0
        statistics.running_mean.uniform_(-40, -20)  # decibels, as of music
        statistics.running_var.uniform_(100, 400)
    return made.eval()


@pytest.fixture(scope="module")
def folder(clap: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clap")
    write_tokenizer(root / "roberta")
    (root / "made").mkdir()
    tensors = {f"module.{name}": tensor for name, tensor in clap.state_dict().items()}
    convert_clap(tensors, root / "roberta", root / "made", TINY)
    return root / "made"


def test_text(clap: Any, folder: Path, figure: Figure) -> None:
    hidden = load_clap_text(folder, hidden_layer=-2, vocabulary=TINY)
    ids, mask = hidden.tokenize(PROMPTS)
    words = {"input_ids": ids, "attention_mask": mask.long()}
    with torch.no_grad():
        read = clap.text_branch(**words, output_hidden_states=True)
        embedding = clap.get_text_embedding(words)
    assert embedding.std() > 0.01
    figure("LAION-CLAP, text, hidden[-2]", hidden(PROMPTS)[0], read.hidden_states[-2], 1e-5)
    ours = load_clap_text(folder, vocabulary=TINY)(PROMPTS)[0][:, 0]
    figure("LAION-CLAP, text embedding", ours, embedding, 1e-5)


@pytest.mark.parametrize("seconds", [3.0, 10.0])
def test_audio(clap: Any, folder: Path, figure: Figure, seconds: float) -> None:
    """Short audio is repeated as often as it fits, and filled with silence."""
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal((2, count))
    audio = 0.3 * np.sin(2 * np.pi * np.array([[220.0], [3000.0]]) * time) + 0.05 * noise
    audio = audio.astype(np.float32)
    tiled = np.tile(audio, (1, WINDOW_SAMPLES // count))
    whole = np.pad(tiled, ((0, 0), (0, WINDOW_SAMPLES - tiled.shape[1])))
    with torch.no_grad():
        waveforms = [{"waveform": torch.from_numpy(one)} for one in whole]
        embedding = clap.get_audio_embedding(waveforms)
    ours = load_clap_audio(folder)(torch.from_numpy(audio))
    assert embedding.std() > 0.01 and (embedding[0] - embedding[1]).abs().max() > 1e-4
    figure("LAION-CLAP, audio embedding", ours, embedding, 1e-5)
