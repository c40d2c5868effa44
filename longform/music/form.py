"""Fitting a form, such as "i4 [v8 c8] b8 c8 o4", to a number of bars."""

import re

from longform.music.style import SECTION_LETTERS

Form = list[tuple[str, int]]
_DROP_ORDER = ("solo", "break", "bridge", "build")
_TOKEN = re.compile(r"([ivcbnuso])(\d+)")
# A section is never squeezed below this share of its written length before another one is left out.
_MOST_SQUEEZED = 0.4
_CYCLE_BARS = 12


def fit_form(text: str, bars: int) -> Form:
    """Choose and size the sections so that they sum to `bars`; the last bar holds the final chord.

    The bracketed part repeats as often as fits; when the form is too long, sections are left out:
    solo, break, bridge, build, then repeated verses and choruses, then the intro and the outro.
    """
    body = max(bars - 1, 1)
    form = next(form for form in _candidates(text, body) if _fits(form, body))
    sized = _sized(form, body)
    if bars > 1:
        name, length = sized[-1]
        sized[-1] = (name, length + 1)
    return sized


def _parse(text: str) -> Form:
    return [(SECTION_LETTERS[letter], int(bars)) for letter, bars in _TOKEN.findall(text)]


def _total(form: Form) -> int:
    return sum(bars for _, bars in form)


def _candidates(text: str, body: int) -> list[Form]:
    """Forms from the longest to a single section; the last one fits any length."""
    head, _, rest = text.partition("[")
    core, _, tail = rest.partition("]")
    longest = next(k for k in range(1, 99) if _total(_parse(head + core * k + tail)) >= body)
    forms = [_parse(head + core * count + tail) for count in range(longest, 0, -1)]
    form = forms[-1]
    for name in _DROP_ORDER:
        form = [section for section in form if section[0] != name]
        forms.append(form)
    while len({name for name, _ in form}) < len(form):
        names = [name for name, _ in form]
        repeated = next(i for i in range(len(form) - 1, -1, -1) if names.index(names[i]) < i)
        form = form[:repeated] + form[repeated + 1 :]
        forms.append(form)
    for name in ("intro", "outro"):
        form = [section for section in form if section[0] != name] or form
        forms.append(form)
    forms.append(form[-1:])
    return forms


def _fits(form: Form, body: int) -> bool:
    if len(form) == 1:
        return True
    scale = body / _total(form)
    shortest = min(bars for _, bars in form) * scale
    return scale >= _MOST_SQUEEZED and shortest >= 1.6 and body >= 2 * len(form) + 2


def _sized(form: Form, body: int) -> Form:
    unit = 4 if body >= 4 * len(form) and body >= 16 else 2 if body >= 2 * len(form) else 1
    scale = body / _total(form)
    units = [
        _CYCLE_BARS if bars % _CYCLE_BARS == 0 and bars * scale >= 9 else unit for _, bars in form
    ]
    ideal = [bars * scale for _, bars in form]
    sizes = [max(int(want // step), 1) * step for want, step in zip(ideal, units, strict=True)]
    while sum(sizes) > body:
        widest = max(range(len(form)), key=lambda i: (sizes[i] - ideal[i], sizes[i]))
        sizes[widest] -= min(unit, sum(sizes) - body, sizes[widest] - 1)
    while sum(sizes) + unit <= body:
        needy = max(range(len(form)), key=lambda i: (units[i] == unit, ideal[i] - sizes[i]))
        sizes[needy] += unit
    names = [name for name, _ in form]
    spare = next((names.index(name) for name in ("outro", "intro") if name in names), len(form) - 1)
    sizes[spare] += body - sum(sizes)
    return list(zip(names, sizes, strict=True))
