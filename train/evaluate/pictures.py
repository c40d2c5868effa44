"""Pictures and sounds as text that an HTML page can hold: inline SVG, PNG and OGG data URIs."""

import base64
import io
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from longform.audio import read
from longform.errors import UserError

PLAYER_SECONDS = 6.0
PLAYER_RATE_HZ = 24_000
BARS = 24
WIDTH, HEIGHT = 300, 110


def outline_svg(outline: np.ndarray) -> str:
    """A waveform: peak per column `(n,)` of 0..1, mirrored, in the colour of the text."""
    count = len(outline)
    up = [f"{x} {50 - 49 * y:.1f}" for x, y in enumerate(outline)]
    down = [f"{x} {50 + 49 * y:.1f}" for x, y in reversed(list(enumerate(outline)))]
    path = "M" + "L".join(up + down) + "Z"
    return (
        f'<svg class="wave" viewBox="0 0 {count} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="waveform"><path d="{path}"/></svg>'
    )


def image_tag(values: np.ndarray, label: str, kind: str) -> str:
    """A matrix of 0..1 as an `<img>` of class `kind`, in the colours of magma.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.image import imsave
    except ImportError:
        raise UserError("the report needs matplotlib: pip install 'longform[train]'") from None
    file = io.BytesIO()
    imsave(
        file, values, cmap="magma", vmin=0, vmax=1, format="png", metadata={"Software": "longform"}
    )
    data = _data_uri("image/png", file.getvalue())
    return f'<img class="{kind}" src="{data}" alt="{escape(label)}" title="{escape(label)}">'


def similarity_tag(similarity: np.ndarray) -> str:
    """A self-similarity matrix, contrast between its 5th and 99th percentile."""
    low, high = np.percentile(similarity, [5, 99])
    scaled = np.clip((similarity - low) / max(float(high - low), 1e-6), 0, 1)
    return image_tag(scaled, "self-similarity, one cell per second", "matrix")


def player_tag(path: Path, start_seconds: float) -> str:
    """An audio player of `PLAYER_SECONDS` of a file, held inside the page.

    Raises:
        UserError: the file cannot be read.
    """
    part = read(
        path,
        start_seconds=start_seconds,
        seconds=PLAYER_SECONDS,
        sample_rate=PLAYER_RATE_HZ,
        channels=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "part.ogg"
        part.save(target)
        data = _data_uri("audio/ogg", target.read_bytes())
    return f'<audio controls preload="metadata" src="{data}"></audio>'


def histogram_svg(title: str, ours: Sequence[float], real: Sequence[float], unit: str = "") -> str:
    """Two distributions as overlaid bars on one axis, each scaled to its own number of values."""
    values = np.asarray([*ours, *real], dtype=float)
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BARS + 1)
    sides = [
        (name, np.histogram(side, edges)[0] / len(side))
        for name, side in (("real", real), ("ours", ours))
        if len(side)
    ]
    tallest = max(float(shares.max()) for _, shares in sides)
    wide, floor = WIDTH / BARS, HEIGHT - 16
    bars = [
        f'<rect class="{name}" x="{column * wide:.1f}" y="{floor * (1 - share / tallest):.1f}" '
        f'width="{wide - 1:.1f}" height="{floor * share / tallest:.1f}"/>'
        for name, shares in sides
        for column, share in enumerate(shares)
        if share
    ]
    ticks = (
        f'<text x="0" y="{HEIGHT - 3}">{_tick(low)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{_tick(high)} {escape(unit)}</text>'
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg class="bars" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(bars)}{ticks}</svg></figure>"
    )


def _tick(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
