"""How bands, orchestras and soloists play."""

from longform.train.songbook.manner import Manner, manner_row

_BAND_KITS = "gm:drums:0 gm:drums:8 gm:drums:16"

ACOUSTIC_MANNERS: dict[str, Manner] = {
    "cinematic orchestral": manner_row(
        drums="epic1 epic2 epic3",
        kits="gm:drums:48",
        bass="whole march halves",
        melody="slow song hook",
        human=0.006,
        keys="arp8 arpslow whole",
        strings="ostinato hold melody ostinato",
        winds="melody hold brass",
        pad="hold",
        lead="melody",
        voices=(
            "bass: contrabass=gm:43, cello=gm:42, low strings=gm:48; keys: harp=gm:46, "
            "piano=gm:0, celesta=gm:8;"
            "strings: strings=gm:48, slow strings=gm:49, tremolo strings=gm:44;"
            "winds: french horns=gm:60, brass=gm:61, oboe=gm:68, flute=gm:73, trumpet=gm:56, "
            "clarinet=gm:71;"
            "pad: choir=gm:52, voices=gm:53, warm pad=gm:89; lead: violin=gm:40, trumpet=gm:56, "
            "choir=gm:53"
        ),
    ),
    "chamber strings": manner_row(
        drums="waltz1 epic3",
        kits="gm:drums:48",
        bass="march halves",
        melody="lines song hook",
        human=0.007,
        keys="arp8 alberti quarters",
        strings="melody melody ostinato",
        winds="counter melody",
        voices=(
            "bass: cello=gm:42, contrabass=gm:43; keys: harpsichord=gm:6, piano=gm:0, "
            "harp=gm:46;"
            "strings: violin=gm:40, strings=gm:48, viola=gm:41; winds: oboe=gm:68, flute=gm:73, "
            "recorder=gm:74"
        ),
    ),
    "solo piano": manner_row(
        drums="soul1",
        kits="gm:drums:40",
        bass="whole",
        melody="song slow lines",
        human=0.008,
        keys="solo",
        voices="keys: grand piano=gm:0, grand piano=gm:0, bright piano=gm:1",
    ),
    "jazz trio": manner_row(
        drums="swing1 swing2 swing3",
        kits="gm:drums:32 gm:drums:40 gm:drums:0",
        bass="walk",
        melody="lines sync lines",
        human=0.007,
        keys="charleston charleston chops",
        guitar="charleston quarters",
        winds="melody",
        voices="bass: upright bass=gm:32; keys: piano=gm:0, piano=gm:0, organ=gm:17;"
        "guitar: jazz guitar=gm:26; winds: tenor saxophone=gm:66, trumpet=gm:56, alto "
        "saxophone=gm:65, "
        "muted trumpet=gm:59, clarinet=gm:71",
    ),
    "blues": manner_row(
        drums="shuffle1 shuffle2",
        kits=_BAND_KITS,
        bass="walk eighths rock",
        melody="lines riff song",
        human=0.008,
        keys="chops charleston bubble",
        guitar="boogie chops",
        winds="melody brass",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, upright bass=gm:32; keys: piano=gm:0, organ=gm:16, "
            "honky-tonk piano=gm:3;"
            "guitar: clean electric guitar=gm:27, overdriven guitar=gm:29, jazz guitar=gm:26;"
            "winds: harmonica=gm:22, tenor saxophone=gm:66; lead: lead guitar=gm:29, "
            "harmonica=gm:22"
        ),
    ),
    "bossa nova": manner_row(
        drums="bossa1 bossa2 samba",
        kits="gm:drums:40 gm:drums:0 gm:drums:32",
        bass="bossa",
        melody="sync song slow",
        human=0.006,
        keys="chops hold melody",
        guitar="bossa",
        winds="melody",
        lead="melody",
        voices=(
            "bass: upright bass=gm:32, fretless bass=gm:35; keys: electric piano=gm:4, "
            "piano=gm:0, vibraphone=gm:11;"
            "guitar: nylon guitar=gm:24; winds: flute=gm:73, tenor saxophone=gm:66, trombone=gm:57;"
            "lead: vibraphone=gm:11, whistle=gm:78"
        ),
    ),
    "latin": manner_row(
        drums="salsa cumbia reggaeton",
        kits="gm:drums:0 gm:drums:8",
        bass="tumbao cumbia",
        melody="sync riff hook",
        human=0.006,
        keys="montuno",
        guitar="arp8 strum montuno",
        winds="brass melody brass",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, upright bass=gm:32, fretless bass=gm:35; keys: "
            "piano=gm:0, bright piano=gm:1;"
            "guitar: nylon guitar=gm:24, acoustic guitar=gm:25; winds: brass=gm:61, "
            "trumpet=gm:56, trombone=gm:57;"
            "lead: trumpet=gm:56, accordion=gm:21, marimba=gm:12"
        ),
    ),
    "funk": manner_row(
        drums="funk1 funk2 funk3",
        kits=_BAND_KITS,
        bass="funk",
        melody="riff sync hook",
        human=0.005,
        keys="funk16 chops stab",
        guitar="funk16",
        winds="brass",
        lead="melody",
        voices="bass: slap bass=gm:36, slap bass=gm:37, bass guitar=gm:33, synth bass=gm:38;"
        "keys: clavinet=gm:7, electric piano=gm:4, fm piano=synth:fmkeys, "
        "organ=gm:16; guitar: muted guitar=gm:28, "
        "clean electric guitar=gm:27;"
        "winds: horn section=gm:61, trumpet=gm:56, saxophone=gm:65; lead: synth "
        "lead=synth:lead, saxophone=gm:65",
    ),
    "disco": manner_row(
        drums="disco1 disco2",
        kits=_BAND_KITS,
        bass="octave octave funk",
        melody="hook sync song",
        human=0.004,
        keys="house chops pop",
        guitar="disco16 funk16",
        strings="counter hold melody",
        winds="brass",
        lead="melody",
        voices="bass: bass guitar=gm:33, picked bass=gm:34, synth bass=gm:38, slap bass=gm:36;"
        "keys: electric piano=gm:4, piano=gm:1, clavinet=gm:7; guitar: muted guitar=gm:28, "
        "clean electric guitar=gm:27;"
        "strings: strings=gm:48, string machine=synth:strings, synth strings=gm:50; "
        "winds: brass=gm:61, trumpet=gm:56; "
        "lead: synth lead=synth:lead, "
        "flute=gm:73",
    ),
    "soul": manner_row(
        drums="soul1 soul2 boombap1",
        kits=_BAND_KITS,
        bass="soul",
        melody="song sync slow",
        human=0.007,
        keys="ballad chops hold",
        guitar="chops funk16 pick",
        strings="hold counter",
        winds="brass melody hold",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, fretless bass=gm:35; keys: electric piano=gm:4, "
            "organ=gm:16, piano=gm:0;"
            "guitar: clean electric guitar=gm:27, jazz guitar=gm:26; winds: horn section=gm:61, "
            "saxophone=gm:66, "
            "trumpet=gm:56; lead: saxophone=gm:65, flute=gm:73, electric piano=gm:5"
        ),
    ),
    "pop": manner_row(
        drums="pop1 pop2 pop3",
        kits="gm:drums:0 gm:drums:16 synth:drums909 gm:drums:24",
        bass="pop eighths pop",
        melody="song sync hook",
        human=0.004,
        keys="pop ballad eighths arp8",
        guitar="strum pick",
        strings="hold counter",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, synth bass=gm:38, picked bass=gm:34, sub "
            "bass=synth:subbass;"
            "keys: piano=gm:0, bright piano=gm:1, electric piano=gm:4, "
            "fm piano=synth:fmkeys, pluck=synth:pluck;"
            "guitar: acoustic guitar=gm:25, clean electric guitar=gm:27;"
            "lead: synth lead=synth:lead, pluck=synth:pluck, bell=synth:bell, supersaw "
            "lead=synth:supersaw, saw lead=gm:81"
        ),
    ),
    "rock": manner_row(
        drums="rock1 rock2 rock3 rock4",
        kits=_BAND_KITS,
        bass="rock eighths rock",
        melody="song riff hook",
        human=0.006,
        keys="hold quarters pop",
        guitar="power strum chug power",
        lead="melody",
        voices=(
            "bass: picked bass=gm:34, bass guitar=gm:33; keys: organ=gm:18, piano=gm:1, "
            "organ=gm:16;"
            "guitar: overdriven guitar=gm:29, distorted guitar=gm:30, clean electric guitar=gm:27;"
            "lead: lead guitar=gm:29, lead guitar=gm:30; pad: strings=gm:48, synth pad=gm:90"
        ),
    ),
    "metal": manner_row(
        drums="metal1 metal2 metal3",
        kits="gm:drums:16 gm:drums:16 gm:drums:8",
        bass="gallop sixteenths eighths",
        melody="sixteen hook song",
        human=0.004,
        keys="hold",
        guitar="chug chug power",
        strings="hold ostinato",
        lead="melody",
        voices=(
            "bass: picked bass=gm:34; guitar: distorted guitar=gm:30, distorted guitar=gm:30, "
            "overdriven guitar=gm:29;"
            "lead: lead guitar=gm:30, lead guitar=gm:29; pad: choir=gm:52, dark pad=synth:pad"
        ),
    ),
    "reggae": manner_row(
        drums="onedrop1 onedrop2 steppers",
        kits="gm:drums:0 gm:drums:8",
        bass="reggae",
        melody="song sync riff",
        human=0.006,
        keys="bubble skank",
        guitar="skank",
        winds="brass melody",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, sub bass=synth:subbass, fretless bass=gm:35; keys: "
            "organ=gm:16, organ=gm:17, "
            "piano=gm:0, clavinet=gm:7; guitar: clean electric guitar=gm:27, muted guitar=gm:28;"
            "winds: trombone=gm:57, trumpet=gm:56, saxophone=gm:66; lead: melodica=gm:22, synth "
            "lead=synth:lead"
        ),
    ),
    "country": manner_row(
        drums="train country1 country2",
        kits="gm:drums:40 gm:drums:0",
        bass="country",
        melody="song lines hook",
        human=0.007,
        keys="ballad pop",
        guitar="boomchick strum pick",
        strings="melody hold",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, upright bass=gm:32; keys: piano=gm:0, honky-tonk "
            "piano=gm:3;"
            "guitar: acoustic guitar=gm:25, banjo=gm:105, clean electric guitar=gm:27; strings: "
            "fiddle=gm:110, violin=gm:40;"
            "lead: steel guitar=gm:26, harmonica=gm:22, fiddle=gm:110, banjo=gm:105"
        ),
    ),
    "folk": manner_row(
        drums="folk1 folk2 folk3",
        kits="gm:drums:40 gm:drums:0",
        bass="folk",
        melody="song lines slow",
        human=0.008,
        keys="ballad arp8",
        guitar="pick strum pick",
        strings="melody counter hold",
        winds="melody",
        voices=(
            "bass: upright bass=gm:32, bass guitar=gm:33; keys: piano=gm:0, accordion=gm:21, "
            "dulcimer=gm:15;"
            "guitar: acoustic guitar=gm:25, nylon guitar=gm:24, banjo=gm:105; strings: "
            "fiddle=gm:110, violin=gm:40, cello=gm:42;"
            "winds: flute=gm:73, tin whistle=gm:78, clarinet=gm:71, recorder=gm:74"
        ),
    ),
    "waltz": manner_row(
        drums="waltz1 waltz2",
        kits="gm:drums:40 gm:drums:48",
        bass="waltz",
        melody="song lines slow",
        human=0.007,
        keys="waltz waltz arp8",
        strings="melody hold waltz",
        winds="melody counter",
        lead="melody",
        voices=(
            "bass: contrabass=gm:43, upright bass=gm:32; keys: accordion=gm:21, piano=gm:0, "
            "harp=gm:46;"
            "strings: strings=gm:48, violin=gm:40; winds: clarinet=gm:71, flute=gm:73, oboe=gm:68;"
            "lead: music box=gm:10, glockenspiel=gm:9, accordion=gm:21"
        ),
    ),
}
