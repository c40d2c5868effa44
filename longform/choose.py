"""Choosing among takes: each is listened to, and what was heard decides, in numbers one can read.

    score = match + tempo + key - faults

`match` is the cosine of the take and the prompt in the space of CLAP; `tempo` is 0.5 when the tempo
heard is the one planned; `key` is 0.5 for the planned key and less for its relatives (the weights
of MIREX); every fault (silence, static, clipping, broken stereo, a seam) costs 0.5.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from longform.waveform import Waveform

if TYPE_CHECKING:
    from longform.pipeline import Pipeline
    from longform.train.evaluate.key import Relation

MAX_TAKES = 16
TEMPO_WORTH, KEY_WORTH, FAULT_COST = 0.5, 0.5, 0.5
MIN_SECONDS = 2.0  # below that there is neither tempo nor key to be heard


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard in a take, beside what it should be (None: nothing was asked or planned).

    Attributes:
        match: cosine with the prompt, -1..1; None where it was not measured.
        tempo_bpm, key: as estimated; None in what is too short or silent.
        tempo_obeyed: within 4 % of the wanted tempo, half or double of it included.
        key_relation: "exact", "relative", "fifth", "parallel" or "other" to the wanted key.
        faults: names of what is wrong with the signal.
    """

    item: int
    wanted_bpm: float | None = None
    wanted_key: str | None = None
    match: float | None = None
    tempo_bpm: float | None = None
    tempo_obeyed: bool | None = None
    key: str | None = None
    key_relation: "Relation | None" = None
    faults: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """The larger, the better; see the module."""
        from longform.train.evaluate.clips import MIREX_WEIGHTS

        tempo = TEMPO_WORTH * bool(self.tempo_obeyed)
        key = KEY_WORTH * MIREX_WEIGHTS[self.key_relation] if self.key_relation else 0.0
        return (self.match or 0.0) + tempo + key - FAULT_COST * len(self.faults)

    @property
    def obeys(self) -> bool:
        """Whether tempo and key, where wanted, are what was wanted."""
        return self.tempo_obeyed is not False and self.key_relation in (None, "exact")

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "score": round(self.score, 4), "obeys": self.obeys}


def hear(
    waveform: Waveform,
    *,
    item: int = 0,
    wanted_bpm: float | None = None,
    wanted_key: str | None = None,
    match: float | None = None,
) -> Heard:
    """Listen to a take; a take under `MIN_SECONDS` is judged by its match alone."""
    wanted = {"item": item, "wanted_bpm": wanted_bpm, "wanted_key": wanted_key, "match": match}
    if waveform.seconds < MIN_SECONDS:
        return Heard(**wanted)
    from longform.music.theory import Key
    from longform.train.evaluate.clips import listen
    from longform.train.evaluate.structure import SEAM_RATIO
    from longform.train.evaluate.tempo import TOLERANCE

    asked_key = Key.parse(wanted_key) if wanted_key else None
    clip = listen(waveform, name=str(item), asked_bpm=wanted_bpm, asked_key=asked_key)
    error, signal = clip.tempo_error, clip.signal
    faults = {
        "silent": signal.silent,
        "static": signal.static,
        "clipped": signal.clipped,
        "stereo": not signal.stereo_correct,
        "seam": clip.seam_ratio > SEAM_RATIO,
    }
    return Heard(
        **wanted,
        tempo_bpm=clip.heard_bpm or None,
        tempo_obeyed=None if error is None else error <= TOLERANCE,
        key=None if clip.heard_key is None else str(clip.heard_key),
        key_relation=clip.relation,
        faults=tuple(name for name, found in faults.items() if found),
    )


def clap_match(
    pipe: "Pipeline",
    waveform: Waveform,
    prompt: str,
    like: Waveform | None = None,
    like_amount: float = 0.0,
) -> float | None:
    """Cosine of a take and a prompt in the space of the model's own CLAP towers, if it has them.

    A recording to be `like` counts by its amount, and the prompt by the rest.
    """
    from longform.clap.reader import ClapReader

    reader = pipe.encode_text
    if not isinstance(reader, ClapReader):
        return None
    heard = reader.hear(waveform)
    spoken = float(heard @ reader.embed([prompt])[0])
    if like is None:
        return spoken
    return (1 - like_amount) * spoken + like_amount * float(heard @ reader.hear(like))


def ranking(takes: Sequence[Heard]) -> list[int]:
    """Indices of the takes, the best first, the earlier of equals first."""
    return sorted(range(len(takes)), key=lambda index: (-takes[index].score, index))


def badge(heard: Heard, asked: Collection[str] = ("tempo", "key")) -> str:
    """One line such as "asked 124 BPM, heard 124.1; asked A minor, heard A minor".

    What is not among `asked` was the plan's own choice.
    """
    parts = []
    if heard.wanted_bpm is not None:
        verb = "asked" if "tempo" in asked else "planned"
        tempo = "nothing" if heard.tempo_bpm is None else f"{heard.tempo_bpm:.1f}"
        parts.append(f"{verb} {heard.wanted_bpm:g} BPM, heard {tempo}{_octave(heard)}")
    if heard.wanted_key is not None:
        verb = "asked" if "key" in asked else "planned"
        parts.append(f"{verb} {heard.wanted_key}, heard {heard.key or 'no key'}")
    return "; ".join(parts)


def table(takes: Sequence[Heard], chosen: int) -> str:
    """The takes as a small table of plain text, the chosen one marked."""
    rows = [("", "take", "match", "tempo", "key", "faults", "score")]
    verdicts = {None: "", True: " ok", False: " no"}
    for index, one in enumerate(takes):
        row = (
            "*" if index == chosen else "",
            str(index + 1),
            "-" if one.match is None else f"{one.match:.3f}",
            f"{one.tempo_bpm:.1f}{verdicts[one.tempo_obeyed]}" if one.tempo_bpm else "-",
            f"{one.key} {one.key_relation or ''}" if one.key else "-",
            " ".join(one.faults) or "none",
            f"{one.score:.3f}",
        )
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in padded)


def _octave(heard: Heard) -> str:
    """Says so when half or double the wanted tempo was heard, which counts as the same pulse."""
    if not heard.tempo_obeyed or heard.tempo_bpm is None or heard.wanted_bpm is None:
        return ""
    ratio = heard.tempo_bpm / heard.wanted_bpm
    return " (half time)" if ratio < 0.75 else " (double time)" if ratio > 1.5 else ""
