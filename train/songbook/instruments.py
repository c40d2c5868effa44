"""What people call the voices of the songbook: programs and synthesised voices in plain words."""

from collections.abc import Sequence

from longform.train.songbook.score import Track

# One entry per program, names separated by "/"; the first is the canonical one.
_PROGRAMS = """
piano/grand piano/acoustic piano|piano/bright piano|piano/electric grand|piano/honky-tonk piano
electric piano/rhodes/e-piano|electric piano/dx piano/fm piano|harpsichord|clavinet/clav
celesta|glockenspiel|music box|vibraphone/vibes
marimba|xylophone|tubular bells/bells|dulcimer
organ/hammond organ/drawbar organ|organ/percussive organ|organ/rock organ|church organ/pipe organ
reed organ/harmonium|accordion|harmonica|bandoneon/accordion
acoustic guitar/nylon guitar/classical guitar|acoustic guitar/steel guitar
jazz guitar/clean electric guitar|electric guitar/clean guitar
electric guitar/muted guitar|overdriven guitar/electric guitar
distorted guitar/electric guitar/heavy guitar|guitar harmonics
double bass/upright bass/acoustic bass|electric bass/bass guitar/fingered bass
electric bass/picked bass/bass guitar|fretless bass
slap bass/funky bass|slap bass|synth bass|synth bass
violin|viola|cello|double bass/contrabass
strings/tremolo strings|pizzicato strings|harp|timpani
strings/string ensemble/string section|strings/slow strings|synth strings|synth strings
choir/voices|choir/vocal oohs|synth voice/choir|orchestra hit
trumpet|trombone|tuba|muted trumpet
french horn/horns|brass/brass section|synth brass|synth brass
soprano sax/saxophone|alto sax/saxophone/sax|tenor sax/saxophone/sax|baritone sax/saxophone
oboe|english horn|bassoon|clarinet
piccolo|flute|recorder|pan flute
bottle flute|shakuhachi|whistle|ocarina
synth lead/square lead|synth lead/saw lead|synth lead/calliope|synth lead
synth lead/charang|synth lead/voice lead|synth lead/fifths lead|synth lead/bass lead
synth pad/pads|warm pad/pads/synth pad|polysynth/pads|choir pad/pads
synth pad/bowed glass|metallic pad/pads|halo pad/pads|sweep pad/pads
synth texture|synth texture/soundtrack pad|crystal synth/bells|atmosphere pad/pads
bright synth|synth texture/goblins|echo synth|sci-fi synth
sitar|banjo|shamisen|koto
kalimba/thumb piano|bagpipes|fiddle/violin|shanai
bells/tinkle bell|agogo|steel drums/steelpan|woodblock
taiko drums/taiko|toms/melodic toms|synth drum|reverse cymbal
fret noise|breath noise|seashore|bird
telephone|helicopter|applause|gunshot
"""
PROGRAM_NAMES: list[list[str]] = [
    [str(name) for name in entry.split("/")]
    for line in _PROGRAMS.strip().splitlines()
    for entry in line.split("|")
]
_KITS = {
    0: ["drums", "drum kit", "acoustic drums"],
    8: ["drums", "room drums", "drum kit"],
    16: ["drums", "power drums", "rock drums"],
    24: ["electronic drums", "drums"],
    25: ["drum machine", "808 drums"],
    32: ["brushed drums", "jazz drums", "drums"],
    40: ["brushed drums", "brushes", "drums"],
    48: ["orchestral percussion", "percussion"],
}
_SAMPLED = ["sampled drums", "electronic drums", "drum samples"]
_SYNTHS = {
    "kick808": ["808 kick", "808"],
    "kick909": ["four-on-the-floor kick", "909 kick", "kick drum"],
    "drums808": ["808 drums", "drum machine", "808 beat"],
    "drums909": ["909 drums", "drum machine", "electronic drums"],
    "subbass": ["sub bass", "808 bass", "deep bass"],
    "acid": ["acid bass", "303 bass", "squelchy bass"],
    "reese": ["reese bass", "growling bass"],
    "supersaw": ["supersaw", "supersaw synths", "big saw synths"],
    "pluck": ["synth pluck", "plucks", "plucky synth"],
    "pad": ["synth pad", "pads", "lush pad"],
    "lead": ["synth lead", "lead synth"],
    "chip": ["chip synth", "8-bit synth", "square wave"],
    "formant": ["vocal pad", "formant pad", "singing synth"],
    "fmkeys": ["fm electric piano", "electric piano", "dx piano"],
    "fmbass": ["fm bass", "synth bass"],
    "strings": ["string machine", "synth strings", "strings"],
    "riser": ["riser", "noise riser"],
    "impact": ["impact", "boom"],
    "downlifter": ["downlifter", "falling noise"],
    "bell": ["bells", "fm bells", "bell synth"],
}


def names_of(voice: str) -> list[str]:
    """What people call a voice, the canonical name first."""
    if voice.startswith("samples:"):
        return _SAMPLED
    if voice.startswith("synth:"):
        return _SYNTHS[voice.removeprefix("synth:")]
    if voice.startswith("gm:drums:"):
        return _KITS.get(int(voice.rsplit(":", 1)[1]), _KITS[0])
    return PROGRAM_NAMES[int(voice.removeprefix("gm:"))]


def instruments_of(tracks: Sequence[Track]) -> list[str]:
    """Canonical names of the tracks that play, most notes first, each once."""
    sounding = sorted((t for t in tracks if t.notes), key=lambda track: -len(track.notes))
    return list(dict.fromkeys(names_of(track.voice)[0] for track in sounding))


SYNONYMS: dict[str, list[str]] = {}
for _names in (*PROGRAM_NAMES, *_KITS.values(), *_SYNTHS.values(), _SAMPLED):
    known = SYNONYMS.setdefault(_names[0], [])
    known.extend(name for name in _names if name not in known)
