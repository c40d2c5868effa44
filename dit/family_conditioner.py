"""The conditioner of the Stable Audio family: text features and numbers become a condition.

Which of them the denoiser attends to, sums up in its global vector or finds in front of its frames
is configuration; so is whether what is known for inpainting stands beside the latents (inpainting
models of stable-audio-tools) or is heard by every block (Stable Audio 3).
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from longform.dit.condition import Condition, marked
from longform.dit.conditioner import Prompts
from longform.dit.config import FeatureKind, GuideFeature
from longform.dit.features import NumberEmbedding
from longform.errors import UserError

FREQUENCIES = 128


@dataclass(frozen=True, kw_only=True)
class NumberPart:
    """A number within [low, high] that the denoiser is told, as Fourier features or by a table."""

    id: str
    low: float = 0.0
    high: float
    kind: Literal["number", "integer"] = "number"
    features: FeatureKind = "learned"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(f"number {self.id!r}: low {self.low} must lie below high {self.high}")
        if self.kind == "integer" and self.low != 0:
            raise UserError(f"integer {self.id!r}: low {self.low}; tables of the family start at 0")


@dataclass(frozen=True, kw_only=True)
class FamilyConditionerConfig:
    """What a denoiser of the family is told, and where; the defaults are Stable Audio Open 1.0.

    `padding` says what stands where text is padded: zeros (T5), a learned vector (T5Gemma), or the
    text encoder's own output there (CLAP). `cross_ids` are the tokens to attend to, `global_ids`
    what makes up the global vector, `prepend_ids` the tokens in front of the frames, in order.
    """

    text_id: str = "prompt"
    text_width: int = 768
    token_width: int = 768
    project_text: bool = False
    padding: Literal["zero", "learned", "keep"] = "zero"
    numbers: tuple[NumberPart, ...] = (
        NumberPart(id="seconds_start", high=512.0),
        NumberPart(id="seconds_total", high=512.0),
    )
    cross_ids: tuple[str, ...] = ("prompt", "seconds_start", "seconds_total")
    global_ids: tuple[str, ...] = ("seconds_start", "seconds_total")
    prepend_ids: tuple[str, ...] = ()
    inpaint: Literal["concat", "local"] | None = None
    latent_channels: int = 64

    def __post_init__(self) -> None:
        if not self.project_text and self.text_width != self.token_width:
            raise UserError(
                f"text_width {self.text_width} differs from token_width {self.token_width}; "
                "set project_text: true"
            )
        numbers = {number.id for number in self.numbers}
        for name in (*self.cross_ids, *self.global_ids, *self.prepend_ids):
            if name not in numbers | {self.text_id}:
                raise UserError(f"condition {name!r} is used, but nothing makes it")
        if not self.cross_ids or not self.global_ids:
            raise UserError("a denoiser needs tokens (cross_ids) and a global vector (global_ids)")
        if self.text_id in self.global_ids:
            raise UserError(f"{self.text_id!r} has many tokens and cannot be in global_ids")

    @property
    def global_width(self) -> int:
        """Width of the global vector."""
        return self.token_width * len(self.global_ids)

    @property
    def known_channels(self) -> int:
        """Channels of what is known for inpainting: its mask and the latents."""
        return 1 + self.latent_channels if self.inpaint else 0


class TextPart(nn.Module):
    """Text features (b, n, text_width) -> tokens (b, n, token_width), padding as configured."""

    def __init__(self, config: FamilyConditionerConfig) -> None:
        super().__init__()
        self.config = config
        if config.project_text:
            self.projection = nn.Linear(config.text_width, config.token_width)
        if config.padding == "learned":
            self.padding = nn.Parameter(torch.zeros(config.token_width))

    def forward(self, text: Tensor, mask: Tensor, negative: bool) -> Tensor:
        """`mask` (b, n) is True on real tokens; a negative prompt's padding is always zero."""
        if self.config.project_text:
            text = self.projection(text)
        if self.config.padding == "keep" and not negative:
            return text
        empty = text.new_zeros(1)
        if self.config.padding == "learned" and not negative:
            empty = self.padding.to(text.dtype)
        return torch.where(mask[..., None], text, empty)


