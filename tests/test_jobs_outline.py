"""Plans over time: what is read, what is refused, how the sections fit, and the way back."""

import pytest

from longform.errors import UserError
from longform.jobs.planned import rank_correlation
from longform.music.outline import outline_yaml, read_outline
from longform.music.outline_plan import markers_of, outline_of, plan_of_outline
from longform.music.plan import Plan
from longform.music.theory import Key
from longform.planning import length_of, plan_of
from longform.request import Request

INLINE = "intro 16s: soft pads / drop 45s: full drums, bright / outro 20s"


def planned(text: str, prompt: str = "house", seed: int = 3, **asked: object) -> Plan:
    outline = read_outline(text)
    seconds = asked.pop("seconds", outline.seconds)
    return plan_of_outline(outline, prompt=prompt, seconds=seconds, seed=seed, **asked)  # pyright: ignore


@pytest.mark.parametrize("seed", range(6))
def test_an_inline_plan_fills_the_length_and_starts_sections_on_time(seed: int) -> None:
    plan = planned(INLINE, seed=seed)
    assert plan.seconds == 81 and plan.bars * plan.bar_seconds == pytest.approx(81)
    marks = markers_of(plan, INLINE)
    assert [name for name, _ in marks] == ["intro", "drop", "outro"]
    for (_, start), wanted in zip(marks, (0, 16, 61), strict=True):
        assert abs(start - wanted) <= plan.bar_seconds / 2 + 1e-6


def test_words_decide_who_plays_and_how_loud() -> None:
    intro, drop, outro = planned(INLINE).sections
    assert intro.families == {"pad"} and "drums" in drop.families
    assert [part.name for part in (intro, drop, outro)] == ["intro", "chorus", "outro"]
    assert intro.energy < outro.energy < drop.energy
    loud, soft, plain = (
        planned(f"verse 20s: {words}").sections[0].energy for words in ("huge", "quiet", "")
    )
    assert soft < plain < loud
    assert "drums" not in planned("verse 20s: no drums").sections[0].families
    assert planned("verse 20s: only piano").sections[0].families == {"keys"}


def test_an_asked_tempo_stays_and_bars_follow() -> None:
    plan = planned(INLINE, bpm=120.0, key=Key.parse("A minor"), metre=4)
    assert plan.tempo_bpm == 120 and str(plan.key) == "A minor"
    assert [section.bars for section in plan.sections] == [8, 22, 10]
    assert planned(INLINE, seconds=40.5, bpm=120.0).sections[1].start_bar == 4


@pytest.mark.parametrize(("prompt", "seconds"), [("funk", 60.0), ("jazz waltz", 187.3)])
def test_a_printed_plan_is_the_plan_again(prompt: str, seconds: float) -> None:
    drawn = plan_of(Request(prompt=prompt, seed=5), seconds)
    assert drawn is not None
    text = outline_yaml(outline_of(drawn))
    request = Request(prompt=prompt, seed=5, plan=text)
    assert length_of(request, 285.0) == seconds
    again = plan_of(request, seconds)
    assert again is not None
    for name in ("style", "tempo_bpm", "key", "metre", "swing", "sections", "chords", "seconds"):
        assert getattr(again, name) == getattr(drawn, name), name
    assert outline_yaml(read_outline(text)) == text


def test_an_edited_plan_is_as_long_as_its_sections() -> None:
    drawn = plan_of(Request(prompt="house, 120 BPM", seed=5), 60.0)
    assert drawn is not None
    outline = read_outline(outline_yaml(outline_of(drawn)).replace("bars: ", "bars: 1"))
    assert outline.seconds == pytest.approx(outline.lengths(120.0).sum())


def test_chords_of_a_section_repeat() -> None:
    text = "tempo_bpm: 120\nsections:\n- {name: verse, bars: 5, chords: [Am, 'F,G7', C/E]}\n"
    chords = [",".join(map(str, bar)) for bar in planned(text).chords]
    assert chords == ["Am", "F,G7", "C/E", "Am", "F,G7"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a section"),
        ("intro: soft", "not a section|expected|unknown key"),
        ("intro 16s / nonsense", "'nonsense' is not a section"),
        ("zebra 10s", "section 'zebra' is unknown"),
        ("intro 0s", "cannot be played"),
        ("intro 8 bars", "give the plan tempo_bpm"),
        ("sections: [{name: intro}]", "needs a length"),
        ("sections: [{name: intro, seconds: 8, energy: 3}]", "energy 3 is outside 0..1"),
        ("sections: [{name: intro, seconds: 8, families: [tuba]}]", "family 'tuba'"),
        ("sections: [{name: intro, seconds: 8, chords: [Hm]}]", "chords 'Hm'"),
        ("tempo: 3\nsections: []", "unknown key 'tempo'"),
        ("sections: [", "not readable as YAML"),
    ],
)
def test_a_wrong_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_outline(text)


def test_a_plan_must_fit_and_cannot_be_free() -> None:
    with pytest.raises(UserError, match="do not fit"):
        planned(" / ".join(["verse 1s"] * 12), bpm=60.0)
    with pytest.raises(UserError, match="up to 285 s"):
        Request(prompt="x", plan="verse 300s")
    with pytest.raises(UserError, match="plan cannot be given"):
        Request(prompt="x", plan=INLINE, free=True)


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([0.1, 0.5, 0.9], [-30, -20, -10]) == 1
    assert rank_correlation([0.1, 0.5, 0.9], [-10, -20, -30]) == -1
    assert rank_correlation([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.821, abs=1e-3)
    assert rank_correlation([1, 1], [2, 3]) is None
