"""Scores by the user's own weights, and the targets that a report is held against."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from evaluate_music import piece
from judges import save_openl3, save_passt, sound

from longform.audio import Waveform, read
from longform.cli import run
from longform.errors import UserError
from longform.music.theory import Key
from longform.progress import Progress
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.distances import frechet_distance
from longform.train.evaluate.figures import Figures
from longform.train.evaluate.full import (
    ALL,
    CLAP,
    Sides,
    check_full,
    laion_clap_score,
    paired,
    put_full,
)
from longform.train.evaluate.inventory import Asked, find_real
from longform.train.evaluate.openl3 import openl3_frames
from longform.train.evaluate.page import ABSENT
from longform.train.evaluate.passt import passt_kl, passt_probabilities
from longform.train.evaluate.targets import TARGETS, outcomes
from longform.train.evaluate.versus import BETTER

RATE = 44_100


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """Two clips and two real pieces of other sounds; the first of either have the same words."""
    kinds: tuple[list[Asked], list[Asked]] = ([], [])
    words = (("wood", "stone"), ("wood", "glass"))
    for side, (clips, texts) in enumerate(zip(kinds, words, strict=True)):
        for number, text in enumerate(texts):
            path = tmp_path / f"{side}{number}.flac"
            samples = sound((2 + number) * RATE, RATE)
            samples = np.stack([samples, samples if side else np.flip(samples)])
            Waveform(samples, RATE).save(path)
            prompt = {"prompt": text} if not side else {"captions": (f" {text} ", "sand")}
            clips.append(Asked(path=path, name=text, start_seconds=0.5, **prompt))
    made, real = kinds
    return Sides(made=made, real=real, known=real)


def test_scores_of_the_weights_that_are_there_and_the_way_to_the_others(
    sides: Sides, tmp_path: Path
) -> None:
    listener, judge = save_openl3(tmp_path), save_passt(tmp_path)
    check_full(tmp_path)
    figures, absent, heard = Figures(), {}, []
    sides = Sides(**vars(sides) | {"on_progress": heard.append})
    details = put_full(figures, absent, sides, tmp_path)
    waves = {one.path: read(one.path, start_seconds=0.5) for one in (*sides.made, *sides.real)}
    frames = [
        np.concatenate([openl3_frames(listener, waves[one.path]) for one in side])
        for side in (sides.made, sides.real)
    ]
    assert figures.values["distribution.openl3"] == {"value": round(frechet_distance(*frames), 4)}
    wood = [passt_probabilities(judge, waves[side[0].path]) for side in (sides.made, sides.real)]
    assert figures.values["distribution.passt"] == {"value": round(passt_kl(*wood), 4)}
    sums = {
        f"{kind}_sha256": hashlib.sha256((tmp_path / kind / "model.safetensors").read_bytes())
        for kind in ("openl3", "passt")
    }
    counts = {"openl3_frames": 8, "openl3_frames_real": 8, "passt_pairs": 1}
    assert details == counts | {name: value.hexdigest() for name, value in sums.items()}
    assert absent.keys() == {"obedience.laion_clap"}
    assert "laion_clap is not in the folder of --full; put a" in absent["obedience.laion_clap"]
    assert heard[3] == Progress("OpenL3", 4, 4) and heard[-1] == Progress("PaSST", 2, 2)


def test_without_real_pieces_or_pairs_the_report_says_what_is_needed(
    sides: Sides, tmp_path: Path
) -> None:
    save_openl3(tmp_path)
    save_passt(tmp_path)
    figures, absent = Figures(), {}
    assert put_full(figures, absent, Sides(made=sides.made, real=[]), tmp_path) == {}
    for name in ("distribution.openl3", "distribution.passt"):
        assert absent[name].startswith("needs --reference")
    alone = Sides(made=sides.made[1:], real=[], known=sides.known)
    put_full(figures, absent, alone, tmp_path)
    assert absent["distribution.passt"].startswith("no clip's prompt is the caption of one real")
    assert not figures.values


@pytest.mark.slow
def test_processes_do_not_change_a_score(sides: Sides, tmp_path: Path) -> None:
    save_openl3(tmp_path)
    save_passt(tmp_path)
    found = []
    for jobs in (1, 2):
        figures = Figures()
        put_full(figures, {}, Sides(**vars(sides) | {"jobs": jobs}), tmp_path)
        found.append(figures.values)
    assert found[0] == found[1] and len(found[0]) == 2


def test_a_pair_has_the_same_words_and_no_third() -> None:
    def one(name: str, *captions: str, prompt: str | None = None) -> Asked:
        return Asked(path=Path(name), name=name, prompt=prompt, captions=captions)

    known = [one("a", "slow rain", "rain"), one("b", "rain", "sun"), one("c", "sea", "sea")]
    told = {"slow  rain": "a", "sun": "b", "rain": None, "sea": "c", "Sea": None, "": None}
    made = [one(text, prompt=text) for text in told]
    made.append(one("no prompt"))
    assert [(x.name, y.name) for x, y in paired(made, known)] == [
        (text, name) for text, name in told.items() if name
    ]
    assert not paired([one("x", prompt="")], [one("y", "")])


def test_real_pieces_bring_all_of_their_captions(tmp_path: Path) -> None:
    piece(120, Key.parse("C major"), 12.0).save(tmp_path / "a.flac")
    facts = {"kind": "music", "captions": ["house", "house of wood"]}
    (tmp_path / "a.json").write_text(json.dumps(facts))
    (found,) = find_real(tmp_path, seconds=6.0, seed=0, count=9)
    assert (found.prompt, found.captions) == ("house", ("house", "house of wood"))


def test_one_of_the_three_weights_is_enough_and_a_folder_has_to_be_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"laion_clap/config\.json is not there; put .* openl3 or"):
        check_full(tmp_path)
    save_passt(tmp_path)
    check_full(tmp_path)
    (tmp_path / "openl3").mkdir()
    with pytest.raises(
        UserError, match=r"openl3/model\.safetensors is not there; .* --to tensors$"
    ):
        check_full(tmp_path)
    (tmp_path / "openl3" / "model.safetensors").write_bytes(b"no tensors")
    assert run(["eval", str(tmp_path), "--full", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "openl3/model.safetensors: not a whole safetensors file" in told
    assert len(told.strip().splitlines()) == 1


def test_every_score_is_known_to_the_page_and_to_the_comparison() -> None:
    for one in ALL:
        assert one.figure in DEFINITIONS and one.figure in ABSENT and one.figure in BETTER
        assert "FOLDER/" + one.folder in one.source


@pytest.mark.slow
def test_the_published_clap_score_comes_from_the_weights_of_the_user(
    tmp_path: Path,
) -> None:
    folder = tmp_path / CLAP.folder
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
