"""Recorded drums on request, folders of one songbook, the picture of what a corpus covers."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from typer.testing import CliRunner

from longform.cli import app
from longform.errors import UserError
from longform.music import draw_plan
from longform.train.corpus import FORMAT, build, make_item
from longform.train.corpus_items import ItemSpec
from longform.train.corpus_plot import draw
from longform.train.songbook.compose import compose
from longform.train.songbook.samples import SampleFolder, names, used_by, with_samples

RATE = 44100
HOURS = 0.002


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder like Debian's sonic-pi-samples: one short sound per name."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for index, name in enumerate(names()):
        time = np.arange(RATE // 5) / RATE
        sound = np.sin(2 * np.pi * (100 + 40 * index) * time) * np.exp(-time / 0.05)
        soundfile.write(folder / f"{name}.flac", 0.5 * sound, RATE)
    return folder


def _sampled_seed() -> int:
    """A seed whose piece has a drum machine that the recordings replace."""
    for seed in range(60):
        if used_by(with_samples(compose(draw_plan(style="techno", seconds=20.0, seed=seed)))):
            return seed
    raise AssertionError("no seed takes the recordings")


def test_recorded_drums_are_used_on_request_and_told(tmp_path: Path, recordings: Path) -> None:
    spec = ItemSpec(
        index=0, id="m1", kind="music", name="techno", seconds=20.0, seed=_sampled_seed()
    )
    plain, sampled, again = (tmp_path / name for name in ("plain", "sampled", "again"))
    for folder in (plain, sampled, again):
        folder.mkdir()
    make_item(plain, spec, stems=False)
    for folder in (sampled, again):
        make_item(folder, spec, stems=False, recorded=SampleFolder(recordings))
    assert _contents(sampled) == _contents(again)
    assert _contents(sampled)["m1.flac"] != _contents(plain)["m1.flac"]
    record, other = (json.loads((folder / "m1.json").read_text()) for folder in (sampled, plain))
    assert record["samples"] and record["recordings"]
    assert set(record["recordings"]) <= set(names())
    assert "samples" not in other and "recordings" not in other
    assert "sampled drums" in record["instruments"]
    assert "sampled drums" not in other["instruments"]
    assert record["plan"] == other["plan"] and record["melody"] == other["melody"]


def test_a_folder_is_of_one_songbook_and_one_set_of_samples(
    tmp_path: Path, recordings: Path
) -> None:
    folder = tmp_path / "corpus"

    def make(where: Path, samples: Path | None = None) -> None:
        build(where, HOURS, 5, jobs=1, stems=False, effects_share=1.0, samples=samples)

    make(folder)
    index = json.loads((folder / "corpus.json").read_text())
    assert index["format"] == FORMAT == 2 and len(index["sources"]) == 2
    with pytest.raises(UserError, match="without recorded drums"):
        make(folder, recordings)
    for side_car in folder.glob("e*.json"):
        record = json.loads(side_car.read_text())
        del record["songbook"]  # as the first songbook wrote them
        side_car.write_text(json.dumps(record))
    before = _contents(folder)
    with pytest.raises(UserError, match=r"songbook 1.*songbook 2"):
        make(folder)
    assert _contents(folder) == before
    with pytest.raises(UserError, match=r"bd_.*sonic-pi-samples"):
        make(tmp_path / "other", tmp_path)
    make(tmp_path / "third", recordings)
    sources = json.loads((tmp_path / "third" / "corpus.json").read_text())["sources"]
    assert sources[-1]["licence"] == "CC0-1.0" and "bd_haus" in sources[-1]["what"]


def _item(path: Path, style: str, index: int) -> None:
    time = np.arange(RATE) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * (300 + index) * time), RATE)
    record = {
        "captions": ["x"],
        "style": style,
        "key": "A minor",
        "metre": 3 + index % 2,
        "tempo_bpm": 100.0 + index,
        "seconds": 1.0,
        "instruments": ["piano"],
        "stem_instruments": {"keys": ["piano"]},
        "split": "train",
    }
    path.with_suffix(".json").write_text(json.dumps(record))


def test_coverage_is_drawn(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for index, style in enumerate(("house", "waltz", "house")):
        _item(corpus / f"{index}.wav", style, index)
    picture = tmp_path / "coverage.png"
    done = CliRunner().invoke(app, ["corpus", "check", str(corpus), "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    pixels = imread(picture)
    assert pixels.shape[1] > 1000 and pixels[..., :3].std() > 0.05
    with pytest.raises(UserError, match="exists already"):
        draw(corpus, picture)
    bare = tmp_path / "bare"
    bare.mkdir()
    soundfile.write(bare / "tone.wav", np.zeros(RATE), RATE)
    with pytest.raises(UserError, match="no side-cars"):
        draw(bare, tmp_path / "other.png")
