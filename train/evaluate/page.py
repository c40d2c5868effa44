"""The report as one HTML page that loads nothing: tables, pictures, players, definitions."""

from collections.abc import Sequence
from html import escape
from typing import Any

from longform.train.evaluate.clips import Clip
from longform.train.evaluate.definitions import DEFINITIONS, SECTIONS, section_of
from longform.train.evaluate.figures import Population, form_values, known
from longform.train.evaluate.measure import Measured
from longform.train.evaluate.pictures import (
    PLAYER_SECONDS,
    histogram_svg,
    image_tag,
    outline_svg,
    player_tag,
    similarity_tag,
)
from longform.train.evaluate.report import Evaluation
from longform.train.evaluate.tempo import TOLERANCE

PLAYERS = 32
STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d1d22;--faint:#6b6b75;--line:#dddad2;
--card:#fff;--ours:#b5367a;--real:#3b7f8c}
@media(prefers-color-scheme:dark){:root{--paper:#15151a;--ink:#e8e6e1;--faint:#98969f;
--line:#33323b;--card:#1d1d24;--ours:#f0699f;--real:#6fc3d2}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:2rem 1.2rem;
background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;margin:0}h2{margin:2.4rem 0 .6rem;font-size:1.2rem}
p{margin:.4rem 0;max-width:75ch}.faint,small{color:var(--faint)}small{font-size:.8rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.45rem .6rem;
border-bottom:1px solid var(--line);vertical-align:top}th{font-weight:600;color:var(--faint)}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.number b{color:var(--ours)}details summary{cursor:pointer}td details small{display:block}
.scroll{overflow-x:auto}.grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,
minmax(310px,1fr))}figure,.card{margin:0;padding:.8rem;background:var(--card);
border:1px solid var(--line);border-radius:8px}figcaption{font-size:.85rem;color:var(--faint)}
svg{display:block;width:100%}svg text{font-size:10px;fill:var(--faint)}.wave{height:46px}
.wave path{fill:var(--ours)}rect.ours{fill:var(--ours);opacity:.75}
rect.real{fill:var(--real);opacity:.55}.key{display:inline-block;width:.8em;height:.8em;
border-radius:2px;vertical-align:-1px;margin:0 .3em 0 .8em}img{display:block;border-radius:3px}
.spectrogram{width:100%;height:80px}.matrix{width:84px;height:84px;image-rendering:pixelated;
float:right;margin:.4rem 0 0 .6rem}.card p{font-size:.85rem;overflow-wrap:anywhere}
audio{width:calc(100% - 96px);height:32px;margin-top:.5rem}.bad{color:var(--ours)}
"""


def page(evaluation: Evaluation, about: dict[str, Any]) -> str:
    """The whole report; the same evaluation gives the same text."""
    heading = f"Evaluation of {about['of']}"
    parts = [
        f"<h1>{escape(heading)}</h1>",
        f'<p class="faint">{escape(_subtitle(evaluation, about))}</p>',
        '<p><small><span class="key" style="background:var(--ours)"></span>generated'
        '<span class="key" style="background:var(--real)"></span>real pieces. Open a figure for '
        "its definition and source. What was not measured is absent.</small></p>",
    ]
    for section, title in SECTIONS.items():
        parts.append(_section(evaluation, section, title))
    parts.append(_gallery(evaluation.made))
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(heading)}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _subtitle(evaluation: Evaluation, about: dict[str, Any]) -> str:
    words = [f"{len(evaluation.made)} clips"]
    if evaluation.real:
        words.append(f"{len(evaluation.real)} real pieces of {about['reference']}")
    words += [f"listened to by the CLAP of {about['scorer']}", about["program"]]
    return ", ".join(words)


def _section(evaluation: Evaluation, section: str, title: str) -> str:
    figures = {
        name: entry
        for name, entry in evaluation.figures.values.items()
        if section_of(name) == section
    }
    absent = [
        f'<p class="faint">{escape(name)}: not measured; {escape(reason)}.</p>'
        for name, reason in evaluation.absent.items()
        if section_of(name) == section
    ]
    if not figures and not absent:
        return ""
    pictures = _distributions(evaluation, section)
    extra = _EXTRAS[section](evaluation) if section in _EXTRAS and figures else ""
    return f"<h2>{escape(title)}</h2>{_table(figures)}{''.join(absent)}{pictures}{extra}"


def _table(figures: dict[str, dict[str, float]]) -> str:
    if not figures:
        return ""
    rows = []
    for name, entry in figures.items():
        what = DEFINITIONS[name]
        cells = "".join(
            f'<td class="number">{_number(entry.get(key), what.unit, strong=key == "value")}</td>'
            for key in ("value", "real", "chance")
        )
        unit = "" if what.unit in {"", "share"} else f" <small>{escape(what.unit)}</small>"
        rows.append(
            f"<tr><td><details><summary>{escape(what.title)}{unit}</summary><small>"
            f"{escape(what.text)}</small><small>Source: {escape(what.source)}</small></details>"
            f"</td>{cells}</tr>"
        )
    head = "".join(
        f'<th class="number">{name}</th>' for name in ("generated", "real pieces", "chance")
    )
    return f'<div class="scroll"><table><tr><th>figure</th>{head}</tr>{"".join(rows)}</table></div>'


def _number(value: float | None, unit: str, *, strong: bool) -> str:
    if value is None:
        return ""
    text = f"{100 * value:.1f} %" if unit == "share" else f"{value:.4g}"
    return f"<b>{text}</b>" if strong else text


def _distributions(evaluation: Evaluation, section: str) -> str:
    """Histograms of the section's values over clips, generated beside real."""
    drawn = [
        histogram_svg(title, known(ours), known(real), unit)
        for title, unit, ours, real in _pairs(evaluation, section)
        if known(ours)
    ]
    return f'<div class="grid">{"".join(drawn)}</div>' if drawn else ""


