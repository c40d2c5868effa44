"""What a prompt says in plain words: style, tempo, key, metre, moods, instruments, an effect."""

import re
from dataclasses import dataclass
from functools import lru_cache

from longform.music.styles import STYLES
from longform.music.theory import Key, Mode
from longform.music.words import (
    EFFECT_WORDS,
    FAMILY_WORDS,
    INSTRUMENT_STYLE_WORDS,
    MOOD_WORDS,
    MUSIC_WORDS,
    WEAK_STYLE_WORDS,
)

_EFFECT_HINTS = re.compile(
    r"\b(sfx|foley|sound effects?|sounds? of|field recording|recording of|ambience of|noise of)\b"
)
_MUSIC_WORDS = frozenset(MUSIC_WORDS.split())
_WEAK_STYLE_WORDS = frozenset(WEAK_STYLE_WORDS.split(", "))
_INSTRUMENT_STYLE_WORDS = frozenset(INSTRUMENT_STYLE_WORDS.split(", "))
_INSTRUMENTS = frozenset(word for row in FAMILY_WORDS.values() for word in row.split())
_LABEL = re.compile(
    r"(?<![\w-])(?:(?P<style>(?:sub-?)?genres?|styles?)"
    r"|instruments?|tempo|bpm|moods?|key|met(?:re|er)|time signature)\s*:"
)
_NUMBER = r"(\d{2,3}(?:\.\d+)?)"
_BPM = re.compile(
    rf"\b{_NUMBER}\s*-?\s*(?:bpm|beats per minute)\b"
    rf"|\b(?:bpm|tempo)\b\s*(?:of|:|=|at)?\s*{_NUMBER}\b",
    re.IGNORECASE,
)
_ACCIDENTAL = r"(?:#|♯|b|♭|[- ]?sharp|[- ]?flat)?"
_KEYS = (
    re.compile(rf"\b([A-Ga-g]{_ACCIDENTAL})[- ]?(major|minor|maj|min)\b(?! key\b| scale\b)", re.I),
    re.compile(rf"\b([A-G]{_ACCIDENTAL})[- ]?(major|minor|maj|min)\b"),
    re.compile(r"\b([A-G](?:#|♯|b|♭)?)(m)(?![\w'’])"),
    re.compile(rf"\bkey(?: of|:)? ([A-Ga-g]{_ACCIDENTAL})(?![\w'’])()"),
    re.compile(r"\bin ([B-G](?:#|♯|b|♭)?|A(?:#|♯|b|♭))(?![\w'’#-])()"),
)
_METRE = re.compile(r"\b(\d{1,2})\s*/\s*(4|8)\b(?!\s*/)")
_WITHOUT = re.compile(
    r"\b(?:no|without|minus)\s+(?:any\s+)?([a-z-]+)(?:\s*(?:,|or|and)\s*(?:no\s+)?([a-z-]+))?"
)


@dataclass(frozen=True, kw_only=True)
class PromptFacts:
    """What was found; None or empty where the prompt is silent. `effect` is of EFFECT_WORDS."""

    style: str | None = None
    bpm: float | None = None
    key: Key | None = None
    mode: Mode | None = None
    metre: int | None = None
    moods: tuple[str, ...] = ()
    families: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    effect: str | None = None


@lru_cache(maxsize=256)
def read_prompt(text: str) -> PromptFacts:
    """Find the musical facts in a prompt. Nothing is invented and no text is an error."""
    lower = " ".join(text.lower().split())
    words = frozenset(re.findall(r"[\w&'#-]+", lower)) | frozenset(re.findall(r"\w+", lower))
    style, strong = _style(lower)
    key = _key(text)
    without = _without(lower)
    families = _groups(words, FAMILY_WORDS) - without
    bpm = _bpm(lower)
    moods = tuple(word for word in _mood_order(lower) if word in words)
    music = (
        int(strong)
        + len(families)
        + len(words & _MUSIC_WORDS)
        + (bpm is not None)
        + (key is not None)
    )
    return PromptFacts(
        style=style,
        bpm=bpm,
        key=key,
        mode=key.mode if key else _mode(lower),
        metre=_metre(lower),
        moods=moods,
        families=families,
        without=without,
        effect=_effect(lower, words, music),
    )


