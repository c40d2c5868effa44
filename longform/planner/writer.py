"""Writing a plan: the network proposes, the grammar and the person's wishes decide."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from longform.music.draw import MAX_BPM, METRES, MIN_BPM, draw_plan, fitting_tempo
from longform.music.form import Form
from longform.music.plan import FAMILIES, SECTIONS, Plan
from longform.music.prompt import PromptFacts, read_prompt
from longform.music.theory import Key
from longform.planner.codec import rewritten
from longform.planner.grammar import Grammar
from longform.planner.model import Planner
from longform.planner.vocabulary import MAX_BARS, Vocabulary

TEMPERATURE = 0.9
TOP_P = 0.95
WRITTEN = "planner"
"""What `Plan.sources` says of what the planner chose."""
_TUNEFUL = ("verse", "chorus", "solo", "bridge")

EncodeText = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


class Writer:
    """Called as `longform.music.draw_plan` is, it writes the plan instead of drawing it."""

    def __init__(self, planner: Planner, encode_text: EncodeText) -> None:
        self.planner, self.encode_text = planner, encode_text

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
    ) -> Plan:
        """Write a whole piece that ends within `seconds`, the same for the same arguments.

        What is given, and what `read_prompt` finds in the prompt, holds; the rest is sampled.

        Raises:
            UserError: as `draw_plan`.
        """
        given = {"style": style, "prompt": prompt, "bpm": bpm, "key": key, "metre": metre}
        length = {"seconds": seconds, "seed": seed, "tail_seconds": tail_seconds}
        asked = draw_plan(**given, **length, form=form)
        wishes = Wishes(asked, read_prompt(prompt), form, tail_seconds, self.planner.vocabulary)
        text, mask = (part.cpu() for part in self.encode_text([prompt]))
        grammar = self._written(wishes, text.float(), mask, seconds, seed)
        found = draw_plan(
            style=wishes.style(grammar),
            prompt=prompt,
            bpm=wishes.tempo_bpm,
            key=grammar.key,
            metre=grammar.metre,
            form=[(draft.kind, draft.bars) for draft in grammar.sections],
            **length,
        )
        sources = {
            name: WRITTEN if source == "drawn" else source for name, source in asked.sources.items()
        }
        return replace(rewritten(found, grammar), sources=sources | {"plan": WRITTEN})

    def _written(
        self, wishes: "Wishes", text: Tensor, mask: Tensor, seconds: float, seed: int
    ) -> Grammar:
        planner, generator = self.planner, torch.Generator().manual_seed(seed % 2**63)
        grammar = Grammar(planner.vocabulary)
        cache = planner.begin(text, mask, seconds)
        token, position = planner.vocabulary.token("start"), 0
        while not grammar.finished:
            logits = planner.step(token, grammar.countdown, position, cache)
            token = sample(logits, wishes.allowed(grammar), generator)
            if grammar.expects == "tempo":
                token = wishes.settle_tempo(token, grammar)
            grammar.accept(token)
            position += 1
        return grammar


class Wishes:
    """What a plan must hold: tempo, key, metre, style, form and instrument families."""

    def __init__(
        self,
        asked: Plan,
        facts: PromptFacts,
        form: Form | None,
        tail_seconds: float,
        vocabulary: Vocabulary,
    ) -> None:
        self.asked, self.facts, self.form = asked, facts, form
        self.tail_seconds, self.vocabulary = tail_seconds, vocabulary
        self.tempo_bpm = asked.tempo_bpm
        self._said = {name for name, source in asked.sources.items() if source != "drawn"}
        self._without = facts.without if len(facts.without) < len(FAMILIES) else frozenset()

    def style(self, grammar: Grammar) -> str:
        """The style that was asked for, else the one that was written."""
        written = self.vocabulary.styles[grammar.header["style"]]
        return self.asked.style if "style" in self._said else written

    def allowed(self, grammar: Grammar) -> np.ndarray:
        """Which tokens may come next, bool (vocabulary,): at least one."""
        mask = grammar.allowed()
        only = self._only(grammar)
        if only is not None:
            narrowed = np.zeros_like(mask)
            narrowed[only] = True
            return mask & narrowed
        if grammar.expects == "family":
            self._narrow_families(mask, grammar)
        return mask

    def settle_tempo(self, token: int, grammar: Grammar) -> int:
        """The tempo that was asked for, else the one near `token` at which whole bars fill the
        length; from here on the length of the piece in bars is known."""
        seconds, metre = self.asked.seconds, grammar.metre
        if "tempo" not in self._said:
            drawn = MIN_BPM + self.vocabulary.meaning(token)[1]
            self.tempo_bpm = fitting_tempo(
                drawn, (MIN_BPM, MAX_BPM), metre, seconds, self.tail_seconds
            )
        bar_seconds = metre * 60 / self.tempo_bpm
        fitting = max(math.floor((seconds - self.tail_seconds) / bar_seconds + 1e-9), 1)
        grammar.bars = sum(bars for _, bars in self.form) if self.form else fitting
        return self.vocabulary.token("tempo", round(self.tempo_bpm - MIN_BPM))

    def _only(self, grammar: Grammar) -> list[int] | None:
        """The tokens that a wish leaves; None where there is no wish."""
        token, asked, expects = self.vocabulary.token, self.asked, grammar.expects
        if expects == "metre" and "metre" in self._said:
            return [token("metre", METRES.index(asked.metre))]
        if expects == "key" and "key" in self._said:
            tonics = range(12) if self._mode_alone else [asked.key.tonic]
            return [token("key", tonic + 12 * (asked.key.mode == "minor")) for tonic in tonics]
        if expects == "style" and "style" in self._said and asked.style in self.vocabulary.styles:
            return [token("style", self.vocabulary.styles.index(asked.style))]
        if self.form is None:
            return None
        if expects == "kind":
            return [token("kind", SECTIONS.index(self.form[len(grammar.sections)][0]))]
        if expects == "bars":
            left = self.form[len(grammar.sections) - 1][1] - grammar.more
            return [token("more") if left > MAX_BARS else token("bars", left - 1)]
        return None

    @property
    def _mode_alone(self) -> bool:
        """Whether of the key only major or minor was said."""
        return self.asked.sources["key"] == "prompt" and self.facts.key is None

    def _narrow_families(self, mask: np.ndarray, grammar: Grammar) -> None:
        """Without the families that are unwanted, and none passed over that is wanted."""
        numbers, draft = self.vocabulary.ranges["family"], grammar.sections[-1]
        for name in self._without:
            mask[numbers[FAMILIES.index(name)]] = False
        wanted = self.facts.families if draft.kind in _TUNEFUL else frozenset()
        missing = [i for i, name in enumerate(FAMILIES) if name in wanted - set(draft.families)]
        missing = [i for i in missing if mask[numbers[i]]]
        if missing:
            mask[numbers[missing[0]] + 1 :] = False


def sample(logits: Tensor, allowed: np.ndarray, generator: torch.Generator) -> int:
    """One of the allowed tokens: the likeliest that together have `TOP_P`, at `TEMPERATURE`."""
    choices = np.flatnonzero(allowed)
    if len(choices) == 1:
        return int(choices[0])
    shares = (logits[torch.from_numpy(choices)].double() / TEMPERATURE).softmax(dim=-1)
    ordered, order = shares.sort(descending=True, stable=True)
    kept = ordered.cumsum(dim=-1) - ordered < TOP_P
    drawn = torch.multinomial(ordered * kept, 1, generator=generator)
    return int(choices[order[drawn]])
