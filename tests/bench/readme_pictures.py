"""Draw what the jobs of the README sound like: python tests/bench/readme_pictures.py

Runs the README's own commands with the installed `mini`, in a temporary folder, and draws one
spectrogram for each block that is followed by a picture `notebooks/jobs/NAME.png`: every file that
the block's commands wrote, and every recording of the tree that they heard, on one scale of time
(effects side by side), with the marks that its side-car knows: sections, what is new after an edit,
and the seam of a loop, which is shown twice.
All pictures are replaced together once all commands have run; `--only NAME` draws some of them.
Run it again when the weights of `mini` or a command in the README have changed; it takes minutes.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from longform.audio import read
from longform.cli import run
from longform.mel import mel_filters
from longform.provenance import sidecar_of
from longform.waveform import Waveform

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "notebooks" / "jobs"
_BLOCK = re.compile(r"^```bash\n([^`]*?)^```\n+!\[[^\]]*\]\(notebooks/jobs/(\w+)\.png\)", re.M)
WIDTH, PANEL_HEIGHT, LEAST_HEIGHT, DPI = 900, 120, 220, 100
COLUMNS, BANDS = 300, 80
AUDIO = (".wav", ".flac", ".mp3", ".ogg")
RANGE_DB = 65.0
LOW_HZ, HIGH_HZ = 30.0, 16_000.0
GROUND, TEXT, MARK = "#15171b", "#c9ced6", "#ffb454"
LETTER = 0.0075
"""The width of a letter of a mark, as a share of a picture's width."""
SHADES = ("#15171b", "#2b333f", "#52647a", "#9aa9b8", "#f4f1e8")


@dataclass(frozen=True)
class Job:
    """A picture's name and the arguments of the commands that make its files."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """A recording to draw; `lines` are named places and `spans` new parts, both in seconds."""

    title: str
    audio: Waveform
    lines: tuple[tuple[float, str], ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    is_effect: bool = False


def jobs_of(readme: str) -> list[Job]:
    """Every block of commands that is followed by a picture of its own."""
    return [
        Job(name, tuple(tuple(shlex.split(line)[1:]) for line in block.strip().splitlines()))
        for block, name in _BLOCK.findall(readme)
    ]


@cache
def written_by(command: tuple[str, ...]) -> tuple[Path, ...]:
    """Run one command in the current folder, once however often it is asked for: its audio files.

    Raises:
        RuntimeError: the command failed.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run(command)
    if code != 0:
        raise RuntimeError(f"longform {shlex.join(command)}: exit code {code}")
    named = [Path(line).absolute() for line in said.getvalue().splitlines()]
    return tuple(path for path in named if path.suffix in AUDIO and sidecar_of(path).is_file())


def heard_by(command: tuple[str, ...]) -> tuple[Path, ...]:
    """The recordings among a command's arguments that no command made."""
    paths = [Path(word) for word in command if word.endswith(AUDIO)]
    return tuple(path for path in paths if path.is_file() and not sidecar_of(path).is_file())


def panel_of(path: Path) -> Panel:
    """A file with what its side-car, if it has one, says about the time in it."""
    if not sidecar_of(path).is_file():
        return Panel(path.name, read(path).to_channels(1))
    record = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
    recipe, facts = record["recipe"], record["facts"]
    audio = read(path).to_channels(1)
    title = (
        f"{path.name}   {recipe['job']}: {recipe['parameters'].get('prompt') or 'like a recording'}"
    )
    lines: list[tuple[float, str]] = []
    if "wrap" in facts:
        lines.append((audio.seconds, "seam"))
        audio = Waveform(np.tile(audio.samples, (1, 2)), audio.sample_rate)
    elif "plan" in recipe["parameters"]:
        lines += [(start, name) for name, start in facts["sections"]]
    spans = tuple((start, stop) for start, stop in facts.get("regions", ()))
    return Panel(title, audio, tuple(lines), spans, recipe["job"] == "sfx")


