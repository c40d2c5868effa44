"""What a run gives back."""

from dataclasses import dataclass, field
from typing import Any

from longform.riff import Marks
from longform.waveform import Waveform


@dataclass(frozen=True)
class Result:
    """A finished piece, what is known about it, and the seconds that each stage took.

    Jobs return a subclass that carries what they measured on the finished audio as well.
    """

    waveform: Waveform
    facts: dict[str, Any]
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, Any]:
        """The measurements as plain numbers, by name; empty where nothing was measured."""
        return {}

    @property
    def marks(self) -> Marks | None:
        """Tempo and sections of a piece with an asked or written plan; loop points of a loop."""
        if not {"plan", "written"} & self.facts.keys() or "tempo_bpm" not in self.facts:
            return None
        rate = self.waveform.sample_rate
        return Marks(
            tempo_bpm=self.facts["tempo_bpm"],
            metre=self.facts["metre"],
            beats=round(self.waveform.seconds * self.facts["tempo_bpm"] / 60),
            cues=[(name, round(start * rate)) for name, start in self.facts["sections"]],
        )
