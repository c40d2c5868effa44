"""Rows of the style table: bands, orchestras and soloists."""

from longform.music.style import (
    ARC_FORMS,
    BLUES_FORMS,
    JAZZ_FORMS,
    SONG_FORMS,
    WAVE_FORMS,
    Style,
    style_row,
)

ACOUSTIC: tuple[Style, ...] = (
    style_row(
        "cinematic orchestral",
        "orchestral, orchestra, epic, film score, cinematic, soundtrack, symphonic, fantasy, "
        "movie score",
        tempo=(66, 96, 138),
        minor=0.65,
        harmony="cinematic",
        metres={4: 0.75, 3: 0.2, 6: 0.05},
        forms=ARC_FORMS,
        bands=(
            "i=S,SW,KS,PS v=BSW,SW,KSW,BKS c=DBSW,DBSWP,DBKSW,DBSWL b=SW,KSW,BSW n=S,KS,SW,W "
            "u=DBS,DBSW "
            "s=BSW o=S,SW,KS,BSW"
        ),
        energy=(0.2, 1.0),
        moods=(
            "epic, heroic, dramatic, emotional, majestic, adventurous, mysterious, "
            "triumphant, dark, sad"
        ),
        instruments=(
            "strings, french horns, brass, timpani, woodwinds, choir, harp, orchestral percussion"
        ),
    ),
    style_row(
        "chamber strings",
        "string quartet, baroque, classical, chamber music, string ensemble, renaissance, "
        "harpsichord",
        tempo=(72, 98, 126),
        minor=0.5,
        harmony="classical",
        metres={4: 0.65, 3: 0.35},
        forms=WAVE_FORMS,
        bands="i=S,KS v=BS,BKS,S c=BSW,BKSW,BKS b=SW,BS,KS n=S,KS u=BS s=BSW o=S,BS,KS",
        energy=(0.3, 0.75),
        moods="elegant, graceful, noble, lively, melancholic, stately, tender",
        instruments="violins, viola, cello, harpsichord, oboe, flute, contrabass",
    ),
    style_row(
        "solo piano",
        "piano solo, piano piece, piano ballad, piano music, piano, neoclassical, nocturne",
        tempo=(58, 76, 112),
        minor=0.55,
        harmony="pop, classical, cinematic",
        metres={4: 0.65, 3: 0.3, 6: 0.05},
        forms=WAVE_FORMS,
        bands="i=K v=K c=K b=K n=K u=K s=K o=K",
        energy=(0.15, 0.7),
        moods=(
            "emotional, intimate, sad, reflective, romantic, tender, peaceful, hopeful, melancholic"
        ),
        instruments="grand piano",
    ),
    style_row(
        "jazz trio",
        "jazz, bebop, swing jazz, piano trio, cool jazz, jazz quartet, jazz club, smooth "
        "jazz, swing",
        tempo=(88, 132, 208),
        minor=0.35,
        harmony="jazz",
        metres={4: 0.85, 3: 0.12, 5: 0.03},
        swing=(0.7, 1.0),
        forms=JAZZ_FORMS,
        bands=(
            "i=DK,K,DBK v=DBK,DBK,DBKW,DBKG c=DBK,DBKW b=DBK s=DBK,DBKW,DBKG n=BK,DB u=DBK o=DBK,BK"
        ),
        energy=(0.3, 0.7),
        moods="swinging, smooth, sophisticated, relaxed, playful, late night, cool, lively",
        instruments="piano, upright bass, brushed drums, ride cymbal, saxophone, jazz guitar",
    ),
    style_row(
        "blues",
        "blues rock, slow blues, delta blues, chicago blues, shuffle, 12 bar blues, twelve-bar",
        tempo=(66, 100, 136),
        minor=0.3,
        harmony="blues",
        metres={4: 0.95, 3: 0.05},
        swing=(0.7, 1.0),
        forms=BLUES_FORMS,
        bands=(
            "i=G,DBG,DBK v=DBG,DBGK,DBGL c=DBGKL,DBGKW,DBGK b=DBG s=DBGL,DBGKL,DBGKW n=BG "
            "u=DBG o=DBG,DBGK"
        ),
        energy=(0.35, 0.75),
        moods="gritty, soulful, sad, laid back, raw, smoky, bittersweet",
        instruments="electric guitar, harmonica, bass, drums, organ, piano, saxophone",
    ),
    style_row(
        "bossa nova",
        "bossa, brazilian jazz, samba, latin jazz, brazil, mpb",
        tempo=(112, 132, 150),
        minor=0.3,
        harmony="bossa",
        forms=JAZZ_FORMS,
        bands=(
            "i=G,DG,GK v=DBG,DBGK,BGW c=DBGKW,DBGW,DBGKL b=DBGK,DBG s=DBGK,DBGW n=G,BG u=DBG "
            "o=DBG,G,BG"
        ),
        energy=(0.25, 0.55),
        moods="relaxed, sunny, romantic, smooth, breezy, gentle, intimate, warm",
        instruments=(
            "nylon guitar, upright bass, soft percussion, flute, electric piano, rim clicks"
        ),
    ),
    style_row(
        "latin",
        "salsa, cumbia, mambo, cuban, son cubano, cha cha, latin dance, reggaeton, latin pop",
        tempo=(92, 104, 124),
        minor=0.55,
        harmony="latin",
        forms=SONG_FORMS,
        bands=(
            "i=DK,DG,K v=DBK,DBG,DBKG c=DBKW,DBKGW,DBKGL b=DBK,DBG n=DK,DB u=DBK s=DBKW,DBKG "
            "o=DBK,DBKW"
        ),
        energy=(0.45, 0.85),
        moods="festive, lively, passionate, sunny, danceable, hot, joyful",
        instruments=(
            "congas, timbales, montuno piano, brass section, tumbao bass, nylon guitar, cowbell"
        ),
    ),
    style_row(
        "funk",
        "funky, groove, p-funk, funk rock, slap bass, seventies funk, jazz funk",
        tempo=(92, 106, 120),
        minor=0.6,
        harmony="funk",
        swing=(0.05, 0.35),
        swing_unit=16,
        forms=SONG_FORMS,
        bands="i=DG,DB,DBG v=DBG,DBGK,DBK c=DBGKW,DBGW,DBGKL b=DBK,DBGK n=DB,DG u=DBG s=DBGW,DBGKL "
        "o=DBG,DBGK,DBGW",
        energy=(0.5, 0.9),
        moods="groovy, funky, energetic, playful, confident, fun, danceable",
        instruments="slap bass, wah guitar, clavinet, horn section, tight drums, organ",
    ),
    style_row(
        "disco",
        "nu disco, nu-disco, seventies disco, 70s, boogie, disco funk",
        tempo=(108, 117, 126),
        minor=0.6,
        harmony="soul, dance",
        forms=SONG_FORMS,
        bands=(
            "i=D,DB,DG,DS v=DBG,DBGK,DBK c=DBGKS,DBGSW,DBGKSL b=DBKS,DBG n=DB,DKS u=DBS,DGK "
            "s=DBGKW,DBGKL "
            "o=DBGS,DBG"
        ),
        energy=(0.5, 0.9),
        moods="danceable, glamorous, uplifting, groovy, happy, energetic, sparkling",
        instruments=(
            "four on the floor drums, octave bass, rhythm guitar, strings, brass, electric piano"
        ),
    ),
    style_row(
        "soul",
        "r&b, rnb, neo soul, motown, gospel, rhythm and blues, slow jam",
        tempo=(66, 84, 112),
        minor=0.4,
        harmony="soul, deep",
        metres={4: 0.85, 3: 0.05, 6: 0.1},
        swing=(0.15, 0.5),
        swing_unit=16,
        forms=SONG_FORMS,
        bands=(
            "i=K,DK,KG v=DBK,DBKG c=DBKGS,DBKGW,DBKSW,DBKGL b=BKS,DBK n=BK,DK u=DBK "
            "s=DBKW,DBKG o=DBK,DBKG,K"
        ),
        energy=(0.3, 0.7),
        moods="soulful, warm, romantic, smooth, heartfelt, tender, sensual, uplifting",
        instruments="electric piano, organ, bass guitar, clean guitar, drums, strings, horns",
    ),
    style_row(
        "pop",
        "pop song, dance pop, indie pop, radio, chart, commercial, upbeat, corporate, electropop",
        tempo=(92, 112, 128),
        minor=0.35,
        harmony="pop",
        metres={4: 0.97, 3: 0.03},
        forms=SONG_FORMS,
        bands=(
            "i=K,KP,G,DK v=DBK,DBG,DBKG c=DBKGP,DBKPL,DBGPL,DBKSL b=BKP,KS,DBKP n=KP,K "
            "u=DKP,DBKP "
            "s=DBKGL o=KP,DBK,K"
        ),
        energy=(0.35, 0.85),
        moods="happy, upbeat, catchy, bright, hopeful, optimistic, romantic, carefree",
        instruments="piano, acoustic guitar, bass, drums, synth pad, synth lead, strings",
    ),
    style_row(
        "rock",
        "alternative rock, indie rock, hard rock, classic rock, garage rock, rock band, "
        "grunge, punk",
        tempo=(96, 122, 160),
        minor=0.45,
        harmony="rock",
        metres={4: 0.93, 3: 0.05, 6: 0.02},
        forms=SONG_FORMS,
        bands="i=G,DG,DBG v=DBG,DBG,DBGK c=DBGL,DBGK,DBGKL,DBGP b=DBG,BG,DBGK n=BG,DB u=DBG s=DBGL "
        "o=DBG,G,DBGL",
        energy=(0.5, 0.95),
        moods="energetic, driving, rebellious, powerful, raw, anthemic, gritty, upbeat",
        instruments="electric guitar, distorted guitar, bass guitar, drums, organ, lead guitar",
    ),
    style_row(
        "metal",
        "heavy metal, death metal, thrash, metalcore, djent, power metal, doom metal",
        tempo=(104, 148, 190),
        minor=1.0,
        harmony="power, dark",
        metres={4: 0.88, 3: 0.06, 7: 0.03, 5: 0.03},
        forms=SONG_FORMS,
        bands="i=G,DG,DBG,GS v=DBG,DBG c=DBGL,DBGP,DBGS b=DBG,GS n=G,DG,BG u=DBG s=DBGL o=DBG,G",
        energy=(0.65, 1.0),
        moods="aggressive, heavy, dark, powerful, furious, intense, epic, menacing",
        instruments="distorted guitars, double kick drums, bass guitar, lead guitar, choir",
    ),
    style_row(
        "reggae",
        "dub, ska, dancehall, roots reggae, rocksteady, jamaican, one drop",
        tempo=(68, 78, 92),
        minor=0.4,
        harmony="reggae",
        swing=(0.0, 0.45),
        swing_unit=16,
        forms=SONG_FORMS,
        bands=(
            "i=DG,DBK,DK v=DBG,DBK,DBGK c=DBGK,DBGKW,DBGKL b=DBG,DBK n=DB,DBK u=DBK "
            "s=DBGW,DBGKL o=DBGK,DB"
        ),
        energy=(0.35, 0.65),
        moods="laid back, sunny, relaxed, positive, groovy, mellow, island",
        instruments="offbeat guitar, organ bubble, deep bass, one drop drums, horns, melodica",
    ),
    style_row(
        "country",
        "bluegrass, americana, western, cowboy, nashville, southern, honky tonk",
        tempo=(84, 112, 144),
        minor=0.12,
        harmony="folk",
        metres={4: 0.88, 3: 0.12},
        swing=(0.0, 0.5),
        forms=SONG_FORMS,
        bands=(
            "i=G,GS,DG v=DBG,BG,DBGK c=DBGS,DBGK,DBGKL,DBGL b=BG,DBG n=G,BG u=DBG s=DBGS,DBGL "
            "o=DBG,G,GS"
        ),
        energy=(0.35, 0.75),
        moods="warm, upbeat, rustic, hopeful, nostalgic, carefree, heartfelt, sunny",
        instruments="acoustic guitar, banjo, fiddle, steel guitar, bass, brushed drums, harmonica",
    ),
    style_row(
        "folk",
        "acoustic, singer-songwriter, indie folk, campfire, fingerpicked, celtic, irish, "
        "acoustic guitar",
        tempo=(76, 98, 124),
        minor=0.35,
        harmony="folk",
        metres={4: 0.68, 3: 0.22, 6: 0.1},
        forms=SONG_FORMS,
        bands=(
            "i=G,GW v=G,BG,GS,GBK c=BGS,BGW,DBGS,DBGW,BGKS b=G,GS,BG n=G,GW u=BG,DBG "
            "s=BGW,BGS o=G,GS,BG"
        ),
        energy=(0.2, 0.6),
        moods=(
            "warm, intimate, gentle, nostalgic, hopeful, rustic, peaceful, heartfelt, melancholic"
        ),
        instruments=(
            "acoustic guitar, fingerpicked guitar, fiddle, flute, tin whistle, upright bass, "
            "hand drums"
        ),
    ),
    style_row(
        "waltz",
        "viennese waltz, music box, fairground, carousel, ballroom, accordion, musette",
        tempo=(92, 132, 176),
        minor=0.45,
        harmony="classical, folk",
        metres={3: 1.0},
        forms=WAVE_FORMS,
        bands="i=K,S,W v=BK,BKS,BSW c=BKSW,DBSW,BKWL b=BKS,SW n=K,S,KS u=BKS s=BKW o=BK,BKS,K",
        energy=(0.3, 0.7),
        moods="elegant, romantic, whimsical, nostalgic, graceful, playful, dreamy",
        instruments="accordion, music box, strings, clarinet, piano, contrabass",
    ),
)