def spectrogram_db(audio: Waveform, columns: int) -> np.ndarray:
    """Level of each mel band at each moment, (BANDS, columns) in decibels, of a mono recording."""
    size = 4096 if audio.seconds > 4 else 2048
    samples = np.pad(audio.samples[0], (size // 2, size))
    count = 4 * columns
    starts = np.linspace(0, audio.samples.shape[1] - 1, count).astype(int)
    frames = samples[starts[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    filters = mel_filters(
        sample_rate=audio.sample_rate, fft_samples=size, bands=BANDS, low_hz=LOW_HZ, high_hz=HIGH_HZ
    )
    bands = power.reshape(columns, 4, -1).mean(1) @ np.asarray(filters).T
    return 10 * np.log10(bands.T + 1e-12)


def draw(panels: Sequence[Panel], path: Path) -> None:
    """One picture of all panels: effects side by side, others below one another, aligned."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    beside = all(panel.is_effect for panel in panels)
    rows, columns = (1, len(panels)) if beside else (len(panels), 1)
    height = max(PANEL_HEIGHT * rows, LEAST_HEIGHT)
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.03, hspace=0.02, wspace=0.02)
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), facecolor=GROUND, layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False)
    longest = max(panel.audio.seconds for panel in panels)
    for axes, panel in zip(grid.ravel(), panels, strict=True):
        until = panel.audio.seconds if beside else longest
        _draw_panel(axes, panel, until, max(round(COLUMNS * panel.audio.seconds / until), 8)
                    // (len(panels) if beside else 1))  # fmt: skip
    for axes in grid[:-1].ravel():
        axes.tick_params(labelbottom=False)
    _save(figure, path)


def _draw_panel(axes: Any, panel: Panel, until_seconds: float, columns: int) -> None:
    """One spectrogram over its own length, in axes that go on to `until_seconds`."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patheffects import withStroke

    levels = spectrogram_db(panel.audio, columns)
    top = float(levels.max())
    axes.imshow(
        levels, origin="lower", aspect="auto", interpolation="nearest", vmin=top - RANGE_DB,
        vmax=top, extent=(0, panel.audio.seconds, 0, 1),
        cmap=LinearSegmentedColormap.from_list("neutral", SHADES),
    )  # fmt: skip
    axes.set(xlim=(0, until_seconds), ylim=(0, 1), yticks=[], facecolor=GROUND)
    axes.set_title(panel.title, fontsize=8, color=TEXT, loc="left", pad=2)
    axes.tick_params(colors=TEXT, labelsize=7, length=2, pad=1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    style = {"color": MARK, "fontsize": 8, "va": "top", "clip_on": True}
    style["path_effects"] = [withStroke(linewidth=2, foreground=GROUND)]
    for start, stop in panel.spans:
        axes.plot([start, stop], [0.97, 0.97], color=MARK, linewidth=4, solid_capstyle="butt")
        axes.text((start + stop) / 2, 0.9, "new", ha="center", **style)
    edges = [(at, "") for span in panel.spans for at in span if 0.05 < at < until_seconds - 0.05]
    taken = 0.0
    for at, name in [*panel.lines, *edges]:
        axes.axvline(at, color=MARK, linewidth=1)
        axes.text(at, 0.95 if at >= taken else 0.83, f" {name}", **style)
        if name and at >= taken:
            taken = at + until_seconds * (len(name) + 1) * LETTER


def _save(figure: Any, path: Path) -> None:
    """A small PNG of few colours, the same bytes for the same picture."""
    from matplotlib.colors import LinearSegmentedColormap
    from PIL import Image

    palette = Image.new("P", (1, 1))
    colours = []
    for count, shades in ((40, SHADES), (12, (GROUND, TEXT)), (12, (GROUND, MARK))):
        ramp = LinearSegmentedColormap.from_list("ramp", shades)(np.linspace(0, 1, count))
        colours += np.round(ramp[:, :3] * 255).astype(int).ravel().tolist()
    palette.putpalette(colours)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, facecolor=GROUND, format="png")
    picture = Image.open(buffer).convert("RGB")
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def make_pictures(jobs: Sequence[Job], folder: Path) -> list[Path]:
    """Run the commands of the jobs and draw them into `folder`; all of them, or on failure none."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    written_by.cache_clear()
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory(dir=folder) as drawn:
        with contextlib.chdir(place):
            os.symlink(ROOT / "notebooks", "notebooks")
            for job in jobs:
                files = [
                    path
                    for command in job.commands
                    for path in (*heard_by(command), *written_by(command))
                ]
                draw([panel_of(path) for path in files], Path(drawn, f"{job.name}.png"))
        made = [folder / f"{job.name}.png" for job in jobs]
        for path in made:
            os.replace(Path(drawn, path.name), path)
    return made


def main() -> None:
    """Draw the pictures, and say how large each is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="pictures by name; default: all")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args()
    jobs = jobs_of((ROOT / "README.md").read_text(encoding="utf-8"))
    unknown = set(options.only or ()) - {job.name for job in jobs}
    if unknown:
        parser.error(f"no picture {', '.join(sorted(unknown))} in the README")
    chosen = [job for job in jobs if not options.only or job.name in options.only]
    for path in make_pictures(chosen, options.out):
        print(f"{path}: {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