class IntegerEmbedding(nn.Module):
    """One whole number in [0, high] as a vector of a table."""

    def __init__(self, high: int, width: int) -> None:
        super().__init__()
        self.int_embedder = nn.Embedding(high + 1, width)

    def forward(self, number: Tensor) -> Tensor:
        """(b,) -> (b, width)."""
        return self.int_embedder(number.long().clamp(0, self.int_embedder.num_embeddings - 1))


class FamilyConditioner(nn.Module):
    """Everything a denoiser of the family is told, from one batch of prompts."""

    def __init__(self, config: FamilyConditionerConfig) -> None:
        super().__init__()
        self.config = config
        self.parts = nn.ModuleDict({config.text_id: TextPart(config)})
        for number in config.numbers:
            self.parts[number.id] = _make_number(number, config.token_width)

    def forward(self, prompts: Prompts, *, negative: bool = False) -> Condition:
        """The condition of each item, every token shown; of a negative prompt if `negative`.

        Raises:
            UserError: a number that the denoiser is told is not among the prompts'.
        """
        config = self.config
        made = {config.text_id: self._text(prompts, negative)}
        for number in config.numbers:
            made[number.id] = self.parts[number.id](_number(prompts, number.id))[:, None]

        def row(names: tuple[str, ...]) -> Tensor:
            return torch.cat([made[name].to(made[names[0]].dtype) for name in names], dim=1)

        return Condition(
            row(config.cross_ids),
            None,
            row(config.global_ids).flatten(1),
            prepend=row(config.prepend_ids) if config.prepend_ids else None,
            concat=self._known(prompts) if config.inpaint == "concat" else None,
            local=self._known(prompts) if config.inpaint == "local" else None,
        )

    guide_features: tuple[GuideFeature, ...] = ()
    """Features of a guide that it reads: none."""
    reads_controls = False
    """Whether tempo, key and metre reach the denoiser as anything but words."""

    @property
    def reads_known(self) -> bool:
        """Whether the denoiser is told what to keep, as models trained to inpaint are."""
        return self.config.inpaint is not None

    @property
    def reads_start(self) -> bool:
        """Whether the denoiser is told where in the piece its window starts."""
        return "seconds_start" in {number.id for number in self.config.numbers}

    hears_context = False
    """Whether it can be given a recording to answer."""

    def unwanted(self, prompts: Prompts) -> Condition:
        """The condition of a negative prompt."""
        return self(prompts, negative=True)

    def null(self, condition: Condition, *, keep_guide: bool = False) -> Condition:
        """The branch that guidance pushes away from: tokens at zero, timing among them; all else,
        the global vector and what is known, stays."""
        prepend = condition.prepend
        return replace(
            condition,
            tokens=torch.zeros_like(condition.tokens),
            prepend=None if prepend is None else torch.zeros_like(prepend),
        )

    def _text(self, prompts: Prompts, negative: bool) -> Tensor:
        text, mask = prompts.text, prompts.text_mask
        if text is None or mask is None:
            text = prompts.seconds_start.new_zeros(len(prompts.seconds_start), 1, 1)
            text = text.expand(-1, -1, self.config.text_width)
            mask = torch.zeros_like(text[..., 0], dtype=torch.bool)
        return self.parts[self.config.text_id](text, mask, negative)

    def _known(self, prompts: Prompts) -> Tensor:
        """Mask | latents where it is 1, (b, frames, known_channels); all zero when nothing is."""
        shape = (len(prompts.seconds_start), prompts.frames, self.config.known_channels)
        return marked(prompts.known, prompts.known_mask, shape, prompts.seconds_start)


def _make_number(part: NumberPart, width: int) -> nn.Module:
    if part.kind == "integer":
        return IntegerEmbedding(int(part.high), width)
    return NumberEmbedding(part.low, part.high, FREQUENCIES, width, part.features)


def _number(prompts: Prompts, name: str) -> Tensor:
    if name in ("seconds_start", "seconds_total"):
        return getattr(prompts, name)
    if name not in prompts.numbers:
        given = ", ".join(prompts.numbers) or "none"
        raise UserError(
            f"this model must be told the number {name!r}; given beyond seconds: {given}"
        )
    return prompts.numbers[name]
