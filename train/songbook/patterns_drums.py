"""Drum grooves in sixteenths: "X" accent, "x" stroke, "-" ghost stroke, "." rest; 16 or 32 steps.

Rows name what is struck by a letter of `DRUMS`.
"""

DRUMS = {
    "k": 36,
    "s": 38,
    "c": 39,
    "p": 37,
    "h": 42,
    "f": 44,
    "o": 46,
    "r": 51,
    "b": 53,
    "t": 54,
    "w": 56,
    "m": 70,
    "g": 63,
    "u": 62,
    "l": 64,
    "y": 75,
    "i": 65,
    "e": 66,
    "j": 41,
}
# The level of energy from which a row joins in.
ROW_LEVELS = {
    "k": 0.0,
    "h": 0.0,
    "r": 0.0,
    "s": 0.1,
    "c": 0.1,
    "p": 0.1,
    "f": 0.1,
    "m": 0.15,
    "g": 0.1,
}
ROW_LEVELS |= {
    "u": 0.1,
    "l": 0.1,
    "y": 0.2,
    "o": 0.35,
    "t": 0.4,
    "w": 0.3,
    "i": 0.4,
    "e": 0.4,
    "b": 0.5,
    "j": 0.0,
}


def _groove(text: str) -> dict[str, str]:
    parts = text.split()
    return dict(zip(parts[::2], parts[1::2], strict=True))


