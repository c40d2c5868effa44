"""Rows of the style table: club, electronic and hip-hop styles."""

from longform.music.style import ARC_FORMS, CLUB_FORMS, SONG_FORMS, WAVE_FORMS, Style, style_row

ELECTRONIC: tuple[Style, ...] = (
    style_row(
        "house",
        "deep house, house music, tech house, club house, french house, garage house, dance track",
        tempo=(118, 124, 130),
        minor=0.6,
        harmony="deep, dance",
        swing=(0.0, 0.25),
        swing_unit=16,
        forms=CLUB_FORMS,
        bands=(
            "i=D,DK,DP v=DBK,DBP,DBKP c=DBKPL,DBKSL,DBKWP,DBKGL b=DBKS,DBP n=KP,KPL,KS "
            "u=DKP,DPL s=DBKPL "
            "o=DB,DBK,DK"
        ),
        energy=(0.4, 0.9),
        moods="groovy, uplifting, warm, danceable, energetic, deep, sunny, late night",
        instruments="drum machine, synth bass, house piano, pads, synth lead, organ, strings",
    ),
    style_row(
        "techno",
        "detroit techno, minimal techno, acid techno, acid, industrial techno, warehouse, rave",
        tempo=(124, 132, 142),
        minor=0.9,
        harmony="modal",
        forms=CLUB_FORMS,
        bands=(
            "i=D,DB v=DB,DBK,DBP c=DBKP,DBPL,DBKL b=DBL,DBP n=P,KP,PL u=DP,DL,DKP s=DBL o=D,DB,DP"
        ),
        energy=(0.45, 0.95),
        moods="hypnotic, dark, driving, mechanical, relentless, futuristic, tense, energetic",
        instruments="drum machine, acid bass, synth stabs, dark pads, sequencer",
    ),
    style_row(
        "trance",
        "uplifting trance, progressive trance, psytrance, goa, edm, festival, big room",
        tempo=(130, 138, 144),
        minor=0.7,
        harmony="dance",
        forms=CLUB_FORMS,
        bands=(
            "i=D,DP v=DBP,DBKP c=DBKPL,DBPL,DBPSL b=DBKP n=KP,KPL,PSL,KPS u=DKP,DPL,DPSL "
            "s=DBPL o=DB,DBP"
        ),
        energy=(0.45, 1.0),
        moods="uplifting, euphoric, energetic, epic, dreamy, soaring, emotional",
        instruments="supersaw lead, rolling bass, plucks, pads, kick drum, risers",
    ),
    style_row(
        "drum and bass",
        "drum & bass, drum n bass, drum'n'bass, dnb, d&b, jungle, liquid, neurofunk, breakbeat",
        tempo=(168, 174, 178),
        minor=0.8,
        harmony="deep, dance, dark",
        forms=CLUB_FORMS,
        bands=(
            "i=DP,P,DK,KP v=DB,DBP,DBK c=DBKP,DBPL,DBKPS,DBKL b=DBP n=KP,P,KPL,PS u=DP,DKP "
            "s=DBPL "
            "o=DP,DB,D"
        ),
        energy=(0.4, 1.0),
        moods="energetic, fast, dark, urgent, liquid, atmospheric, intense, driving",
        instruments="breakbeat drums, reese bass, sub bass, pads, electric piano, synth lead",
    ),
    style_row(
        "dubstep",
        "brostep, bass music, half-time bass, wobble, wobble bass",
        tempo=(138, 140, 146),
        minor=0.95,
        harmony="dark, modal",
        forms=CLUB_FORMS,
        bands="i=DP,KP,P v=DBP,DBK c=DBPL,DBKL,DBKP b=DBP n=KP,PL,P u=DP,DKP s=DBL o=DP,P,DB",
        energy=(0.35, 1.0),
        moods="heavy, dark, aggressive, menacing, intense, gritty, powerful",
        instruments="wobble bass, sub bass, half-time drums, dark pads, synth lead, bells",
    ),
    style_row(
        "trap",
        "trap beat, drill, 808 beat, southern hip hop, cloud rap, phonk, type beat",
        tempo=(126, 140, 156),
        minor=0.95,
        harmony="dark, modal",
        forms=SONG_FORMS,
        bands=(
            "i=K,KP,L,DK v=DBK,DBKP,DBP c=DBKL,DBKPL,DBKS,DBKW b=BKP,DBP n=KP,K u=DKP s=DBKL "
            "o=K,KP,DBK"
        ),
        energy=(0.35, 0.85),
        moods="dark, menacing, moody, hard, confident, brooding, cold, aggressive",
        instruments="808 bass, hi-hat rolls, snare, bells, dark piano, flute, strings, pads",
    ),
    style_row(
        "hip hop",
        "boom bap, old school hip hop, rap beat, hip-hop, hiphop, rap, turntable, east coast",
        tempo=(82, 92, 102),
        minor=0.75,
        harmony="soul, lofi, dark",
        swing=(0.25, 0.6),
        swing_unit=16,
        forms=SONG_FORMS,
        bands=(
            "i=K,DK,G,DB v=DBK,DBG,DBKS c=DBKS,DBKW,DBKG,DBKL b=DBK,BK n=DB,K u=DBK s=DBKW "
            "o=DBK,DK,D"
        ),
        energy=(0.35, 0.75),
        moods="laid back, gritty, soulful, confident, nostalgic, groovy, urban",
        instruments=(
            "drum breaks, electric piano, upright bass, sampled strings, brass, jazz guitar"
        ),
    ),
    style_row(
        "lo-fi hip hop",
        "lofi, lo-fi, lo fi, lofi hip hop, chillhop, study beats, lofi beats, chill beats",
        tempo=(68, 80, 92),
        minor=0.45,
        harmony="lofi",
        swing=(0.4, 0.8),
        swing_unit=16,
        forms=WAVE_FORMS,
        bands="i=K,KP,G,DK v=DBK,DBKP,DBKG,DBG c=DBKL,DBKPL,DBKGW,DBKG b=BK,DKP n=K,KP u=DK s=DBKL "
        "o=K,KP,DK",
        energy=(0.2, 0.5),
        moods="chill, relaxed, nostalgic, mellow, cozy, rainy, dreamy, sleepy, warm",
        instruments="electric piano, dusty drums, mellow guitar, soft bass, vibraphone, warm pad",
    ),
    style_row(
        "synthwave",
        "retrowave, outrun, 80s synth, eighties, darksynth, vaporwave, synth pop, synthpop, "
        "new wave",
        tempo=(84, 104, 120),
        minor=0.7,
        harmony="synthwave",
        forms=SONG_FORMS,
        bands=(
            "i=P,KP,DBP v=DBP,DBKP,DBK c=DBKPL,DBPL,DBPGL b=BKP,DBP n=KP,PL u=DBP,DKP "
            "s=DBPL,DBKPG "
            "o=BP,P,DBP"
        ),
        energy=(0.4, 0.85),
        moods="nostalgic, retro, neon, cruising, dreamy, heroic, driving, romantic",
        instruments=(
            "analog synth, synth bass, gated snare, arpeggiator, pads, synth lead, electric guitar"
        ),
    ),
    style_row(
        "downtempo",
        "chillout, trip hop, trip-hop, chill, lounge, electronica, chillwave, balearic, idm",
        tempo=(76, 92, 108),
        minor=0.65,
        harmony="deep, ambient, lofi",
        swing=(0.0, 0.35),
        swing_unit=16,
        forms=WAVE_FORMS,
        bands=(
            "i=P,KP,DP v=DBP,DBK,DBKP c=DBKPL,DBKPS,DBGP,DBKPW b=BKP,DBP n=P,KP u=DP s=DBPL "
            "o=P,KP,DP"
        ),
        energy=(0.25, 0.6),
        moods="chill, relaxed, hypnotic, smooth, moody, spacious, late night, warm",
        instruments=(
            "electronic drums, deep bass, electric piano, pads, strings, nylon guitar, flute"
        ),
    ),
    style_row(
        "ambient",
        "drone, soundscape, meditation, new age, sleep music, space music, atmospheric, "
        "healing, spa",
        tempo=(56, 70, 88),
        minor=0.45,
        harmony="ambient",
        forms=WAVE_FORMS,
        bands="i=P v=P,KP,PS c=KPS,KPL,PSW,BKP b=KP,PS n=P,KP u=PS,KP s=PL,PW o=P,KP",
        energy=(0.08, 0.4),
        moods=(
            "calm, peaceful, ethereal, dreamy, floating, spacious, meditative, mysterious, serene"
        ),
        instruments="evolving pads, drones, soft piano, bells, strings, choir, flute",
    ),
    style_row(
        "cinematic electronic",
        "hybrid trailer, trailer, sci-fi, cyberpunk, dark electronic, thriller, tension",
        tempo=(88, 110, 132),
        minor=0.95,
        harmony="cinematic, dark",
        forms=ARC_FORMS,
        bands=(
            "i=P,BP,KP v=BP,DBP,BKP c=DBPSL,DBKPS,DBPL b=BPS,KP n=P,PS,KP u=DPS,DBP s=DBPL "
            "o=P,PS,BP"
        ),
        energy=(0.25, 0.95),
        moods="tense, dark, epic, ominous, suspenseful, powerful, futuristic, dramatic",
        instruments="pulsing synth bass, big drums, strings, dark pads, braams, synth lead",
    ),
    style_row(
        "chiptune",
        "8-bit, 8 bit, chip tune, video game, retro game, nintendo, game boy, arcade, game music",
        tempo=(112, 140, 172),
        minor=0.4,
        harmony="chip",
        forms=SONG_FORMS,
        metres={4: 0.92, 3: 0.08},
        bands=(
            "i=KL,DBK,BL,DK v=DBL,DBKL,BKL c=DBKL b=DBK,BKL,BL n=KL,BK u=DBK,DK s=DBKL o=KL,DBKL,BL"
        ),
        energy=(0.5, 0.95),
        moods="playful, energetic, happy, retro, adventurous, heroic, quirky, cute",
        instruments="square wave lead, pulse arpeggios, triangle bass, noise drums",
    ),
)
