"""Behind `longform eval`: each command measures, prints a table and keeps a JSON report."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from longform.errors import UserError
from longform.progress import Progress
from longform.train.evaluate.tables import (
    autoencoder_table,
    calibration_table,
    generation_table,
    structure_table,
)


def autoencoder_command(
    model: str,
    data: str | Path,
    count: int = 40,
    out: str | Path | None = None,
    seed: int = 0,
    split: str = "test",
) -> dict[str, Any]:
    """Send test pieces through an autoencoder; print distances, keys before and after, artefacts.

    `model` is a bundle, a training run or a checkpoint. `split` "all" takes every piece, of a
    corpus that nothing was trained on.

    Raises:
        UserError: no such model, or a corpus without test pieces.
    """
    from longform.autoencoder.build import as_autoencoder
    from longform.train.coder import load_autoencoder
    from longform.train.evaluate.autoencoder import evaluate_autoencoder

    autoencoder = as_autoencoder(load_autoencoder(model)[0])
    report = {"model": model} | evaluate_autoencoder(
        autoencoder, data, count=count, seed=seed, split=split, on_progress=_show
    )
    return _finish(report, autoencoder_table(report), out)


def generation_command(
    model: str,
    prompts: str | Path | None = None,
    count: int = 64,
    seconds: float = 47.0,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Generate a clip per prompt and measure obedience; clips and report.json go to folder `out`.

    Clips that an earlier, interrupted call left are kept and gone on with.

    Raises:
        UserError: no such model, an unreadable prompt file, an `out` that is no folder, or one that
            holds clips of another request or model.
    """
    from longform.audio import read
    from longform.bundle import Bundle
    from longform.train.evaluate.clips import listen
    from longform.train.evaluate.generation import clap_scores, generation_report
    from longform.train.evaluate.inventory import find_clips
    from longform.train.evaluate.make import generate_clips, make_folder

    folder = make_folder(out if out is not None else f"evaluation-{Path(model).name}")
    made = generate_clips(
        model, prompts, count, folder, seconds=seconds, seed=seed, on_progress=_show
    )
    known = {one.path: one for one in find_clips(folder)}
    asked = [known[one.path] for one in made]
    clips = [
        listen(
            read(one.path),
            name=one.name,
            style=one.style,
            asked_bpm=one.bpm,
            asked_key=one.key,
            chords=one.chords,
        )
        for one in asked
    ]
    bundle = Bundle.load(model)
    waveforms = (read(one.path) for one in made)
    scores = clap_scores(bundle.clap(), bundle.tokenizer(), waveforms, [x.name for x in asked])
    report = {"model": model, "seconds": seconds, "seed": seed}
    report |= generation_report(clips, made, scores, seed)
    return _finish(report, generation_table(report), folder / "report.json")


def retrieval_command(
    model: str, data: str | Path, out: str | Path | None = None, seed: int = 0
) -> dict[str, Any]:
    """Caption and audio find each other on the test split: recall at 1 and 10, chance beside it.

    Raises:
        UserError: no such model, or a corpus without test pieces.
    """
    from longform.bundle import Bundle
    from longform.train.dataset import scan
    from longform.train.retrieval import retrieval

    bundle = Bundle.load(model)
    items = [item for item in scan(data, split="test") if item.captions]
    if not items:
        raise UserError(f"corpus {str(data)!r}: no test item has a caption")
    result = retrieval(bundle.clap(), bundle.tokenizer(), items, seed=seed, on_progress=_show)
    report = {"model": model, "items": result.items} | result.figures()
    return _finish(report, f"retrieval by the towers of {model}\n{result}", out)


def calibrate_command(
    data: str | Path,
    count: int = 60,
    seconds: float = 47.0,
    out: str | Path | None = None,
    seed: int = 0,
    split: str = "test",
) -> dict[str, Any]:
    """The estimators' own error: what `generation_command` would report of real test pieces.

    Raises:
        UserError: a corpus without test pieces.
    """
    from longform.train.evaluate.calibration import calibrate

    report = calibrate(
        data, count=count, seconds=seconds, seed=seed, split=split, on_progress=_show
    )
    return _finish(report, calibration_table(report), out)


def structure_command(paths: Sequence[str | Path], out: str | Path) -> dict[str, Any]:
    """Form, tail and seams of audio files; the pictures and report.json go to the folder `out`.

    Raises:
        UserError: a file that is not audio, an `out` that is no folder.
    """
    from longform.audio import read
    from longform.train.evaluate.make import make_folder
    from longform.train.evaluate.plots import save_structure_plot
    from longform.train.evaluate.signal import frame_levels_db, tail_silence_seconds
    from longform.train.evaluate.structure import analyse_structure, largest_seam

    folder = make_folder(out)
    pieces: list[dict[str, Any]] = []
    for index, path in enumerate(map(Path, paths)):
        waveform = read(path)
        structure, seam = analyse_structure(waveform), largest_seam(waveform)
        save_structure_plot(structure, folder / f"{path.stem}.png", path.stem)
        pieces.append(
            {
                "file": path.name,
                "seconds": round(waveform.seconds, 2),
                "tail_silence_seconds": tail_silence_seconds(frame_levels_db(waveform)),
                "return_score": structure.return_score,
                "boundaries_seconds": structure.boundaries_seconds,
                "seam": asdict(seam) | {"audible": seam.audible},
            }
        )
        _show(Progress("structure", index + 1, len(paths)))
    report = {"pieces": pieces}
    return _finish(report, structure_table(report), folder / "report.json")


def _finish(report: dict[str, Any], table: str, out: str | Path | None) -> dict[str, Any]:
    if out is not None:
        from longform.files import atomic

        with atomic(out, overwrite=True) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        table += f"\n\nreport: {out}"
    print(table)
    return report


def _show(progress: Progress) -> None:
    """A live line on stderr where there is a terminal."""
    if sys.stderr.isatty():
        end = "\n" if progress.step == progress.total else ""
        line = f"\r\x1b[2K{progress.stage} {progress.step}/{progress.total}{end}"
        print(line, end="", file=sys.stderr, flush=True)
