"""Published scores that need somebody else's weights: measured when the user has them on disk.

Settings of stable-audio-metrics (Evans et al. 2024, 2407.14358, appendix). LAION-CLAP: 48 kHz mono,
peak at -1 dB, fusion of three random crops and the shrunken whole, mean cosine of audio and prompt;
the crops come from a fixed seed. FD_openl3 and KL_passt: see `openl3` and `passt`, whose networks
are here, while their weights are not. Nothing is downloaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch

from longform.audio import Waveform, read
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.distances import frechet_distance
from longform.train.evaluate.figures import Figures
from longform.train.evaluate.inventory import Asked
from longform.train.evaluate.measure import mapped
from longform.train.evaluate.openl3 import load_openl3, openl3_frames
from longform.train.evaluate.passt import load_passt, passt_kl, passt_probabilities
from longform.train.evaluate.peak import peaked

CLAP_RATE_HZ = 48_000
NO_REFERENCE = "needs --reference: real pieces of the same kind"
NO_PAIRS = (
    "no clip's prompt is the caption of one real piece and of no other; let --prompts and "
    "--reference name the same corpus"
)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a score is measured with: `files` in a `folder` of that of --full, and their source."""

    figure: str
    folder: str
    files: tuple[str, ...]
    source: str

    def missing(self, full: Path) -> str | None:
        """The first file that is not there, by its path in the folder of --full."""
        names = (f"{self.folder}/{name}" for name in self.files)
        return next((name for name in names if not (full / name).is_file()), None)


CLAP = Weights(
    figure="obedience.laion_clap",
    folder="laion_clap",
    files=("config.json", "model.safetensors"),
    source="put a LAION-CLAP checkpoint in the layout of transformers (such as "
    "laion/clap-htsat-fused, with safetensors and tokenizer) into FOLDER/laion_clap",
)
OPENL3 = Weights(
    figure="distribution.openl3",
    folder="openl3",
    files=("model.safetensors",),
    source="take the file of torchopenl3's models and give: longform convert "
    "torchopenl3_mel256_music_512.pth.tar FOLDER/openl3 --to tensors",
)
PASST = Weights(
    figure="distribution.passt",
    folder="passt",
    files=("model.safetensors",),
    source="take the file of PaSST's releases and give: longform convert "
    "passt-s-f128-p16-s10-ap.476-swa.pt FOLDER/passt --to tensors",
)
ALL = (CLAP, OPENL3, PASST)


