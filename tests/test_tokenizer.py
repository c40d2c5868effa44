"""The tokenizer against golden ids of the reference implementation, and against odd input."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longform.clap.tokenizer import Tokenizer
from longform.errors import UserError

# Made with the `tokenizers` package: "ids" by our file, "full_pieces" by the whole vocabulary of
# all-MiniLM-L6-v2 (there where all of its pieces are among ours).
GOLD = json.loads(Path(__file__).with_name("gold").joinpath("tokenizer.json").read_text("utf-8"))
TOKENIZER = Tokenizer.load()


@pytest.mark.parametrize("row", GOLD, ids=lambda row: ascii(row["text"])[:30])
def test_ids_equal_the_reference(row: dict) -> None:
    assert Tokenizer.load(max_tokens=1000).encode(row["text"]) == row["ids"]


def test_pieces_equal_those_of_the_whole_vocabulary() -> None:
    rows = [row for row in GOLD if "full_pieces" in row]
    assert len(rows) >= 10
    for row in rows:
        assert TOKENIZER.pieces(row["text"]) == row["full_pieces"]


def test_common_words_of_music_and_sound_stay_whole() -> None:
    words = (
        "piano guitar drums techno house jazz ambient sad happy energetic rain thunder minor bpm"
    )
    for word in words.split()[:-1]:
        assert TOKENIZER.pieces(word.upper()) == [word]
    assert TOKENIZER.pieces("bpm") == ["bp", "##m"]


def test_an_unknown_word_is_spelt_and_a_foreign_sign_is_unknown() -> None:
    assert "".join(TOKENIZER.pieces("xyloquant")).replace("##", "") == "xyloquant"
    assert TOKENIZER.pieces("🎹") == ["[UNK]"]
    assert TOKENIZER.pieces("[CLS]") == ["[", "cl", "##s", "]"]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_valid_sequence(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert ids[0] == TOKENIZER.start and ids[-1] == TOKENIZER.end
    assert 2 <= len(ids) <= TOKENIZER.max_tokens
    assert all(0 <= number < len(TOKENIZER) for number in ids)
    assert TOKENIZER.pad not in ids


def test_a_very_long_text_is_cut() -> None:
    for text in ("loud drums " * 100_000, "x" * 1_000_000, "🎹" * 100_000):
        ids = TOKENIZER.encode(text)
        assert len(ids) <= 64 and ids[-1] == TOKENIZER.end
    assert TOKENIZER.cut_off("piano " * 100) == 100 - (TOKENIZER.max_tokens - 2)
    assert TOKENIZER.cut_off("piano") == 0


def test_a_batch_is_padded_and_masked() -> None:
    ids, mask = TOKENIZER(["a sad piano", "", "fast loud drums in the rain"])
    assert ids.dtype == torch.long and mask.dtype == torch.bool
    assert ids.shape == mask.shape == (3, 8)
    assert mask.sum(dim=1).tolist() == [5, 2, 8]
    assert (ids[~mask] == TOKENIZER.pad).all()
    assert ids[0, :5].tolist() == TOKENIZER.encode("a sad piano")
    longer, _ = TOKENIZER(["a sad piano"], length=20)
    assert longer.shape == (1, 20)


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    for text in ("{", "[]", "{}", '{"model": {"vocab": 3}}', '{"model": {"vocab": {"a": "b"}}}'):
        broken.write_text(text)
        with pytest.raises(UserError, match="is not a WordPiece tokenizer"):
            Tokenizer.load(broken)
    with pytest.raises(UserError, match="cannot be read"):
        Tokenizer.load(tmp_path / "nowhere.json")


def test_a_vocabulary_with_gaps_or_without_its_special_pieces_is_refused() -> None:
    special = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    with pytest.raises(UserError, match="contiguous"):
        Tokenizer(special | {"a": 5})
    with pytest.raises(UserError, match=r"lacks \[PAD\]"):
        Tokenizer({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2})
