"""Captions as people write them: `Genre: ... | Mood: ...` records, tags, sentences, a word or two.

After the paper (arXiv 2404.10301, section 4): prompts are random subsets of the metadata, half of
the time as `Key: value` pairs joined by `|`, else as plain lists, in random order and case.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from longform.music.styles import STYLES
from longform.train.songbook.instruments import SYNONYMS

_TEMPO_WORDS = (
    (70, ("very slow", "slow", "slow tempo")),
    (92, ("slow", "slow tempo", "downtempo")),
    (115, ("mid-tempo", "medium tempo", "moderate tempo")),
    (140, ("upbeat tempo", "fast", "lively tempo")),
    (999, ("fast", "very fast", "fast tempo", "high tempo")),
)
_PIECE = ("track", "piece", "song", "instrumental", "tune", "piece of music", "composition")
_SHORT = ("{style}", "{style} {piece}", "{mood} {style}", "{mood} {instrument}", "{style} beat")
_SENTENCES = (
    "a {mood} {style} {piece} with {instruments}",
    "{mood} {style} {piece} featuring {instruments}, {tempo}",
    "{style} {piece} in {key}, {tempo}, {instruments}",
    "an instrumental {style} {piece} at {bpm}, {mood} and {mood2}",
    "{mood}, {mood2} {style} with {instruments} and a {tempo} feel",
    "{instruments} playing {mood} {style}",
    "{a_mood} {piece} that sounds like {style}, {bpm}, {key}",
    "give me {a_mood} {style} {piece} with {instruments}",
    "{style}: {form}, {instruments}, {bpm}",
    "this is {a_mood} {style} {piece} in {key} at {bpm}; it has {instruments}",
    "{mood} background music, {style}, {instruments}",
    "{style} in {metre}, {mood}, {key}",
)
_FORM_WORDS = {
    "intro": "a short intro",
    "build": "a build-up",
    "break": "a breakdown",
    "solo": "a solo",
    "outro": "an outro",
    "chorus": "a big chorus",
    "bridge": "a bridge",
}
_ROLES = {
    "drums": ("drums", "drum part", "drum beat", "beat", "drum track", "percussion"),
    "bass": ("bass line", "bass", "bassline", "bass part"),
    "keys": ("keys", "keyboard part", "keyboards", "chords"),
    "guitar": ("guitar", "guitar part", "guitars"),
    "strings": ("strings", "string part"),
    "winds": ("winds", "wind part", "wind instruments"),
    "pad": ("pad", "pads", "background pad"),
    "lead": ("lead", "lead melody", "melody", "lead line"),
}
_STEMS = (
    "{part}",
    "{part}",
    "{style} {part}",
    "{style} {part}",
    "{mood} {part}",
    "{mood} {style} {part}",
    "{part} for a {style} {piece}",
    "add {part}",
    "{part} to go with this {style} {piece}",
    "Genre: {style}|Instruments: {part}",
    "{style}, {part}",
)
_EFFECT_SENTENCES = (
    "{name}",
    "{name} sound effect",
    "{name}, {word}",
    "sound of {name}",
    "{word} {name}",
    "{word} {name}, {word2}",
    "sfx: {name}",
    "the sound of {word} {name}",
    "{name} sfx for a game",
    "recording of {name}, {word}",
    "{name}, {seconds}",
    "Type: sound effect|{name}",
    "Sound effect|{name}|{word}",
)


def captions(facts: dict[str, Any], seed: int, n: int) -> list[str]:
    """Up to `n` different captions of one item, fixed by `seed`; each tells a few of its facts.

    `facts` has "kind" ("music" or "effect"). Music: "style", "moods", "instruments" (canonical
    names), "tempo_bpm", "key" (text), "metre", "sections" (names). Effects: "names" (what it is,
    synonyms first to last), "words" (how it is), "seconds".
    """
    rng = np.random.default_rng([seed, 4242])
    write = _effect if facts["kind"] == "effect" else _music
    found: dict[str, None] = {}
    for attempt in range(40 * n):
        text = _cased(write(facts, rng, attempt), rng)
        found.setdefault(text)
        if len(found) == n:
            break
    return list(found)


def _music(facts: dict[str, Any], rng: np.random.Generator, attempt: int) -> str:
    kind: Callable[[dict[str, Any], np.random.Generator], str] = _WRITERS[attempt % len(_WRITERS)]
    return kind(facts, rng)


def _pick(rng: np.random.Generator, options: Any) -> str:
    return str(options[int(rng.integers(len(options)))])


def _style(facts: dict[str, Any], rng: np.random.Generator) -> str:
    names = STYLES[facts["style"]].synonyms if facts["style"] in STYLES else (facts["style"],)
    return names[0] if rng.random() < 0.75 else _pick(rng, names[: 1 + len(names) // 2])


def _some(rng: np.random.Generator, options: list[str], least: int, most: int) -> list[str]:
    count = min(len(options), int(rng.integers(least, most + 1)))
    chosen = rng.permutation(len(options))[:count]
    return [options[index] for index in sorted(chosen)]


def _instruments(facts: dict[str, Any], rng: np.random.Generator, most: int = 4) -> list[str]:
    chosen = _some(rng, list(facts["instruments"]), 1, most)
    named = [_pick(rng, SYNONYMS.get(name, [name])) for name in chosen]
    return list(dict.fromkeys(named))


def _bpm(facts: dict[str, Any], rng: np.random.Generator) -> str:
    tempo = round(facts["tempo_bpm"])
    near = int(5 * round(tempo / 5))
    return _pick(rng, (f"{tempo} BPM", f"{tempo} bpm", f"around {near} bpm", f"{tempo}bpm"))


def _tempo(facts: dict[str, Any], rng: np.random.Generator) -> str:
    return next(_pick(rng, words) for top, words in _TEMPO_WORDS if facts["tempo_bpm"] < top)


def _key(facts: dict[str, Any], rng: np.random.Generator) -> str:
    tonic, mode = str(facts["key"]).split(" ", 1)
    short = f"{tonic}m" if mode == "minor" else tonic
    return _pick(rng, (f"{tonic} {mode}", f"{tonic} {mode}", f"key of {tonic} {mode}", short))


def _metre(facts: dict[str, Any]) -> str:
    return f"{facts['metre']}/4" if facts["metre"] != 6 else "6/8"


def _form(facts: dict[str, Any], rng: np.random.Generator) -> str:
    known = [name for name in dict.fromkeys(facts["sections"]) if name in _FORM_WORDS]
    return "with " + _listed([_FORM_WORDS[name] for name in _some(rng, known, 1, 2)] or ["a theme"])


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _record(facts: dict[str, Any], rng: np.random.Generator) -> str:
    """`Genre: ...|Mood: ...` with a random subset in random order; sometimes without the names."""
    moods, instruments = _some(rng, list(facts["moods"]), 1, 3), _instruments(facts, rng, 5)
    genre = _pick(rng, ("Genre", "Style", "Subgenre"))
    fields = [
        (genre, _style(facts, rng)),
        (_pick(rng, ("Mood", "Moods")), ", ".join(moods)),
        ("Instruments", ", ".join(instruments)),
        ("BPM", str(round(facts["tempo_bpm"]))),
        ("Key", str(facts["key"])),
        ("Time signature", _metre(facts)),
        ("Tempo", _tempo(facts, rng)),
        ("Form", _form(facts, rng).removeprefix("with ")),
    ]
    chance = (0.95, 0.75, 0.75, 0.6, 0.25, 0.1, 0.15, 0.1)
    kept = [field for field, p in zip(fields, chance, strict=True) if rng.random() < p]
    kept = [kept[index] for index in rng.permutation(len(kept))] or [fields[0]]
    if rng.random() < 0.3:
        return "|".join(
            value if name not in ("BPM",) else f"{value} BPM" for name, value in kept
        )  # fmt: skip
    return "|".join(f"{name}: {value}" for name, value in kept)


def _tags(facts: dict[str, Any], rng: np.random.Generator) -> str:
    """A comma list of a few facts."""
    tags = [_style(facts, rng)] if rng.random() < 0.9 else []
    tags += _some(rng, list(facts["moods"]), 0, 3) + _instruments(facts, rng, 3)
    extras = (_bpm(facts, rng), _tempo(facts, rng), _key(facts, rng), _metre(facts))
    chance = (0.45, 0.25, 0.2, 0.08)
    tags += [extra for extra, p in zip(extras, chance, strict=True) if rng.random() < p]
    return ", ".join(tags[index] for index in rng.permutation(len(tags)))


def _fill(template: str, facts: dict[str, Any], rng: np.random.Generator) -> str:
    moods = _some(rng, list(facts["moods"]) or ["instrumental"], 2, 2)
    moods = [moods[index] for index in rng.permutation(len(moods))]
    return template.format(
        style=_style(facts, rng),
        mood=moods[0],
        mood2=moods[-1],
        a_mood=_article(moods[0]),
        piece=_pick(rng, _PIECE),
        instrument=_instruments(facts, rng, 1)[0],
        instruments=_listed(_instruments(facts, rng, 4)),
        bpm=_bpm(facts, rng),
        tempo=_tempo(facts, rng),
        key=_key(facts, rng),
        metre=_metre(facts),
        form=_form(facts, rng),
    )


def _sentence(facts: dict[str, Any], rng: np.random.Generator) -> str:
    return _fill(_pick(rng, _SENTENCES), facts, rng)


def _brief(facts: dict[str, Any], rng: np.random.Generator) -> str:
    text = _fill(_pick(rng, _SHORT), facts, rng)
    return f"{text}, {_bpm(facts, rng)}" if rng.random() < 0.2 else text


def stem_captions(facts: dict[str, Any], families: Sequence[str], seed: int, n: int) -> list[str]:
    """Up to `n` different ways to ask for the stems `families` of a piece, fixed by `seed`.

    `facts` are the piece's; of those that `captions` reads, "style" and "moods" are enough, and
    "stem_instruments" (canonical names by family) names the instruments.
    """
    rng = np.random.default_rng([seed, 2424])
    found: dict[str, None] = {}
    for _ in range(40 * n):
        found.setdefault(_cased(_stem(facts, families, rng), rng))
        if len(found) == n:
            break
    return list(found)


def _stem(facts: dict[str, Any], families: Sequence[str], rng: np.random.Generator) -> str:
    played = facts.get("stem_instruments", {})
    parts = []
    for family in families:
        names = [name for name in played.get(family, []) for name in SYNONYMS.get(name, [name])]
        wanted = (
            _pick(rng, names)
            if names and rng.random() < 0.6
            else _pick(rng, _ROLES.get(family, (family,)))
        )
        parts.append(wanted)
    templates = _STEMS if facts.get("style") else _STEMS[:1]
    text = _pick(rng, templates).format(
        part=_listed(parts),
        style=_style(facts, rng) if facts.get("style") else "",
        mood=_pick(rng, facts.get("moods") or ["fitting"]),
        piece=_pick(rng, _PIECE),
    )
    if facts.get("tempo_bpm") and rng.random() < 0.15:
        text = f"{text}, {_bpm(facts, rng)}"
    return text


_WRITERS = (_record, _sentence, _record, _tags, _record, _brief, _record, _sentence)


def _effect(facts: dict[str, Any], rng: np.random.Generator, _: int) -> str:
    name = _pick(rng, facts["names"])
    said = [word for word in facts["words"] if word.split()[0] not in name]
    words = _some(rng, said or ["short" if facts["seconds"] < 4 else "long"], 2, 2)
    return _pick(rng, _EFFECT_SENTENCES).format(
        name=name,
        word=words[0],
        word2=words[-1],
        seconds=_pick(
            rng, (f"{facts['seconds']:.0f} seconds", "short" if facts["seconds"] < 4 else "long")
        ),
    )


def _cased(text: str, rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.45:
        return text
    if draw < 0.8:
        return text[:1].upper() + text[1:]
    return text.lower() if draw < 0.95 else text.title()
