"""Reports as text tables, for people."""

from collections.abc import Sequence
from typing import Any

from longform.train.evaluate.targets import Outcome, readable

MISTAKEN = 5


def autoencoder_table(report: dict[str, Any]) -> str:
    """Per style, the mean, the published figures to read them against, and the artefacts."""
    rows = [
        [
            style,
            f"{f['stft']:.3f}",
            f"{f['mel']:.3f}",
            f"{f['si_sdr_db']:.2f}",
            *(_share_of(f, name) for name in KEYS_KEPT),
            f"{f['chroma_cosine']:.3f}" if "chroma_cosine" in f else "",
            _share_of(f, "alarm_share"),
        ]
        for style, f in (
            *report["styles"].items(),
            (f"mean of {report['pieces']}", report["mean"]),
            ("Stable Audio 2.0 (other music)", report["published_stable_audio_2"]),
        )
    ]
    size = f"{report['latent_rate_hz']:g} Hz x {report['latent_channels']}"
    head = f"autoencoder of {report['model']}: {size}, unseen pieces, lower is better but SI-SDR"
    titles = ["style", "STFT", "MEL", "SI-SDR dB", *KEYS_KEPT.values(), "chroma", "artefacts"]
    return f"{head}\n{plain_table(titles, rows)}\n\n{_artefacts(report)}"


KEYS_KEPT = {
    "key_recording": "key in recording",
    "key_exact": "after",
    "key_relative": "relative",
    "key_fifth": "fifth",
}


def _artefacts(report: dict[str, Any]) -> str:
    """Power at multiples of the decoder's own rates over that beside them."""
    bands = list(report["artefacts"]["ring"]["decoded"])
    rows = [
        [
            f"{name}, {side}",
            *(f"{found[side][band]:+.1f}" if band in found[side] else "" for band in bands),
            f"{found['level_db']:g}",
            _percent(found["alarm_share"][side]),
        ]
        for name, found in report["artefacts"].items()
        for side in ("recording", "decoded")
    ]
    rates = (
        f"the latent rate, {report['latent_rate_hz']:.2f} Hz (buzz: {report['frame_rate_hz']:.1f})"
    )
    head = f"dB at multiples of {rates}, over what lies beside"
    return f"{head}\n{plain_table(['artefact', *bands, 'alarm above', 'alarms'], rows)}"


def _share_of(figures: dict[str, Any], name: str) -> str:
    return _percent(figures[name]) if name in figures else ""


def generation_table(report: dict[str, Any]) -> str:
    """The figures of a generation run with chance beside them."""
    clap = report["clap"]
    rows = [
        *_obedience(report),
        ["CLAP: own prompt above a shuffled one", _percent(clap["above_shuffled_share"]), "50 %"],
        ["CLAP: own prompt above any other", _percent(clap["above_any_share"]), "50 %"],
    ]
    head = f"{report['clips']} clips of {report['seconds']:g} s by {report['model']}"
    mean = report["generate_seconds_mean"]
    foot = "" if mean is None else f"mean generation time {mean:.2f} s per clip"
    return f"{head}\n{plain_table(['measure', 'result', 'chance'], rows)}\n{foot}"


def calibration_table(report: dict[str, Any]) -> str:
    """How often the estimators are right about real pieces, and where they are wrong."""
    head = f"estimators on {report['clips']} real pieces of split {report['split']!r}"
    text = head + "\n" + plain_table(["measure", "result", "chance"], _obedience(report))
    rows = [
        [e["name"], _text(e["asked_bpm"]), e["heard_bpm"], e["asked_key"], e["heard_key"]]
        for e in report["each"]
        if not e["tempo_obeyed"] or e["key_relation"] != "exact"
    ]
    if not rows:
        return text
    return f"{text}\n\nwrong:\n{plain_table(['piece', 'BPM', 'heard', 'key', 'heard'], rows)}"


