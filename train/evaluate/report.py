"""The whole evaluation of a folder of clips: every section that its inputs allow, as one report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from longform.audio import Waveform
from longform.bundle import Bundle
from longform.progress import OnProgress, quiet
from longform.train.evaluate.autoencoder import evaluate_autoencoder
from longform.train.evaluate.clips import summarise
from longform.train.evaluate.definitions import DEFINITIONS
from longform.train.evaluate.distances import SMALLEST, frechet_distance
from longform.train.evaluate.figures import (
    Figures,
    as_long,
    clip_row,
    put_attainable,
    put_autoencoder,
    put_distribution,
    put_diversity,
    put_obedience,
    put_structure,
    signal_figures,
)
from longform.train.evaluate.full import Sides, put_full
from longform.train.evaluate.generation import prompt_match
from longform.train.evaluate.inventory import find_clips, find_real, median_seconds
from longform.train.evaluate.measure import (
    Measured,
    measure_all,
    single_thread,
    towers,
    window_embeddings,
)
from longform.train.evaluate.nearest import put_by_clap, put_by_latents
from longform.train.evaluate.targets import outcomes
from longform.train.evaluate.zeroshot import (
    Words,
    embed_words,
    family_auc,
    style_confusion,
    style_probabilities,
    text_vectors,
    top_share,
)

FORMAT = 1
REAL_PIECES = 64
KNOWN_PIECES = 1_000_000  # of which a clip may be told by the same words as one
AUTOENCODER_PIECES = 16


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is evaluated, and against what; without `reference` or `training` sections are absent.

    Attributes:
        clips: folder of audio whose tags, report.json or side-cars say what was asked.
        scorer: the bundle whose CLAP listens; keep it the same to compare models.
        model: the bundle whose autoencoder is measured.
        reference: corpus of real pieces.
        split: which of them no part was trained on, "test" or "all"; None takes the test split
            where `reference` is the training corpus itself, and else all of it.
        training: corpus that the model was trained on.
        latents: folder of `longform train encode` of that corpus.
        full: folder of weights for published scores, see `longform.train.evaluate.full`.
        cache: folder where embeddings of a training corpus that is read-only are kept.
    """

    clips: Path
    cache: Path
    scorer: str = "mini"
    model: str | None = None
    reference: Path | None = None
    training: Path | None = None
    latents: Path | None = None
    full: Path | None = None
    seed: int = 0
    jobs: int = 1
    split: str | None = None

    @property
    def held_out(self) -> str:
        """The split of `reference` that stands for real music."""
        if self.split is not None:
            return self.split
        if self.reference is None or self.training is None:
            return "all"
        return "test" if self.reference.resolve() == self.training.resolve() else "all"


@dataclass
class Evaluation:
    """The figures, the sections that are absent and why, and what the pictures are made of."""

    made: list[Measured]
    real: list[Measured]
    figures: Figures = field(default_factory=Figures)
    absent: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self, about: dict[str, Any]) -> dict[str, Any]:
        """The report: every figure with its unit; definitions are those of this version."""
        return {
            "format": FORMAT,
            **about,
            "clips": len(self.made),
            "real_pieces": len(self.real),
            "figures": {
                name: entry | {"unit": DEFINITIONS[name].unit, "title": DEFINITIONS[name].title}
                for name, entry in self.figures.values.items()
            },
            "targets": [one.to_json() for one in outcomes(self.figures.values)],
            "absent": self.absent,
            "details": self.details,
            "each": [clip_row(one) for one in self.made],
        }


def evaluate(inputs: Inputs, on_progress: OnProgress = quiet) -> Evaluation:
    """Measure everything; deterministic, and the same for any number of jobs.

    Raises:
        UserError: a folder or model that is not there or holds nothing usable.
    """
    clips = find_clips(inputs.clips)
    seconds = median_seconds(clips)
    known = []
    if inputs.reference is not None:
        known = find_real(
            inputs.reference,
            seconds=seconds,
            seed=inputs.seed,
            count=REAL_PIECES if inputs.full is None else KNOWN_PIECES,
            split=inputs.held_out,
        )
    pieces = known[:REAL_PIECES]
    settings = {"jobs": inputs.jobs, "on_progress": on_progress}
    done = Evaluation(
        made=measure_all(clips, inputs.scorer, stage="clips", **settings),
        real=measure_all(pieces, inputs.scorer, stage="real pieces", **settings),
    )
    done.figures.put_all(signal_figures, done.made, done.real)
    put_obedience(done.figures, done.made, done.real)
    done.details["keys"] = summarise([one.clip for one in done.made])["key"]["relations"]
    with single_thread():
        tags = _hear_words(done, inputs)
        _form(done, inputs)
        if done.real:
            found = put_distribution(done.figures, done.made, done.real, tags, inputs.seed)
            done.details["distribution"] = found
        else:
            put_diversity(done.figures, done.made, [])
            done.absent["distribution"] = "needs --reference: real pieces of the same kind"
        _memorisation(done, inputs, on_progress)
        _autoencoder(done, inputs, on_progress)
        _model(done, inputs)
        if inputs.full is not None:
            sides = Sides(made=clips, real=pieces, known=known, **settings)
            found = put_full(done.figures, done.absent, sides, inputs.full)
            done.details["full"] = found
    done.figures.sort()
    return done