GROOVES: dict[str, dict[str, str]] = {
    "house1": _groove(
        "k X...X...X...X... c ....X.......X... h ..-...-...-...-. o ..X...X...X...X. m "
        "x-x-x-x-x-x-x-x-"
    ),
    "house2": _groove(
        "k X...X...X...X... c ....X.......X..- h x-x-x-x-x-x-x-x- o ..X...X...X...X. t "
        "....x.......x..."
    ),
    "house3": _groove(
        "k X...X...X...X..- s ....X.......X... h ..x...x...x...xx p ...x..x....x..x. o "
        "......x.......x."
    ),
    "house4": _groove(
        "k X...X...X...X... c ....X.......X... h -.x.-.x.-.x.-.x. g ..x..x....x..x.. l "
        "....x..x....x..x"
    ),
    "techno1": _groove(
        "k X...X...X...X... h ..x...x...x...x. c ....x.......x... r ..x...x...x...x. m "
        "-x-x-x-x-x-x-x-x"
    ),
    "techno2": _groove(
        "k X...X...X...X... h x-X-x-X-x-X-x-X- p ...x.....x....x. o ..x...x...x...x. c "
        "............X..."
    ),
    "techno3": _groove(
        "k X...X...X...X.x. h ..X...X...X...X. s ......-..-....-. j ...x..x....x..x. t "
        "x.x.x.x.x.x.x.x."
    ),
    "trance1": _groove(
        "k X...X...X...X... c ....X.......X... o ..X...X...X...X. h x-x-x-x-x-x-x-x- r "
        "..x...x...x...x."
    ),
    "trance2": _groove(
        "k X...X...X...X... s ....X.......X... h -xx--xx--xx--xx- o ..X...X...X...X. t "
        "..x...x...x...x."
    ),
    "dnb1": _groove("k X.........X..... s ....X..-.-..X..- h x.x.x.x.x.x.x.x. r x...x...x...x..."),
    "dnb2": _groove("k X.x.......X..x.. s ....X..-....X.-. h x-x-x-x-x-x-x-x- o ..............x."),
    "dnb3": _groove(
        "k X.X.......XX....X.X.......X..... s ....X..-.X..X..-....X..-.X....X. h "
        "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x. "
        "r x...x...x...x...x...x...x...x..."
    ),
    "halftime1": _groove(
        "k X.....x......... s ........X....... h x.x.x.x.x.x.x.xx o ......x........."
    ),
    "halftime2": _groove(
        "k X..x......x..... s ........X......- h x...x...x...x... c ........X....... p "
        "......x.....x.x."
    ),
    "trap1": _groove(
        "k X.....X...X..... s ........X....... h x.x.x.x.x.x.x.x. c ........X....... o "
        "..............x."
    ),
    "trap2": _groove(
        "k X..X......X..x.. c ........X....... h x.x.xxx.x.x.x.xx s ........X....... p "
        "...x......x....."
    ),
    "trap3": _groove(
        "k X......X..X..... c ........X....... h xxx.x.xxx.x.xxx. s ........X......- o "
        "......x........."
    ),
    "boombap1": _groove(
        "k X......x..X..... s ....X..-.-..X... h x.x.x.x.x.x.x.x. o ..............x."
    ),
    "boombap2": _groove(
        "k X.x.......xX.... s ....X.......X..- h x.x.x.xxx.x.x.x. t ....x.......x..."
    ),
    "boombap3": _groove("k X..x..-...X..x.. s ....X..-....X-.. h x-x-x-x-x-x-x-x-"),
    "lofi1": _groove("k X......x..x..... s ....x..-....x..- h x.-.x.-.x.-.x.-. m ..-...-...-...-."),
    "lofi2": _groove("k X.....x...x....- p ....x.......x... h x.x.x.x.x.x.x.x. s .......-.-......"),
    "lofi3": _groove("k x..x......x.-... s ....x.......x... h -.x.-.x.-.x.-.xx"),
    "retro1": _groove(
        "k X.......X....... s ....X.......X... h x.x.x.x.x.x.x.x. c ....X.......X... t "
        "x.x.x.x.x.x.x.x."
    ),
    "retro2": _groove(
        "k X...X...X...X... s ....X.......X... h x-x-x-x-x-x-x-x- o ..............x."
    ),
    "retro3": _groove(
        "k X..x..x.X..x..x. s ....X.......X... h x.x.x.x.x.x.x.x. j .............xxx"
    ),
    "down1": _groove("k X......x..x..... s ....X.......X..- h x-x-x-x-x-x-x-x- p ......x..x......"),
    "down2": _groove(
        "k X.........x..x.. s ....X......-X... h ..x...x...x...x. m x.x.x.x.x.x.x.x. g "
        "...x..x.......x."
    ),
    "rock1": _groove("k X.......X....... s ....X.......X... h X.x.X.x.X.x.X.x."),
    "rock2": _groove("k X.....x.X.x..... s ....X.......X... h X.x.X.x.X.x.X.x. o ..............x."),
    "rock3": _groove("k X.x...x...x...x. s ....X.......X..- r X.x.X.x.X.x.X.x. b X.......X......."),
    "rock4": _groove("k X..x..x.X..x.... s ....X..-....X... h X...X...X...X..."),
    "metal1": _groove(
        "k XxXxXxXxXxXxXxXx s ....X.......X... r X...X...X...X... b X...X...X...X..."
    ),
    "metal2": _groove("k X.xxX.xxX.xxX.xx s ....X.......X... h X...X...X...X..."),
    "metal3": _groove(
        "k X..X..X..X..X.X. s ........X....... r X...X...X...X... o X...X...X...X..."
    ),
    "pop1": _groove(
        "k X.....x.X....... s ....X.......X... h x.x.x.x.x.x.x.x. t ..x...x...x...x. o "
        "..............x."
    ),
    "pop2": _groove(
        "k X...X...X...X... c ....X.......X... h ..x...x...x...x. s ....x.......x..- t "
        "x.x.x.x.x.x.x.x."
    ),
    "pop3": _groove("k X..x....X..x..x. s ....X.......X... h x.xxx.xxx.xxx.xx c ....x.......x..."),
    "funk1": _groove("k X.x......-X..x.. s ....X..-.-..X..- h xxxxxxxxxxxxxxxx o ......x........."),
    "funk2": _groove(
        "k X..x..x...x..... s .-..X..-.-.-X..- h x.xxx.xxx.xxx.x. o ..............x. w "
        "x...x...x...x..."
    ),
    "funk3": _groove("k X.X....x.x....x. s ....X.-..-..X.-. h x-x-x-x-x-x-x-x- t ....x.......x..."),
    "disco1": _groove(
        "k X...X...X...X... s ....X.......X... h x.-.x.-.x.-.x.-. o ..X...X...X...X. t "
        "x-x-x-x-x-x-x-x-"
    ),
    "disco2": _groove(
        "k X...X...X...X... s ....X.......X..- h xxx.xxx.xxx.xxx. o ...X...X...X...X g "
        "..x..x....x..x.. c ....x.......x..."
    ),
    "soul1": _groove("k X......x..x..... s ....X..-.-..X... h x.x.x.x.x.x.x.x. p ...-............"),
    "soul2": _groove("k X.....-xX....... p ....X.......X... h x-x-x-x-x-x-x-x- t ....x.......x..."),
    "swing1": _groove(
        "r X...x.x.x...x.x. f ....X.......X... k -...-...-...-... s ......-.....-.-."
    ),
    "swing2": _groove(
        "r x...X.x.x...X.x. f ....x.......x... s -.....-.......-. k -.........x....."
    ),
    "swing3": _groove(
        "r X...x.x.X...x.x. f ....X.......X... p ............x... k x.....-...-....."
    ),
    "shuffle1": _groove("k X.....x.X....... s ....X.......X... h X.x.X.x.X.x.X.x."),
    "shuffle2": _groove("k X...x...X...x... s ..-.X.-...-.X.-. r X.x.X.x.X.x.X.x."),
    "bossa1": _groove(
        "k X.....xxX.....xx p X..X...X...X..X. h x.x.x.x.x.x.x.x. m x-x-x-x-x-x-x-x-"
    ),
    "bossa2": _groove(
        "k X.....xxX.....xxX.....xxX.....xx p X..X..X.....X..X..X..X.....X.... h "
        "x-x-x-x-x-x-x-x-x-x-x-x-x-x-x-x-"
    ),
    "samba": _groove("k x..xX..xx..xX..x p .x.xx.x.x.xx.x.x m xx-xxx-xxx-xxx-x t ..x...x...x...x."),
    "salsa": _groove(
        "g x..xx.xxx..xx.xxx..xx.xxx..xx.xx y X..X..X...X.X...X..X..X...X.X... w "
        "x...x.x.x...x.x.x...x.x.x...x.x. "
        "l ............x.x.............x.x. i ......................x...x.x.x. k "
        "......x.......x.......x.......x."
    ),
    "cumbia": _groove(
        "k X...x...X...x... m x.xxx.xxx.xxx.xx w X...x...X...x... g ..x...xx..x...xx"
    ),
    "reggaeton": _groove(
        "k X...X...X...X... s ...X..X....X..X. h x.x.x.x.x.x.x.x. t ..x...x...x...x."
    ),
    "onedrop1": _groove(
        "k ........X....... p ........X....... h x.x.x.x.x.x.x.x. o ..............-."
    ),
    "onedrop2": _groove(
        "k ........X....... s ........X......- h x.-xx.-xx.-xx.-x p ...-..-........."
    ),
    "steppers": _groove(
        "k X...X...X...X... p ........X....... h ..x...x...x...x. m x-x-x-x-x-x-x-x-"
    ),
    "train": _groove("k X...x...X...x... s -x-X-x-X-x-X-xxX h ..x...x...x...x."),
    "country1": _groove("k X.......X....... p ....X.......X... h x.x.x.x.x.x.x.x."),
    "country2": _groove(
        "k X.....x.X....... s ....X.......X... h x...x...x...x... t ....x.......x..."
    ),
    "folk1": _groove("k X.......x....... t ....x.......x... m x-x-x-x-x-x-x-x-"),
    "folk2": _groove("l X.....x.X....... g ...x..x....x..x. m ..x...x...x...x. t ....x.......x..."),
    "folk3": _groove("k X.....x.X.....x. c ....x.......x... t x.x.x.x.x.x.x.x."),
    "waltz1": _groove("k X............... r ....x.......x... s ....-.......-..."),
    "waltz2": _groove("k X............... t ....x.......x... f ....x.......x..."),
    "epic1": _groove("k X.....x.X...x... s ........-.-.X... j X..x..x.X..x..x."),
    "epic2": _groove("k X.......X.....x. j X.xxX.xxX.xxX.xx s ....x..-....x.--"),
    "epic3": _groove("k X............... s --..--..--..x-x- j X...x.x.X...x.x."),
    "hybrid1": _groove(
        "k X.......x.x..... s ........X....... j X.xxX.x.X.xxX.xx h x.x.x.x.x.x.x.x."
    ),
    "hybrid2": _groove(
        "k X..x..X...x..... s ....X.......X... j x.x.x.x.x.x.x.xx h xxxxxxxxxxxxxxxx"
    ),
    "chip1": _groove("k X...x...X...x... s ....X.......X... h x.x.x.x.x.x.x.x."),
    "chip2": _groove("k X..x..x.X..x..x. s ....X.......X.-. h xxxxxxxxxxxxxxxx"),
    "chip3": _groove("k X.x.....X.x..... s ....X..x....X..x h ..x...x...x...x."),
}
