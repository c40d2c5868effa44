"""Drawing a plan: asked values first, then the prompt's words, then the style's habits, by seed."""

import difflib
import math
from typing import Protocol

import numpy as np

from longform.errors import UserError
from longform.music.form import Form, fit_form
from longform.music.harmony import HARMONY
from longform.music.plan import FAMILIES, Plan, Section
from longform.music.prompt import PromptFacts, mood_groups, read_prompt
from longform.music.style import Style
from longform.music.styles import STYLES
from longform.music.theory import MAJOR_NAMES, Chord, Key, Mode, roman_bars, roman_chord

MIN_BPM, MAX_BPM = 40.0, 220.0
METRES = (2, 3, 4, 5, 6, 7)
MIN_SECONDS, MAX_SECONDS = 1.0, 600.0
_ENERGY = {
    "intro": 0.25,
    "verse": 0.5,
    "chorus": 0.9,
    "bridge": 0.55,
    "break": 0.15,
    "build": 0.6,
    "solo": 0.75,
    "outro": 0.2,
}
_PARTS = {
    "intro": ("verse", "verse", "chorus"),
    "verse": ("verse",),
    "chorus": ("chorus",),
    "bridge": ("bridge",),
    "break": ("bridge", "chorus", "verse"),
    "build": ("chorus", "verse"),
    "solo": ("verse", "chorus"),
    "outro": ("verse", "verse", "chorus"),
}
_CADENCES = {
    "pop": "V",
    "rock": "V",
    "folk": "V",
    "classical": "V7",
    "jazz": "V7",
    "bossa": "V13",
    "blues": "V7",
    "cinematic": "V",
    "latin": "V7",
    "soul": "V9sus4",
    "chip": "V",
    "reggae": "V",
}
# Silence that a good tempo leaves after the last bar, for the release and the reverberation.
_TAIL_SECONDS = 0.7


class Composer(Protocol):
    """What decides what nobody asked for: `draw_plan`, or something that is called like it."""

    def __call__(
        self,
        *,
        style: str | None = None,
        prompt: str = "",
        seconds: float,
        seed: int,
        bpm: float | None = None,
        key: Key | str | None = None,
        metre: int | None = None,
        form: Form | None = None,
        tail_seconds: float = 0.0,
    ) -> Plan: ...


def draw_plan(
    *,
    style: str | None = None,
    prompt: str = "",
    seconds: float,
    seed: int,
    bpm: float | None = None,
    key: Key | str | None = None,
    metre: int | None = None,
    form: Form | None = None,
    tail_seconds: float = 0.0,
) -> Plan:
    """Draw a whole piece that ends within `seconds`, the same for the same arguments.

    At least `tail_seconds` are left after the last bar (unless that leaves less than one bar).
    `form` names the sections and their bars, in place of one of the style's own forms.

    Raises:
        UserError: an unknown style, or a tempo, key, metre or length that cannot be played.
    """
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise UserError(f"seconds {seconds:g} is outside {MIN_SECONDS:g}..{MAX_SECONDS:g}")
    facts = read_prompt(prompt)
    row, style_source = _style(style, facts, seed)
    moods = _moods(row, facts, seed)
    metre_drawn, metre_source = _metre(row, metre, facts, seed)
    tempo, tempo_source = _tempo(row, bpm, facts, metre_drawn, seconds, tail_seconds, seed)
    key_drawn, key_source = _key(row, key, facts, moods, seed)
    bars = max(math.floor((seconds - tail_seconds) / (metre_drawn * 60.0 / tempo) + 1e-9), 1)
    rng = _rng(seed, 6)
    form = form or fit_form(row.forms[rng.integers(len(row.forms))], bars)
    sources = (style_source, tempo_source, key_source, metre_source)
    return Plan(
        style=row.name,
        moods=moods,
        tempo_bpm=tempo,
        key=key_drawn,
        metre=metre_drawn,
        swing=round(float(rng.uniform(*row.swing)), 2),
        seconds=float(seconds),
        sections=_sections(row, form, facts, moods, seed),
        chords=_chords(row, form, key_drawn, seed),
        seed=int(seed),
        sources=dict(zip(("style", "tempo", "key", "metre"), sources, strict=True)),
    )


