"""Plans as tokens, and back."""

from dataclasses import dataclass, field, replace

from longform.music.draw import METRES, MIN_BPM
from longform.music.plan import FAMILIES, SECTIONS, Plan, Section
from longform.music.theory import Chord
from longform.planner.grammar import ENDING_BARS, Grammar
from longform.planner.vocabulary import ENERGY_STEPS, MAX_BARS, Vocabulary

Bars = tuple[tuple[Chord, ...], ...]


@dataclass
class Encoded:
    """The tokens of a plan, and `Grammar.countdown` before each of them."""

    tokens: list[int] = field(default_factory=list)
    left: list[tuple[int, int]] = field(default_factory=list)

    def add(self, left: tuple[int, int], *tokens: int) -> None:
        """Tokens that share a countdown."""
        self.tokens += tokens
        self.left += [left] * len(tokens)


def encode(plan: Plan, vocabulary: Vocabulary) -> Encoded:
    """A plan as tokens; what they cannot say exactly (tempo, energy) is rounded.

    As in writing, its length in bars is unknown up to the tempo.

    Raises:
        ValueError: a style or a chord that the vocabulary does not have.
    """
    token, found = vocabulary.token, Encoded()
    cycles: dict[str, Bars] = {}
    key = plan.key.tonic + 12 * (plan.key.mode == "minor")
    found.add(
        (0, 0),
        token("metre", METRES.index(plan.metre)),
        token("tempo", round(plan.tempo_bpm - MIN_BPM)),
    )
    found.add(
        (plan.bars, 0), token("key", key), token("style", vocabulary.styles.index(plan.style))
    )
    for section in plan.sections:
        more, bars = divmod(section.bars - 1, MAX_BARS)
        rest = plan.bars - section.end_bar
        families = [i for i, name in enumerate(FAMILIES) if name in section.families]
        kind = token("kind", SECTIONS.index(section.name))
        found.add((rest + section.bars, 0), kind, *[token("more")] * more, token("bars", bars))
        energy = token("energy", round(section.energy * ENERGY_STEPS))
        found.add((rest, section.bars), energy, *[token("family", i) for i in families])
        bars_of = plan.chords[section.start_bar : section.end_bar]
        before = cycles.get(section.name, ())
        cycles[section.name] = _add_bars(found, bars_of, rest, before, plan.key.tonic, vocabulary)
    return found


def rewritten(plan: Plan, grammar: Grammar) -> Plan:
    """The plan with sections and chords as they are written in a finished grammar."""
    sections, start = [], 0
    for draft in grammar.sections:
        section = Section(
            name=draft.kind,
            start_bar=start,
            bars=draft.bars,
            energy=draft.energy,
            families=frozenset(draft.families),
        )
        sections.append(section)
        start += draft.bars
    chords = tuple(bar for draft in grammar.sections for bar in draft.chords)
    return replace(plan, sections=tuple(sections), chords=chords)


def _add_bars(
    found: Encoded, bars: Bars, rest: int, before: Bars, tonic: int, vocabulary: Vocabulary
) -> Bars:
    """The chords of a section, `rest` bars from the end of the piece; what repeats is said once.

    `before` is what the last section of this kind repeats; returns what this one repeats.
    """
    count = len(bars)
    filled = max(count - ENDING_BARS * (rest == 0), 0)
    period = next(
        (size for size in range(1, filled) if bars[size:filled] == bars[: filled - size]), None
    )
    cycle = bars if period is None else bars[:period]
    again = bool(before) and all(bars[bar] == before[bar % len(before)] for bar in range(filled))
    written = 0 if again and filled else len(cycle)
    for number in range(written):
        found.add((rest, count - number), *_bar(bars[number], tonic, vocabulary))
    if written < filled:
        found.add((rest, count - written), vocabulary.token("loop" if written else "again"))
    for number in range(max(filled, written), count):
        found.add((rest, count - number), *_bar(bars[number], tonic, vocabulary))
    return cycle if written else before


def _bar(bar: tuple[Chord, ...], tonic: int, vocabulary: Vocabulary) -> list[int]:
    tokens = [vocabulary.token("two")] if len(bar) == 2 else []
    for chord in bar:
        if chord.bass != chord.root:
            tokens.append(vocabulary.token("bass", (chord.bass - tonic) % 12))
        tokens.append(vocabulary.chord((chord.root - tonic) % 12, chord.quality))
    return tokens
