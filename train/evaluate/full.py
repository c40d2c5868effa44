"""Published scores that need somebody else's weights: measured when the user has them on disk.

LAION-CLAP with the settings of stable-audio-metrics (Evans et al. 2024, 2407.14358, appendix):
48 kHz mono, peak at -1 dB, fusion of three random crops and the shrunken whole, mean cosine of
audio and prompt. The crops come from a fixed seed. Nothing is downloaded.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from longform.audio import Waveform, read
from longform.errors import UserError
from longform.progress import OnProgress, Progress, quiet
from longform.train.evaluate.figures import Figures
from longform.train.evaluate.inventory import Asked
from longform.train.evaluate.measure import Measured

CLAP_FOLDER = "laion_clap"
CLAP_FILES = ("config.json", "model.safetensors")
CLAP_RATE_HZ, PEAK_DB = 48_000, -1.0
ELSEWHERE = (
    "its network is not part of this package; run stable-audio-metrics on the folder of clips"
)


def check_full(folder: Path) -> None:
    """Before anything is made or measured: does the folder hold what `put_full` reads?

    Raises:
        UserError: it does not; the message says what belongs there.
    """
    missing = [name for name in CLAP_FILES if not (folder / CLAP_FOLDER / name).is_file()]
    if missing:
        raise UserError(
            f"--full {str(folder)!r}: {CLAP_FOLDER}/{missing[0]} is not there; put a LAION-CLAP "
            "checkpoint in the layout of transformers (such as laion/clap-htsat-fused, with "
            f"safetensors and tokenizer) into {str(folder / CLAP_FOLDER)!r}"
        )


def put_full(
    figures: Figures,
    absent: dict[str, str],
    sides: tuple[Sequence[Measured], Sequence[Measured]],
    folder: Path,
    on_progress: OnProgress = quiet,
) -> None:
    """Add the LAION-CLAP score of clips and of real pieces; tell what is measured elsewhere."""
    absent |= dict.fromkeys(("distribution.openl3", "distribution.passt"), ELSEWHERE)
    ours, theirs = (
        laion_clap_score(folder / CLAP_FOLDER, [one.asked for one in side], on_progress)
        for side in sides
    )
    figures.put("obedience.laion_clap", ours, theirs)


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
        waveform = read(one.path, start_seconds=one.start_seconds, seconds=one.excerpt_seconds)
        inputs = processor(
            text=[one.prompt],
            audio=_prepared(waveform),
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
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder}: not a CLAP model of transformers ({reason})") from None
    np.random.seed(0)  # the processor draws its crops from NumPy's own generator
    return model.eval(), processor


def _prepared(waveform: Waveform) -> np.ndarray:
    """Mono `(t,)` at the model's rate, its peak at `PEAK_DB`."""
    mono = Waveform(waveform.samples.mean(0, keepdims=True), waveform.sample_rate)
    samples = mono.resampled(CLAP_RATE_HZ).samples[0]
    return samples * (10 ** (PEAK_DB / 20) / max(float(np.abs(samples).max(initial=0)), 1e-9))
