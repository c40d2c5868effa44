"""The shape of the two towers; the defaults are those of `mini` (4.9M parameters together)."""

from dataclasses import dataclass, field

from longform.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """The text tower: token ids to a sequence of hidden states and one embedding."""

    vocabulary: int = 8192
    max_tokens: int = 64
    table_width: int = 128
    width: int = 256
    layers: int = 4
    heads: int = 4
    expansion: int = 2

    def __post_init__(self) -> None:
        if self.layers < 2:
            raise UserError(f"text layers {self.layers}: the next-to-last layer needs at least 2")
        _check_heads("text", self.width, self.heads)


@dataclass(frozen=True, kw_only=True)
class AudioConfig:
    """The audio tower: a log-mel spectrogram to one embedding per window of `window_frames`."""

    sample_rate: int = 44_100
    fft_samples: int = 2048
    hop_samples: int = 1024
    bands: int = 96
    low_hz: float = 30.0
    high_hz: float = 16_000.0
    window_frames: int = 432
    width: int = 192
    conv_blocks: int = 3
    layers: int = 3
    heads: int = 3
    expansion: int = 2

    def __post_init__(self) -> None:
        if self.window_frames % 8:
            raise UserError(f"audio window_frames {self.window_frames} is not a multiple of 8")
        if self.high_hz > self.sample_rate / 2:
            raise UserError(
                f"audio high_hz {self.high_hz} lies above half of {self.sample_rate} Hz"
            )
        _check_heads("audio", self.width, self.heads)

    @property
    def frame_rate_hz(self) -> float:
        """Log-mel frames per second."""
        return self.sample_rate / self.hop_samples

    @property
    def window_seconds(self) -> float:
        """Seconds of audio that one window of the tower covers."""
        return self.window_frames / self.frame_rate_hz


@dataclass(frozen=True, kw_only=True)
class ClapConfig:
    """Both towers and the width `e` of the space that they share."""

    embedding_width: int = 256
    text: TextConfig = field(default_factory=TextConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)


def _check_heads(tower: str, width: int, heads: int) -> None:
    if width % heads:
        raise UserError(f"{tower} width {width} is not a multiple of its {heads} heads")
