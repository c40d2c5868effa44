"""How transfer's strength trades the recording for the prompt: python tests/bench/transfer_curve.py

Twelve clips are composed and rendered (three each of beatbox-like sounds, drums, melody and full
mix) and restyled along a prompt of another style at several strengths. For each strength: what is
retained (chroma, onsets, loudness contour) and the CLAP score with the new prompt, as means over
the clips. Retention must fall and the score rise. `--figure FILE.png` draws both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from longform.choose import clap_match
from longform.music.draw import draw_plan
from longform.pipeline import Pipeline, Request
from longform.train.songbook.compose import compose
from longform.train.songbook.render import render
from longform.waveform import Waveform

STRENGTHS = (0.0, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
SECONDS = 10.0
CLIPS = {  # kind: (styles, prompts to restyle them along)
    "beatbox": (("hip hop", "house", "funk"), ("rock band, electric guitar",) * 3),
    "drums": (("techno", "trap", "rock"), ("jazz trio, brushed drums, piano",) * 3),
    "melody": (("folk", "solo piano", "synthwave"), ("chiptune, 8-bit video game music",) * 3),
    "mix": (("bossa nova", "pop", "trance"), ("cinematic orchestral, epic strings",) * 3),
}
MEASURES = ("chroma", "onset", "loudness", "clap")


def clips() -> dict[str, tuple[Waveform, str, float]]:
    """Name -> (clip, prompt to restyle it along, its tempo)."""
    found = {}
    for kind, (styles, prompts) in CLIPS.items():
        for seed, (style, prompt) in enumerate(zip(styles, prompts, strict=True)):
            plan = draw_plan(style=style, seconds=2 * SECONDS, seed=seed)
            rendered = render(compose(plan))
            stems = rendered.stems
            melodic = [stems[name] for name in ("lead", "keys", "guitar", "winds") if name in stems]
            sound = {
                "mix": rendered.mix,
                "melody": sum(melodic, np.zeros_like(rendered.mix)),
            }.get(kind, stems.get("drums", rendered.mix))
            start = round(0.4 * sound.shape[1])
            piece = sound[:, start : start + round(SECONDS * rendered.sample_rate)]
            if kind == "beatbox":
                piece = _by_mouth(piece, rendered.sample_rate)
            piece = 0.5 * piece / max(float(np.abs(piece).max()), 1e-3)
            wave = Waveform(piece.astype(np.float32), rendered.sample_rate)
            found[f"{kind} {style}"] = (wave, prompt, plan.tempo_bpm)
    return found


def measure(pipe: Pipeline, strengths: Sequence[float], steps: int | None) -> np.ndarray:
    """(clips, strengths, measures)."""
    rows = []
    for name, (wave, prompt, _) in clips().items():
        row = []
        for strength in strengths:
            request = Request(prompt=prompt, seed=1, steps=steps)
            result = pipe.transfer(wave, request, strength=strength)
            kept = result.retention
            assert kept is not None
            score = clap_match(pipe, result.waveform, prompt)
            row.append((kept.chroma, kept.onset, kept.loudness, score))
        print(f"{name:20s}", "  ".join("/".join(f"{one:.2f}" for one in cell) for cell in row))
        rows.append(row)
    return np.array(rows)


def draw(path: Path, strengths: Sequence[float], table: np.ndarray) -> None:
    """One curve for each measure, the mean over the clips, with the quartiles as a band."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for index, name in enumerate(MEASURES):
        low, high = np.quantile(table[..., index], (0.25, 0.75), axis=0)
        axes.fill_between(strengths, low, high, alpha=0.12)
        axes.plot(strengths, table[..., index].mean(0), marker="o", label=name)
    axes.set(xlabel="strength", ylabel="similarity", ylim=(-0.1, 1.05))
    axes.legend()
    figure.savefig(path, dpi=120)


def _by_mouth(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Drums as a mouth might make them: mono, no deep bass, nothing bright."""
    sections = butter(2, (150.0, 3500.0), "bandpass", fs=sample_rate, output="sos")
    return sosfiltfilt(sections, samples.mean(axis=0, keepdims=True), axis=1)


def main() -> None:
    """Print the table; draw the figure where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    table = measure(Pipeline.from_pretrained(options.model), STRENGTHS, options.steps)
    print("strength    " + "  ".join(f"{name:>8s}" for name in MEASURES))
    for strength, row in zip(STRENGTHS, table.mean(axis=0), strict=True):
        print(f"{strength:8.2f}    " + "  ".join(f"{value:8.3f}" for value in row))
    if options.figure:
        draw(options.figure, STRENGTHS, table)


if __name__ == "__main__":
    main()
