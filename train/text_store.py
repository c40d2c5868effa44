"""Text features of all captions, computed once by the frozen text tower and kept beside the run."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from longform.checkpoint import load_tensors, read_metadata, save_tensors
from longform.clap import Clap, Tokenizer

_BATCH = 128


class TextStore:
    """Next-to-last hidden layers by caption: float16, without padding, end to end in one tensor."""

    def __init__(self, features: Tensor, lengths: Tensor, captions: list[str], tokens: int) -> None:
        self.features = features  # (sum of lengths, w)
        self.starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        self.numbers = {caption: number for number, caption in enumerate(captions)}
        self.tokens = tokens

    def batch(self, captions: list[str | None]) -> tuple[Tensor, Tensor]:
        """Features (b, tokens, w) float32, zero on padding, and their mask; None has no text."""
        text = torch.zeros(len(captions), self.tokens, self.features.shape[1])
        mask = torch.zeros(len(captions), self.tokens, dtype=torch.bool)
        for row, caption in enumerate(captions):
            if caption is None:
                continue
            number = self.numbers[caption]
            start, stop = int(self.starts[number]), int(self.starts[number + 1])
            text[row, : stop - start] = self.features[start:stop]
            mask[row, : stop - start] = True
        return text, mask


def open_store(
    path: Path, captions: Iterable[str], clap: Clap, tokenizer: Tokenizer, fingerprint: str
) -> TextStore:
    """The store of these captions and this tower, read from `path` or made and written there."""
    texts = sorted(set(captions))
    tokens = clap.config.text.max_tokens
    key = hashlib.sha256("\0".join([fingerprint, str(tokens), *texts]).encode()).hexdigest()
    if path.is_file() and read_metadata(path) == {"key": key}:
        kept = load_tensors(path)
        return TextStore(kept["features"], kept["lengths"], texts, tokens)
    features, lengths = _compute(texts, clap, tokenizer)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_tensors(path, {"features": features, "lengths": lengths}, {"key": key})
    return TextStore(features, lengths, texts, tokens)


@torch.inference_mode()
def _compute(texts: list[str], clap: Clap, tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    device = next(clap.parameters()).device
    rows = [torch.zeros(0, clap.token_width, dtype=torch.float16)]
    lengths = [torch.zeros(0, dtype=torch.long)]
    for first in range(0, len(texts), _BATCH):
        ids, mask = tokenizer(texts[first : first + _BATCH])
        tokens = clap.text_tokens(ids.to(device), mask.to(device)).cpu()
        rows.append(tokens[mask].half())
        lengths.append(mask.sum(dim=1))
    return torch.cat(rows), torch.cat(lengths)