def figures_table(report: dict[str, Any]) -> str:
    """Every figure of an evaluation beside real pieces and chance, and what was not measured."""
    rows = [
        [
            f"{name.partition('.')[0]}: {entry['title']}",
            *(
                readable(entry[key], entry["unit"]) if key in entry else ""
                for key in ("value", "real", "chance")
            ),
        ]
        for name, entry in report["figures"].items()
    ]
    text = f"{report['clips']} clips of {report['of']}\n"
    text += plain_table(["figure", "generated", "real", "chance"], rows)
    for side, of in (("clips", ""), ("real", " of real pieces, the classifier's own")):
        mistaken = report["details"]["style_confusion"][side][:MISTAKEN]
        if mistaken:
            pairs = [f"{one['asked']} heard as {one['heard']} {one['clips']}" for one in mistaken]
            text += f"\nstyles{of} mistaken most: {', '.join(pairs)}"
    text += "".join(_nearest(report["details"], *pair) for pair in NEAREST)
    absent = [f"{name}: not measured; {why}" for name, why in report["absent"].items()]
    return "\n".join([text, *absent])


NEAREST = (("clap", "CLAP"), ("latent", "latents"))


def _nearest(details: dict[str, Any], name: str, title: str) -> str:
    """The line of the held-out pieces and the closest pairs, as lines of their own."""
    found = details.get(f"memorisation_{name}")
    if not found or "line" not in found:
        return ""
    pairs = [
        f"{one['clip']} and {one['item']} {one['likeness']}" for one in found["closest"][:MISTAKEN]
    ]
    return (
        f"\nnearest training items by {title}: held-out pieces reach {found['line']} at the 99th "
        f"percentile; closest: {', '.join(pairs)}"
    )


def targets_table(found: Sequence[Outcome]) -> str:
    """Each target with its verdict."""
    rows = [[one.title, one.wanted, one.found, one.verdict] for one in found]
    return plain_table(["target", "wanted", "found", ""], rows)


def structure_table(report: dict[str, Any]) -> str:
    """One line per piece."""
    rows = [
        [
            piece["file"],
            f"{piece['seconds']:.1f}",
            f"{piece['tail_silence_seconds']:.2f}",
            f"{piece['return_score']:.2f}",
            str(len(piece["boundaries_seconds"])),
            f"{piece['seam']['ratio']:.2f} at {piece['seam']['seconds']:.2f} s"
            + (" AUDIBLE" if piece["seam"]["audible"] else ""),
        ]
        for piece in report["pieces"]
    ]
    return plain_table(
        ["file", "seconds", "silent tail", "return", "changes", "largest seam"], rows
    )


def _obedience(report: dict[str, Any]) -> list[list[str]]:
    tempo, key = report["tempo"], report["key"]
    relations = ", ".join(f"{name} {count}" for name, count in key["relations"].items() if count)
    return [
        [
            "tempo within 4 %, folded",
            _percent(tempo["obeyed_share"]),
            _percent(tempo["chance_share"]),
        ],
        ["tempo within 4 %, not folded", _percent(tempo["obeyed_unfolded_share"]), ""],
        ["key exact", _percent(key["exact_share"]), _percent(key["chance_share"])],
        ["key exact, by published profile", _percent(key["profile_exact_share"]), ""],
        ["key, MIREX score", f"{key['mirex']:.3f}", ""],
        ["keys", relations, ""],
        *_chords(report["chords"]),
        ["silent / clipped / static", _counts(report), ""],
        ["stereo correct", _percent(report["stereo_correct_share"]), ""],
        ["largest seam ratio", f"{report['largest_seam_ratio']:.2f}", ""],
    ]


def _chords(found: dict[str, Any]) -> list[list[str]]:
    if not found["asked"]:
        return []
    shares = (_percent(found[name]) for name in ("heard_share", "chance_share"))
    return [[f"chords of the plan heard, of {found['bars']} bars", *shares]]


def _counts(report: dict[str, Any]) -> str:
    return f"{report['silent']} / {report['clipped']} / {report['static']}"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def plain_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as wide as their widest cell."""
    cells = [list(titles), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
