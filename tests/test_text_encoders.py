"""Text encoders of foreign checkpoints, tiny and random, from folders made here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import (
    ClapAudioConfig,
    ClapAudioModelWithProjection,
    ClapConfig,
    ClapModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
    T5GemmaConfig,
    T5GemmaForConditionalGeneration,
)

from longform.checkpoint import load_tensors, save_tensors
from longform.errors import UserError
from longform.text.clap_audio import load_clap_audio
from longform.text.encoders import load_clap_text, load_t5, load_t5gemma
from longform.text.folder import SAMPLE, Vocabulary, load_tokenizer
from longform.text.laion import convert_clap, text_tower

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "Hello", "world", "a", "sad", "piano", "song"]
TINY = Vocabulary(
    name="tiny", size=len(WORDS), sample_ids=(4, 5), files=(("tokenizer.json",), ("spiece.model",))
)
PROMPTS = ["a sad piano song", "", "world " * 40]


def write_tokenizer(folder: Path, words: list[str] = WORDS) -> None:
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single="$A </s>", special_tokens=[("</s>", vocabulary["</s>"])]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)


def scattered(model: Any) -> Any:
    """Every parameter random, so that no part can be left out unseen."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("t5")
    config = T5Config(
        vocab_size=12, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=2, pad_token_id=1
    )
    scattered(T5ForConditionalGeneration(config)).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def t5gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("t5gemma")
    side = {
        "vocab_size": 12,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "pad_token_id": 1,
    }
    config = T5GemmaConfig(encoder=side, decoder=side, vocab_size=12)
    scattered(T5GemmaForConditionalGeneration(config)).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


class LaionText(nn.Module):
    """The text half of laion_clap's network, under its names."""

    def __init__(self) -> None:
        super().__init__()
        config = RobertaConfig(
            vocab_size=12,
            hidden_size=64,
            num_hidden_layers=3,
            num_attention_heads=1,
            intermediate_size=48,
            max_position_embeddings=90,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            pad_token_id=1,
        )
        self.text_branch = RobertaModel(config)
        self.text_projection = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 20))


@pytest.fixture(scope="module")
def laion() -> LaionText:
    return scattered(LaionText())


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory, laion: LaionText) -> Path:
    folder = tmp_path_factory.mktemp("clap")
    write_tokenizer(folder / "roberta")
    tensors = {f"module.{name}": tensor for name, tensor in laion.state_dict().items()}
    tensors["module.text_branch.embeddings.position_ids"] = torch.arange(90)[None]
    tensors["module.audio_branch.bn0.weight"] = torch.ones(64)
    tensors["module.logit_scale_a"] = torch.ones(())
    (folder / "made").mkdir()
    convert_clap(tensors, folder / "roberta", folder / "made", TINY)
    return folder / "made"


def test_t5_gives_the_last_hidden_state_without_padding(t5: Path) -> None:
    encoder = load_t5(t5, max_tokens=12, vocabulary=TINY)
    tokens, mask = encoder(PROMPTS)
    assert tokens.shape == (3, 12, encoder.width) and encoder.width == 16
    assert mask.sum(dim=1).tolist() == [5, 1, 12] and mask.dtype == torch.bool
    assert not tokens[~mask].any() and tokens[mask].abs().min() > 0
    whole = T5ForConditionalGeneration.from_pretrained(t5).eval()
    ids = torch.tensor([[6, 7, 8, 9, 2]])  # alone, and without any padding
    with torch.no_grad():
        wanted = whole.encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(tokens[:1, :5], wanted, atol=1e-5, rtol=1e-5)
    assert encoder.tokenize(PROMPTS)[0][2, -1] == 2  # cut, but ended


def test_t5gemma_reads_the_encoder_of_the_pair(t5gemma: Path) -> None:
    encoder = load_t5gemma(t5gemma, max_tokens=9, vocabulary=TINY)
    tokens, mask = encoder(PROMPTS)
    assert tokens.shape == (3, 9, 16) and not tokens[~mask].any()
    whole = T5GemmaForConditionalGeneration.from_pretrained(t5gemma).eval()
    ids = torch.tensor([[6, 7, 8, 9, 2]])
    with torch.no_grad():
        wanted = whole.model.encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(tokens[:1, :5], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [-1, -2, 0])
def test_clap_hidden_states_equal_those_of_laion(clap: Path, laion: LaionText, layer: int) -> None:
    encoder = load_clap_text(clap, hidden_layer=layer, vocabulary=TINY)
    tokens, mask = encoder(PROMPTS)
    assert tokens.shape == (3, 77, 64) and encoder.width == 64
    ids, _ = encoder.tokenize(PROMPTS)
    with torch.no_grad():
        read = laion.text_branch(
            input_ids=ids, attention_mask=mask.long(), output_hidden_states=True
        )
    torch.testing.assert_close(tokens, read.hidden_states[layer], atol=1e-5, rtol=1e-5)


def test_clap_embedding_equals_that_of_laion(clap: Path, laion: LaionText) -> None:
    encoder = load_clap_text(clap, vocabulary=TINY)
    tokens, mask = encoder(PROMPTS)
    assert tokens.shape == (3, 1, 20) and mask.tolist() == [[True]] * 3 and encoder.width == 20
    ids, read = encoder.tokenize(PROMPTS)
    with torch.no_grad():
        pooled = laion.text_branch(input_ids=ids, attention_mask=read.long()).pooler_output
        wanted = F.normalize(laion.text_projection(pooled), dim=-1)
    torch.testing.assert_close(tokens[:, 0], wanted, atol=1e-5, rtol=1e-5)


