"""Prompts become conditions: text, timing, musical controls and the time-aligned guide."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longform.dit.condition import Condition, marked
from longform.dit.config import ConditionerConfig, GuideFeature
from longform.dit.features import NumberEmbedding, position_features

__all__ = ["Condition", "Conditioner", "Prompts"]

KEYS = 24
METRES = 16
TEMPO_BPM = (20.0, 400.0)
_CONTROL_FREQUENCIES = 16


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """A batch of wishes. What is absent is None, NaN or -1, item by item.

    Attributes:
        text: text features, (b, n, text_width), or None for no text at all
        text_mask: (b, n), True on real tokens; an item without any has no text
        seconds_start, seconds_total: where the window starts and how long the piece is, (b,)
        frames: latent frames of the window
        tempo_bpm: (b,), NaN where absent; None when all are
        key: tonic 0..11, plus 12 for minor, (b,), -1 where absent
        metre: beats per bar 1..16, (b,), -1 where absent
        guide: (b, frames, feature_channels), or None
        guide_mask: which guide features are given, (b, features); None when all are
        known: latents to keep, of the denoiser, (b, frames, d), for models trained to inpaint
        known_mask: which frames of them to keep, (b, frames)
        context: latents of a recording to answer, of the denoiser, (b, frames, d), or None
        context_mask: which frames of it there are, (b, frames)
        numbers: further numbers that a model of the family may be told, (b,) each
    """

    text: Tensor | None
    text_mask: Tensor | None
    seconds_start: Tensor
    seconds_total: Tensor
    frames: int
    tempo_bpm: Tensor | None = None
    key: Tensor | None = None
    metre: Tensor | None = None
    guide: Tensor | None = None
    guide_mask: Tensor | None = None
    known: Tensor | None = None
    known_mask: Tensor | None = None
    context: Tensor | None = None
    context_mask: Tensor | None = None
    numbers: Mapping[str, Tensor] = field(default_factory=dict)


class Controls(nn.Module):
    """Tempo, key and metre as one token each; an absent one is a learned vector of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        low, high = (math.log2(bpm) for bpm in TEMPO_BPM)
        self.tempo = NumberEmbedding(low, high, _CONTROL_FREQUENCIES, width)
        self.no_tempo = nn.Parameter(torch.zeros(width))
        self.key = nn.Embedding(KEYS + 1, width)
        self.metre = nn.Embedding(METRES + 1, width)

    def forward(self, prompts: Prompts) -> Tensor:
        """(b, 3, width)."""
        unset = torch.full_like(prompts.seconds_start, -1)
        tempo = unset * math.nan if prompts.tempo_bpm is None else prompts.tempo_bpm.float()
        key = unset if prompts.key is None else prompts.key
        metre = unset if prompts.metre is None else prompts.metre
        absent = tempo.isnan()[:, None]
        known = self.tempo(tempo.nan_to_num(TEMPO_BPM[0]).clamp(*TEMPO_BPM).log2())
        tokens = [
            torch.where(absent, self.no_tempo.to(known.dtype), known),
            self.key((key.long() + 1).clamp(0, KEYS)),
            self.metre((metre.long() + 1).clamp(0, METRES)),
        ]
        return torch.stack([token.to(known.dtype) for token in tokens], dim=1)


