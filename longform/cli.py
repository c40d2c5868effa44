"""The command `longform`: parse, check, call one function, print. Heavy modules load on use."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from longform import __version__
from longform.cli_options import DeviceOption, ForceOption, JsonOption, ModelOption
from longform.cli_show import note, reporter
from longform.errors import UserError

if TYPE_CHECKING:
    from longform.audio import WriteReport
    from longform.request import Request

MAX_COUNT = 64


class _Commands(TyperGroup):
    """Turns mistakes into one line and exit code 2, and an interrupt into exit code 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            note(f"error: {' '.join(str(error).split())}")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            note("interrupted; nothing unfinished was kept")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A prompt becomes a whole piece of music.",
)


def main() -> None:
    """The console script."""
    app(prog_name="longform")


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process; its exit code."""
    try:
        app(args=list(arguments), prog_name="longform")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _version(asked: bool) -> None:
    if asked:
        print(f"longform {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What to play, in words.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help=".wav, .flac, .mp3 or .ogg file.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length, up to 285. Default: the model's, a full track.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same track. Default: drawn.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to follow, 0 to 30.")] = None,
    negative: Annotated[str | None, typer.Option(help="What to keep away from.")] = None,
    bpm: Annotated[float | None, typer.Option(help="Tempo, 40 to 220.")] = None,
    key: Annotated[str | None, typer.Option(help='Such as "A minor" or "F# major".')] = None,
    metre: Annotated[int | None, typer.Option(help="Beats in a bar, 2 to 7.")] = None,
    free: Annotated[bool, typer.Option("--free", help="No plan: the model decides alone.")] = False,
    model: ModelOption = "mini",
    count: Annotated[int, typer.Option(help="How many variations.")] = 1,
    bits: Annotated[int | None, typer.Option(help="16, 24 or 32 (WAV); 16 or 24 (FLAC).")] = None,
    device: DeviceOption = "auto",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a track from a prompt."""
    from longform.request import Request

    request = Request(
        prompt=prompt,
        seconds=seconds,
        seed=_drawn_seed() if seed is None else seed,
        steps=steps,
        guidance=guidance,
        negative=negative,
        bpm=bpm,
        key=key,
        metre=metre,
        free=free,
    )
    paths = output_paths(request, out, count, force, bits)
    _generate(request, paths, model=model, device=device, bits=bits, force=force, as_json=as_json)


def output_paths(
    request: "Request", out: Path | None, count: int, force: bool, bits: int | None
) -> list[Path]:
    """Where each of `count` tracks goes, every place checked.

    Without `out`, a name from the prompt and the seed, in the current folder, that is still free.
    """
    from longform.audio import check_target
    from longform.request import slug

    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"count {count} is outside 1..{MAX_COUNT}")
    stem = f"{slug(request.prompt)}-{request.seed}"
    base = out or Path(f"{stem}.wav")
    number = 1
    while out is None and any(path.exists() for path in _numbered(base, count)):
        number += 1
        base = Path(f"{stem}-take{number}.wav")
    return [check_target(path, force, bits) for path in _numbered(base, count)]


def _numbered(base: Path, count: int) -> list[Path]:
    if count == 1:
        return [base]
    return [base.with_name(f"{base.stem}-{item + 1}{base.suffix}") for item in range(count)]


def _drawn_seed() -> int:
    import secrets

    return secrets.randbelow(2**31)


def _generate(
    request: "Request",
    paths: list[Path],
    *,
    model: str,
    device: str,
    bits: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Load the model once, then make and write one track after the other."""
    from longform.bundle import Bundle
    from longform.provenance import tags_of

    began = time.perf_counter()
    bundle = Bundle.load(model)  # a missing model is said before the rest is imported
    from longform.pipeline import Pipeline

    pipe = Pipeline(bundle, device)
    load_seconds = time.perf_counter() - began
    for item, path in enumerate(paths):
        with reporter() as on_progress:
            result = pipe.run(request, item=item, on_progress=on_progress)
        began = time.perf_counter()
        tags = tags_of(bundle, request, item, result.facts)
        report = result.waveform.save(path, bits=bits, tags=tags, overwrite=force)
        write_seconds = time.perf_counter() - began
        timings = {"load": load_seconds, **result.timings, "write": write_seconds}
        _announce(report, result.waveform.seconds, result.facts, timings, as_json)


def _announce(
    report: "WriteReport",
    seconds: float,
    facts: dict[str, Any],
    timings: dict[str, float],
    as_json: bool,
) -> None:
    """Facts to stderr and the path to stdout, or everything as one JSON object to stdout."""
    levels = {
        "peak_db": round(report.peak_db, 2),
        "true_peak_db": round(report.true_peak_db, 2),
        "gain_db": round(report.gain_db, 2),
        "loudness_lufs": None if report.loudness_lufs is None else round(report.loudness_lufs, 2),
    }
    rounded = {name: round(value, 3) for name, value in timings.items()}
    if as_json:
        row = {"path": str(report.path), **facts, "seconds": seconds, **levels, "timings": rounded}
        print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
        return
    note(_summary(facts))
    if report.gain_db:
        note(f"turned down by {-report.gain_db:.1f} dB so that nothing clips")
    note(f"{seconds:.1f} s of audio in {sum(timings.values()):.1f} s")
    print(report.path, flush=True)


def _summary(facts: dict[str, Any]) -> str:
    """Seed, style, tempo, key and metre, each with where it came from."""
    sources = facts.get("sources", {})
    words = [f"seed {facts['seed']}"]
    for name, form in (("style", "{}"), ("tempo", "{:g} bpm"), ("key", "{}"), ("metre", "{}/bar")):
        value = facts.get("tempo_bpm" if name == "tempo" else name)
        if name in sources and value is not None:
            words.append(f"{form.format(value)} ({sources[name]})")
    return ", ".join(words)


def _add_commands() -> None:
    from longform import cli_files, cli_train

    cli_files.add_to(app)
    cli_train.add_to(app)


_add_commands()

if __name__ == "__main__":
    sys.exit(main())