def test_clap_from_the_whole_model_of_transformers(tmp_path: Path, clap: Path) -> None:
    text = json.loads((clap / "config.json").read_text())
    audio = {
        "hidden_size": 32,
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [1, 1],
        "num_hidden_layers": 2,
        "spec_size": 32,
        "window_size": 2,
        "num_mel_bins": 8,
        "projection_dim": 20,
    }
    whole = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=20))
    whole.load_state_dict(load_tensors(clap / "model.safetensors"), strict=False)
    whole.save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    wanted, _ = load_clap_text(clap, vocabulary=TINY)(PROMPTS)
    tokens, _ = load_clap_text(tmp_path, vocabulary=TINY)(PROMPTS)
    torch.testing.assert_close(tokens, wanted)


def laion_names(tower: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of transformers' audio tower as laion_clap has them."""
    renamed = {
        "audio_model.audio_encoder.": "audio_branch.", "batch_norm.": "bn0.",
        "audio_projection.linear1.": "audio_projection.0.", "layernorm_before.": "norm1.",
        "audio_projection.linear2.": "audio_projection.2.", "layernorm_after.": "norm2.",
        "attention.output.dense.": "attn.proj.", "intermediate.dense.": "mlp.fc1.",
        "output.dense.": "mlp.fc2.", "attention.self.": "attn.",
    }  # fmt: skip
    made: dict[str, Tensor] = {}
    for name, tensor in tower.items():
        for theirs, laions in renamed.items():
            name = name.replace(theirs, laions)
        made[name] = tensor
    for name in [name for name in made if ".attn.query." in name]:
        parts = [made.pop(name.replace("query", kind)) for kind in ("query", "key", "value")]
        made[name.replace("query", "qkv")] = torch.cat(parts)
    return made | {"audio_branch.logmel_extractor.melW": torch.ones(2, 2)}


def test_the_audio_tower_comes_along_unless_it_has_fusion(tmp_path: Path, laion: LaionText) -> None:
    sizes = {"patch_embeds_hidden_size": 8, "hidden_size": 64, "projection_dim": 20}
    config = ClapAudioConfig(depths=(1, 2, 1, 1), num_attention_heads=(1, 2, 2, 4), **sizes)
    whole = scattered(ClapAudioModelWithProjection(config))
    tensors = dict(laion.state_dict()) | laion_names(dict(whole.state_dict()))
    write_tokenizer(tmp_path / "roberta")
    (tmp_path / "made").mkdir()
    convert_clap(tensors, tmp_path / "roberta", tmp_path / "made", TINY)
    made = load_clap_audio(tmp_path / "made")
    ours, theirs = made.network.state_dict(), whole.state_dict()
    assert all(torch.equal(ours[name], one) for name, one in theirs.items())
    audio = torch.randn(1, 700_000, generator=torch.Generator().manual_seed(0))
    first, last = made(audio[:, :480_000]), made(audio[:, -480_000:])
    both = made(audio)
    assert both.shape == (1, 20) and first.norm() == pytest.approx(1.0)
    torch.testing.assert_close(both, F.normalize(first + last, dim=-1))
    assert load_clap_text(tmp_path / "made", vocabulary=TINY).width == 20
    tensors["audio_branch.patch_embed.fusion_model.local_att.0.bias"] = torch.ones(1)
    (tmp_path / "fused").mkdir()
    convert_clap(tensors, tmp_path / "roberta", tmp_path / "fused", TINY)
    with pytest.raises(UserError, match="model of type 'clap_text_model'"):
        load_clap_audio(tmp_path / "fused")
    assert load_clap_text(tmp_path / "fused", vocabulary=TINY).width == 20


def copied(source: Path, folder: Path) -> Path:
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def lose_a_weight(folder: Path) -> None:
    tensors = load_tensors(folder / "model.safetensors")
    tensors.pop("encoder.block.1.layer.0.SelfAttention.q.weight")
    save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})


def retype(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop("tokenizer.json"), "tokenizer.json or spiece.model is missing"),
        (drop("config.json"), "config.json is missing"),
        (drop("model.safetensors"), "model.safetensors or model.safetensors.index.json is missing"),
        (lambda folder: write_tokenizer(folder, WORDS[:-1]), "knows 9 tokens, that of tiny 10"),
        (
            lambda folder: write_tokenizer(folder, WORDS[:4] + WORDS[:3:-1]),
            r"reads 'Hello world' as \(9, 8\), that of tiny as \(4, 5\)",
        ),
        (lose_a_weight, "1 weights are missing, such as 'encoder.block.1"),
        (retype, "holds a model of type 'bert', not t5"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
    ],
)
def test_a_folder_that_is_not_whole(
    t5: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    folder = copied(t5, tmp_path)
    spoil(folder)
    with pytest.raises(UserError, match=message) as error:
        load_t5(folder, vocabulary=TINY)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_a_pickle_is_not_loaded(t5: Path, tmp_path: Path) -> None:
    folder = copied(t5, tmp_path)
    torch.save(load_tensors(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors or"):
        load_t5(folder, vocabulary=TINY)


def test_published_vocabularies_are_expected_unless_told(t5: Path) -> None:
    with pytest.raises(UserError, match="knows 10 tokens, that of t5-base 32100"):
        load_t5(t5)
    with pytest.raises(UserError, match="no such folder"):
        load_tokenizer(t5 / "nowhere", TINY)
    with pytest.raises(UserError, match="max_tokens must be at least 1"):
        load_t5(t5, max_tokens=0, vocabulary=TINY)


def test_converting_what_is_not_laion(tmp_path: Path, clap: Path) -> None:
    with pytest.raises(UserError, match="not a laion_clap checkpoint"):
        text_tower({"model.weight": torch.ones(1)})
    with pytest.raises(UserError, match="hidden_layer 7 is none of this model's 4"):
        load_clap_text(clap, hidden_layer=7, vocabulary=TINY)
    assert SAMPLE == "Hello world"