class Conditioner(nn.Module):
    """Everything the denoiser is told, from one batch of prompts.

    Tokens: text | seconds_start | seconds_total | tempo | key | metre. Global vector: seconds_start
    | seconds_total | mean of the text | sum of the controls. Guide: features | given flags |
    positions. Context: whether it is there | its latents. The parts beyond text and timing are
    there when the configuration has them.
    """

    def __init__(self, config: ConditionerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.token_width

        def seconds() -> NumberEmbedding:
            return NumberEmbedding(0.0, config.seconds_max, config.number_frequencies, width)

        self.seconds_start = seconds()
        self.seconds_total = seconds()
        if config.project_text:
            self.text_norm = nn.LayerNorm(config.text_width)
            self.text_projection = nn.Linear(config.text_width, width)
            self.no_text = nn.Parameter(torch.randn(width) / math.sqrt(width))
        if config.controls:
            self.controls = Controls(width)

    def forward(self, prompts: Prompts) -> Condition:
        """The condition of each item."""
        text, mask = self._text(prompts)
        start = self.seconds_start(prompts.seconds_start)
        total = self.seconds_total(prompts.seconds_total)
        tokens, parts = [text, start[:, None], total[:, None]], [start, total]
        if self.config.global_text:
            weights = mask[..., None].to(text.dtype)
            parts.append((text * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1))
        if self.config.controls:
            controls = self.controls(prompts)
            tokens.append(controls)
            parts.append(controls.sum(dim=1))
        row = torch.cat([token.to(text.dtype) for token in tokens], dim=1)
        shown = None
        if self.config.mask_text:
            shown = F.pad(mask, (0, row.shape[1] - text.shape[1]), value=True)
        return Condition(
            row,
            shown,
            torch.cat(parts, dim=-1),
            self._guide(prompts),
            context=self._context(prompts),
        )

    @property
    def guide_features(self) -> tuple[GuideFeature, ...]:
        """Features of a guide that it reads."""
        return self.config.guide_features

    @property
    def reads_controls(self) -> bool:
        """Whether tempo, key and metre reach the denoiser as anything but words."""
        return self.config.controls

    reads_known = False
    """Whether the denoiser is told what to keep, as models trained to inpaint are."""
    reads_start = True
    """Whether the denoiser is told where in the piece its window starts."""

    @property
    def hears_context(self) -> bool:
        """Whether it can be given a recording to answer."""
        return self.config.context_latents > 0

    def unwanted(self, prompts: Prompts) -> Condition:
        """The condition of a negative prompt."""
        return self(prompts)

    def null(self, condition: Condition, *, keep_guide: bool = False) -> Condition:
        """The unconditional branch of guidance, and what condition dropout puts in training.

        As in the reference, all cross-attention tokens (timing included) become zeros while timing
        stays in the global vector; text and controls leave that vector. The guide's features go too
        unless `keep_guide`, so that guidance strengthens the guide as well; positions stay, and so
        does a recording to answer.
        """
        width = 2 * self.config.token_width
        global_ = torch.cat(
            [condition.global_[:, :width], torch.zeros_like(condition.global_[:, width:])], dim=-1
        )
        null = replace(condition, tokens=torch.zeros_like(condition.tokens), global_=global_)
        return null if keep_guide else self.without_guide(null)

    def without_guide(self, condition: Condition) -> Condition:
        """The same condition with no guide feature given."""
        if condition.guide is None:
            return condition
        positions = self.config.feature_channels + len(self.config.guide_features)
        guide = torch.cat(
            [
                torch.zeros_like(condition.guide[..., :positions]),
                condition.guide[..., positions:],
            ],
            dim=-1,
        )
        return replace(condition, guide=guide)

    def without_context(self, condition: Condition) -> Condition:
        """The same condition with no recording to answer."""
        if condition.context is None:
            return condition
        return replace(condition, context=torch.zeros_like(condition.context))

    def _context(self, prompts: Prompts) -> Tensor | None:
        if not self.config.context_channels:
            return None
        shape = (len(prompts.seconds_start), prompts.frames, self.config.context_channels)
        return marked(prompts.context, prompts.context_mask, shape, prompts.seconds_start)

    def _text(self, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """Text tokens (b, n, token_width), zero on padding, and their mask (b, n)."""
        if prompts.text is None or prompts.text_mask is None:
            text = prompts.seconds_start.new_zeros(
                len(prompts.seconds_start), 1, self.config.text_width
            )
            mask = text.new_zeros(text.shape[:2], dtype=torch.bool)
        else:
            text, mask = prompts.text, prompts.text_mask
        if not self.config.project_text:
            return text * mask[..., None], mask
        tokens = self.text_projection(self.text_norm(text.float()))
        absent = ~mask.any(dim=1, keepdim=True)  # (b, 1)
        first = torch.arange(text.shape[1], device=text.device) == 0
        tokens = torch.where((absent & first)[..., None], self.no_text.to(tokens.dtype), tokens)
        mask = mask | (absent & first)
        return tokens * mask[..., None], mask

    def _guide(self, prompts: Prompts) -> Tensor | None:
        """Features, their flags and positions, (b, frames, guide_channels)."""
        config = self.config
        if not config.guide_channels:
            return None
        batch, parts = len(prompts.seconds_start), []
        if config.guide_features:
            parts += self._features(prompts, batch)
        if config.position_features:
            parts.append(
                position_features(
                    prompts.seconds_start,
                    prompts.seconds_total,
                    prompts.frames,
                    config.latent_rate_hz,
                )
            )
        return torch.cat(parts, dim=-1)

    def _features(self, prompts: Prompts, batch: int) -> list[Tensor]:
        """Guide features with absent ones at zero, and one flag per feature, per frame."""
        names = self.config.guide_features
        device = prompts.seconds_start.device
        if prompts.guide is None:
            channels = self.config.feature_channels + len(names)
            return [torch.zeros(batch, prompts.frames, channels, device=device)]
        assert prompts.guide.shape[1:] == (prompts.frames, self.config.feature_channels)
        given = prompts.guide_mask
        given = torch.ones(batch, len(names), device=device) if given is None else given.float()
        widths = torch.tensor([name.stop - name.start for name in names], device=device)
        channels = given.repeat_interleave(widths, dim=1, output_size=self.config.feature_channels)
        flags = given[:, None].expand(-1, prompts.frames, -1)
        return [prompts.guide.float() * channels[:, None], flags]
