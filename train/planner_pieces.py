"""What the planner learns from: plans of the songbook as tokens, each with captions.

Nothing is rendered and no note is written, so a core composes hundreds of pieces a second; they are
composed when they are first needed. Piece number i of a seed is always the same.
"""

from dataclasses import dataclass

import numpy as np

from longform.music.draw import draw_plan
from longform.music.plan import FAMILIES, Plan
from longform.planner.codec import encode
from longform.planner.vocabulary import Vocabulary
from longform.train.songbook.captions import captions
from longform.train.songbook.instruments import names_of
from longform.train.songbook.manners import MANNERS, voices

CAPTIONS = 2
LENGTHS_SECONDS = ((3.0, 20.0, 0.15), (20.0, 60.0, 0.35), (60.0, 180.0, 0.3), (180.0, 285.0, 0.2))


@dataclass(frozen=True)
class Piece:
    """Tokens (n,) and countdowns (n, 2) of a plan, what people might ask for, and its length."""

    tokens: np.ndarray
    left: np.ndarray
    captions: list[str]
    seconds: float


class Pieces:
    """All pieces of a seed; those that were asked for are kept in memory, a kilobyte each."""

    def __init__(self, seed: int, vocabulary: Vocabulary) -> None:
        self.seed, self.vocabulary = seed, vocabulary
        self._known: dict[int, Piece] = {}

    def __getitem__(self, number: int) -> Piece:
        if number not in self._known:
            self._known[number] = self._composed(number)
        return self._known[number]

    def plan(self, number: int) -> Plan:
        """The plan of one piece: any style, and a length that follows `LENGTHS_SECONDS`."""
        rng = np.random.default_rng([self.seed, number])
        chances = [chance for _, _, chance in LENGTHS_SECONDS]
        low, high, _ = LENGTHS_SECONDS[int(rng.choice(len(LENGTHS_SECONDS), p=chances))]
        return draw_plan(
            style=self.vocabulary.styles[int(rng.integers(len(self.vocabulary.styles)))],
            seconds=round(float(rng.uniform(low, high)), 1),
            seed=int(rng.integers(1 << 31)),
        )

    def _composed(self, number: int) -> Piece:
        plan = self.plan(number)
        encoded = encode(plan, self.vocabulary)
        return Piece(
            tokens=np.array(encoded.tokens, np.int16),
            left=np.array(encoded.left, np.int16),
            captions=captions_of(plan),
            seconds=plan.seconds,
        )


def captions_of(plan: Plan) -> list[str]:
    """Captions as the corpus has them; who plays a family is drawn as a composer would."""
    rng = np.random.default_rng([plan.seed, 17])
    manner = MANNERS[plan.style]
    playing = frozenset[str]().union(*(section.families for section in plan.sections))
    instruments = []
    for family in FAMILIES:
        if family in playing:
            choices = manner.kits if family == "drums" else [v for _, v in voices(manner, family)]
            instruments.append(names_of(choices[int(rng.integers(len(choices)))])[0])
    facts = {
        "kind": "music",
        "style": plan.style,
        "moods": list(plan.moods),
        "instruments": list(dict.fromkeys(instruments)),
        "tempo_bpm": plan.tempo_bpm,
        "key": str(plan.key),
        "metre": plan.metre,
        "sections": [section.name for section in plan.sections],
    }
    return captions(facts, plan.seed, CAPTIONS)
