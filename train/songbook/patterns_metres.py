"""Rhythms of other metres than 4/4, in sixteenths, made of groups of two and of three beats.

An additive metre is its groups: 3/4 is one of three, 5/4 is 3 + 2, six beats are 3 + 3 (a slow
6/8), 7/4 is 2 + 2 + 3. A rhythm is written as four cells: the first group of a bar as two and as
three beats, then a later group as two and as three. Symbols are those of `patterns_pitched` and
`patterns_drums`.
"""

GROUPS: dict[int, tuple[int, ...]] = {3: (3,), 5: (3, 2), 6: (3, 3), 7: (2, 2, 3)}
"""The groups of beats of each metre that has rhythms of its own."""

Rhythms = dict[str, tuple[str, ...]]

BASS_CELLS: Rhythms = {
    "long": (
        "r------- r----------- r------- r-----------",
        "r-----r- r-------r--- f------- f-------a---",
    ),
    "waltz": (
        "r---.... r---........ f---.... f---........",
        "r------- r-------f--- f---.... f-------a---",
    ),
    "pulse": (
        "r-r-r-r- r-r-r-r-r-r- r-r-r-r- r-r-r-r-r-a-",
        "r-r-r-f- r-r-r-r-f-f- f-f-r-r- f-r-r-r-f-a-",
        "r---r-r- r---r-r-r-r- r---f-a- r---r---f-a-",
    ),
    "driven": (
        "r.rrr.rr r.rrr.rrr.rr r.rrr.ro r.rrr.rrr.ro",
        "rrr.rrr. rrr.rrr.rrr. rrr.f.f. rrr.rrr.f.a.",
    ),
    "sync": (
        "r..r..o. r..r..r.o.f. r.f..r.. r..f..r.s.a.",
        "r-..r-s- r-....r-f-s- o-..r-f- r-..o-..f-a-",
    ),
    "offbeat": (
        "..r-..r- ..r-..r-..r- ..r-..o- ..r-..r-..o-",
        "..r-..rr ..r-..rr..r- ..r-..rr ..rr..r-..or",
    ),
    "latin": (
        "r-----f- r-----f-f-r- f-----r- f-----f-r-n-",
        "r--r--f- r--r--f-..f- f--f--r- f--f--r-..n-",
    ),
}
_BASS = {
    "long": "whole halves reese dnbsub wobble sub808 folk",
    "waltz": "waltz country rootfifth walk",
    "pulse": "eighths rock pop retro march pulse chip rolling octave",
    "driven": "sixteenths gallop acid techno",
    "sync": "housey boombap lofi funk soul reggae",
    "offbeat": "offbeat",
    "latin": "bossa tumbao cumbia",
}

COMP_CELLS: Rhythms = {
    "hold": ("x------- x----------- x------- x-----------",),
    "waltz": (
        "....x--- ....x---x--- ....x--- ....x---x---",
        "....v... ....v...v... ....v... ....v...v...",
    ),
    "ballad": (
        "x---x--- x---x---x--- x---x--- x---x---x---",
        "x-----x- x-------x-x- x-----x- x-----x-x---",
        "x------- x-------x--- x---x--- x-------x---",
    ),
    "eighths": (
        "X-x-x-x- X-x-x-x-x-x- X-x-x-x- X-x-x-x-x-x-",
        "X---x-x- X---x-x-x-x- X-x---x- X---x-x-x---",
        "X-----x- X-----x-x-x- X-x-x-x- X-x-X-x-x-x-",
    ),
    "off": (
        "..v-..v- ..v-..v-..v- ..v-..v- ..v-..v-..v-",
        "..v...vv ..v...v...vv ..v...v. ..vv..v...v.",
    ),
    "sync": (
        "x--x--x- x--x--x--x-- x-..x-.x ..x-.x--x-x-",
        "X..x..x. X..x..X..x.. ..X..x.. ..X..x..X.x.",
        "x-....x- ....x-....v. ..x-.... ..x-....x---",
    ),
    "sixteen": (
        "v.vv..v. v.vvX.vv..v. v.v.X.vv v.vv..v.X.vv",
        "vvXvv.Xv vvXvv.Xvv.Xv v.X.vvX. vvXv..XvvvX-",
    ),
    "sparse": (
        "X..X.... X..X....X.X- ........ ....X.X-....",
        "......X- ........X-X. X-...... X---------..",
    ),
}
_COMP = {
    "hold": "whole swells halves",
    "waltz": "waltz boomchick",
    "ballad": "quarters ballad",
    "eighths": "eighths pop strum ostinato power",
    "off": "skank bubble pump house",
    "sync": "charleston chops bossa montuno stab",
    "sixteen": "funk16 disco16 chug",
    "sparse": "brass",
}

MELODY_CELLS: Rhythms = {
    "slow": (
        "x------- x----------- x------- x-----------",
        "x---x--- x-------x--- x------- x-------x---",
        "..x----- ....x------- x---x--- x-----x-x---",
    ),
    "song": (
        "x---x-x- x---x---x-x- x---.... x---x---....",
        "x-x-x--- x-x-x---x--- x-x-x--- x-x-x-------",
        "..x-x-x- ..x-x-x-x--- x-----.. x---x-x-....",
        "x---x-x- x-----x-x-x- x------- x-x-x---....",
    ),
    "sync": (
        "x--x--x- x--x--x--x-- x-..x--- x--x--x-x---",
        "..x--x-- ..x--x--x-x- x-.x--.. x-.x-.x-....",
    ),
    "lines": (
        "x-x-x-x- x-x-x-x-x-x- x-x-x--- x-x-x-x-x---",
        "..x-x-x- ..x-x-x-x-x- x---x-x- x-x-x-----..",
        "x---x-x- x---x-x-x-x- x-x-.... ..x-x-x-x---",
    ),
    "sixteen": (
        "x.xxx.x. x.xxx.x.xxx- x-xxx--- x.x.xxx-x---",
        "xxx.x-x- xxx.xxx.x-x- x-x-xxx- xxx.x-x-x---",
    ),
    "riff": (
        "x--x--x- x--x--x-.... x-..x-.. ..x-x-x-....",
        "..x-..x- x-....x-x-.. x..x.... x..x..x.....",
    ),
    "hook": (
        "x--x--x- x--x--x--x-- x-x-x--- x--x--x-x---",
        "x-x-x--- x-x-x--x--x- x---x-x- x-x-x---x---",
    ),
}

