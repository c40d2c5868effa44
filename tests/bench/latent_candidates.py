"""Which latents does a small denoiser learn best, at equal compute?

    python tests/bench/latent_candidates.py CORPUS --hours 2 --steps 250 --out FILE

CORPUS is a built songbook. Every candidate is a linear codec fitted on the same pieces
(`latent_codecs.py`); a DiT of one size trains on its latents for as many steps, over the same
windows. It then makes clips for plans that the corpus does not hold, and the project's estimators
listen whether tempo and key are those of the plan. "Round trip" is the same judgement of held-out
pieces that went through the codec alone, which bounds what any denoiser can reach.

A candidate is KIND-CHANNELS, with `:HOP` for another hop than 4096 samples: `bands-64:2048` has
twice the rate and, at equal compute, half as many windows a step.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from latent_codecs import (
    FRONTS,
    HOP_SAMPLES,
    MAX_CHANNELS,
    RATE_HZ,
    LinearCodec,
    fit,
    from_int16,
)
from latent_denoiser import WINDOW_SAMPLES, Piece, generate, train
from torch import Tensor

from longform.audio import Waveform, read
from longform.errors import UserError
from longform.music import STYLES, Plan, draw_plan
from longform.train.dataset import Item
from longform.train.evaluate.clips import MIREX_WEIGHTS
from longform.train.evaluate.key import Relation, estimate_key, key_relation
from longform.train.evaluate.selection import excerpt_start_seconds, select_music
from longform.train.evaluate.tempo import estimate_tempo, tempo_obeyed

CANDIDATES = ("bands-128", "bands-64", "bands-32", "mdct-128")
PLAN_SECONDS = 24.0
FIRST_SEED = 2_000_000_000
"""Of the new plans; it is checked that the corpus holds none of them."""
STYLE_STRIDE = 7
"""From plan to plan through the styles in alphabetical order, so that a few are unlike."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Latents that are put to the test."""

    name: str
    kind: str
    channels: int
    hop_samples: int

    @classmethod
    def parse(cls, text: str) -> "Candidate":
        """KIND-CHANNELS or KIND-CHANNELS:HOP."""
        head, _, hop = text.partition(":")
        kind, _, channels = head.partition("-")
        hops = {str(size): size for size in (HOP_SAMPLES // 2, HOP_SAMPLES, 2 * HOP_SAMPLES)}
        hop = hop or str(HOP_SAMPLES)
        numbers = channels.isdecimal() and 1 <= int(channels) <= MAX_CHANNELS
        if kind not in FRONTS or not numbers or hop not in hops:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not KIND-CHANNELS[:HOP] with KIND in {', '.join(FRONTS)}, CHANNELS "
                f"up to {MAX_CHANNELS} and HOP in {', '.join(hops)}"
            )
        return cls(name=text, kind=kind, channels=int(channels), hop_samples=hops[hop])

    @property
    def family(self) -> tuple[str, int]:
        """Candidates of one family are truncations of one codec."""
        return self.kind, self.hop_samples


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is the same for all candidates."""

    pieces: Sequence[Piece]
    held_out: Sequence[Piece]
    plans: Sequence[Plan]
    steps: int
    whitening: float

    def compete(self, name: str, codec: LinearCodec, latents: Sequence[Tensor]) -> dict[str, Any]:
        """Codec alone, then training, sampling and listening; everything that was measured."""
        started = time.perf_counter()
        audio = [from_int16(piece.audio) for piece in self.held_out]
        passed = [codec.decode(codec.encode(one), seed) for seed, one in enumerate(audio)]
        round_trip = judge(passed, [piece.plan for piece in self.held_out])
        coded = time.perf_counter()
        plans = [piece.plan for piece in self.pieces]
        network, losses = train(codec, latents, plans, self.steps, self.whitening)
        trained = time.perf_counter()
        made = generate(codec, network, self.plans)
        sampled = time.perf_counter()
        clips = [codec.decode(one, seed) for seed, one in enumerate(made)]
        generated = judge(clips, self.plans)
        return {
            "name": name,
            "channels": codec.channels,
            "rate_hz": round(codec.rate_hz, 4),
            "variance_kept": round(codec.variance_kept(audio), 4),
            "round_trip": round_trip,
            "generated": generated,
            "loss": round(float(np.mean(losses[-max(1, len(losses) // 10) :])), 4),
            "seconds": {
                "round_trip": round(coded - started, 1),
                "train": round(trained - coded, 1),
                "sample": round(sampled - trained, 1),
                "decode_and_listen": round(time.perf_counter() - sampled, 1),
            },
        }


def main() -> None:
    """Compare the candidates; the table is printed, everything goes to the file."""
    options = _options()
    torch.set_flush_denormal(True)
    started = time.perf_counter()
    bench = gather(options)
    hours = sum(piece.audio.shape[1] for piece in bench.pieces) / RATE_HZ / 3600
    print(
        f"{len(bench.pieces)} pieces, {hours:.2f} h, and {len(bench.held_out)} held-out excerpts "
        f"read in {time.perf_counter() - started:.0f} s; {torch.get_num_threads()} threads",
        flush=True,
    )
    real = [Waveform(from_int16(piece.audio).numpy(), RATE_HZ) for piece in bench.held_out]
    report: dict[str, Any] = {
        "hours": round(hours, 3),
        "steps": options.steps,
        "whitening": options.whitening,
        "original": judge(real, [piece.plan for piece in bench.held_out]),
        "candidates": [],
    }
    for family in dict.fromkeys(one.family for one in options.candidates):
        chosen = [one for one in options.candidates if one.family == family]
        fitted = time.perf_counter()
        audio = [piece.audio for piece in bench.pieces]
        codec, latents = fit(family[0], family[1], audio, max(one.channels for one in chosen))
        print(f"{family[0]} fitted in {time.perf_counter() - fitted:.0f} s", flush=True)
        for one in chosen:
            mine = [part[: one.channels] for part in latents]
            row = bench.compete(one.name, codec.truncated(one.channels), mine)
            report["candidates"].append(row)
            print(f"{one.name}: {row['seconds']}", flush=True)
            options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"in all {time.perf_counter() - started:.0f} s\n\n{table(report)}")


def bench_parser(description: str | None, clips: int) -> argparse.ArgumentParser:
    """The options that `gather` reads, and the file to write."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="folder of a built songbook")
    parser.add_argument("--hours", type=float, default=2.0, help="of training audio, at most")
    parser.add_argument("--steps", type=int, default=250, help="of each denoiser")
    parser.add_argument("--whitening", type=float, default=0.5, help="of the latents, 0..1")
    parser.add_argument("--clips", type=int, default=clips, help="generated, and held-out excerpts")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    return parser


def _options() -> argparse.Namespace:
    parser = bench_parser(__doc__, clips=16)
    default = [Candidate.parse(name) for name in CANDIDATES]
    parser.add_argument("--candidates", type=Candidate.parse, nargs="+", default=default)
    return parser.parse_args()


def gather(options: argparse.Namespace) -> Bench:
    """Read whole pieces, styles in turn, those that still fit into the hours.

    Held-out excerpts are the middles of pieces of the test and validation splits.
    """
    items = select_music(options.corpus, split="train", count=10**9, seed=0)
    pieces, left = [], options.hours * 3600
    for item in items:
        if item.seconds <= left:
            pieces.append(_piece(item, 0.0, None))
            left -= item.seconds
    if not pieces:
        raise UserError(f"--hours {options.hours:g}: no piece of {options.corpus} is that short")
    unseen = [
        item
        for split in ("test", "validation")
        for item in select_music(options.corpus, split=split, count=options.clips, seed=0)
    ]
    window = WINDOW_SAMPLES / RATE_HZ
    held_out = [
        _piece(item, excerpt_start_seconds(item.seconds, window), window)
        for item in unseen[: options.clips]
    ]
    plans = new_plans(options.clips)
    known = {Plan.from_json(item.facts["plan"]).seed for item in items + unseen}
    assert not known & {plan.seed for plan in plans}, "a new plan has a seed of the corpus"
    return Bench(
        pieces=pieces,
        held_out=held_out,
        plans=plans,
        steps=options.steps,
        whitening=options.whitening,
    )


def _piece(item: Item, start_seconds: float, seconds: float | None) -> Piece:
    wave = read(
        item.path, start_seconds=start_seconds, seconds=seconds, sample_rate=RATE_HZ, channels=2
    )
    audio = (wave.samples * 32_768).round().clip(-32_768, 32_767).astype(np.int16)
    return Piece(plan=Plan.from_json(item.facts["plan"]), audio=audio)


def new_plans(count: int) -> list[Plan]:
    """One plan per clip, style after style."""
    styles = sorted(STYLES)
    return [
        draw_plan(
            style=styles[number * STYLE_STRIDE % len(styles)],
            seconds=PLAN_SECONDS,
            seed=FIRST_SEED + number,
        )
        for number in range(count)
    ]


def judge(clips: Sequence[Waveform], plans: Sequence[Plan]) -> dict[str, Any]:
    """What the estimators hear, against the plans.

    `tempo` and `key` are shares of the clips; `key_mirex` counts related keys in part; `chance` is
    what the heard tempi would score against the other clips' plans.
    """
    tempi = [estimate_tempo(clip) for clip in clips]
    keys = [estimate_key(clip).key for clip in clips]
    relations: list[Relation] = [
        key_relation(key, plan.key) for key, plan in zip(keys, plans, strict=True)
    ]
    pairs = list(zip(tempi, plans, strict=True))
    strangers = [
        tempo_obeyed(tempo.bpm, plan.tempo_bpm)
        for i, (tempo, _) in enumerate(pairs)
        for j, (_, plan) in enumerate(pairs)
        if i != j
    ]
    return {
        "clips": len(plans),
        "tempo": _mean([tempo_obeyed(tempo.bpm, plan.tempo_bpm) for tempo, plan in pairs]),
        "tempo_clarity": _mean([tempo.clarity for tempo in tempi]),
        "key": _mean([relation == "exact" for relation in relations]),
        "key_mirex": _mean([MIREX_WEIGHTS[relation] for relation in relations]),
        "chance": _mean(strangers),
        "each": [
            {
                "style": plan.style,
                "asked": [plan.tempo_bpm, str(plan.key)],
                "heard": [tempo.bpm, str(key)],
            }
            for key, (tempo, plan) in zip(keys, pairs, strict=True)
        ],
    }


def table(report: dict[str, Any]) -> str:
    """The comparison for a terminal or a document."""
    real = report["original"]
    rows = [
        "| latents | numbers/s | variance kept | round trip: tempo | key | generated: tempo "
        "(chance) | key | key, MIREX |",
        "|---|---|---|---|---|---|---|---|",
        f"| no codec | | | {real['tempo']:.0%} | {real['key']:.0%} | | | |",
    ]
    for one in report["candidates"]:
        trip, made = one["round_trip"], one["generated"]
        rows.append(
            f"| {one['name']} | {one['channels'] * one['rate_hz']:.0f} | "
            f"{one['variance_kept']:.1%} | {trip['tempo']:.0%} | {trip['key']:.0%} | "
            f"{made['tempo']:.0%} ({made['chance']:.0%}) | {made['key']:.0%} | "
            f"{made['key_mirex']:.2f} |"
        )
    return "\n".join(rows)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


if __name__ == "__main__":
    main()
