"""Loop points, tempo and markers in WAV files, read back from their bytes."""

import struct
from pathlib import Path

import numpy as np
import pytest

from longform.audio import read
from longform.errors import UserError
from longform.riff import Marks, read_chunks, write_marked
from longform.tags import read_tags
from longform.waveform import Waveform

MARKS = Marks(loop=(0, 999), tempo_bpm=124.0, beats=32, metre=4, cues=[("intro", 0), ("dröp", 500)])


def wave() -> Waveform:
    return Waveform(np.linspace(-0.5, 0.5, 2001, dtype=np.float32)[None], 8000)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_marks_are_in_the_file_and_the_sound_is_the_same(tmp_path: Path, bits: int) -> None:
    plain, marked = tmp_path / "plain.wav", tmp_path / "marked.wav"
    wave().save(plain, bits=bits, tags={"title": "x"})
    report = write_marked(marked, wave(), MARKS, bits=bits, tags={"title": "x"})
    assert report.path == marked and sorted(tmp_path.iterdir()) == [marked, plain]
    assert np.array_equal(read(marked).samples, read(plain).samples)
    assert read_tags(marked)["title"] == "x"
    size = struct.unpack("<I", marked.read_bytes()[4:8])[0]
    assert size == marked.stat().st_size - 8
    chunks = read_chunks(marked)
    body = dict(chunks)
    assert struct.unpack("<6I", body[b"smpl"][36:]) == (0, 0, 0, 999, 0, 0)
    assert struct.unpack("<I", body[b"smpl"][8:12]) == (125_000,)  # ns of a sample at 8 kHz
    assert struct.unpack("<f", body[b"acid"][20:24]) == (124.0,)
    assert struct.unpack("<I", body[b"acid"][12:16]) == (32,)
    cues = body[b"cue "]
    assert struct.unpack("<I", cues[:4]) == (2,)
    assert struct.unpack("<II4sIII", cues[28:52]) == (2, 500, b"data", 0, 0, 500)
    labels = next(data for name, data in chunks if name == b"LIST" and data[:4] == b"adtl")
    assert b"intro\0" in labels and "dröp\0".encode() in labels


def test_other_formats_are_written_without_and_mistakes_leave_nothing(tmp_path: Path) -> None:
    write_marked(tmp_path / "a.flac", wave(), MARKS)
    assert read(tmp_path / "a.flac").samples.shape == (1, 2001)
    with pytest.raises(UserError, match="exists already"):
        write_marked(tmp_path / "a.flac", wave(), MARKS)
    with pytest.raises(UserError, match="48 bits do not exist"):
        write_marked(tmp_path / "b.wav", wave(), MARKS, bits=48)
    with pytest.raises(UserError, match="is not a WAV file"):
        read_chunks(tmp_path / "a.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]
