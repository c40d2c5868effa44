"""Write the songbook to disk: pieces and effects as FLAC with side-cars, stems, and an index.

Item number i of a seed is the same whatever the hours asked, the number of processes or the order
of work, so a build can be stopped, resumed and extended.
"""

import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from longform.errors import UserError
from longform.music.plan import FAMILIES, Plan
from longform.progress import OnProgress, Progress, quiet
from longform.train.corpus_items import (
    LONGEST_SECONDS,
    ItemSpec,
    check_build,
    item_specs,
    split_of,
)
from longform.train.songbook.captions import captions
from longform.train.songbook.effects import effect
from longform.train.songbook.instruments import instruments_of
from longform.train.songbook.samples import (
    LICENCE,
    SOURCE,
    SampleFolder,
    names,
    used_by,
    with_samples,
)
from longform.train.songbook.score import Score

FORMAT = 2
"""Of the songbook: items of another one differ in sound. Either can be trained on."""
SAMPLE_RATE = 44100
CAPTIONS = 8
SOURCES = (
    {
        "name": "longform songbook",
        "licence": "MIT",
        "what": "scores, synthesised voices, drums and effects",
    },
    {
        "name": "FluidR3 GM soundfont (Frank Wen and others; Debian fluid-soundfont-gm)",
        "licence": "MIT",
        "what": "General MIDI instruments, rendered by FluidSynth",
    },
)
RECORDINGS = {"name": SOURCE, "licence": LICENCE, "what": "recorded drums: " + ", ".join(names())}
_COMPRESSION = 0.3  # of FLAC, 0..1: within 1 % of the smallest files at half of the time
_WRITE_SAMPLES = 1 << 17


def build(
    out: str | Path,
    hours: float,
    seed: int,
    jobs: int | None = None,
    stems: bool = True,
    effects_share: float = 0.06,
    longest_seconds: float = LONGEST_SECONDS,
    samples: str | Path | None = None,
    on_progress: OnProgress = quiet,
) -> Path:
    """Build (or finish) a corpus of `hours` in folder `out`; returns its index file.

    Items that are already there are kept; half-written ones are made again. `effects_share` is the
    share of the hours that sound effects get; `longest_seconds` bounds the pieces, of which there
    are the more. `jobs` is the number of processes, all cores when not given. `samples` is a folder
    of recorded drums, which half of the pieces with a drum machine then have in its place; see
    `longform.train.songbook.samples`.

    Raises:
        UserError: a value out of range; FluidSynth, its soundfont or a recording is missing; the
            folder holds items of another songbook, or with other samples.
    """
    check_build(hours, seed, effects_share, longest_seconds)
    jobs = jobs if jobs is not None else os.cpu_count() or 1
    if jobs < 1:
        raise UserError(f"jobs is {jobs}: give 1 or more")
    folder = Path(out)
    (folder / "stems").mkdir(parents=True, exist_ok=True) if stems else folder.mkdir(
        parents=True, exist_ok=True
    )
    specs = list(item_specs(hours, seed, effects_share, longest_seconds))
    recorded = None if samples is None else SampleFolder(Path(samples))
    _refuse_others(folder, specs, recorded is not None)
    missing = [spec for spec in specs if not _finished(folder, spec, stems)]
    done = len(specs) - len(missing)
    on_progress(Progress("corpus", done, len(specs)))
    for _ in _make_all(folder, missing, stems, jobs, recorded):
        done += 1
        on_progress(Progress("corpus", done, len(specs)))
    return _write_index(folder, specs, seed, recorded is not None)


def _refuse_others(folder: Path, specs: list[ItemSpec], sampled: bool) -> None:
    """A folder is of one songbook and either with recordings or without, even when half built."""
    for spec in specs:
        record = _record(folder, spec)
        if record is None:
            continue
        made = record.get("songbook", 1)
        if made != FORMAT:
            raise UserError(
                f"{str(folder)!r} holds {spec.id} of songbook {made}, this is songbook {FORMAT}: "
                "build into another folder"
            )
        if record.get("samples", False) != sampled:
            there, asked = ("without", "with") if sampled else ("with", "without")
            raise UserError(
                f"{str(folder)!r} was begun {there} recorded drums, this build is {asked} them: "
                "build into another folder"
            )
        return


def make_item(
    folder: Path, spec: ItemSpec, stems: bool, recorded: SampleFolder | None = None
) -> str:
    """Make one item: audio, stems, and last its side-car; returns its id."""
    make = _effect_item(spec) if spec.kind == "effect" else _piece(spec, stems, recorded)
    audio, parts, facts = make
    names = sorted(parts)
    for name in names:
        _write_flac(folder / "stems" / f"{spec.id}.{name}.flac", parts[name], spec.seed)
    _write_flac(folder / f"{spec.id}.flac", audio, spec.seed)
    record = {
        "id": spec.id,
        "kind": spec.kind,
        **facts,
        "seconds": audio.shape[1] / SAMPLE_RATE,
        "sample_rate": SAMPLE_RATE,
        "split": split_of(spec.id),
        "stems": names,
        "seed": spec.seed,
        "songbook": FORMAT,
        **({"samples": True} if recorded is not None else {}),
    }
    _write_json(folder / f"{spec.id}.json", record)
    return spec.id