Pair = tuple[str, str, Sequence[float | None], Sequence[float | None]]


def _pairs(evaluation: Evaluation, section: str) -> list[Pair]:
    made, real = evaluation.made, evaluation.real

    def both(title: str, unit: str, values: Any) -> Pair:
        return title, unit, values(made), values(real)

    if section == "signal":
        return [
            both("loudness", "LUFS", lambda clips: [x.mix.loudness_lufs for x in clips]),
            both("bandwidth", "Hz", lambda clips: [x.mix.bandwidth_hz for x in clips]),
            both("crest factor", "dB", lambda clips: [x.mix.crest_db for x in clips]),
            both("correlation", "", lambda clips: [x.clip.signal.correlation for x in clips]),
        ]
    if section == "structure":
        names = {
            "return": "return of early material",
            "changes": "section changes per minute",
            "repetition": "repetition",
            "similarity": "self-similarity",
        }
        ours, theirs = form_values(made), form_values(real)
        return [(title, "", ours[name], theirs[name]) for name, title in names.items()]
    if section == "memorisation":
        return [
            (f"nearest training item by {title}", unit, found["clips"], found["held_out"])
            for name, title, unit in (("clap", "CLAP", "cosine"), ("latent", "latents", "r"))
            if (found := evaluation.details.get(f"memorisation_{name}"))
        ]
    return []


def _obedience(evaluation: Evaluation) -> str:
    found = evaluation.details
    keys = ", ".join(f"{name} {count}" for name, count in found["keys"].items() if count)
    parts = [f"<p>Keys heard against asked: {escape(keys)}.</p>"] if keys else []
    for side, title in (("clips", "Styles mistaken"), ("real", "Real pieces mistaken")):
        pairs = found["style_confusion"][side]
        if pairs:
            rows = [[one["asked"], one["heard"], one["clips"]] for one in pairs]
            parts.append(_folded(title, ["asked", "heard as", "clips"], rows))
    areas = found["instruments_roc"]
    rows = [[name, area, areas["real"].get(name, "")] for name, area in areas["clips"].items()]
    if rows:
        parts.append(_folded("Instrument families", ["family", "clips", "real pieces"], rows))
    return "".join(parts)


def _distribution(evaluation: Evaluation) -> str:
    found = evaluation.details.get("distribution", {})
    if "descriptors_nats" not in found:
        return ""
    rows = [[name.replace("_", " "), nats] for name, nats in found["descriptors_nats"].items()]
    note = f"<p><small>Sets of {found['clips_a_side']} clips a side.</small></p>"
    return note + _folded("The eleven descriptors", ["descriptor", "KL, nats"], rows)


def _memorisation(evaluation: Evaluation) -> str:
    parts = []
    for name, title in (("clap", "CLAP"), ("latent", "latents")):
        found = evaluation.details.get(f"memorisation_{name}")
        if found:
            rows = [[x["clip"], x["item"], x["seconds"], x["likeness"]] for x in found["closest"]]
            heads = ["clip", "training item", "at second", "likeness"]
            parts.append(_folded(f"Closest pairs by {title}", heads, rows))
    return "".join(parts)


def _autoencoder(evaluation: Evaluation) -> str:
    styles = evaluation.details["autoencoder"]["styles"]
    rows = [[name, one["stft"], one["mel"], one["si_sdr_db"]] for name, one in styles.items()]
    return _folded("By style", ["style", "STFT", "MEL", "SI-SDR dB"], rows)


_EXTRAS = {
    "obedience": _obedience,
    "distribution": _distribution,
    "memorisation": _memorisation,
    "autoencoder": _autoencoder,
}


def _folded(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<details><summary>{escape(title)}</summary><div class="scroll"><table><tr>{head}</tr>'
        f"{body}</table></div></details>"
    )


def _gallery(made: Population) -> str:
    note = f"<p><small>Players hold {PLAYER_SECONDS:g} s from the middle of a clip"
    note += f", of the first {PLAYERS}.</small></p>" if len(made) > PLAYERS else ".</small></p>"
    cards = "".join(_card(one, number < PLAYERS) for number, one in enumerate(made))
    return f'<h2>Clips</h2>{note}<div class="grid">{cards}</div>'


def _card(one: Measured, playable: bool) -> str:
    middle = one.asked.start_seconds + max(one.clip.signal.seconds - PLAYER_SECONDS, 0) / 2
    player = player_tag(one.asked.path, middle) if playable else ""
    spectrogram = image_tag(one.picture.spectrogram, "mel spectrogram", "spectrogram")
    return (
        f'<div class="card">{outline_svg(one.picture.outline)}{spectrogram}'
        f"{similarity_tag(one.structure.similarity)}<p><b>{escape(one.asked.path.name)}</b> "
        f"{escape(one.asked.name)}</p><p>{_verdicts(one.clip)}</p>{player}</div>"
    )


def _verdicts(clip: Clip) -> str:
    """What was asked and heard, faults in colour."""
    words = []
    if clip.asked_bpm is not None:
        error = clip.tempo_error
        wrong = error is not None and error > TOLERANCE
        words.append((f"{clip.heard_bpm:g} BPM of {clip.asked_bpm:g}", wrong))
    if clip.asked_key is not None:
        words.append((f"{clip.heard_key} of {clip.asked_key}", clip.relation != "exact"))
    for name in ("silent", "clipped", "static"):
        if getattr(clip.signal, name):
            words.append((name, True))
    return ", ".join(
        f'<span class="bad">{escape(text)}</span>' if bad else escape(text) for text, bad in words
    )