def _form(done: Evaluation, inputs: Inputs) -> None:
    """Structure, beside those real pieces that are as long as the clips."""
    real = as_long(done.made, done.real)
    enough = real if len(real) >= SMALLEST else []
    put_structure(done.figures, done.made, enough, inputs.seed)
    if done.real and not enough:
        done.absent["structure of real pieces"] = (
            f"{len(real)} of {len(done.real)} are about as long as the clips, {SMALLEST} are needed"
        )


def _hear_words(done: Evaluation, inputs: Inputs) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Style, instruments and prompt through CLAP; the style probabilities of either population."""
    clap, tokenizer = towers(inputs.scorer), Bundle.load(inputs.scorer).tokenizer()
    words = embed_words(clap, tokenizer)
    heard = [_heard(clips, words) for clips in (done.made, done.real)]
    for name, count in (("style_top1", 1), ("style_top3", 3)):
        shares = [
            top_share(one, [x.asked.style for x in clips], count)
            for one, clips in zip(heard, (done.made, done.real), strict=True)
        ]
        done.figures.put(f"obedience.{name}", shares[0], shares[1], count / len(words.styles))
    areas = [
        family_auc(_stack(clips), words, [x.asked.families for x in clips]) if clips else {}
        for clips in (done.made, done.real)
    ]
    means = [float(np.mean(list(one.values()))) if one else None for one in areas]
    done.figures.put("obedience.instruments", means[0], means[1], 0.5)
    done.details["instruments_roc"] = {"clips": areas[0], "real": areas[1]}
    done.details["style_confusion"] = {
        name: style_confusion(one, [x.asked.style for x in clips]).pairs
        for name, one, clips in zip(("clips", "real"), heard, (done.made, done.real), strict=True)
    }
    matches = [_match(clips, clap, tokenizer, inputs.seed) for clips in (done.made, done.real)]
    for name, key, chance in (
        ("clap_own", "mean_own", "mean_shuffled"),
        ("clap_any", "above_any_share", "chance_share"),
        ("clap_shuffled", "above_shuffled_share", "chance_share"),
    ):
        ours, theirs = matches
        done.figures.put(f"obedience.{name}", ours.get(key), theirs.get(key), ours.get(chance))
    return list(heard[0]), list(heard[1])


def _match(clips: Sequence[Measured], clap: Any, tokenizer: Any, seed: int) -> dict[str, Any]:
    """`prompt_match` of the clips that have a prompt; empty for fewer than two."""
    told = [(one, one.asked.prompt) for one in clips if one.asked.prompt]
    if len(told) < 2:
        return {}
    texts = text_vectors(clap, tokenizer, [text for _, text in told])
    return prompt_match(_stack([one for one, _ in told]) @ texts.T, seed)


def _memorisation(done: Evaluation, inputs: Inputs, on_progress: OnProgress) -> None:
    sides = done.made, done.real
    if inputs.training is None:
        done.absent["memorisation.clap"] = "needs --training: the corpus of the model"
    else:
        done.details["memorisation_clap"] = put_by_clap(
            done.figures,
            sides,
            inputs.training,
            inputs.scorer,
            inputs.cache,
            jobs=inputs.jobs,
            on_progress=on_progress,
        )
    if inputs.latents is None:
        done.absent["memorisation.latents"] = "needs --latents: the encoded corpus of the model"
        return
    model = inputs.model or inputs.scorer
    found = put_by_latents(done.figures, sides, inputs.latents, model, on_progress)
    if found is None:
        done.absent["memorisation.latents"] = "the latents are of another autoencoder"
    else:
        done.details["memorisation_latent"] = found


def _model(done: Evaluation, inputs: Inputs) -> None:
    """How many steps the clips took, and how large the model is."""
    steps = [one.asked.steps for one in done.made if one.asked.steps is not None]
    if inputs.model is not None:
        bundle = Bundle.load(inputs.model)
        files = [path for path in bundle.folder.rglob("*") if path.is_file()]
        done.figures.put("model.size", sum(path.stat().st_size for path in files) / 1e6)
    done.figures.put("model.steps", max(steps, default=None))


def _autoencoder(done: Evaluation, inputs: Inputs, on_progress: OnProgress) -> None:
    if inputs.model is None or inputs.reference is None:
        done.absent["autoencoder"] = "needs --model and --reference"
        return
    clap = towers(inputs.scorer)
    windows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])

    def also(*pair: Waveform) -> None:
        for side, waveform in zip(windows, pair, strict=True):
            side.append(window_embeddings(clap, waveform))

    report = evaluate_autoencoder(
        Bundle.load(inputs.model).autoencoder(),
        inputs.reference,
        count=AUTOENCODER_PIECES,
        seed=inputs.seed,
        split=inputs.held_out,
        also=also,
        on_progress=on_progress,
    )
    put_autoencoder(done.figures, report)
    recorded, decoded = (np.concatenate(side) for side in windows)
    put_attainable(done.figures, frechet_distance(decoded, recorded))
    kept = ("pieces", "latent_rate_hz", "mean", "styles", "artefacts")
    done.details["autoencoder"] = {key: report[key] for key in kept}


def _heard(clips: Sequence[Measured], words: Words) -> np.ndarray:
    if not clips:
        return np.zeros((0, len(words.styles)))
    return style_probabilities(_stack(clips), words)


def _stack(clips: Sequence[Measured]) -> np.ndarray:
    return np.stack([one.embedding for one in clips])
