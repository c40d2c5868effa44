"""Word lists for reading prompts: groups of words, separated by spaces, under what they mean."""

MOOD_WORDS: dict[str, str] = {
    "sad": (
        "sad melancholic melancholy sorrowful mournful gloomy lonely heartbroken bittersweet grief"
    ),
    "happy": "happy joyful cheerful joyous sunny bright carefree optimistic fun festive",
    "dark": "dark ominous sinister menacing brooding eerie creepy scary haunting spooky",
    "calm": (
        "calm peaceful relaxed relaxing chill mellow gentle soft serene tranquil quiet "
        "soothing sleepy slow"
    ),
    "energetic": (
        "energetic driving fast powerful intense upbeat lively furious aggressive pumping "
        "hard heavy"
    ),
    "epic": "epic heroic majestic triumphant grand soaring adventurous dramatic",
    "romantic": "romantic tender intimate loving sensual warm heartfelt emotional",
    "dreamy": "dreamy ethereal floating hazy nostalgic atmospheric spacious mysterious hypnotic",
    "hopeful": "hopeful uplifting inspiring positive euphoric feel-good",
    "groovy": "groovy funky danceable swinging laid-back smooth playful quirky",
}
FAMILY_WORDS: dict[str, str] = {
    "drums": "drums drum percussion drumkit breakbeat kick snare congas bongos timpani beats",
    "bass": "bass bassline 808 sub-bass contrabass",
    "keys": (
        "piano keys keyboard organ rhodes harpsichord clavinet marimba vibraphone celesta accordion"
    ),
    "guitar": "guitar guitars banjo ukulele mandolin",
    "strings": "strings violin violins viola cello fiddle harp",
    "winds": (
        "brass trumpet trombone horn horns saxophone sax flute clarinet oboe woodwinds harmonica"
    ),
    "pad": "pad pads choir drone drones",
    "lead": "lead supersaw melody",
}
EFFECT_WORDS: dict[str, str] = {
    "rain": "rain raining rainfall drizzle downpour raindrops",
    "wind": "wind windy breeze gust gusts gale howling",
    "thunder": "thunder thunderstorm lightning storm",
    "fire": "fire campfire fireplace flames crackling burning",
    "sea": "sea ocean waves surf seashore shore",
    "water": "water stream river waterfall splash bubbles dripping drip",
    "explosion": "explosion explode explodes blast bomb detonation",
    "engine": "engine motor car truck motorcycle helicopter aeroplane airplane idling",
    "siren": "siren sirens ambulance police",
    "alarm": "alarm alarms beeping buzzer klaxon",
    "bell": "bell bells chime chimes gong",
    "laser": "laser lasers zap blaster raygun",
    "coin": "coin coins pickup power-up powerup level-up",
    "impact": "impact hit slam punch thud boom crash smash thump",
    "whoosh": "whoosh swoosh swish swipe whooshing",
    "riser": "riser sweep uplifter",
    "click": "click clicks clicking button tick ticking typing keyboard-typing",
    "footsteps": "footsteps footstep walking steps running",
    "door": "door creak creaking creaky knock knocking",
    "glass": "glass shatter shattering breaking",
    "birds": "birds bird birdsong chirping crickets",
}
MUSIC_WORDS = (
    "music song track tune beat groove melody chords riff instrumental soundtrack score ballad "
    "anthem loop bpm band ensemble synth arpeggio solo"
)
# Words that name a manner as often as a style: a style that is named outright goes before.
WEAK_STYLE_WORDS = (
    "acoustic, chill, orchestra, atmospheric, tension, groove, downtempo, radio, lounge, southern, "
    "western, drone, epic, upbeat, swing, shuffle, acid, rap, classical, fingerpicked, festival, "
    "healing, warehouse, commercial, 70s, eighties, cinematic, dub, fantasy, fairground"
)
# Words that name an instrument as often as a style: they decide when nothing else does.
INSTRUMENT_STYLE_WORDS = (
    "piano, acoustic guitar, string ensemble, harpsichord, music box, accordion, slap bass, "
    "808 beat, turntable"
)
