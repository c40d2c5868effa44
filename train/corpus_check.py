"""Look a folder of audio and side-cars through before training on it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from longform.errors import UserError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif")
MIN_SECONDS = 0.25
MIN_SAMPLE_RATE = 44100
_SILENCE = 10 ** (-70 / 20)
_CLIPPED_SAMPLES = 24  # at full scale in runs of three or more
_BLOCK_SAMPLES = 1 << 18
_NUMBER = (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "kind": (str,),
    "captions": (list,),
    "seconds": _NUMBER,
    "sample_rate": (int,),
    "split": (str,),
    "style": (str,),
    "moods": (list,),
    "instruments": (list,),
    "tempo_bpm": _NUMBER,
    "key": (str,),
    "metre": (int,),
    "plan": (str,),
    "melody": (list,),
    "seed": (int,),
}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one file.

    `kind` is one of "unreadable", "silent", "clipped", "duplicate", "missing caption",
    "wrong rate", "too short" and "bad side-car".
    """

    path: Path
    kind: str
    detail: str


def check(folder: str | Path) -> list[Problem]:
    """Every problem in a folder of audio with .json or .txt side-cars; none is a clean bill.

    Audio is read in blocks. The folder `stems` of a songbook is left out: silence is meant there.

    Raises:
        UserError: the folder does not exist or holds no audio.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} does not exist")
    paths = audio_files(root)
    if not paths:
        raise UserError(f"corpus folder {str(root)!r} holds no audio ({', '.join(AUDIO_SUFFIXES)})")
    problems: list[Problem] = []
    seen: dict[str, Path] = {}
    for path in paths:
        problems += _audio_problems(path, seen)
        problems += _side_car_problems(path)
    return problems


def audio_files(root: Path) -> list[Path]:
    """The audio files under a folder, sorted, without stems and hidden files."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return sorted(
        path
        for path in found
        if path.is_file()
        and path.relative_to(root).parts[0] != "stems"
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _audio_problems(path: Path, seen: dict[str, Path]) -> Iterator[Problem]:
    try:
        with soundfile.SoundFile(path) as file:
            rate, seconds = file.samplerate, len(file) / file.samplerate
            peak, clipped, digest = _listen(file)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        yield Problem(path, "unreadable", " ".join(str(error).split()))
        return
    if rate < MIN_SAMPLE_RATE:
        yield Problem(path, "wrong rate", f"{rate} Hz; training needs {MIN_SAMPLE_RATE} or more")
    if seconds < MIN_SECONDS:
        yield Problem(path, "too short", f"{seconds:.2f} s; give {MIN_SECONDS} s or more")
    if peak < _SILENCE:
        yield Problem(path, "silent", f"peak {20 * np.log10(max(peak, 1e-9)):.0f} dBFS")
    if clipped >= _CLIPPED_SAMPLES:
        yield Problem(path, "clipped", f"{clipped} samples at full scale")
    if digest in seen:
        yield Problem(path, "duplicate", f"same audio as {seen[digest].name}")
    seen.setdefault(digest, path)


def _listen(file: soundfile.SoundFile) -> tuple[float, int, str]:
    """Peak, samples inside runs of three or more at full scale, hash of the decoded samples."""
    peak, clipped, digest = 0.0, 0, hashlib.sha256()
    for block in file.blocks(_BLOCK_SAMPLES, dtype="float32", always_2d=True):
        level = np.abs(block)
        peak = max(peak, float(level.max(initial=0.0)))
        full = level >= 0.9999
        clipped += int((full[:-2] & full[1:-1] & full[2:]).sum())
        digest.update(np.ascontiguousarray(block).tobytes())
    return peak, clipped, digest.hexdigest()


def _side_car_problems(path: Path) -> Iterator[Problem]:
    text, record = path.with_suffix(".txt"), path.with_suffix(".json")
    if record.is_file():
        yield from _json_problems(record)
    elif not text.is_file() or not text.read_text(encoding="utf-8", errors="replace").strip():
        yield Problem(path, "missing caption", f"no {record.name} and no words in {text.name}")


def _json_problems(path: Path) -> Iterator[Problem]:
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield Problem(path, "bad side-car", f"not valid JSON: {error}")
        return
    if not isinstance(record, dict):
        yield Problem(path, "bad side-car", f"expected an object, got {type(record).__name__}")
        return
    for key, value in record.items():
        wanted = _TYPES.get(key)
        wrong = wanted and (not isinstance(value, wanted) or isinstance(value, bool))
        if wanted and wrong and value is not None:
            names = " or ".join(kind.__name__ for kind in wanted)
            yield Problem(path, "bad side-car", f"{key}: expected {names}, got {value!r}")
    captions = record.get("captions")
    if not isinstance(captions, list):
        captions = [captions] if isinstance(captions, str) else []
    elif not all(isinstance(caption, str) for caption in captions):
        yield Problem(path, "bad side-car", "captions: expected a list of texts")
    if not any(isinstance(caption, str) and caption.strip() for caption in captions):
        yield Problem(path, "missing caption", "no text in captions")
