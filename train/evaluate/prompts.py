"""The prompts that generation is judged on, with what each of them asks for."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from longform.errors import UserError
from longform.music.prompt import read_prompt
from longform.music.theory import Key

MOST_PIECES = 1000


@dataclass(frozen=True, kw_only=True)
class TestPrompt:
    """A prompt; `style`, `tempo_bpm` and `key` are None where the prompt does not state them."""

    __test__ = False  # not a pytest class

    text: str
    style: str | None
    tempo_bpm: float | None
    key: Key | None


def load_prompts(path: str | Path | None = None) -> list[TestPrompt]:
    """The package's 64 prompts, those of a text file, or the captions of a corpus' test split.

    A line is `style, BPM, key, prompt` with tabs between and `-` for what is not stated, or a plain
    prompt, whose words are then read. Empty lines and lines with `#` in front do not count. Of a
    corpus, which is a folder, come the first captions of its pieces by turns of style, then the
    second ones.

    Raises:
        UserError: the file is missing, empty, or a line is malformed; a corpus without test pieces.
    """
    if path is not None and Path(path).is_dir():
        return [_parse(text) for text in _captions(path)]
    try:
        text = (
            files("longform.train.evaluate").joinpath("prompts.txt").read_text("utf-8")
            if path is None
            else Path(path).read_text("utf-8")
        )
    except (OSError, UnicodeDecodeError):
        raise UserError(f"prompt file {str(path)!r} cannot be read as text") from None
    lines = [line.strip() for line in text.splitlines()]
    prompts = [_parse(line) for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise UserError(f"prompt file {str(path)!r} holds no prompt; write one per line")
    return prompts


def _captions(corpus: str | Path) -> list[str]:
    from itertools import zip_longest

    from longform.train.evaluate.selection import select_music

    items = select_music(corpus, split="test", count=MOST_PIECES, seed=0)
    rounds = zip_longest(*(item.captions for item in items))
    return [" ".join(text.split()) for turn in rounds for text in turn if text]


def _parse(line: str) -> TestPrompt:
    if "\t" not in line:
        facts = read_prompt(line)
        return TestPrompt(text=line, style=facts.style, tempo_bpm=facts.bpm, key=facts.key)
    fields = line.split("\t")
    if len(fields) != 4:
        raise UserError(f"prompt line {line!r}: expected style, BPM, key, prompt with tabs between")
    style, tempo, key, text = (None if field == "-" else field for field in fields)
    if text is None:
        raise UserError(f"prompt line {line!r}: the prompt itself is missing")
    try:
        tempo_bpm = float(tempo) if tempo else None
    except ValueError:
        raise UserError(f"prompt line {line!r}: tempo {tempo!r} is not a number") from None
    return TestPrompt(
        text=text, style=style, tempo_bpm=tempo_bpm, key=Key.parse(key) if key else None
    )
