"""Parts of the report's page that only one section has, and the gallery of clips."""

from collections.abc import Sequence
from html import escape
from typing import Any

from longform.train.evaluate.clips import Clip
from longform.train.evaluate.figures import Population
from longform.train.evaluate.measure import Measured
from longform.train.evaluate.pictures import (
    PLAYER_SECONDS,
    image_tag,
    outline_svg,
    player_tag,
    similarity_tag,
)
from longform.train.evaluate.report import Evaluation
from longform.train.evaluate.targets import readable
from longform.train.evaluate.tempo import TOLERANCE

PLAYERS = 32
FEW_CHORDS = 0.7


def obedience(evaluation: Evaluation) -> str:
    """Keys, styles that were mistaken, instruments."""
    found = evaluation.details
    keys = ", ".join(f"{name} {count}" for name, count in found["keys"].items() if count)
    parts = [f"<p>Keys heard against asked: {escape(keys)}.</p>"] if keys else []
    for side, title in (("clips", "Styles mistaken"), ("real", "Real pieces' styles mistaken")):
        pairs = found["style_confusion"][side]
        if pairs:
            rows = [[one["asked"], one["heard"], one["clips"]] for one in pairs]
            parts.append(folded(title, ["asked", "heard as", "clips"], rows))
    areas = found["instruments_roc"]
    rows = [[name, area, areas["real"].get(name, "")] for name, area in areas["clips"].items()]
    if rows:
        heads = ["family", "clips, ROC area", "real pieces"]
        parts.append(folded("Instrument families", heads, rows))
    return "".join(parts)


def distribution(evaluation: Evaluation) -> str:
    """The eleven descriptors."""
    found = evaluation.details.get("distribution", {})
    if "descriptors_nats" not in found:
        return ""
    rows = [[name.replace("_", " "), nats] for name, nats in found["descriptors_nats"].items()]
    note = f"<p><small>Sets of {found['clips_a_side']} clips a side.</small></p>"
    return note + folded("The eleven descriptors", ["descriptor", "KL, nats"], rows)


def memorisation(evaluation: Evaluation) -> str:
    """The closest pairs."""
    parts = []
    for name, title in (("clap", "CLAP"), ("latent", "latents")):
        found = evaluation.details.get(f"memorisation_{name}")
        if found:
            if "line" in found:
                parts.append(
                    f"<p>Nearest training items by {title}: held-out pieces reach {found['line']} "
                    f"at the 99th percentile, the closest clip {found['largest']}.</p>"
                )
            for key, of in (("closest", "clip"), ("closest_held_out", "held-out piece")):
                rows = [[x["clip"], x["item"], x["seconds"], x["likeness"]] for x in found[key]]
                heads = [of, "training item", "at second", "likeness"]
                if rows:
                    parts.append(folded(f"Closest pairs by {title}: {of}s", heads, rows))
    return "".join(parts)


def autoencoder(evaluation: Evaluation) -> str:
    """By style, and the artefacts by band."""
    found = evaluation.details["autoencoder"]
    rows = [
        [
            name,
            one["stft"],
            one["mel"],
            one["si_sdr_db"],
            one["chroma_cosine"],
            readable(one["key_exact"], "share") if "key_exact" in one else "",
        ]
        for name, one in found["styles"].items()
    ]
    heads = ["style", "STFT", "MEL", "SI-SDR, dB", "chroma, cosine", "key exact"]
    bands = list(found["artefacts"]["ring"]["decoded"])
    levels = [
        [name, side, *(one[side].get(band, "") for band in bands), one["level_db"]]
        for name, one in found["artefacts"].items()
        for side in ("recording", "decoded")
    ]
    title = f"Ringing, buzzing, pulsing by band, dB (latent rate {found['latent_rate_hz']:.2f} Hz)"
    titles = ["artefact", "of", *bands, "alarm above"]
    return folded("By style", heads, rows) + folded(title, titles, levels)


EXTRAS = {
    "obedience": obedience,
    "distribution": distribution,
    "memorisation": memorisation,
    "autoencoder": autoencoder,
}


def folded(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table that opens on demand."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<details><summary>{escape(title)}</summary><div class="scroll"><table><tr>{head}</tr>'
        f"{body}</table></div></details>"
    )


def gallery(made: Population) -> str:
    """A card for every clip."""
    note = "Waveform, mel spectrogram (30 Hz to 10.5 kHz) and self-similarity (a cell per second) "
    note += f"of every clip; the player holds {PLAYER_SECONDS:g} s from its middle"
    note += f", for the first {PLAYERS} clips." if len(made) > PLAYERS else "."
    cards = "".join(_card(one, number < PLAYERS) for number, one in enumerate(made))
    return f'<h2 id="clips">Clips</h2><p><small>{note}</small></p><div class="grid">{cards}</div>'


def _card(one: Measured, playable: bool) -> str:
    middle = one.asked.start_seconds + max(one.clip.signal.seconds - PLAYER_SECONDS, 0) / 2
    player = player_tag(one.asked.path, middle) if playable else ""
    spectrogram = image_tag(one.picture.spectrogram, "mel spectrogram", "spectrogram")
    return (
        f'<div class="card">{outline_svg(one.picture.outline)}{spectrogram}'
        f'<div class="about"><div><p><b>{escape(one.asked.path.name)}</b> '
        f"{escape(one.asked.name)}</p><p>{_verdicts(one.clip)}</p></div>"
        f"{similarity_tag(one.structure.similarity)}</div>{player}</div>"
    )


def _verdicts(clip: Clip) -> str:
    """What was asked and heard, faults in colour."""
    words = []
    if clip.asked_bpm is not None:
        error = clip.tempo_error
        wrong = error is not None and error > TOLERANCE
        words.append((f"{clip.heard_bpm:.0f} BPM heard of {clip.asked_bpm:.0f}", wrong))
    if clip.asked_key is not None:
        wrong = clip.relation != "exact"
        text = f"{clip.heard_key or 'no key'} heard" + (f", not {clip.asked_key}" if wrong else "")
        words.append((text, wrong))
    if clip.chords is not None and clip.chords.bars:
        heard, bars = clip.chords.heard, clip.chords.bars
        words.append((f"chords of {heard} bars of {bars}", heard < FEW_CHORDS * bars))
    for name in ("silent", "clipped", "static"):
        if getattr(clip.signal, name):
            words.append((name, True))
    return "; ".join(
        f'<span class="bad">{escape(text)}</span>' if bad else escape(text) for text, bad in words
    )
