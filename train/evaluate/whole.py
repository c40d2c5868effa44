"""Behind `longform eval CLIPS` and `longform eval --model M`: clips made, measured, reported."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from longform.errors import UserError
from longform.progress import OnProgress, quiet
from longform.train.evaluate.tables import figures_table, targets_table

LONG_SECONDS = 285.0
LONG_FOLDER = "long"


def evaluation_command(
    clips: str | Path | None,
    *,
    model: str | None = None,
    prompts: str | Path | None = None,
    count: int = 32,
    takes: int = 1,
    seconds: float = 47.0,
    long: int = 0,
    reference: Path | None = None,
    training: Path | None = None,
    latents: Path | None = None,
    full: Path | None = None,
    split: str | None = None,
    settings: Mapping[str, Any] | None = None,
    scorer: str = "mini",
    seed: int = 0,
    out: str | Path | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Evaluate a folder of clips, or of what `model` makes of the prompts; JSON and one HTML page.

    With `long`, the model also makes that many clips of `LONG_SECONDS`, which are reported apart.
    Every clip is made before any is measured, and those that an interrupted call left are kept.
    `settings` are fields of `Request` for all of them, such as `steps` or `no_planner`.

    Raises:
        UserError: neither clips nor model; a report in the way; what the sections raise.
    """
    from longform.files import check_writable
    from longform.train.evaluate.full import check_full
    from longform.train.evaluate.make import generate_clips, make_folder
    from longform.train.evaluate.measure import default_jobs
    from longform.train.evaluate.report import Inputs

    if clips is None and model is None:
        raise UserError("name a folder of clips, or a model that shall make some with --model")
    if clips is not None and long:
        raise UserError("--long makes clips: leave out the folder of clips and name a --model")
    if clips is not None and settings:
        told = ", ".join(sorted(settings))
        raise UserError(f"{told}: settings of clips to be made; leave out the folder of clips")
    if full is not None:
        check_full(full)
    source = str(clips if clips is not None else model)
    folder = make_folder(out if out is not None else f"evaluation-{Path(source).name}")
    parts = [folder, make_folder(folder / LONG_FOLDER)] if long else [folder]
    for part in parts:
        for kind in ("json", "html"):
            check_writable(part / f"report.{kind}", overwrite)
    if clips is None:
        sizes = ((folder, count, takes, seconds), (folder / LONG_FOLDER, long, 1, LONG_SECONDS))
        for part, many, each, length in sizes[: len(parts)]:
            target = make_folder(part / "clips")
            generate_clips(
                str(model), prompts, many, target, takes=each, seconds=length, seed=seed,
                settings=settings, on_progress=on_progress,
            )  # fmt: skip
    inputs = Inputs(
        clips=folder / "clips" if clips is None else Path(clips),
        cache=folder,
        scorer=scorer,
        model=model,
        reference=reference,
        training=training,
        latents=latents,
        full=full,
        split=split,
        seed=seed,
        jobs=default_jobs() if jobs is None else jobs,
    )
    told = dict(settings or {})
    report = _reported(inputs, folder, source, told, overwrite, on_progress)
    if long:
        others = replace(inputs, clips=parts[1] / "clips")
        _reported(others, parts[1], f"{source}, whole tracks", told, overwrite, on_progress)
    return report


def _reported(
    inputs: Any,
    folder: Path,
    source: str,
    settings: dict[str, Any],
    overwrite: bool,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Evaluate, write `report.json` and `report.html` into the folder, print the figures."""
    from longform import __version__
    from longform.bundle import Bundle
    from longform.files import atomic
    from longform.train.evaluate.page import page
    from longform.train.evaluate.report import evaluate
    from longform.train.evaluate.targets import outcomes

    started = time.monotonic()
    found = evaluate(inputs, on_progress)
    taken = time.monotonic() - started
    about = {
        "of": source,
        "settings": settings,
        "scorer": inputs.scorer,
        "scorer_sha256": Bundle.load(inputs.scorer).content_hash(),
        "model": inputs.model,
        "reference": None if inputs.reference is None else inputs.reference.name,
        "split": None if inputs.reference is None else inputs.held_out,
        "seed": inputs.seed,
        "program": f"longform {__version__}",
    }
    report = found.to_json(about)
    texts = {"json": json.dumps(report, indent=1) + "\n", "html": page(found, about)}
    for kind, text in texts.items():
        with atomic(folder / f"report.{kind}", overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(f"{figures_table(report)}\n\n{targets_table(outcomes(found.figures.values))}\n")
    per_clip = taken / (len(found.made) + len(found.real))
    pieces = f"{len(found.made)} clips and {len(found.real)} real pieces"
    print(f"{pieces} measured in {taken:.0f} s by {inputs.jobs} processes ({per_clip:.1f} s each)")
    print(f"report: {folder / 'report.json'}\npage: {folder / 'report.html'}")
    return report
