"""Audio files: read anything libsndfile reads, in blocks and under caps; lose nothing in writing.

`Waveform` (longform.waveform) and `write` (longform.audio_write) are reached through this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longform.audio_write import FORMATS, WriteReport, check_target, write
from longform.errors import UserError
from longform.waveform import BLOCK_FRAMES, Waveform, fold

__all__ = [
    "FORMATS",
    "AudioInfo",
    "Waveform",
    "WriteReport",
    "check_target",
    "info",
    "read",
    "write",
]

MAX_SECONDS = 3600.0
MAX_CHANNELS = 64
RATES_HZ = (1_000, 768_000)
MAX_AMPLITUDE = 1e6  # beyond +120 dB of full scale a sample is an error, not a sound


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a file says; a header can lie, and `read` trusts only what it decodes."""

    sample_rate: int
    channels: int
    samples: int
    seconds: float
    format: str


def info(path: str | Path) -> AudioInfo:
    """Read the header alone.

    Raises:
        UserError: the file is missing, empty, a folder or not audio.
    """
    with _open(path) as file:
        seconds = file.frames / file.samplerate
        kind = f"{file.format} {file.subtype}"
        return AudioInfo(file.samplerate, file.channels, file.frames, seconds, kind)


def read(
    path: str | Path,
    *,
    start_seconds: float = 0.0,
    seconds: float | None = None,
    sample_rate: int | None = None,
    channels: int | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Waveform:
    """Read a file, or `seconds` of it from `start_seconds`, folded to `channels` and resampled.

    Memory grows with what is returned, never with what the file claims. A part that reaches beyond
    the end of the file comes back shorter.

    Raises:
        UserError: not a readable audio file; longer than `max_seconds`; cut short; a sample that is
            not a number; `start_seconds` at or after the end.
    """
    with _open(path) as file:
        start = _start_frame(file, path, start_seconds)
        announced = file.frames - start
        if seconds is not None:
            announced = min(announced, round(seconds * file.samplerate))
        if announced > max_seconds * file.samplerate:
            raise UserError(
                f"{path}: lasts {announced / file.samplerate:.1f} s, the limit is "
                f"{max_seconds:g} s; cut it first"
            )
        rate = sample_rate if sample_rate is not None else file.samplerate
        pieces = _decoded(file, path, announced)
        count = channels if channels is not None else file.channels
        folded = (fold(piece, count) for piece in pieces)
        samples = _joined(_resampled(folded, count, file.samplerate, rate), count)
        _check_whole(file, path, start, announced)
    return Waveform(samples, rate)


def _open(path: str | Path):
    import soundfile

    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name an audio file")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path}: is empty (0 bytes)")
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        raise UserError(f"{path}: not readable as audio ({_reason(error)})") from None
    low, high = RATES_HZ
    if not (low <= file.samplerate <= high and file.channels <= MAX_CHANNELS):
        facts = f"{file.channels} channels at {file.samplerate} Hz"
        file.close()
        raise UserError(
            f"{path}: {facts}; up to {MAX_CHANNELS} channels and {low}-{high} Hz are supported"
        )
    return file


def _start_frame(file, path: str | Path, start_seconds: float) -> int:
    start = round(start_seconds * file.samplerate)
    length_seconds = file.frames / file.samplerate
    if file.frames == 0:
        raise UserError(f"{path}: holds no audio (0 samples)")
    if not 0 <= start < file.frames:
        raise UserError(
            f"{path}: lasts {length_seconds:.2f} s, so nothing is at {start_seconds:g} s"
        )
    if start:
        _guarded(path, lambda: file.seek(start))
    return start


def _decoded(file, path: str | Path, announced: int) -> Iterator[np.ndarray]:
    """Blocks of (c, t) until `announced` samples, and no more, or until the data end."""
    done = 0
    while done < announced:
        count = min(BLOCK_FRAMES, announced - done)
        block = _guarded(path, lambda n=count: file.read(n, dtype="float32", always_2d=True))
        if len(block) == 0:
            return
        bad = ~(np.abs(block) <= MAX_AMPLITUDE).all(axis=1)
        if bad.any():
            at_seconds = (done + int(bad.argmax())) / file.samplerate
            raise UserError(f"{path}: a sample at {at_seconds:.3f} s is not a usable number")
        done += len(block)
        yield np.ascontiguousarray(block.T)


def _resampled(
    pieces: Iterator[np.ndarray], channels: int, from_hz: int, to_hz: int
) -> Iterator[np.ndarray]:
    if from_hz == to_hz:
        yield from pieces
        return
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32")
    for piece in pieces:
        yield stream.resample_chunk(np.ascontiguousarray(piece.T)).T
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True).T


def _joined(pieces: Iterator[np.ndarray], channels: int) -> np.ndarray:
    found = list(pieces)
    return np.concatenate(found, axis=1) if found else np.zeros((channels, 0), np.float32)


def _check_whole(file, path: str | Path, start: int, announced: int) -> None:
    """A decoder that stopped early met a damaged file; MP3 headers only estimate their length."""
    got = file.tell() - start
    missing_seconds = (announced - got) / file.samplerate
    if missing_seconds > (1.0 if file.format == "MP3" else 0.0):
        raise UserError(
            f"{path}: cut short: {announced / file.samplerate:.2f} s announced, "
            f"{got / file.samplerate:.2f} s readable"
        )


def _guarded(path: str | Path, call):
    import soundfile

    try:
        return call()
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UserError(f"{path}: damaged audio ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", error))
    return " ".join(text.split()).rstrip(".")