DRUM_CELLS: dict[str, dict[str, str]] = {
    "rock": {
        "k": "X....... X......x.... X.....x. X.......x...",
        "s": "....X... ........X... ....X... ........X...",
        "h": "X.x.x.x. X.x.x.x.x.x. X.x.x.x. X.x.x.x.x.x.",
        "o": "........ ..........x. ......x. ..........x.",
    },
    "backbeat": {
        "k": "X..x.... X..x......x. X.....-. X..x..x.....",
        "s": "....X..- ....X..-..-. ....X.-. ....X..-X..-",
        "h": "x-x-x-x- x-x-x-x-x-x- x-x-x-x- x-xxx-x-x-x-",
        "t": "....x... ....x....... ....x... ....x...x...",
    },
    "swing": {
        "r": "X...x.x. X...x.x.x... X...x.x. X...x.x.x.x.",
        "f": "....X... ....X...X... ....X... ....X...X...",
        "k": "-....... -.......-... -....... -...........",
        "s": "......-. ..........-. ......-. ....-.....-.",
    },
    "club": {
        "k": "X...X... X...X...X... X...X... X...X...X...",
        "c": "....X... ........X... ....X... ....X.......",
        "h": "-.x.-.x. -.x.-.x.-.x. -.x.-.x. -.x.-.x.-.xx",
        "o": "..X...X. ..X...X...X. ..X...X. ..X...X...X.",
    },
    "waltz": {
        "k": "X....... X........... x....... X...........",
        "r": "....x... ....x...x... ....x... ....x...x...",
        "s": "....-... ....-...-... ....-.-. ....-...-.-.",
        "t": "....x... ....x...x... ....x... ....x...x...",
    },
    "folk": {
        "k": "X....... X.......x... x....... X...........",
        "t": "....x... ....x...x... ....x... ....x...x...",
        "m": "x-x-x-x- x-x-x-x-x-x- x-x-x-x- x-x-x-x-x-x-",
    },
    "latin": {
        "k": "X.....x. X.....x.x... X.....x. X.....x.....",
        "p": "X..X..X. X..X..X..X.. ..X..X.. X..X..X.....",
        "m": "x-x-x-x- x-x-x-x-x-x- x-x-x-x- x-x-x-x-x-x-",
        "g": "..x..x.. ..x..x....xx ..x..x.. ..x..x..x.x.",
    },
    "epic": {
        "k": "X....... X.....x..... X....... X.......x...",
        "j": "X.xxX.x. X.xxX.x.X.x. X.x.X.xx X.xxX.xxX.x.",
        "s": "....x..- ....-.-.x... ....x.-- ........x.--",
    },
    "half": {
        "k": "X....... X.....x..... ......x. X..x........",
        "s": "....X... ........X... ....X..- ........X...",
        "h": "x.x.x.x. x.x.x.x.x.x. x.xxx.x. x.x.x.xxx.x.",
    },
}
_DRUMS = {
    "rock": "rock metal pop chip retro train country shuffle",
    "backbeat": "funk soul boombap lofi down dnb",
    "swing": "swing",
    "club": "house techno trance disco",
    "waltz": "waltz",
    "folk": "folk",
    "latin": "bossa samba salsa cumbia reggaeton onedrop steppers",
    "epic": "epic hybrid",
    "half": "halftime trap",
}


def _by_kind(classes: dict[str, str]) -> dict[str, str]:
    return {kind: name for name, kinds in classes.items() for kind in kinds.split()}


CLASSES: dict[str, dict[str, str]] = {
    "bass": _by_kind(_BASS),
    "comp": _by_kind(_COMP),
    "melody": {name: name for name in MELODY_CELLS},
    "drums": _by_kind(_DRUMS),
}
"""By role: which class of cells stands for a kind of 4/4 rhythm."""
_CELLS: dict[str, Rhythms] = {"bass": BASS_CELLS, "comp": COMP_CELLS, "melody": MELODY_CELLS}


def metre_rhythms(role: str, kind: str, metre: int) -> tuple[str, ...]:
    """The rhythms of one bar that bass, comp or melody have in a metre of `GROUPS`."""
    return tuple(joined(cells, metre) for cells in _CELLS[role][CLASSES[role][kind]])


def metre_groove(name: str, metre: int) -> dict[str, str]:
    """The rows that stand for a 4/4 groove in a metre of `GROUPS`."""
    rows = DRUM_CELLS[CLASSES["drums"][name.rstrip("0123456789")]]
    return {row: joined(cells, metre) for row, cells in rows.items()}


def joined(cells: str, metre: int) -> str:
    """One bar from four cells."""
    two, three, later_two, later_three = cells.split()
    first, *later = GROUPS[metre]
    bar = two if first == 2 else three
    return bar + "".join(later_two if beats == 2 else later_three for beats in later)