def _rng(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([abs(int(seed)), purpose])


def _style(asked: str | None, facts: PromptFacts, seed: int) -> tuple[Style, str]:
    if asked is not None:
        wanted = asked.strip().lower()
        for row in STYLES.values():
            if wanted in row.synonyms:
                return row, "asked"
        names = {synonym: row.name for row in STYLES.values() for synonym in row.synonyms}
        close = difflib.get_close_matches(wanted, names, 1)
        way_out = (
            f"did you mean {names[close[0]]!r}?" if close else f"choose of {', '.join(STYLES)}"
        )
        raise UserError(f"style {asked!r} is unknown; {way_out}")
    if facts.style is not None:
        return STYLES[facts.style], "prompt"
    rows = list(STYLES.values())
    wanted_moods, wanted_groups = set(facts.moods), mood_groups(facts.moods)
    weights = np.array(
        [
            1.0
            + 6.0 * len(wanted_moods & set(row.moods))
            + 2.0 * len(wanted_groups & mood_groups(row.moods))
            + 3.0 * _covered(row, facts.families)
            for row in rows
        ]
    )
    if facts.moods or facts.families:
        weights = weights**2
    return rows[_rng(seed, 1).choice(len(rows), p=weights / weights.sum())], "drawn"


def _covered(row: Style, families: frozenset[str]) -> float:
    """How far the choruses of a style hold the families, 0..1 (0 when none are named)."""
    if not families:
        return 0.0
    return max(len(families & band) for band in row.bands["chorus"]) / len(families)


def _moods(row: Style, facts: PromptFacts, seed: int) -> tuple[str, ...]:
    clashes = {"sad": "happy", "happy": "sad dark", "dark": "happy hopeful", "calm": "energetic"}
    clashes |= {"energetic": "calm", "hopeful": "dark sad"}
    chosen = list(facts.moods[:3])
    for mood in _rng(seed, 2).permutation(np.array(row.moods)):
        banned = {
            word for group in mood_groups(tuple(chosen)) for word in clashes.get(group, "").split()
        }
        if len(chosen) < 2 and mood not in chosen and not banned & mood_groups((str(mood),)):
            chosen.append(str(mood))
    return tuple(chosen)


def _metre(row: Style, asked: int | None, facts: PromptFacts, seed: int) -> tuple[int, str]:
    if asked is not None:
        if asked not in METRES:
            raise UserError(f"metre {asked!r} is not a number of beats in a bar from 2 to 7")
        return int(asked), "asked"
    if facts.metre is not None:
        return facts.metre, "prompt"
    weights = np.array(list(row.metres.values()))
    return int(_rng(seed, 3).choice(list(row.metres), p=weights / weights.sum())), "drawn"


def _tempo(
    row: Style,
    asked: float | None,
    facts: PromptFacts,
    metre: int,
    seconds: float,
    tail_seconds: float,
    seed: int,
) -> tuple[float, str]:
    for value, source in ((asked, "asked"), (facts.bpm, "prompt")):
        if value is not None:
            if not MIN_BPM <= value <= MAX_BPM:
                raise UserError(f"tempo {value:g} bpm is outside {MIN_BPM:g}..{MAX_BPM:g} bpm")
            return float(value), source
    low, centre, high = (tempo * (1.5 if metre >= 6 else 1.0) for tempo in row.tempo_bpm)
    words = set(facts.moods)
    if words & {"slow", "sleepy"}:
        centre, high = (2 * low + centre) / 3, centre
    elif words & {"fast", "furious"}:
        low, centre = centre, (2 * high + centre) / 3
    drawn = _rng(seed, 4).triangular(low, centre, high)
    limits = max(low, MIN_BPM), min(high, MAX_BPM)
    return fitting_tempo(drawn, limits, metre, seconds, tail_seconds), "drawn"


def fitting_tempo(
    drawn: float, limits: tuple[float, float], metre: int, seconds: float, tail_seconds: float
) -> float:
    """The whole tempo near the drawn one whose bars fill the length and make whole phrases."""
    wanted_tail = max(_TAIL_SECONDS, tail_seconds)

    def cost(tempo: float) -> float:
        bar = metre * 60.0 / tempo
        bars = math.floor((seconds - tail_seconds) / bar)
        tail = seconds - bars * bar
        odd = (bars - 1) % 4 if bars > 12 else (bars - 1) % 2
        return abs(tail - wanted_tail) + 0.25 * min(odd, 4 - odd) + 12.0 * abs(tempo / drawn - 1.0)

    nearest = range(math.floor(drawn * 0.95), math.ceil(drawn * 1.05) + 1)
    allowed = [tempo for tempo in nearest if limits[0] <= tempo <= limits[1]] or [round(drawn)]
    return float(min(allowed, key=cost))


def _key(
    row: Style, asked: Key | str | None, facts: PromptFacts, moods: tuple[str, ...], seed: int
) -> tuple[Key, str]:
    if asked is not None:
        return (Key.parse(asked) if isinstance(asked, str) else asked), "asked"
    if facts.key is not None:
        return facts.key, "prompt"
    rng = _rng(seed, 5)
    groups = mood_groups(moods)
    minor = (
        row.minor + 0.3 * bool(groups & {"sad", "dark"}) - 0.3 * bool(groups & {"happy", "hopeful"})
    )
    drawn: Mode = "minor" if rng.random() < minor else "major"
    mode = facts.mode or drawn
    return Key(int(rng.integers(len(MAJOR_NAMES))), mode), "prompt" if facts.mode else "drawn"


def _sections(
    row: Style, form: Form, facts: PromptFacts, moods: tuple[str, ...], seed: int
) -> tuple[Section, ...]:
    rng = _rng(seed, 7)
    groups = mood_groups(moods)
    lift = 0.08 * bool(groups & {"energetic", "epic"}) - 0.08 * bool(groups & {"calm", "dreamy"})
    low, high = row.energy
    bands: dict[str, frozenset[str]] = {}
    sections, start, seen = [], 0, 0
    for name, bars in form:
        options = row.bands[name]
        if name not in bands or rng.random() < 0.3:
            bands[name] = options[rng.integers(len(options))]
        seen += name == "chorus"
        level = _ENERGY[name] + 0.05 * (seen - 1) * (name == "chorus") + rng.uniform(-0.06, 0.06)
        energy = float(np.clip(low + (high - low) * level + lift, 0.05, 1.0))
        families = _asked_families(bands[name], name, facts)
        section = Section(
            name=name, start_bar=start, bars=bars, energy=round(energy, 3), families=families
        )
        sections.append(section)
        start += bars
    return tuple(sections)


def _asked_families(band: frozenset[str], name: str, facts: PromptFacts) -> frozenset[str]:
    """The band of a section, with what the prompt names added and what it bans removed."""
    wanted = facts.families if name in ("verse", "chorus", "solo", "bridge") else frozenset()
    kept = (band | wanted) - facts.without
    spare = [name for name in ("keys", "pad", "strings", *FAMILIES) if name not in facts.without]
    return kept or frozenset(spare[:1])


def _chords(row: Style, form: Form, key: Key, seed: int) -> tuple[tuple[Chord, ...], ...]:
    rng = _rng(seed, 8)
    idiom = row.harmony[rng.integers(len(row.harmony))]
    texts = {}
    for part in ("verse", "chorus", "bridge"):
        choices = HARMONY[idiom][key.mode].get(part, HARMONY[idiom][key.mode]["verse"])
        texts[part] = choices[rng.integers(len(choices))]
    if rng.random() < 0.15:
        texts["chorus"] = texts["verse"]
    chosen = {name: parts[rng.integers(len(parts))] for name, parts in _PARTS.items()}
    bars: list[tuple[Chord, ...]] = []
    for name, length in form:
        cycle = roman_bars(texts[chosen[name]], key)
        skipped = len(cycle) - length if name in ("intro", "outro") and length < len(cycle) else 0
        bars += [cycle[(skipped + bar) % len(cycle)] for bar in range(length)]
    if idiom in _CADENCES and len(bars) > 2:
        bars[-2] = (roman_chord(_CADENCES[idiom], key),)
    tonics = [chord for bar in bars for chord in bar if chord.root == chord.bass == key.tonic]
    tonics = [chord for chord in tonics if ("m" in chord.quality[:1]) == (key.mode == "minor")]
    plain = roman_chord("i" if key.mode == "minor" else "I", key)
    bars[-1] = (tonics[0] if tonics and tonics[0].quality not in ("7", "9", "13") else plain,)
    return tuple(bars)
