"""WordPiece as BERT uncased has it, in plain Python: text -> token ids.

Devlin et al. 2018, 1810.04805, section 3; Wu et al. 2016, 1609.08144, section 4.1. The file is in
the common `tokenizer.json` format, so other tools read it too. The shipped one is a selection from
the vocabulary of all-MiniLM-L6-v2 (Apache-2.0), see `longform.train.clap_vocabulary`.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from longform.errors import UserError

TOKENIZER_FILE = Path(__file__).with_name("tokenizer.json")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MAX_WORD_CHARACTERS = 100
_MAX_TEXT_CHARACTERS = 20_000
_CONTROL = ("Cc", "Cf", "Co", "Cs")
_CJK_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class Tokenizer:
    """Lower-cases, strips accents, splits at spaces and punctuation, then longest piece first."""

    def __init__(self, vocabulary: dict[str, int], max_tokens: int = 64) -> None:
        """Pieces and their ids, contiguous from 0; `max_tokens` counts [CLS] and [SEP]."""
        missing = [piece for piece in SPECIAL if piece not in vocabulary]
        if missing:
            raise UserError(f"tokenizer: the vocabulary lacks {', '.join(missing)}")
        if sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise UserError("tokenizer: ids are not contiguous from 0")
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.pad, self.unknown, self.start, self.end = (vocabulary[piece] for piece in SPECIAL)

    @classmethod
    def load(cls, path: str | Path | None = None, max_tokens: int = 64) -> "Tokenizer":
        """Read a `tokenizer.json`; without a path, the one that comes with the package."""
        path = Path(path) if path is not None else TOKENIZER_FILE
        try:
            vocabulary = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
            return cls({str(piece): int(index) for piece, index in vocabulary.items()}, max_tokens)
        except OSError:
            raise UserError(f"tokenizer file {str(path)!r} cannot be read") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"tokenizer file {str(path)!r} is not a WordPiece tokenizer") from None

    def __len__(self) -> int:
        return len(self.vocabulary)

    def pieces(self, text: str) -> list[str]:
        """The pieces of `text`, without [CLS] and [SEP]; what cannot be spelt is [UNK]."""
        spell = self._spell
        return [piece for word in _words(text[:_MAX_TEXT_CHARACTERS]) for piece in spell(word)]

    def encode(self, text: str) -> list[int]:
        """[CLS], the pieces' ids, [SEP]; cut to `max_tokens`."""
        ids = [self.vocabulary[piece] for piece in self.pieces(text)]
        return [self.start, *ids[: self.max_tokens - 2], self.end]

    def cut_off(self, text: str) -> int:
        """How many pieces at the end of the text are beyond `max_tokens`, and not read."""
        return max(0, len(self.pieces(text)) - (self.max_tokens - 2))

    def __call__(self, texts: Sequence[str], length: int | None = None) -> tuple[Tensor, Tensor]:
        """A batch: ids (b, n) long and mask (b, n) bool, True on real tokens.

        n is `length` if given (never less than the longest text needs), else the longest text's.
        """
        assert not isinstance(texts, str), "a batch is a list of texts"
        rows = [self.encode(text) for text in texts]
        width = max([length or 0, *(len(row) for row in rows)])
        ids = torch.full((len(rows), width), self.pad, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.bool)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = True
        return ids, mask

    def _spell(self, word: str) -> list[str]:
        if len(word) > MAX_WORD_CHARACTERS:
            return [SPECIAL[1]]
        pieces, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = prefix + word[start:end]
                if piece in self.vocabulary:
                    break
            else:
                return [SPECIAL[1]]
            pieces.append(piece)
            start = end
        return pieces


def _words(text: str) -> Iterator[str]:
    """Words and punctuation marks of the normalised text, in order."""
    word = ""
    for character in _normalise(text):
        if character.isspace() or _is_punctuation(character):
            if word:
                yield word
            word = ""
            if not character.isspace():
                yield character
        else:
            word += character
    if word:
        yield word


def _normalise(text: str) -> str:
    """Drop control characters, set CJK characters apart, strip accents, lower-case."""
    kept = []
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            kept.append(" ")
        elif character != "\ufffd" and unicodedata.category(character) not in _CONTROL:
            kept.append(f" {character} " if _is_cjk(character) else character)
    decomposed = unicodedata.normalize("NFD", "".join(kept))
    return "".join(c.lower() for c in decomposed if unicodedata.category(c) != "Mn")


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    """All ASCII that is neither letter, digit nor space, and Unicode's P* categories."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def _is_cjk(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _CJK_RANGES)