Details = dict[str, int | str]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The clips, the real pieces beside them, and all real pieces that a clip can be paired with.

    `jobs` is how many processes listen; the result does not depend on it.
    """

    made: Sequence[Asked]
    real: Sequence[Asked]
    known: Sequence[Asked] = ()
    jobs: int = 1
    on_progress: OnProgress = quiet


def check_full(folder: Path) -> None:
    """Before anything is made or measured: does the folder hold what `put_full` reads?

    One of the three weights is enough; but a folder that is there has to be whole.

    Raises:
        UserError: no weights, a file is missing or broken; the message says how to get it there.
    """
    begun = [one for one in ALL if (folder / one.folder).is_dir()]
    for one in begun or ALL[:1]:
        name = one.missing(folder)
        if name is not None:
            others = "" if begun else "; the folder openl3 or passt would do, too"
            raise UserError(f"--full {str(folder)!r}: {name} is not there; {one.source}{others}")
    for one, load in ((OPENL3, load_openl3), (PASST, load_passt)):
        if one in begun:
            load(folder / one.folder / one.files[0])


def put_full(figures: Figures, absent: dict[str, str], sides: Sides, folder: Path) -> Details:
    """Add the scores whose weights are there; of the others tell why not, and the way out.

    Returns how much was compared (frames of either side, pairs), and the SHA-256 of the weights.
    """
    details: Details = {}
    for one, put in ((CLAP, _put_clap), (OPENL3, _put_openl3), (PASST, _put_passt)):
        if one.missing(folder) is None:
            why_not = put(figures, details, sides, folder / one.folder)
            if why_not is None:
                with open(folder / one.folder / one.files[-1], "rb") as file:
                    details[f"{one.folder}_sha256"] = file_digest(file, "sha256").hexdigest()
        else:
            why_not = f"{one.folder} is not in the folder of --full; {one.source}"
        if why_not is not None:
            absent[one.figure] = why_not
    return details


def _put_clap(figures: Figures, _: Details, sides: Sides, folder: Path) -> str | None:
    ours, theirs = (
        laion_clap_score(folder, side, sides.on_progress) for side in (sides.made, sides.real)
    )
    figures.put(CLAP.figure, ours, theirs)
    return None if ours is not None else "no clip has a prompt"


def _put_openl3(figures: Figures, details: Details, sides: Sides, folder: Path) -> str | None:
    if not sides.real:
        return NO_REFERENCE
    told = openl3_of(folder / OPENL3.files[0], (*sides.made, *sides.real), sides)
    ours, theirs = (
        np.concatenate(part) for part in (told[: len(sides.made)], told[len(sides.made) :])
    )
    figures.put(OPENL3.figure, frechet_distance(ours, theirs))
    details |= {"openl3_frames": len(ours), "openl3_frames_real": len(theirs)}
    return None


def _put_passt(figures: Figures, details: Details, sides: Sides, folder: Path) -> str | None:
    pairs = paired(sides.made, sides.known)
    if not pairs:
        return NO_PAIRS if sides.known else NO_REFERENCE
    found = passt_of(folder / PASST.files[0], [one for pair in pairs for one in pair], sides)
    divergences = [passt_kl(*both) for both in zip(found[::2], found[1::2], strict=True)]
    figures.put(PASST.figure, float(np.mean(divergences)))
    details["passt_pairs"] = len(pairs)
    return None


def paired(made: Sequence[Asked], known: Sequence[Asked]) -> list[tuple[Asked, Asked]]:
    """Each clip whose prompt is a caption of exactly one of the real pieces, with that piece.

    A caption that several pieces have tells none of them from the others, so it pairs nothing.
    """
    pieces: dict[str, list[Asked]] = {}
    for piece in known:
        for caption in {_plain(text) for text in piece.captions} - {""}:
            pieces.setdefault(caption, []).append(piece)
    found = [(one, pieces.get(_plain(one.prompt or ""), [])) for one in made]
    return [(one, its[0]) for one, its in found if len(its) == 1]


def _plain(text: str) -> str:
    return " ".join(text.split())


def openl3_of(weights: Path, clips: Sequence[Asked], sides: Sides) -> list[np.ndarray]:
    """The frames `(n, 1024)` of each clip."""
    return _heard(_openl3, weights, clips, sides, "OpenL3")


def passt_of(weights: Path, clips: Sequence[Asked], sides: Sides) -> list[np.ndarray]:
    """The probabilities `(527,)` of each clip; a clip that is there twice is heard once."""
    order = {(one.path, one.start_seconds, one.excerpt_seconds): one for one in clips}
    heard = dict(
        zip(order, _heard(_passt, weights, [*order.values()], sides, "PaSST"), strict=True)
    )
    return [heard[one.path, one.start_seconds, one.excerpt_seconds] for one in clips]


def _heard(
    work: Callable[[tuple[Path, Asked]], np.ndarray],
    weights: Path,
    clips: Sequence[Asked],
    sides: Sides,
    stage: str,
) -> list[np.ndarray]:
    done: list[np.ndarray] = []
    for one in mapped(work, [(weights, clip) for clip in clips], sides.jobs):
        done.append(one)
        sides.on_progress(Progress(stage, len(done), len(clips)))
    return done


def _openl3(task: tuple[Path, Asked]) -> np.ndarray:
    return openl3_frames(_openl3_network(task[0]), _waveform(task[1]))


def _passt(task: tuple[Path, Asked]) -> np.ndarray:
    return passt_probabilities(_passt_network(task[0]), _waveform(task[1]))


_openl3_network, _passt_network = cache(load_openl3), cache(load_passt)
"""Loaded once per process."""


def _waveform(clip: Asked) -> Waveform:
    return read(clip.path, start_seconds=clip.start_seconds, seconds=clip.excerpt_seconds)


def laion_clap_score(
    folder: Path, clips: Sequence[Asked], on_progress: OnProgress = quiet
) -> float | None:
    """Mean cosine of clips and their prompts; None where there is no prompt.

    Raises:
        UserError: transformers is not installed, or the folder is not a CLAP model.
    """
    told = [one for one in clips if one.prompt]
    if not told:
        return None
    model, processor = _load(folder)
    cosines: list[float] = []
    for index, one in enumerate(told):
        inputs = processor(
            text=[one.prompt],
            audio=_prepared(_waveform(one)),
            sampling_rate=CLAP_RATE_HZ,
            return_tensors="pt",
            padding=True,
        )
        with torch.inference_mode():
            found = model(**inputs)
        cosines.append(float((found.audio_embeds * found.text_embeds).sum()))
        on_progress(Progress("LAION-CLAP", index + 1, len(told)))
    return float(np.mean(cosines))


def _load(folder: Path) -> tuple[Any, Any]:
    try:
        from transformers import ClapModel, ClapProcessor
    except ImportError:
        raise UserError("--full needs transformers: pip install transformers") from None
    try:
        model = ClapModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        processor = ClapProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder}: not a CLAP model of transformers ({reason})") from None
    np.random.seed(0)  # the processor draws its crops from NumPy's own generator
    return model.eval(), processor


def _prepared(waveform: Waveform) -> np.ndarray:
    """Mono `(t,)` at the model's rate, its peak at -1 dB."""
    mono = Waveform(waveform.samples.mean(0, keepdims=True), waveform.sample_rate)
    return peaked(mono.resampled(CLAP_RATE_HZ)).samples[0]
