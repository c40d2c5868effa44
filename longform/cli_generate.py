"""The command `generate`: a track from a prompt, or the best of several."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longform.cli_model import ModelSource
from longform.cli_options import (
    CHOICE,
    MUSIC,
    LufsOption,
    NoPlannerOption,
    Output,
    RawOption,
    Sampling,
    TruePeakOption,
    grouped,
)
from longform.cli_show import note
from longform.cli_takes import (
    Take,
    Wish,
    asked_of,
    check_choice,
    other_path,
    output_paths,
    takes_of,
)

if TYPE_CHECKING:
    from longform.deliver import Delivered
    from longform.finish import Finishing
    from longform.pipeline import Pipeline
    from longform.waveform import Waveform


@grouped
def generate(
    prompt: Annotated[str, typer.Argument(help="What to play, in words.", show_default=False)] = "",
    *,
    like: Annotated[
        Path | None,
        typer.Option(
            help="A recording that it shall be like, instead of a prompt or beside it.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    like_amount: Annotated[
        float | None,
        typer.Option(
            help="How much the recording counts, 0 to 1. Default: half, without a prompt wholly.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    melody: Annotated[
        Path | None,
        typer.Option(
            help="A recording of a tune that it shall follow, sung or played.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Length, up to 285. Default: the model's.", rich_help_panel=MUSIC),
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help="What to keep away from.", rich_help_panel=MUSIC)
    ] = None,
    bpm: Annotated[
        float | None, typer.Option(help="Tempo, 40 to 220.", rich_help_panel=MUSIC)
    ] = None,
    key: Annotated[
        str | None, typer.Option(help='Such as "A minor" or "F# major".', rich_help_panel=MUSIC)
    ] = None,
    metre: Annotated[
        int | None, typer.Option(help="Beats in a bar, 2 to 7.", rich_help_panel=MUSIC)
    ] = None,
    free: Annotated[
        bool,
        typer.Option("--free", help="No plan: the model decides alone.", rich_help_panel=MUSIC),
    ] = False,
    no_planner: NoPlannerOption = False,
    plan: Annotated[
        str | None,
        typer.Option(
            help="Sections: 'intro 16s: soft pads / drop 45s', or a YAML file (longform plan).",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="How many variations.", rich_help_panel=CHOICE)] = 1,
    best_of: Annotated[
        int,
        typer.Option(help="Make so many takes of each and keep the best.", rich_help_panel=CHOICE),
    ] = 1,
    retry: Annotated[
        int,
        typer.Option(
            help="Up to so many takes more until tempo and key are heard as asked.",
            rich_help_panel=CHOICE,
        ),
    ] = 0,
    keep_all: Annotated[
        bool,
        typer.Option(
            "--keep-all",
            help="Keep the others too: NAME-other1 ...",
            rich_help_panel=CHOICE,
        ),
    ] = False,
    lufs: LufsOption = -14.0,
    true_peak: TruePeakOption = -1.0,
    raw: RawOption = False,
    output: Output,
    sampling: Sampling,
    source: ModelSource,
) -> None:
    """Make a track from a prompt.

    Its recipe is kept in its tags and in a .json file beside it: see `longform replay`.
    """
    from longform.cli_make import plan_text
    from longform.cli_task import request_of

    settings = {"seconds": seconds, "negative": negative, "bpm": bpm, "key": key, "metre": metre}
    settings |= {"free": free, "no_planner": no_planner, "plan": plan_text(plan)}
    settings["like_amount"] = _amount(prompt, like, like_amount)
    request = request_of(prompt, sampling, **settings)
    check_choice(request, best_of, retry)
    wish = Wish(
        request=request,
        like=_recording(like),
        melody=_recording(melody),
        finishing=finishing_of(lufs, true_peak, raw),
        best_of=best_of,
        retry=retry,
        keep_all=keep_all,
        output=output,
    )
    name = prompt if like is None or prompt else f"like {like.stem}"
    _generate(wish, output_paths(name, count, wish), source)


def _amount(prompt: str, like: Path | None, amount: float | None) -> float | None:
    """How much the recording counts; None without one."""
    from longform.request import like_amount

    return amount if like is None else like_amount(prompt, amount)


def _recording(path: Path | None) -> "Waveform | None":
    from longform.cli_task import recording_of
    from longform.request import MAX_SECONDS

    return None if path is None else recording_of(path, MAX_SECONDS)


def finishing_of(lufs: float, true_peak_dbtp: float, raw: bool) -> "Finishing | None":
    """The finishing that options ask for."""
    from longform.finish import Finishing

    return None if raw else Finishing(lufs=lufs, true_peak_dbtp=true_peak_dbtp)


def drawn_seed() -> int:
    """A seed for somebody who gave none."""
    import secrets

    return secrets.randbelow(2**31)


def _generate(wish: Wish, paths: list[Path], source: ModelSource) -> None:
    """Load the model once, then make and write one track after the other."""
    from longform.choose import ranking, table

    began = time.perf_counter()
    pipe = source.load()
    load_seconds = time.perf_counter() - began
    for line in pipe.remarks(wish.request):
        note(line)
    for number, path in enumerate(paths):
        takes = takes_of(pipe, wish, number)
        order = ranking([take.heard for take in takes])
        if len(takes) > 1:
            note(table([take.heard for take in takes], order[0]))
        kept = order if wish.keep_all else order[:1]
        for rank, index in enumerate(kept):
            take, target = takes[index], other_path(path, rank) if rank else path
            began = time.perf_counter()
            delivered = _deliver(pipe, wish, take, target)
            write_seconds = time.perf_counter() - began
            timings = {"load": load_seconds, **take.result.timings, "write": write_seconds}
            choice = [one.heard.to_json() for one in takes] if len(takes) > 1 else []
            _announce(delivered, take, choice, timings, wish)


def _deliver(pipe: "Pipeline", wish: Wish, take: Take, path: Path) -> "Delivered":
    from longform.deliver import deliver

    return deliver(
        take.result,
        path,
        pipe=pipe,
        job="generate",
        parameters=asdict(wish.request),
        item=take.item,
        inputs=wish.recordings,
        finishing=wish.finishing,
        bits=wish.output.bits,
        overwrite=wish.output.force,
    )


def _announce(
    delivered: "Delivered",
    take: Take,
    choice: list[dict[str, Any]],
    timings: dict[str, float],
    wish: Wish,
) -> None:
    """Facts to stderr and the path to stdout, or everything as one JSON object to stdout."""
    from longform.choose import badge

    seconds, facts = delivered.waveform.seconds, delivered.facts
    heard = take.heard.to_json() if take.heard.tempo_bpm or take.heard.key else None
    if wish.output.as_json:
        rounded = {name: round(value, 3) for name, value in timings.items()}
        row = {"path": str(delivered.report.path), **facts, "seconds": seconds}
        row |= {**levels_of(delivered), "heard": heard, "takes": choice, "timings": rounded}
        print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
        return
    note(_summary(facts))
    if "similarity" in facts:
        note(f"heard as {facts['like']['words']}; likeness {facts['similarity']:.2f}")
    if "melody" in facts:
        note(f"melody match {facts['melody']['match']:.2f}")
    if heard:
        note(badge(take.heard, asked_of(wish.request)))
    note(level_line(delivered))
    note(f"{seconds:.1f} s of audio in {sum(timings.values()):.1f} s")
    print(delivered.report.path, flush=True)


def levels_of(delivered: "Delivered") -> dict[str, float | None]:
    """Levels of the written file, rounded; `gain_db` is what the writer had to turn down."""
    report = delivered.report
    loudness = report.loudness_lufs
    return {
        "peak_db": round(report.peak_db, 2),
        "true_peak_db": round(report.true_peak_db, 2),
        "gain_db": round(report.gain_db, 2),
        "loudness_lufs": None if loudness is None else round(loudness, 2),
    }


def level_line(delivered: "Delivered") -> str:
    """Loudness and true peak, before and after, and what the limiter did."""
    finished = delivered.finished
    if finished is None:
        gain_db = delivered.report.gain_db
        return f"turned down by {-gain_db:.1f} dB so that nothing clips" if gain_db else "as made"
    if finished.lufs_before is None or finished.lufs_after is None:
        return f"true peak {finished.true_peak_after_dbtp:.1f} dBTP"
    return (
        f"loudness {finished.lufs_before:.1f} -> {finished.lufs_after:.1f} LUFS, true peak "
        f"{finished.true_peak_before_dbtp:.1f} -> {finished.true_peak_after_dbtp:.1f} dBTP"
        + (f", limited by up to {finished.limited_db:.1f} dB" if finished.limited_db else "")
    )


def _summary(facts: dict[str, Any]) -> str:
    """Seed, style, tempo, key and metre, each with where it came from."""
    sources = facts.get("sources", {})
    words = [f"seed {facts['seed']}"]
    for name, form in (("style", "{}"), ("tempo", "{:g} bpm"), ("key", "{}"), ("metre", "{}/bar")):
        value = facts.get("tempo_bpm" if name == "tempo" else name)
        if name in sources and value is not None:
            words.append(f"{form.format(value)} ({sources[name]})")
    return ", ".join(words)
