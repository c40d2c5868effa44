"""Prompts to token features, as the conditioners of the published checkpoints have them.

Every encoder is called with prompts and gives tokens (b, n, w) with their mask (b, n), True where
there is text. What a checkpoint learned of its own about text (a projection, an embedding for
padding) is no part of an encoder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.errors import UserError
from longform.text.folder import (
    GEMMA_VOCABULARY,
    ROBERTA_VOCABULARY,
    T5_VOCABULARY,
    Vocabulary,
    load_config,
    load_model,
    load_tokenizer,
)

CLAP_TOKENS = 77


class TextEncoder(nn.Module):
    """A tokenizer that pads every prompt to `max_tokens`, and a network that reads the tokens."""

    width: int

    def __init__(self, tokenizer: Any, network: nn.Module, max_tokens: int) -> None:
        super().__init__()
        if max_tokens < 1:
            raise UserError(f"max_tokens must be at least 1, got {max_tokens}")
        self.tokenizer, self.network, self.max_tokens = tokenizer, network, max_tokens

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token numbers and their mask, both (b, max_tokens), on the device of the network."""
        made = self.tokenizer(
            list(prompts),
            truncation=True,
            max_length=self.max_tokens,
            padding="max_length",
            return_tensors="pt",
        )
        device = next(self.network.parameters()).device
        return made["input_ids"].to(device), made["attention_mask"].to(device).bool()


class T5Encoder(TextEncoder):
    """The last hidden state of T5 or T5Gemma, zero where there is no text.

    The published T5 checkpoints were trained on a half-precision tower; pass `dtype` to follow.
    """

    def __init__(self, tokenizer: Any, network: nn.Module, max_tokens: int) -> None:
        super().__init__(tokenizer, network, max_tokens)
        self.width = int(network.get_input_embeddings().embedding_dim)  # pyright: ignore[reportCallIssue]

    @torch.no_grad()
    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Prompts to tokens (b, max_tokens, w), float32, and their mask (b, max_tokens)."""
        ids, mask = self.tokenize(prompts)
        hidden = self.network(input_ids=ids, attention_mask=mask)["last_hidden_state"]
        return hidden.float() * mask[..., None], mask


class ClapText(TextEncoder):
    """The text tower of LAION-CLAP: a hidden state, or the one embedding that it shares with audio.

    Hidden states of padding stay as they are: the published conditioner does not clear them.
    """

    def __init__(
        self, tokenizer: Any, network: nn.Module, max_tokens: int, hidden_layer: int | None
    ) -> None:
        super().__init__(tokenizer, network, max_tokens)
        self.hidden_layer = hidden_layer
        settings: Any = network.config
        layers = settings.num_hidden_layers
        if hidden_layer is not None and not -layers - 1 <= hidden_layer <= layers:
            raise UserError(f"hidden_layer {hidden_layer} is none of this model's {layers + 1}")
        self.width = settings.projection_dim if hidden_layer is None else settings.hidden_size

    @torch.no_grad()
    def forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Prompts to hidden states (b, max_tokens, w), or to embeddings (b, 1, w) of length 1."""
        ids, mask = self.tokenize(prompts)
        network: Any = self.network
        if self.hidden_layer is not None:
            read = network.text_model(
                input_ids=ids, attention_mask=mask.long(), output_hidden_states=True
            )
            return read.hidden_states[self.hidden_layer].float(), mask
        embedding = network(input_ids=ids, attention_mask=mask.long()).text_embeds.float()
        return F.normalize(embedding, dim=-1)[:, None], mask[:, :1]


def load_t5(
    folder: str | Path,
    max_tokens: int = 128,
    dtype: torch.dtype = torch.float32,
    vocabulary: Vocabulary = T5_VOCABULARY,
) -> T5Encoder:
    """The T5 encoder of Stable Audio Open, from a folder such as that of t5-base.

    Raises:
        UserError: a file is missing, or is not what it should be; the message names it.
    """
    tokenizer = load_tokenizer(folder, vocabulary)
    config = load_config(folder, ("t5",))
    network = load_model("T5EncoderModel", folder, config, dtype)
    _check_rows(folder, tokenizer, network)
    return T5Encoder(tokenizer, network, max_tokens)


def load_t5gemma(
    folder: str | Path,
    max_tokens: int = 256,
    dtype: torch.dtype = torch.float32,
    vocabulary: Vocabulary = GEMMA_VOCABULARY,
) -> T5Encoder:
    """The T5Gemma encoder of Stable Audio 3, from a folder such as that of t5gemma-b-b-ul2.

    Raises:
        UserError: a file is missing, or is not what it should be; the message names it.
    """
    tokenizer = load_tokenizer(folder, vocabulary)
    config = load_config(folder, ("t5gemma",))
    config.is_encoder_decoder = False
    network = load_model("T5GemmaEncoderModel", folder, config, dtype)
    _check_rows(folder, tokenizer, network)
    return T5Encoder(tokenizer, network, max_tokens)


def load_clap_text(
    folder: str | Path,
    hidden_layer: int | None = None,
    dtype: torch.dtype = torch.float32,
    vocabulary: Vocabulary = ROBERTA_VOCABULARY,
) -> ClapText:
    """The text tower of CLAP, from a folder of transformers' ClapModel or of `longform.text.laion`.

    `hidden_layer` as in the toolkit's `feature_layer_ix` (-2 in Stable Audio 2.0); None gives the
    embedding.

    Raises:
        UserError: a file is missing, or is not what it should be; the message names it.
    """
    tokenizer = load_tokenizer(folder, vocabulary)
    config = load_config(folder, ("clap", "clap_text_model"))
    text = config.text_config if config.model_type == "clap" else config
    network = load_model("ClapTextModelWithProjection", folder, text, dtype)
    _check_rows(folder, tokenizer, network)
    return ClapText(tokenizer, network, CLAP_TOKENS, hidden_layer)


def _check_rows(folder: str | Path, tokenizer: Any, network: Any) -> None:
    rows = network.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise UserError(f"{folder}: {len(tokenizer)} tokens, but the model has only {rows}")
