"""Scores by the user's own weights, and the targets that a report is held against."""

from pathlib import Path

import pytest
from evaluate_music import piece

from longform.errors import UserError
from longform.music.theory import Key
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.full import CLAP_FOLDER, check_full, laion_clap_score
from longform.train.evaluate.inventory import Asked
from longform.train.evaluate.targets import TARGETS, outcomes


@pytest.mark.slow
def test_the_published_clap_score_comes_from_the_weights_of_the_user(
    tmp_path: Path,
) -> None:
    folder = tmp_path / CLAP_FOLDER
    save_clap(folder)
    check_full(tmp_path)
    piece(120, Key.parse("C major"), 12.0).save(tmp_path / "a.flac")
    asked = [Asked(path=tmp_path / "a.flac", name="a", prompt="house of wood")]
    score = laion_clap_score(folder, asked)
    assert score is not None and -1 <= score <= 1
    assert laion_clap_score(folder, asked) == score, "the crops are drawn from one seed"
    assert laion_clap_score(folder, [Asked(path=asked[0].path, name="x")]) is None
    (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not a CLAP model"):
        laion_clap_score(folder, asked)


def save_clap(folder: Path) -> None:
    """A CLAP of transformers with fusion, tiny and of random weights."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapProcessor,
        PreTrainedTokenizerFast,
    )

    text = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 16, "max_position_embeddings": 64, "pad_token_id": 1}
    audio = {"patch_embeds_hidden_size": 8, "depths": [1] * 4, "num_attention_heads": [1, 1, 2, 2]}
    audio |= {"hidden_size": 64, "enable_fusion": True}
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    ClapModel(config).save_pretrained(folder)
    words = Tokenizer(WordLevel({"<s>": 0, "<pad>": 1, "<unk>": 2, "house": 3}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>"
    )
    ClapProcessor(ClapFeatureExtractor(), tokenizer).save_pretrained(folder)


def test_targets_are_met_missed_or_not_measured() -> None:
    figures = {
        "obedience.tempo": {"value": 0.95},
        "obedience.key": {"value": 0.75},
        "autoencoder.stft": {"value": 1.2},
        "model.size": {"value": 49.5},
    }
    found = {one.target.figure: one for one in outcomes(figures)}
    assert found["obedience.tempo"].verdict == "met"
    assert found["obedience.tempo"].wanted == "at least 95.0 %"
    assert found["obedience.key"].verdict == "missed by 5.0 points"
    assert found["autoencoder.stft"].verdict == "missed by 0.01 (1 %)"
    assert found["model.size"].verdict == "met by 40.5 MB (45 %)"
    assert found["obedience.key"].to_json()["margin"] == -0.05
    assert found["autoencoder.mel"].verdict == "not measured"
    assert all(one.figure in DEFINITIONS for one in TARGETS)
