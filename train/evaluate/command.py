"""Behind `longform eval`: each command measures, prints a table and keeps a JSON report."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longform.errors import UserError
from longform.progress import OnProgress, Progress
from longform.train.evaluate.tables import (
    autoencoder_table,
    calibration_table,
    figures_table,
    generation_table,
    structure_table,
)

if TYPE_CHECKING:
    from longform.train.evaluate.make import Made


def autoencoder_command(
    model: str,
    data: str | Path,
    count: int = 40,
    out: str | Path | None = None,
    seed: int = 0,
    split: str = "test",
) -> dict[str, Any]:
    """Reconstruct test pieces with a bundle's autoencoder; print STFT, MEL and SI-SDR.

    `split` "all" takes every piece, of a corpus that nothing was trained on.

    Raises:
        UserError: no such model, or a corpus without test pieces.
    """
    from longform.bundle import Bundle
    from longform.train.evaluate.autoencoder import evaluate_autoencoder

    bundle = Bundle.load(model)
    report = {"model": model} | evaluate_autoencoder(
        bundle.autoencoder(), data, count=count, seed=seed, split=split, on_progress=_show
    )
    return _finish(report, autoencoder_table(report), out)


def evaluation_command(
    clips: str | Path | None,
    *,
    model: str | None = None,
    prompts: str | Path | None = None,
    count: int = 32,
    takes: int = 1,
    seconds: float = 47.0,
    reference: Path | None = None,
    training: Path | None = None,
    latents: Path | None = None,
    scorer: str = "mini",
    seed: int = 0,
    out: str | Path | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Evaluate a folder of clips, or of what `model` makes of the prompts; JSON and one HTML page.

    Raises:
        UserError: neither clips nor model; a report in the way; what the sections raise.
    """
    from longform import __version__
    from longform.files import atomic, check_writable
    from longform.train.evaluate.measure import default_jobs
    from longform.train.evaluate.page import page
    from longform.train.evaluate.report import Inputs, evaluate

    if clips is None and model is None:
        raise UserError("name a folder of clips, or a model that shall make some with --model")
    source = clips if clips is not None else model
    folder = _folder(out if out is not None else f"evaluation-{Path(str(source)).name}")
    targets = [check_writable(folder / f"report.{kind}", overwrite) for kind in ("json", "html")]
    show = on_progress or _show
    if clips is None:
        clips = _folder(folder / "clips")
        _generate(str(model), prompts, count, takes, seconds, seed, clips, show)
    inputs = Inputs(
        clips=Path(clips),
        cache=folder,
        scorer=scorer,
        model=model,
        reference=reference,
        training=training,
        latents=latents,
        seed=seed,
        jobs=default_jobs() if jobs is None else jobs,
    )
    found = evaluate(inputs, show)
    about = {
        "of": str(source),
        "scorer": scorer,
        "model": model,
        "reference": None if reference is None else reference.name,
        "seed": seed,
        "program": f"longform {__version__}",
    }
    report = found.to_json(about)
    for target, text in zip(
        targets, (json.dumps(report, indent=1) + "\n", page(found, about)), strict=True
    ):
        with atomic(target, overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(f"{figures_table(report)}\n\nreport: {targets[0]}\npage: {targets[1]}")
    return report


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

    folder = _folder(out if out is not None else f"evaluation-{Path(model).name}")
    made = _generate(model, prompts, count, 1, seconds, seed, folder, _show)
    known = {one.path: one for one in find_clips(folder)}
    asked = [known[one.path] for one in made]
    clips = [
        listen(read(one.path), name=one.name, style=one.style, asked_bpm=one.bpm, asked_key=one.key)
        for one in asked
    ]
    bundle = Bundle.load(model)
    waveforms = (read(one.path) for one in made)
    scores = clap_scores(bundle.clap(), bundle.tokenizer(), waveforms, [x.name for x in asked])
    report = {"model": model, "seconds": seconds, "seed": seed}
    report |= generation_report(clips, made, scores, seed)
    return _finish(report, generation_table(report), folder / "report.json")


def _generate(
    model: str,
    prompts: str | Path | None,
    count: int,
    takes: int,
    seconds: float,
    seed: int,
    folder: Path,
    on_progress: OnProgress,
) -> "list[Made]":
    from longform.pipeline import Pipeline
    from longform.train.evaluate.make import make_clips, requests_of
    from longform.train.evaluate.prompts import load_prompts

    texts = [prompt.text for prompt in load_prompts(prompts)[:count]]
    requests = requests_of(texts, seconds=seconds, seed=seed, takes=takes)
    return make_clips(Pipeline.from_pretrained(model), requests, folder, on_progress)


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
    from longform.train.evaluate.plots import save_structure_plot
    from longform.train.evaluate.signal import frame_levels_db, tail_silence_seconds
    from longform.train.evaluate.structure import analyse_structure, largest_seam

    folder = _folder(out)
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


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None
    return folder


def _show(progress: Progress) -> None:
    """A live line on stderr where there is a terminal."""
    if sys.stderr.isatty():
        end = "\n" if progress.step == progress.total else ""
        line = f"\r\x1b[2K{progress.stage} {progress.step}/{progress.total}{end}"
        print(line, end="", file=sys.stderr, flush=True)
