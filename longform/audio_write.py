"""Writing audio files: the same waveform and tags always give the same bytes, and nothing clips."""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longform.errors import UserError
from longform.files import atomic, check_writable
from longform.tags import clean, write_tags
from longform.waveform import Waveform, blocks, from_db

TRUE_PEAK_CEILING_DB = -1.0


@dataclass(frozen=True, kw_only=True)
class _Format:
    container: str
    subtypes: dict[
        int | None, str
    ]  # by bits; the first is the default, None where bits mean nothing
    max_channels: int
    options: dict[str, Any]


# MP3 and Vorbis at the best variable bit rate but one: about 240 and 220 kbit/s for dense stereo.
FORMATS = {
    ".wav": _Format(
        container="WAV",
        subtypes={16: "PCM_16", 24: "PCM_24", 32: "FLOAT"},
        max_channels=64,
        options={},
    ),
    ".flac": _Format(
        container="FLAC", subtypes={16: "PCM_16", 24: "PCM_24"}, max_channels=8, options={}
    ),
    ".mp3": _Format(
        container="MP3",
        subtypes={None: "MPEG_LAYER_III"},
        max_channels=2,
        options={"bitrate_mode": "VARIABLE", "compression_level": 0.1},
    ),
    ".ogg": _Format(
        container="OGG",
        subtypes={None: "VORBIS"},
        max_channels=8,
        options={"compression_level": 0.3},
    ),
}
_INFO_FIELDS = {"title": "title", "comment": "comment", "licence": "copyright"}
_MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class WriteReport:
    """What was written; `gain_db` is 0, or what the whole was turned down by so as not to clip."""

    path: Path
    peak_db: float
    true_peak_db: float
    gain_db: float
    loudness_lufs: float | None


def check_target(path: str | Path, overwrite: bool = False, bits: int | None = None) -> Path:
    """The path, if audio of that many bits can be written there.

    Raises:
        UserError: an unknown suffix or bit depth, a missing folder, a file in the way.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"{path}: {path.suffix or 'no suffix'} is not an output format; "
            f"use one of {' '.join(FORMATS)}"
        )
    _subtype(path, FORMATS[path.suffix.lower()], bits)
    return check_writable(path, overwrite)


def write(
    path: str | Path,
    waveform: Waveform,
    *,
    bits: int | None = None,
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> WriteReport:
    """Write a .wav (16, 24, 32 bits), .flac (16, 24), .mp3 or .ogg file, whole or not at all.

    A waveform whose true peak is above full scale is turned down as a whole to a true peak of -1 dB
    and the gain is in the report; 32-bit WAV holds floats, cannot clip, and is left alone. 16-bit
    samples are dithered (triangular, seeded by the content); digital silence stays silence.

    Raises:
        UserError: a suffix, bit depth, rate or channel count that the format does not have; samples
            that are not finite; a file that exists while `overwrite` is false; a full disk.
    """
    path = check_target(path, overwrite, bits)
    form = FORMATS[path.suffix.lower()]
    subtype = _subtype(path, form, bits)
    _check_content(path, form, waveform)
    true_peak_db = waveform.true_peak_db
    gain_db = 0.0
    if true_peak_db > 0 and subtype != "FLOAT":
        gain_db = TRUE_PEAK_CEILING_DB - true_peak_db
        waveform = Waveform(waveform.samples * np.float32(from_db(gain_db)), waveform.sample_rate)
    with atomic(path, overwrite) as temporary:
        _write_blocks(temporary, waveform, form, subtype, tags or {})
        if tags:
            write_tags(temporary, tags)
        _remove_chance(temporary, form)
    loudness = waveform.loudness_lufs()
    return WriteReport(path, waveform.peak_db, true_peak_db + gain_db, gain_db, loudness)


def _subtype(path: Path, form: _Format, bits: int | None) -> str:
    wanted = next(iter(form.subtypes)) if bits is None else bits
    if wanted not in form.subtypes:
        known = ", ".join(str(one) for one in form.subtypes if one) or "none to choose"
        raise UserError(f"{path}: {bits} bits do not exist in {form.container}; known: {known}")
    return form.subtypes[wanted]


def _check_content(path: Path, form: _Format, waveform: Waveform) -> None:
    if waveform.samples.shape[1] == 0:
        raise UserError(f"{path}: there is nothing to write (0 samples)")
    if not np.isfinite(waveform.samples).all():
        raise UserError(f"{path}: the audio holds samples that are not finite numbers")
    if waveform.channels > form.max_channels:
        raise UserError(
            f"{path}: {waveform.channels} channels; {form.container} holds {form.max_channels}"
        )
    if form.container == "MP3" and waveform.sample_rate not in _MP3_RATES_HZ:
        raise UserError(f"{path}: MP3 has no {waveform.sample_rate} Hz; resample to 44100 or 48000")


def _write_blocks(
    path: Path, waveform: Waveform, form: _Format, subtype: str, tags: Mapping[str, str]
) -> None:
    """Always in blocks: libvorbis overflows the stack when it is handed a minute in one call.

    WAV gets a LIST INFO chunk too, which many programs read where they do not read ID3.
    """
    import soundfile

    pieces = blocks(waveform.samples)
    if subtype == "PCM_16":
        pieces = _dithered(waveform.samples)
    try:
        with soundfile.SoundFile(
            path,
            "w",
            waveform.sample_rate,
            waveform.channels,
            subtype=subtype,
            format=form.container,
            **form.options,
        ) as file:
            if form.container == "WAV":
                for name in sorted(_INFO_FIELDS.keys() & tags.keys()):
                    setattr(file, _INFO_FIELDS[name], clean(tags[name]))
            for piece in pieces:
                file.write(np.ascontiguousarray(piece.T))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UserError(
            f"{path.name}: could not be written: {' '.join(str(error).split())}"
        ) from None


def _dithered(samples: np.ndarray) -> Iterator[np.ndarray]:
    """16-bit blocks with triangular dither of +-1 step (Lipshitz 1992), seeded by content."""
    digest = hashlib.sha256(np.ascontiguousarray(samples).data).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    for block in blocks(samples):
        noise = rng.random(block.shape, np.float32) - rng.random(block.shape, np.float32)
        noise *= np.any(block != 0, axis=0)
        steps = np.rint(block * np.float32(32768) + noise)
        yield np.clip(steps, -32768, 32767).astype(np.int16)


def _remove_chance(path: Path, form: _Format) -> None:
    """Take out what encoders put in by clock or by chance: bytes depend on content alone."""
    if form.container == "WAV":
        _clear_peak_time(path)
    if form.container == "OGG":
        _fix_serial(path)


def _clear_peak_time(path: Path) -> None:
    """Zero the clock time in the PEAK chunk that libsndfile adds to float WAV files."""
    with path.open("r+b") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"PEAK":
                file.seek(4, 1)  # past the version
                file.write(bytes(4))
                return
            file.seek(size + size % 2, 1)


def _fix_serial(path: Path) -> None:
    """Give the one stream of an Ogg file the serial number 1; the pages get new checksums."""
    from mutagen.ogg import OggPage

    with path.open("r+b") as file:
        while True:
            start = file.tell()
            try:
                page = OggPage(file)
            except EOFError:
                return
            page.serial = 1
            file.seek(start)
            file.write(page.write())
