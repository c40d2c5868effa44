"""The report as one HTML page that loads nothing: targets, tables, pictures, players."""

from collections.abc import Sequence
from html import escape
from typing import Any

from longform.train.evaluate.definitions import DEFINITIONS, SECTIONS, section_of
from longform.train.evaluate.figures import form_values, known
from longform.train.evaluate.page_parts import EXTRAS, gallery
from longform.train.evaluate.page_style import STYLE
from longform.train.evaluate.pictures import histogram_svg
from longform.train.evaluate.report import Evaluation
from longform.train.evaluate.targets import Outcome, outcomes, readable

COLUMNS = {"value": "generated", "real": "real pieces", "chance": "chance"}
ROUND_TRIP = {"value": "round trip", "real": "recording"}
ABSENT = {
    "obedience.laion_clap": "LAION-CLAP score",
    "distribution": "Distances to real pieces",
    "memorisation.clap": "Nearest training items by CLAP",
    "memorisation.latents": "Nearest training items by latents",
    "autoencoder": "The autoencoder",
    "distribution.openl3": "FD_openl3",
    "distribution.passt": "KL_passt",
}


def page(evaluation: Evaluation, about: dict[str, Any]) -> str:
    """The whole report; the same evaluation gives the same text."""
    heading = f"Evaluation of {about['of']}"
    sections = {name: _section(evaluation, name, title) for name, title in SECTIONS.items()}
    titles = {name: title for name, title in SECTIONS.items() if sections[name]}
    links = {"targets": "Targets", **titles, "clips": "Clips"}
    nav = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in links.items())
    body = "\n".join(
        [
            f"<h1>{escape(heading)}</h1>",
            f'<p class="faint">{escape(_subtitle(evaluation, about))}</p>',
            f"<nav>{nav}</nav>",
            _targets(outcomes(evaluation.figures.values)),
            _legend(bool(evaluation.real)),
            *(sections[name] for name in titles),
            gallery(evaluation.made),
        ]
    )
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


def _targets(found: Sequence[Outcome]) -> str:
    """Every target with its verdict, and how many are met."""
    colour = {True: "good", False: "bad", None: "faint"}
    rows = "".join(
        f'<tr><td>{escape(one.title)}</td><td class="number">{escape(one.wanted)}</td>'
        f'<td class="number">{escape(one.found)}</td>'
        f'<td class="verdict {colour[one.met]}">{one.verdict}</td></tr>'
        for one in found
    )
    count = f"{sum(one.met is True for one in found)} of {len(found)} met"
    return (
        f'<h2 id="targets">Targets: {count}</h2><div class="scroll"><table class="figures"><tr>'
        '<th>figure</th><th class="number">wanted</th><th class="number">found</th>'
        f'<th class="verdict"></th></tr>{rows}</table></div>'
    )


def _legend(compared: bool) -> str:
    sides = {"ours": "generated", "real": "real pieces"} if compared else {"ours": "generated"}
    keys = "".join(
        f'<span class="key" style="background:var(--{side})"></span><span>{name}</span>'
        for side, name in sides.items()
    )
    return (
        f"<p><small>{keys}. Open a figure for its definition and source. What was not measured is "
        "absent.</small></p>"
    )


def _section(evaluation: Evaluation, section: str, title: str) -> str:
    figures = {
        name: entry
        for name, entry in evaluation.figures.values.items()
        if section_of(name) == section
    }
    absent = [
        f'<p class="faint">{ABSENT[name]}: not measured; {escape(reason)}.</p>'
        for name, reason in evaluation.absent.items()
        if section_of(name) == section
    ]
    if not figures and not absent:
        return ""
    pictures = _distributions(evaluation, section)
    extra = EXTRAS[section](evaluation) if section in EXTRAS and figures else ""
    head = f'<h2 id="{section}">{escape(title)}</h2>'
    columns = ROUND_TRIP if section == "autoencoder" else COLUMNS
    return f"{head}{_table(figures, columns)}{''.join(absent)}{pictures}{extra}"


def _table(figures: dict[str, dict[str, float]], columns: dict[str, str]) -> str:
    if not figures:
        return ""
    shown = [key for key in columns if any(key in entry for entry in figures.values())]
    rows = []
    for name, entry in figures.items():
        what = DEFINITIONS[name]
        cells = "".join(
            f'<td class="number">{_number(entry.get(key), what.unit, strong=key == "value")}</td>'
            for key in shown
        )
        rows.append(
            f"<tr><td><details><summary>{escape(what.title)}</summary><small>"
            f"{escape(what.text)}</small><small>Source: {escape(what.source)}</small></details>"
            f"</td>{cells}</tr>"
        )
    head = "".join(f'<th class="number">{columns[key]}</th>' for key in shown)
    return (
        '<div class="scroll"><table class="figures"><tr><th>figure</th>'
        f"{head}</tr>{''.join(rows)}</table></div>"
    )


def _number(value: float | None, unit: str, *, strong: bool) -> str:
    if value is None:
        return ""
    bare = unit if unit == "share" else ""
    text = readable(value, bare)
    told = "" if unit in {"", "share"} else f" <small>{escape(unit)}</small>"
    return (f"<b>{text}</b>" if strong else text) + told


def _distributions(evaluation: Evaluation, section: str) -> str:
    """Histograms of the section's values over clips, generated beside real."""
    drawn = [
        histogram_svg(title, known(ours), known(real), unit)
        for title, unit, ours, real in _pairs(evaluation, section)
        if known(ours)
    ]
    return f'<div class="grid small">{"".join(drawn)}</div>' if drawn else ""


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
