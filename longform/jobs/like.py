"""A recording in place of a prompt, or beside one: music like it, not the same again.

Audio and text share the space of CLAP, so that a recording can stand where words stand (MusicLM,
Agostinelli et al. 2023, arXiv 2301.11325, section 3). What the denoiser reads of words lies one
block in front of that space; `longform.clap.turn` goes back there from what was heard.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longform.clap.reader import ClapReader
from longform.clap.turn import turned
from longform.engine import Engine
from longform.errors import UserError
from longform.listen.beat import hear_beat
from longform.listen.describe import describe
from longform.listen.key import hear_key
from longform.music.draw import MAX_BPM, MIN_BPM
from longform.music.plan import Plan
from longform.music.prompt import PromptFacts, read_prompt
from longform.music.styles import STYLES
from longform.music.words import EFFECT_WORDS
from longform.request import Request, like_amount
from longform.result import Result
from longform.waveform import Waveform


@dataclass(frozen=True, kw_only=True, eq=False)
class Liked:
    """What a recording asks for.

    Attributes:
        request: the person's own, with what it leaves open as heard: style, tempo and key
        text: what the denoiser reads in place of a prompt, tokens (1, n, w) and their mask (1, n)
        amount: how much the recording counts beside the prompt, 0 to 1
        embedding: the recording in the shared space, (e,)
        words: the style or effect that the recording is heard as
        heard: which of "style", "tempo" and "key" are not the person's own
    """

    request: Request
    text: tuple[Tensor, Tensor]
    amount: float
    embedding: Tensor
    words: str
    heard: frozenset[str]

    def facts(self, plan: Plan | None) -> dict[str, Any]:
        """What was heard, and where the plan's values are from."""
        told = {"amount": self.amount, "words": self.words, "heard": sorted(self.heard)}
        facts: dict[str, Any] = {"like": told}
        if plan is not None:
            facts["sources"] = dict(plan.sources) | dict.fromkeys(sorted(self.heard), "heard")
        return facts


@dataclass(frozen=True)
class LikeResult(Result):
    """A piece like a recording; `similarity` is their cosine in the space of CLAP, -1 to 1."""

    similarity: float = 0.0

    @property
    def measured(self) -> dict[str, Any]:
        return {"similarity": self.similarity}


def liken(engine: Engine, request: Request, recording: Waveform | None) -> Liked | None:
    """What a recording asks for beside `request`; None without one.

    Raises:
        UserError: an amount without a recording, a silent one, or a model that cannot listen.
    """
    if recording is None:
        if request.like_amount is not None:
            raise UserError("a like amount needs the recording that it counts for (--like FILE)")
        return None
    reader = engine.encode_text
    if not isinstance(reader, ClapReader):
        raise UserError(
            f"model {engine.bundle.name!r} cannot listen: its text encoder is no CLAP with an "
            "audio tower; describe the recording in words, or use a model such as mini"
        )
    if not recording.samples.any():
        raise UserError("the recording to be like is silent, or empty")
    heard = reader.hear(recording)
    words = _nearest(reader, heard)
    start = request.prompt or words
    amount = like_amount(request.prompt, request.like_amount)
    target = F.normalize(torch.lerp(reader.embed([start])[0], heard, amount), dim=-1)
    tokens, mask = reader([start])
    if amount > 0:
        tokens, _ = turned(reader.clap, tokens, mask, target)
    told, found = _told(request, recording, words)
    return Liked(
        request=told,
        text=(tokens, mask),
        amount=amount,
        embedding=heard,
        words=words,
        heard=found,
    )


def alike(engine: Engine, result: Result, liked: Liked) -> LikeResult:
    """The result with its likeness measured."""
    assert isinstance(engine.encode_text, ClapReader)
    similarity = float(engine.encode_text.hear(result.waveform) @ liked.embedding)
    return LikeResult(result.waveform, result.facts, result.timings, round(similarity, 4))


def _nearest(reader: ClapReader, heard: Tensor) -> str:
    """A style in one of its moods, or the name of an effect: whichever sounds most like it."""
    names = [f"{mood} {style.name}" for style in STYLES.values() for mood in style.moods]
    names += EFFECT_WORDS
    return names[int(torch.argmax(reader.embed(names) @ heard))]


def _told(request: Request, recording: Waveform, words: str) -> tuple[Request, frozenset[str]]:
    """The request with the style, tempo and key that it leaves open, and which these are."""
    own, found = read_prompt(request.prompt), set[str]()
    if own.style is None and own.effect is None:
        request = replace(request, prompt=f"{request.prompt}, {words}".removeprefix(", "))
        found |= {"style"}
    facts = read_prompt(request.prompt)
    if request.free or facts.effect is not None:
        return request, frozenset(found)
    curves = describe(recording)
    beat = None if request.bpm or own.bpm else hear_beat(curves.onset)
    if beat is not None:
        request = replace(request, bpm=round(_folded(beat.bpm, facts), 2))
        found |= {"tempo"}
    key = None if request.key or own.key else hear_key(curves)
    if key is not None:
        request = replace(request, key=str(key))
        found |= {"key"}
    return request, frozenset(found)


def _folded(bpm: float, facts: PromptFacts) -> float:
    """The tempo, its half or its double: the one that is most usual for the style."""
    usual = STYLES[facts.style].tempo_bpm[1] if facts.style else 115.0
    octaves = [one for one in (bpm, bpm / 2, 2 * bpm) if MIN_BPM <= one <= MAX_BPM]
    return min(octaves, key=lambda one: abs(np.log2(one / usual)))
