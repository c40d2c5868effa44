"""Whether stems fit the mixes that they answer: python tests/bench/accompany_fit.py MODEL CORPUS

CORPUS is a folder of pieces with their stems that the model was not trained on, for example of

    longform corpus build data/unheard --hours 0.3 --seed 9 --longest 40

or, with `--split validation`, the held-out pieces of one that it was. In each case one stem is
taken out of some seconds of a piece, the model answers the rest with a stem of the same family, and
rhythm and harmony (`longform.jobs.accompany.agreement`) are compared with those against a shuffled
mix: one of another piece. Beside it the same figures of the stems that were taken out.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from longform.audio import read
from longform.jobs.accompany import agreement
from longform.listen.describe import Curves, describe
from longform.pipeline import Pipeline, Request
from longform.train.dataset import STEMS, Item, survey
from longform.train.songbook.captions import stem_captions
from longform.waveform import Waveform, to_db

AUDIBLE_DB = -40.0
MEASURES = ("rhythm", "harmony")


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Some seconds of a piece: what is asked for, the mix without it, and what was taken out."""

    piece: str
    prompt: str
    mix: Waveform
    stem: Waveform


def find_cases(folder: str | Path, split: str | None, count: int, seconds: float) -> list[Case]:
    """Up to `count` cases, of as many pieces and as different stems as there are."""
    pieces = [one for one in survey(folder)[0] if split in (None, one.split)]
    each = [_cases_of(Path(folder), one, seconds) for one in pieces if one.facts.get("stems")]
    rounds = chain.from_iterable(zip_longest(*each))
    return list(islice((case for case in rounds if case is not None), count))


def _cases_of(folder: Path, piece: Item, seconds: float) -> Iterator[Case]:
    """Every stem of every window in which it and the others are audible."""
    paths = {name: folder / STEMS / f"{piece.id}.{name}.flac" for name in piece.facts["stems"]}
    stems = {name: read(path) for name, path in paths.items()}
    whole = np.sum([one.samples for one in stems.values()], axis=0)
    rate, length = piece.sample_rate, round(seconds * piece.sample_rate)
    for start in range(0, whole.shape[1] - length + 1, length):
        part = slice(start, start + length)
        for name, stem in stems.items():
            mix = Waveform(whole[:, part] - stem.samples[:, part], rate)
            taken = Waveform(stem.samples[:, part], rate)
            if min(_level_db(mix), _level_db(taken)) > AUDIBLE_DB:
                (prompt,) = stem_captions(piece.facts, (name,), start, 1)
                yield Case(piece=piece.id, prompt=prompt, mix=mix, stem=taken)


def _level_db(waveform: Waveform) -> float:
    return to_db(float(np.sqrt(np.square(waveform.samples).mean())))


def measure(
    pipe: Pipeline, cases: Sequence[Case], context_guidance: float | None, **settings: Any
) -> np.ndarray:
    """(cases, made or taken out, own or shuffled mix, rhythm or harmony)."""
    mixes = [describe(case.mix) for case in cases]
    rows = []
    for number, case in enumerate(cases):
        request = Request(prompt=case.prompt, seed=number, **settings)
        made = pipe.accompany(case.mix, request, context_guidance=context_guidance)
        other = mixes[_other(cases, number)]
        row = [
            [_fit(mix, describe(stem)) for mix in (mixes[number], other)]
            for stem in (made.waveform, case.stem)
        ]
        columns = zip(*row[0], strict=True)
        cells = "  ".join(f"{own:5.2f} ({shuffled:5.2f})" for own, shuffled in columns)
        print(f"{case.piece:14s} {case.prompt[:48]:48s} {cells}", flush=True)
        rows.append(row)
    return np.array(rows)


def _other(cases: Sequence[Case], number: int) -> int:
    """The next case of another piece."""
    order = [(number + step) % len(cases) for step in range(1, len(cases))]
    return next(one for one in order if cases[one].piece != cases[number].piece)


def _fit(mix: Curves, stem: Curves) -> tuple[float, float]:
    fits = agreement(mix, stem)
    return fits.rhythm, fits.harmony


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line a case, then how often the own mix agrees better than the shuffled one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--split")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--context-guidance", type=float)
    asked = parser.parse_args(arguments)
    cases = find_cases(asked.corpus, asked.split, asked.cases, asked.seconds)
    if len({case.piece for case in cases}) < 2:
        parser.error(f"{asked.corpus}: holds no two pieces with stems of {asked.seconds:g} s")
    pipe = Pipeline.from_pretrained(asked.model)
    table = measure(pipe, cases, asked.context_guidance, steps=asked.steps, guidance=asked.guidance)
    for number, stems in enumerate(("made", "taken out of the piece")):
        own, shuffled = table[:, number, 0], table[:, number, 1]
        print(f"stems {stems}, {len(cases)} cases, own mix against a shuffled one:")
        for column, name in enumerate(MEASURES):
            _report(name, own[:, column], shuffled[:, column])
        _report("mean of both", own.mean(axis=1), shuffled.mean(axis=1))


def _report(name: str, own: np.ndarray, shuffled: np.ndarray) -> None:
    share = 100 * float((own > shuffled).mean())
    print(f"  {name:14s}{own.mean():6.3f} against {shuffled.mean():6.3f}, above in {share:3.0f} %")


if __name__ == "__main__":
    main()
