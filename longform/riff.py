"""Chunks that a WAV file carries besides its samples: loop points, tempo and markers.

`smpl` and `cue ` are those of the Multimedia Programming Interface (IBM and Microsoft,
1991); labels are `labl` in a `LIST` of type `adtl`; `acid` is the tempo chunk that samplers read.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from longform.audio_write import WriteReport
from longform.errors import UserError
from longform.files import atomic
from longform.waveform import Waveform

MIDDLE_C = 60
_ACID_LOOP, _ACID_ONE_SHOT = 0, 1
_ACID_UNKNOWN = 0x8000
_NO_MANUFACTURER = 0
_FORWARD, _ENDLESS = 0, 0


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What is known of the time in a file; positions are samples.

    `loop` is the first and the last sample of what repeats; `cues` are names and positions.
    """

    loop: tuple[int, int] | None = None
    tempo_bpm: float | None = None
    beats: int = 0
    metre: int = 4
    cues: Sequence[tuple[str, int]] = field(default_factory=tuple)


def write_marked(
    path: str | Path,
    waveform: Waveform,
    marks: Marks,
    *,
    bits: int | None = None,
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> WriteReport:
    """`longform.audio.write`, with the marks as chunks where the file is a WAV.

    Raises:
        UserError: as `longform.audio.write`.
    """
    path = Path(path)
    with atomic(path, overwrite) as temporary:
        report = waveform.save(temporary, bits=bits, tags=dict(tags or {}), overwrite=True)
        if path.suffix.lower() == ".wav":
            add_chunks(temporary, chunks_of(marks, waveform.sample_rate))
    return replace(report, path=path)


def chunks_of(marks: Marks, sample_rate: int) -> dict[bytes, bytes]:
    """The chunks, by name, that say what `marks` knows."""
    chunks: dict[bytes, bytes] = {}
    if marks.loop is not None:
        chunks[b"smpl"] = _smpl(marks.loop, sample_rate)
    if marks.tempo_bpm is not None:
        chunks[b"acid"] = _acid(marks)
    if marks.cues:
        chunks[b"cue "] = _cue([position for _, position in marks.cues])
        chunks[b"LIST"] = _labels([name for name, _ in marks.cues])
    return chunks


def add_chunks(path: Path, chunks: Mapping[bytes, bytes]) -> None:
    """Append chunks to a RIFF file and correct its size.

    Raises:
        UserError: the file would exceed the 4 GiB that RIFF can hold.
    """
    with path.open("r+b") as file:
        head = file.read(12)
        assert head[:4] == b"RIFF" and head[8:] == b"WAVE", f"{path} is not a WAV file"
        file.seek(0, 2)
        if file.tell() % 2:
            file.write(b"\0")
        for name, body in chunks.items():
            file.write(struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2))
        size = file.tell() - 8
        if size >= 1 << 32:
            raise UserError(f"{path.name}: {size} bytes are too many for WAV; write FLAC")
        file.seek(4)
        file.write(struct.pack("<I", size))


def read_chunks(path: str | Path) -> list[tuple[bytes, bytes]]:
    """Name and body of every chunk of a WAV file, in order; of the samples the name alone.

    Raises:
        UserError: not a WAV file.
    """
    found: list[tuple[bytes, bytes]] = []
    with Path(path).open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise UserError(f"{path}: is not a WAV file")
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                file.seek(size, 1)
            found.append((name, b"" if name == b"data" else file.read(size)))
            file.seek(size % 2, 1)
    return found


def _smpl(loop: tuple[int, int], sample_rate: int) -> bytes:
    """One endless forward loop; the last sample is the last that plays."""
    period_nanoseconds = round(1e9 / sample_rate)
    head = (_NO_MANUFACTURER, 0, period_nanoseconds, MIDDLE_C, 0, 0, 0, 1, 0)
    return struct.pack("<9I", *head) + struct.pack("<6I", 0, _FORWARD, *loop, 0, _ENDLESS)


def _acid(marks: Marks) -> bytes:
    kind = _ACID_ONE_SHOT if marks.loop is None else _ACID_LOOP
    tempo = float(marks.tempo_bpm or 0.0)
    return struct.pack(
        "<IHHfIHHf", kind, MIDDLE_C, _ACID_UNKNOWN, 0.0, marks.beats, 4, marks.metre, tempo
    )


def _cue(positions: Sequence[int]) -> bytes:
    points = [
        struct.pack("<II4sIII", number, position, b"data", 0, 0, position)
        for number, position in enumerate(positions, 1)
    ]
    return struct.pack("<I", len(points)) + b"".join(points)


def _labels(names: Sequence[str]) -> bytes:
    body = b"adtl"
    for number, name in enumerate(names, 1):
        text = name.encode("utf-8") + b"\0"
        body += struct.pack("<4sII", b"labl", len(text) + 4, number) + text + bytes(len(text) % 2)
    return body
