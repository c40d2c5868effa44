"""How the club, electronic and hip-hop styles play."""

from longform.train.songbook.manner import Manner, manner_row

_CLUB_KITS = "synth:drums909 gm:drums:24 synth:drums808 gm:drums:25 synth:drums909"

ELECTRONIC_MANNERS: dict[str, Manner] = {
    "house": manner_row(
        drums="house1 house2 house3 house4",
        kits=_CLUB_KITS,
        bass="housey offbeat octave",
        melody="sync riff hook",
        human=0.001,
        electronic=True,
        keys="house stab chops house",
        strings="hold counter",
        winds="brass melody",
        guitar="funk16 disco16",
        lead="melody arp16",
        voices=(
            "bass: synth bass=gm:38, fm bass=synth:fmbass, sub bass=synth:subbass, "
            "synth bass=gm:39, fingered "
            "bass=gm:33;"
            "keys: house piano=gm:1, fm piano=synth:fmkeys, electric piano=gm:4, "
            "organ=gm:16, synth stab=synth:pluck, "
            "electric piano=gm:5;"
            "lead: synth lead=synth:lead, pluck=synth:pluck, saw lead=gm:81, vibraphone=gm:11, "
            "bell=synth:bell;"
            "strings: strings=gm:48, string machine=synth:strings;"
            "winds: saxophone=gm:65, brass=gm:61, flute=gm:73; guitar: clean electric "
            "guitar=gm:27, muted guitar=gm:28"
        ),
    ),
    "techno": manner_row(
        drums="techno1 techno2 techno3",
        kits="synth:drums909 synth:drums909 synth:drums808 gm:drums:25",
        bass="techno acid rolling pulse",
        melody="riff sixteen",
        human=0.0,
        electronic=True,
        keys="stab pump stab",
        pad="hold",
        lead="arp16 melody",
        voices=(
            "bass: acid bass=synth:acid, fm bass=synth:fmbass, synth bass=gm:38, "
            "sub bass=synth:subbass, reese "
            "bass=synth:reese;"
            "keys: synth stab=synth:pluck, dub chord=gm:90, synth stab=synth:supersaw, metallic "
            "bell=synth:bell;"
            "lead: acid lead=synth:acid, synth lead=synth:lead, pluck=synth:pluck, sequence=gm:80;"
            "pad: dark pad=synth:pad, vocal pad=synth:formant, sweep pad=gm:95, "
            "metal pad=gm:93, choir pad=gm:91"
        ),
    ),
    "trance": manner_row(
        drums="trance1 trance2 house1",
        kits="synth:drums909 synth:drums909 gm:drums:24",
        bass="rolling offbeat rolling",
        melody="hook sync sixteen",
        human=0.0,
        electronic=True,
        keys="arp16 arp8 pump",
        strings="hold",
        lead="melody arp16",
        voices=(
            "bass: synth bass=gm:38, sub bass=synth:subbass, reese bass=synth:reese, synth "
            "bass=gm:39;"
            "keys: pluck=synth:pluck, piano=gm:1, bell=synth:bell, harp=gm:46;"
            "lead: supersaw lead=synth:supersaw, synth lead=synth:lead, saw lead=gm:81, supersaw "
            "lead=synth:supersaw;"
            "pad: supersaw pad=synth:pad, vocal pad=synth:formant, choir=gm:52, "
            "warm pad=gm:89, polysynth=gm:90"
        ),
    ),
    "drum and bass": manner_row(
        drums="dnb1 dnb2 dnb3",
        kits="gm:drums:0 gm:drums:24 synth:drums909 gm:drums:16",
        bass="reese dnbsub reese",
        melody="sync slow riff",
        human=0.002,
        electronic=True,
        keys="chops arp16 whole stab",
        strings="hold",
        lead="melody arp16",
        voices="bass: reese bass=synth:reese, sub bass=synth:subbass, synth bass=gm:39;"
        "keys: electric piano=gm:4, fm piano=synth:fmkeys, bell=synth:bell, "
        "pluck=synth:pluck, piano=gm:0, "
        "vibraphone=gm:11;"
        "lead: synth lead=synth:lead, saw lead=gm:81, supersaw lead=synth:supersaw, flute=gm:73",
    ),
    "dubstep": manner_row(
        drums="halftime1 halftime2",
        kits="synth:drums909 synth:drums808 gm:drums:24",
        bass="wobble wobble reese",
        melody="riff hook slow",
        human=0.0,
        electronic=True,
        keys="stab arp8 whole",
        lead="melody",
        voices="bass: wobble bass=synth:reese, fm bass=synth:fmbass, acid bass=synth:acid, "
        "synth bass=gm:38;"
        "keys: bell=synth:bell, dark piano=gm:0, pluck=synth:pluck, music box=gm:10;"
        "lead: saw lead=gm:81, synth lead=synth:lead, supersaw lead=synth:supersaw;"
        "pad: dark pad=synth:pad, vocal pad=synth:formant, choir=gm:52, sweep pad=gm:95",
    ),
    "trap": manner_row(
        drums="trap1 trap2 trap3",
        kits="synth:drums808 gm:drums:25 synth:drums808",
        bass="sub808",
        melody="riff sync slow",
        human=0.001,
        electronic=True,
        keys="arp8 whole arpslow stab",
        strings="hold counter ostinato",
        winds="melody",
        lead="melody",
        voices="bass: 808 bass=synth:subbass, 808 bass=synth:subbass, synth bass=gm:38;"
        "keys: bell=synth:bell, dark piano=gm:0, music box=gm:10, pluck=synth:pluck, celesta=gm:8;"
        "winds: flute=gm:73, pan flute=gm:75, brass=gm:61; strings: strings=gm:48, pizzicato "
        "strings=gm:45;"
        "lead: synth lead=synth:lead, bell=synth:bell, square lead=gm:80, whistle=gm:78;"
        "pad: choir=gm:52, vocal pad=synth:formant, dark pad=synth:pad, halo pad=gm:94",
    ),
    "hip hop": manner_row(
        drums="boombap1 boombap2 boombap3",
        kits="gm:drums:0 gm:drums:16 gm:drums:8",
        bass="boombap",
        melody="riff song sync",
        human=0.006,
        keys="ballad chops charleston",
        strings="hold counter",
        winds="brass melody",
        guitar="chops pick",
        voices="bass: upright bass=gm:32, bass guitar=gm:33, sub bass=synth:subbass;"
        "keys: electric piano=gm:4, piano=gm:0, organ=gm:16, vibraphone=gm:11;"
        "guitar: jazz guitar=gm:26, muted guitar=gm:28; winds: trumpet=gm:56, "
        "saxophone=gm:66, flute=gm:73;"
        "lead: bell=synth:bell, synth lead=synth:lead, whistle=gm:78",
    ),
    "lo-fi hip hop": manner_row(
        drums="lofi1 lofi2 lofi3",
        kits="gm:drums:0 gm:drums:8 synth:drums808 gm:drums:32",
        bass="lofi",
        melody="song slow sync",
        human=0.008,
        keys="ballad chops whole charleston",
        guitar="pick chops arp8",
        winds="melody",
        lead="melody",
        voices=(
            "bass: bass guitar=gm:33, upright bass=gm:32, sub bass=synth:subbass, fretless "
            "bass=gm:35;"
            "keys: electric piano=gm:4, fm piano=synth:fmkeys, electric piano=gm:5, "
            "piano=gm:0, vibraphone=gm:11;"
            "guitar: nylon guitar=gm:24, jazz guitar=gm:26; winds: flute=gm:73, saxophone=gm:65, "
            "muted trumpet=gm:59;"
            "lead: vibraphone=gm:11, soft lead=synth:lead, bell=synth:bell, kalimba=gm:108, "
            "ocarina=gm:79"
        ),
    ),
    "synthwave": manner_row(
        drums="retro1 retro2 retro3",
        kits="gm:drums:24 synth:drums808 gm:drums:16 synth:drums909",
        bass="retro retro eighths",
        melody="song hook slow",
        human=0.001,
        electronic=True,
        keys="arp16 arp8 pop",
        guitar="power chug",
        lead="melody",
        voices=(
            "bass: synth bass=gm:38, fm bass=synth:fmbass, synth bass=gm:39, "
            "reese bass=synth:reese, sub "
            "bass=synth:subbass;"
            "keys: arpeggiator=synth:pluck, fm piano=synth:fmkeys, bell=synth:bell, "
            "polysynth=gm:90;"
            "guitar: distorted guitar=gm:29, overdriven guitar=gm:30;"
            "lead: synth lead=synth:lead, saw lead=gm:81, supersaw lead=synth:supersaw, "
            "saxophone=gm:66;"
            "pad: analog pad=synth:pad, string machine=synth:strings, "
            "polysynth pad=gm:90, warm pad=gm:89, synth strings=gm:50"
        ),
    ),
    "downtempo": manner_row(
        drums="down1 down2 lofi1",
        kits="gm:drums:24 synth:drums808 gm:drums:0 gm:drums:25",
        bass="lofi reese dnbsub",
        melody="slow song sync",
        human=0.004,
        electronic=True,
        keys="ballad arp8 chops whole",
        guitar="pick arp8",
        strings="hold counter",
        winds="melody",
        voices=(
            "bass: sub bass=synth:subbass, fretless bass=gm:35, bass guitar=gm:33, synth "
            "bass=gm:39;"
            "keys: electric piano=gm:4, fm piano=synth:fmkeys, pluck=synth:pluck, "
            "kalimba=gm:108, vibraphone=gm:11, "
            "piano=gm:0;"
            "guitar: nylon guitar=gm:24, clean electric guitar=gm:27; winds: flute=gm:73, muted "
            "trumpet=gm:59;"
            "lead: synth lead=synth:lead, bell=synth:bell, soft lead=gm:82"
        ),
    ),
    "ambient": manner_row(
        drums="down1",
        kits="synth:drums808 gm:drums:24",
        bass="whole",
        melody="slow",
        human=0.008,
        electronic=True,
        keys="arpslow arp8 whole",
        strings="hold",
        winds="melody",
        pad="hold",
        lead="melody",
        voices=(
            "bass: sub bass=synth:subbass, fretless bass=gm:35; keys: piano=gm:0, "
            "bell=synth:bell, harp=gm:46, "
            "celesta=gm:8, kalimba=gm:108, electric piano=gm:4; strings: slow strings=gm:49, "
            "synth strings=gm:50;"
            "winds: flute=gm:73, shakuhachi=gm:77, pan flute=gm:75, ocarina=gm:79;"
            "pad: warm pad=gm:89, vocal pad=synth:formant, string machine=synth:strings, "
            "evolving pad=synth:pad, new age pad=gm:88, choir=gm:52, halo "
            "pad=gm:94, bowed pad=gm:92;"
            "lead: soft lead=synth:lead, bell=synth:bell, echo lead=gm:102"
        ),
    ),
    "cinematic electronic": manner_row(
        drums="hybrid1 hybrid2 epic2",
        kits="gm:drums:48 synth:drums808 gm:drums:16",
        bass="pulse techno sixteenths",
        melody="slow hook riff",
        human=0.002,
        electronic=True,
        keys="arp16 arp8 ostinato",
        strings="ostinato hold",
        lead="melody",
        voices=(
            "bass: pulsing bass=gm:38, reese bass=synth:reese, acid bass=synth:acid, synth "
            "bass=gm:39;"
            "keys: pluck=synth:pluck, dark piano=gm:0, bell=synth:bell; strings: strings=gm:48, "
            "tremolo strings=gm:44;"
            "lead: synth lead=synth:lead, supersaw lead=synth:supersaw, saw lead=gm:81;"
            "pad: dark pad=synth:pad, vocal pad=synth:formant, choir=gm:52, sweep pad=gm:95"
        ),
    ),
    "chiptune": manner_row(
        drums="chip1 chip2 chip3",
        kits="synth:drums808 gm:drums:25 synth:drums909",
        bass="chip octave eighths",
        melody="sixteen hook song riff",
        human=0.0,
        electronic=True,
        keys="arp16 arp16 arp8 pump",
        lead="melody",
        voices=(
            "bass: triangle bass=synth:chip, square bass=gm:80; keys: pulse "
            "arpeggio=synth:chip, square wave=gm:80;"
            "lead: square lead=synth:chip, square lead=gm:80, pulse lead=synth:chip; pad: pulse "
            "pad=synth:chip"
        ),
    ),
}
