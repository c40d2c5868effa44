"""Text encoders against the conditioner classes of the toolkits, on tiny random networks."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from test_text_encoders import PROMPTS, TINY, scattered, write_tokenizer
from transformers import T5Config, T5ForConditionalGeneration

from longform.text.encoders import T5Encoder, load_t5

pytestmark = pytest.mark.parity
Find = Callable[[str], ModuleType]
Figure = Callable[[str, torch.Tensor, torch.Tensor, float], None]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> T5Encoder:
    folder: Path = tmp_path_factory.mktemp("t5")
    config = T5Config(
        vocab_size=12, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=2, pad_token_id=1
    )
    scattered(T5ForConditionalGeneration(config)).save_pretrained(folder)
    write_tokenizer(folder)
    return load_t5(folder, max_tokens=20, vocabulary=TINY)


def inside(kind: Any, encoder: T5Encoder, **attributes: object) -> Any:
    """The reference's conditioner around our network: its constructor would download one."""
    made = kind.__new__(kind)
    torch.nn.Module.__init__(made)
    made.__dict__ |= {"model": encoder.network, "tokenizer": encoder.tokenizer}
    made.__dict__ |= {"max_length": encoder.max_tokens, "enable_grad": False} | attributes
    made.proj_out = torch.nn.Identity()
    return made


def test_t5(find: Find, encoder: T5Encoder) -> None:
    kind = find("stable_audio_tools.models.conditioners").T5Conditioner
    tokens, mask = inside(kind, encoder)(PROMPTS, "cpu")
    ours, our_mask = encoder(PROMPTS)
    assert torch.equal(our_mask, mask) and torch.equal(ours, tokens)


def test_t5gemma_conditioner(find: Find, encoder: T5Encoder) -> None:
    kind = find("stable_audio_3.models.conditioners").T5GemmaConditioner
    theirs = inside(kind, encoder, _device_initialized=True, padding_mode="zero")
    tokens, mask = theirs(PROMPTS, "cpu")
    ours, our_mask = encoder(PROMPTS)
    assert torch.equal(our_mask, mask) and torch.equal(ours, tokens)


@pytest.mark.parametrize("layer", [-1, -2])
def test_clap_features(find: Find, figure: Figure, encoder: T5Encoder, layer: int) -> None:
    """What the toolkit makes of a text branch; the branch itself is tested without a toolkit."""
    from transformers import ClapTextConfig, ClapTextModelWithProjection

    from longform.text.encoders import ClapText

    config = ClapTextConfig(
        vocab_size=12, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=90,
    )  # fmt: skip
    network = scattered(ClapTextModelWithProjection(config))
    ours = ClapText(encoder.tokenizer, network, 77, layer)
    kind = find("stable_audio_tools.models.conditioners").CLAPTextConditioner

    def tokenizer(prompts: list[str]) -> dict[str, torch.Tensor]:
        ids, mask = ours.tokenize(prompts)
        return {"input_ids": ids, "attention_mask": mask.long()}

    branch = torch.nn.Module()
    branch.model = SimpleNamespace(text_branch=network.text_model)  # pyright: ignore
    branch.tokenizer = tokenizer  # pyright: ignore
    theirs = inside(kind, encoder, model=branch, use_text_features=True, feature_layer_ix=layer)
    for prompts in (PROMPTS, PROMPTS[:1]):
        tokens, mask = theirs(prompts, "cpu")
        our_tokens, our_mask = ours(prompts)
        assert torch.equal(our_mask, mask.bool())
        figure(f"CLAP conditioner, hidden[{layer}]", our_tokens, tokens, 1e-5)