def _piece(
    spec: ItemSpec, stems: bool, recorded: SampleFolder | None
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    from longform.music import draw_plan
    from longform.train.songbook.compose import compose
    from longform.train.songbook.render import render

    plan = draw_plan(style=spec.name, seconds=spec.seconds, seed=spec.seed)
    score = compose(plan)
    if recorded is not None:
        score = with_samples(score)
    rendered = render(score, SAMPLE_RATE, stems, recorded)
    facts = _piece_facts(plan, score)
    if recorded is not None:
        facts["recordings"] = used_by(score)
    facts["captions"] = captions(facts, spec.seed, CAPTIONS)
    return rendered.mix, rendered.stems, facts


def _piece_facts(plan: Plan, score: Score) -> dict[str, Any]:
    melody = [
        [round(note.start_seconds, 3), round(note.seconds, 3), note.pitch]
        for track in score.tracks
        if track.family == "lead"
        for note in track.notes
    ]
    return {
        "kind": "music",
        "style": plan.style,
        "moods": list(plan.moods),
        "instruments": instruments_of(score.tracks),
        "stem_instruments": {
            family: instruments_of([track for track in score.tracks if track.family == family])
            for family in FAMILIES
            if any(track.family == family for track in score.tracks)
        },
        "tempo_bpm": plan.tempo_bpm,
        "key": str(plan.key),
        "metre": plan.metre,
        "sections": [section.name for section in plan.sections],
        "plan": plan.to_json(),
        "melody": sorted(melody),
    }


def _effect_item(spec: ItemSpec) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    audio, facts = effect(spec.name, spec.seed, spec.seconds, SAMPLE_RATE)
    record = {
        "kind": "effect",
        "style": spec.name,
        "moods": facts["words"],
        "instruments": [],
        "captions": captions(facts, spec.seed, CAPTIONS),
    }
    return audio, {}, record


def _make_all(
    folder: Path, specs: list[ItemSpec], stems: bool, jobs: int, recorded: SampleFolder | None
) -> Iterator[str]:
    """Make the items, in this process or in `jobs` others, yielding ids as they are finished."""
    if jobs == 1 or len(specs) < 2:
        for spec in specs:
            yield make_item(folder, spec, stems, recorded)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(specs)), mp_context=context) as pool:
        waiting = iter(specs)
        running = {
            pool.submit(make_item, folder, spec, stems, recorded)
            for spec in islice(waiting, 2 * jobs)
        }
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
                    following = next(waiting, None)
                    if following is not None:
                        running.add(pool.submit(make_item, folder, following, stems, recorded))
        finally:
            for future in running:
                future.cancel()


def _finished(folder: Path, spec: ItemSpec, stems: bool) -> bool:
    """Whether the side-car, which is written last, is there with all that it promises."""
    record = _record(folder, spec)
    if record is None:
        return False
    if (record.get("seed"), record.get("style")) != (spec.seed, spec.name):
        return False
    if not (folder / f"{spec.id}.flac").is_file():
        return False
    names = record.get("stems", [])
    if stems and spec.kind == "music" and not names:
        return False
    return not stems or all(
        (folder / "stems" / f"{spec.id}.{name}.flac").is_file() for name in names
    )


def _record(folder: Path, spec: ItemSpec) -> dict[str, Any] | None:
    """The side-car of an item, if there is a whole one."""
    try:
        record = json.loads((folder / f"{spec.id}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _write_index(folder: Path, specs: list[ItemSpec], seed: int, sampled: bool) -> Path:
    items = [{**asdict(spec), "split": split_of(spec.id)} for spec in specs]
    path = folder / "corpus.json"
    sources = (*SOURCES, RECORDINGS) if sampled else SOURCES
    seconds = round(sum(spec.seconds for spec in specs), 2)
    _write_json(
        path,
        {"format": FORMAT, "seed": seed, "seconds": seconds, "sources": sources, "items": items},
    )
    return path


def _write_json(path: Path, record: dict[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(path)


def _write_flac(path: Path, audio: np.ndarray, seed: int) -> None:
    """16-bit FLAC with triangular dither, streamed, under its name only once whole.

    Silent blocks stay digital silence.
    """
    rng = np.random.default_rng([seed, 16])
    noise = rng.random(_WRITE_SAMPLES + 1, np.float32) - rng.random(_WRITE_SAMPLES + 1, np.float32)
    part = path.with_name(f"{path.name}.part")
    with soundfile.SoundFile(
        part, "w", SAMPLE_RATE, len(audio), "PCM_16", format="FLAC", compression_level=_COMPRESSION
    ) as file:
        for first in range(0, audio.shape[1], _WRITE_SAMPLES):
            block = audio[:, first : first + _WRITE_SAMPLES].T * np.float32(32767)
            if block.any():
                turn = int(rng.integers(_WRITE_SAMPLES))
                for side in range(block.shape[1]):
                    block[:, side] += np.roll(noise, turn + 7919 * side)[: len(block)]
            file.write(np.clip(np.rint(block), -32768, 32767).astype(np.int16))
    part.replace(path)
