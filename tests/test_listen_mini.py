"""Whether `mini` listens, figures printed: pytest -m slow tests/test_listen_mini.py -rP

Stems are asked for that fit a mix, and pieces that follow a tune; both are compared with what fits
another mix, or another tune, by chance. Pieces come from seeds that no training saw.
"""

from pathlib import Path

import numpy as np
import pytest

from longform.audio import read
from longform.jobs.melody import match
from longform.listen.describe import describe
from longform.listen.melody import hear_melody
from longform.pipeline import Pipeline, Request
from longform.train.corpus import build
from longform.train.dataset import STEMS, survey
from longform.waveform import Waveform
from tests.bench.accompany_fit import find_cases, measure

pytestmark = pytest.mark.slow
SECONDS, CASES, TUNES = 12.0, 40, 16
BETTER_SHARE = 0.75


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    return Pipeline.from_pretrained("mini")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some twenty minutes of unheard pieces with their stems."""
    folder = tmp_path_factory.mktemp("unheard") / "corpus"
    build(folder, hours=0.35, seed=909, effects_share=0, longest_seconds=40)
    return folder


def test_a_stem_fits_its_mix_better_than_another(pipe: Pipeline, corpus: Path) -> None:
    cases = find_cases(corpus, None, CASES, SECONDS)
    assert len(cases) == CASES
    table = measure(pipe, cases, None)
    own, shuffled = table[:, 0, 0], table[:, 0, 1]
    both = (own.mean(axis=1) > shuffled.mean(axis=1)).mean()
    rhythm, harmony = (own > shuffled).mean(axis=0)
    print(f"above a shuffled mix: both {both:.0%}, rhythm {rhythm:.0%}, harmony {harmony:.0%}")
    print(f"means: own {own.mean(axis=0).round(3)}, shuffled {shuffled.mean(axis=0).round(3)}")
    assert both >= BETTER_SHARE


def tunes_of(corpus: Path) -> list[Waveform]:
    """Leads alone, as somebody may hum or play them: those in which a tune is heard."""
    found: list[Waveform] = []
    for piece in survey(corpus)[0]:
        path = corpus / STEMS / f"{piece.id}.lead.flac"
        if not path.is_file():
            continue
        lead = read(path)
        starts = range(0, lead.samples.shape[1], round(SECONDS * lead.sample_rate))
        parts = [lead.samples[:, a : a + round(SECONDS * lead.sample_rate)] for a in starts]
        loudest = max(parts, key=lambda part: float(np.square(part).sum()))
        tune = Waveform(loudest, lead.sample_rate)
        if tune.seconds > SECONDS - 1 and len(hear_melody(tune)) > 4:
            found.append(tune)
    return found[:TUNES]


def test_a_piece_follows_its_tune_and_not_another(pipe: Pipeline, corpus: Path) -> None:
    tunes = tunes_of(corpus)
    assert len(tunes) >= 8
    notes = [hear_melody(tune) for tune in tunes]
    own, other = [], []
    for number, tune in enumerate(tunes):
        request = Request(prompt="folk with a flute melody", seconds=SECONDS, seed=number)
        made = describe(pipe.run(request, melody=tune).waveform)
        own.append(match(notes[number], made))
        strange = [match(one, made) for at, one in enumerate(notes) if at != number]
        other.append(np.mean(strange))
    share = (np.array(own) > np.array(other)).mean()
    print(f"{len(tunes)} tunes: match {np.mean(own):.3f}, with the others {np.mean(other):.3f}")
    print(f"above the mean of the others in {share:.0%}")
    assert share >= BETTER_SHARE
