"""Text tags in audio files: names and texts, kept in whichever way the format keeps them."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longform.errors import UserError

MAX_TEXT = 4_000
MAX_LONG_TEXT = 100_000
MAX_NAME = 40
_ID3_FRAMES = {"title": "TIT2", "artist": "TPE1", "genre": "TCON", "date": "TDRC", "bpm": "TBPM"}
_ID3_NAMES = {frame: name for name, frame in _ID3_FRAMES.items()}


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """One line of valid Unicode: control characters become spaces, the length is capped."""
    kept = (" " if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} else one for one in text)
    return "".join(kept)[:limit].strip()


def write_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Add `tags` to a .wav, .flac, .mp3 or .ogg file; the same tags give the same bytes."""
    texts = {_name(name): clean(str(text), MAX_LONG_TEXT) for name, text in sorted(tags.items())}
    file = _open(path)
    if _has_id3(path):
        _write_id3(_tags_of(file), texts)
    else:
        held = _tags_of(file)
        for name, text in texts.items():
            held[name.upper()] = [text]
    file.save()


def read_tags(path: str | Path, limit: int = MAX_TEXT) -> dict[str, str]:
    """The text tags of a file, cleaned, names in lower case, texts cut to `limit` characters.

    Other formats than those that `write_tags` takes have none.

    Raises:
        UserError: the file cannot be read.
    """
    file = _open(Path(path))
    if file is None or file.tags is None:
        return {}
    if _has_id3(Path(path)):
        return dict(sorted(_id3_texts(file.tags, limit)))
    return {
        clean(name.lower(), MAX_NAME): clean(", ".join(text), limit)
        for name, text in sorted(file.tags.as_dict().items())
    }


def _open(path: Path) -> Any:
    import mutagen
    from mutagen.flac import FLAC
    from mutagen.mp3 import MP3
    from mutagen.oggvorbis import OggVorbis
    from mutagen.wave import WAVE

    kinds = {".wav": WAVE, ".flac": FLAC, ".mp3": MP3, ".ogg": OggVorbis}
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        kind = kinds.get(path.suffix.lower())
        return kind(path) if kind is not None else None
    except (mutagen.MutagenError, EOFError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"{path}: tags not readable ({' '.join(str(error).split())})") from None


def _has_id3(path: Path) -> bool:
    return path.suffix.lower() in {".wav", ".mp3"}


def _tags_of(file: Any) -> Any:
    if file.tags is None:
        file.add_tags()
    return file.tags


def _write_id3(held: Any, texts: Mapping[str, str]) -> None:
    from mutagen import id3

    for name, text in texts.items():
        if name in _ID3_FRAMES:
            held.add(getattr(id3, _ID3_FRAMES[name])(encoding=3, text=[text]))
        else:
            held.add(id3.TXXX(encoding=3, desc=name, text=[text]))


def _id3_texts(frames: Any, limit: int) -> list[tuple[str, str]]:
    found = []
    for frame in frames.values():
        if frame.FrameID == "TXXX":
            found.append((clean(frame.desc.lower(), MAX_NAME), clean(str(frame), limit)))
        elif frame.FrameID in _ID3_NAMES:
            found.append((_ID3_NAMES[frame.FrameID], clean(str(frame), limit)))
    return found


def _name(name: str) -> str:
    """A tag name that every format takes: printable ASCII without '='."""
    kept = "".join(one if " " <= one <= "}" and one != "=" else "_" for one in name.lower())
    return kept[:MAX_NAME] or "tag"