@lru_cache(maxsize=4096)
def mood_groups(moods: tuple[str, ...]) -> frozenset[str]:
    """The broad moods (keys of MOOD_WORDS) that mood words belong to."""
    words = frozenset(word for mood in moods for word in (*mood.split(), mood.replace(" ", "-")))
    return _groups(words, MOOD_WORDS)


def _groups(words: frozenset[str], table: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name, entry in table.items() if words & set(entry.split()))


def _mood_order(lower: str) -> list[str]:
    known = sorted({word for entry in MOOD_WORDS.values() for word in entry.split()})
    return sorted((word for word in known if word in lower), key=lower.index)


def _style(lower: str) -> tuple[str | None, bool]:
    """The style that is named most firmly, by the longest synonym, and whether that is outright."""
    best: tuple[int, int, int] | None = None
    name = None
    for style in STYLES.values():
        for synonym in style.synonyms:
            for match in re.finditer(rf"(?<![\w-]){re.escape(synonym)}(?![\w])", lower):
                firm = _firmness(synonym, lower, match)
                rank = (firm, len(synonym), -match.start())
                if firm and (best is None or rank > best):
                    best, name = rank, style.name
    return name, best is not None and best[0] > _MANNER


_INSTRUMENT, _ADJECTIVE, _MANNER, _NAMED, _LABELLED = range(1, 6)


def _firmness(synonym: str, lower: str, match: re.Match[str]) -> int:
    """How firmly a synonym found in a prompt names a style; 0 is not at all.

    In falling order: under a label ("genre: soul"), outright, by a manner ("epic"), as what sort an
    instrument is ("rock drums") or under another label, by an instrument ("piano"). An instrument
    beside drums is one of a band; what "upbeat" says of a tempo is no style.
    """
    after = lower[match.end() :]
    behind = re.match(r"[ -]([\w-]+)", after)
    word = behind.group(1) if behind else ""
    label = _label_of(lower, match.start())
    if label == "style":
        return _LABELLED
    if word in ("tempo", "feel"):
        return 0
    if synonym in _INSTRUMENT_STYLE_WORDS:
        rest = frozenset(re.findall(r"[\w-]+", lower[: match.start()] + after))
        band = "drums" in _groups(rest, FAMILY_WORDS) - _without(lower)
        return 0 if band else _INSTRUMENT
    weak = synonym in _WEAK_STYLE_WORDS
    if label is not None or word in _INSTRUMENTS:
        return 0 if weak else _ADJECTIVE
    return _MANNER if weak else _NAMED


def _label_of(lower: str, position: int) -> str | None:
    """Under which label it stands, "Genre: soul | BPM: 90": "style", "other" or none."""
    label = None
    for match in _LABEL.finditer(lower, 0, position):
        label = match
    if label is None or "|" in lower[label.end() : position]:
        return None
    return label.lastgroup or "other"


def _bpm(lower: str) -> float | None:
    match = _BPM.search(lower)
    return None if match is None else float(match.group(1) or match.group(2))


def _key(text: str) -> Key | None:
    for pattern in _KEYS:
        match = pattern.search(text)
        if match is not None:
            return Key.parse(f"{match.group(1)} {match.group(2)}")
    return None


def _mode(lower: str) -> Mode | None:
    match = re.search(r"\b(minor|major)\b", lower)
    if match is None:
        return None
    return "minor" if match.group(1) == "minor" else "major"


def _metre(lower: str) -> int | None:
    for beats, unit in _METRE.findall(lower):
        if (beats, unit) == ("12", "8"):
            return 4
        if 2 <= int(beats) <= 7:
            return int(beats)
    return 3 if re.search(r"\bwaltz|\bthree[- ]four\b|\btriple met", lower) else None


def _without(lower: str) -> frozenset[str]:
    named = {word for pair in _WITHOUT.findall(lower) for word in pair if word}
    if re.search(r"\b(drumless|beatless)\b", lower):
        named.add("drums")
    return _groups(frozenset(named), FAMILY_WORDS)


def _effect(lower: str, words: frozenset[str], music: int) -> str | None:
    counts = {name: len(words & set(entry.split())) for name, entry in EFFECT_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    score = sum(counts.values()) + (2 if _EFFECT_HINTS.search(lower) else 0)
    return best if counts[best] and score > music else None
