"""Words of music and sound that the tokenizer keeps whole where the source vocabulary has them."""

STYLES = """
acapella acid acoustic afro afrobeat alternative ambient americana anthem aria atmospheric avant
ballad ballet baroque bass bebop big bit bluegrass blues boogie boom bop bossa brass breakbeat
breakcore britpop broadway calypso cantata carol celtic chamber chant chill chillout chillwave
chip chiptune choral chorale cinematic classic classical club concerto contemporary cool country
cumbia dance dancehall dark deep dembow disco dixieland dnb downtempo drift drill drone drum dub
dubstep duo easy edm electro electronic electronica emo ensemble epic ethnic etude eurodance
experimental fado fanfare film flamenco folk folktronica foxtrot fugue funk fusion future gabber
game gamelan garage ghazal glitch goa gospel gothic gregorian grime groove grunge gypsy hard
hardcore hardstyle heavy hip hop house hybrid hymn idm indie industrial instrumental interlude
italo jazz jig jingle jungle klezmer krautrock latin lofi lounge lullaby madrigal mambo march
mariachi mazurka medieval meditation merengue metal mini minimal minimalist minuet modal motet
motown musical mystic neo neoclassical new nocturne noise nova novelty nu opera oratorio
orchestral overture phonk polka polonaise pop post postrock prelude progressive psychedelic
psytrance punk quartet quintet rag raga ragtime rap rave reel reggae reggaeton renaissance requiem
retro rhapsody rhythm rock rockabilly rococo romantic rondo roots rumba salsa samba score serenade
shanty shoegaze ska slow soca solo sonata soul soundtrack southern spiritual spoken stomp string
suite surf swing symphonic symphony synth synthpop synthwave tango tarantella tech techno theme
toccata tone traditional trailer trance trap tribal trio tropical underground urban vaporwave
variation vocal waltz western world zydeco
"""

INSTRUMENTS = """
accordion alto bagpipe balalaika bandoneon banjo baritone bassline bassoon bell bells bodhran
bongo bongos bouzouki bow brushes bugle cajon calliope castanets celesta cello cellos chime chimes
choir clap claps clarinet claves clavichord clavinet concertina conga congas contrabass cornet
cowbell crash cuica cymbal cymbals didgeridoo djembe double drumkit drummer drums dulcimer
electric erhu euphonium fiddle flugelhorn flute flutes fretless glass glockenspiel gong guiro
guitar guitars hammond handpan harmonica harmonium harp harps harpsichord hat hats hihat horn
horns hornsection hurdy kalimba kazoo kettle keyboard keyboards keys kick kicks kit koto lap lead
lute lyre mandolin marimba mellotron melodica moog mouth music nylon oboe ocarina octave orchestra
organ oud overdrive pad pads pan percussion percussive pianist piano piccolo pick pipe pipes
pizzicato pluck plucked plucks psaltery recorder reed reeds rhodes ride riff rim rimshot sampler
santur sarod saw sax saxophone section sequencer shaker shakers shakuhachi shamisen shehnai sine
sitar snap snaps snare snares soprano sousaphone spinet stab stabs steel strings strum strummed
strumming sub subbass supersaw synthesizer synths tabla tambourine tanpura tenor theremin timbales
timpani tom toms triangle trombone trumpet trumpets tuba tubular turntable ukulele upright vibes
vibraphone vibraslap vinyl viola violin violins voice voices whistle wood woodblock woodwind
woodwinds wurlitzer xylophone zither
"""

MOODS = """
adventurous aggressive agitated airy alien amusing angelic anger angry anxiety anxious bittersweet
bleak blissful bold bouncy bright brilliant brooding busy calm calming carefree celebratory
ceremonial chaotic charming cheerful chilled chilling cold comforting comic confident
contemplative cosmic cosy cozy crazy creepy curious cute dangerous daring dazzling defiant
delicate depressed desolate desperate determined devotional dirty disturbing dramatic dreamlike
dreamy driving dull eager earnest eccentric eerie elegant elegiac emotional emotive empowering
enchanting energetic energy engaging erotic ethereal euphoric evil exciting exotic exuberant
fantastic fast fearful festive fierce fiery floating flowing focused frantic fresh friendly fun
funky funny furious futuristic gentle ghostly glad glamorous gloomy glorious graceful grand grief
grim gritty groovy happy harsh haunting heartbroken heartfelt hectic heroic holy homesick hopeful
hot humorous hypnotic icy innocent inspirational inspiring intense intimate introspective ironic
joy joyful joyous jubilant kind lazy light lively lonely longing loud loving lush lyrical magical
majestic manic mechanical meditative melancholic melancholy mellow menacing mischievous moody
mournful moving mysterious mystical narrative nervous noble nostalgia nostalgic ominous optimistic
organic otherworldly paranoid passionate pastoral patriotic peaceful pensive plaintive playful
pleasant poetic pompous positive powerful primal proud provocative psychotic pure quiet quirky
rebellious reflective regal relaxed relaxing resigned restless rich romance rousing rugged sacred
sad scary seductive sensual sentimental serene serious sexy shimmering silly sinister sleepy slick
sly smooth soaring soft solemn somber sombre soothing sorrow sorrowful soulful spacious sparkling
sparse spooky stately steady strange strong stylish sublime suspense suspenseful sweet swinging
tearful tender tense tension terrifying thoughtful threatening thriller thrilling tragic tranquil
trippy triumph triumphant troubled uneasy upbeat uplifting urgent vengeful vibrant victorious
victory violent virtuosic wandering warm weird whimsical wicked wild wintry wistful witty wonder
yearning youthful zany zen
"""

SOUNDS = """
alarm alarms ambience ambulance animal announcement applause arcade arrow autumn avalanche axe
baby background bang bark barking bat beach bear beast bee beep beeps bees bicycle bike bird birds
birdsong bite blade blast blaster blip blizzard blow boat boil boiling bomb book booms bottle
bounce brake brakes branch break breaking breath breathing breeze brook brush bubble bubbles
bubbling bullet burning burst bus button buzz buzzer buzzing cafe call camera campfire cannon car
cars cash cat cave chain chains chainsaw charge chatter cheer cheering chewing chicken child
children chirp chirping chop chopper church city clang clanging clank clapping clatter click
clicking clicks cling clink clock clocks close cloth coin coins collapse collision computer
construction conversation cooking cough cow crack cracking crackle crackling crashing creak
creaking creature creek cricket crickets cries crowd crowds crumble crunch crush cry crying
cutlery dagger debris demon dial dice dig digging digital dinosaur dish dog dogs dolphin door
doorbell doors dragon drain drawer drilling drip dripping drop droplet drops duck dust eagle
earthquake echo echoes electricity elephant elevator emergency engine engines error evening
explosion explosions fail fall falling fan farm fire firecracker fireplace fireworks fish fizz
flag flame flap flapping flicker flies fly fog footstep footsteps forest fountain freeze fridge
frog frogs frying gallop gas gate gear ghost giggle goat goblin grass gravel grind grinding groan
growl growling grunt gulls gun gunfire gunshot gust gusts hail hailstorm hammer hammering hand
hawk heart heartbeat heel helicopter hiss hissing hit hits hoof hooves horror horse horses howl
howling hum humming hurricane ice impact impacts insect insects interface item jet jingling jump
key kitchen knife knock knocking ladder lake lamp laser lasers laugh laughing laughter launch lava
leaf leaves level lever lift lighter lightning lion lizard lock locomotive machine machinery
machines magic market match menu metallic meteor microwave modem monkey monster moon morning motor
motorbike motorcycle mountain mouse mower mud murmur night notification ocean office oil oven owl
paddle page paper park party people phone pickup pig pigeon pistol plane plastic plate playground
plop plunge police popping portal pot pour pouring power press printer propeller punch push quack
quake radar radio rail railway rain raindrops raining rainstorm rattle rattling raven reload
reverse ricochet rifle ring ringing ringtone rip ripple riser risers rising river roar roaring
robot robotic rocket rocks roll rolling room rooster rope rotor rubber rumble rumbling running
rush rustle rustling sand scifi scrape scraping scratch scream screaming screech sea seagull
seagulls seal seashore shake sheep shell shield ship shock shoes shop shore shot shotgun shout
shouting shower shuffle shutdown shutter sigh signal siren sirens sizzle sizzling skateboard ski
skid sky slam slap slash sleigh slice slide slime slither smack smash snake sneeze sniff snore
snoring snow soda soil space spaceship spark sparks speech spell spin spit splash splashes
splashing splat splinter spoon spray sprinkler squawk squeak squeaky squeal squelch squirrel
squish stadium stairs stapler startup static station steam step steps stick stir stone storm
stormy stove stream street submarine subway suction summer swallow swamp swarm sweep swimming
swipe swish switch switches swoosh sword swords tank tap tape tapping tear telephone teleport
television temple thud thump thunder thundering thunderstorm tick ticking tide tiger timer tire
toilet tool tornado town toy tractor traffic train trains transition tree trigger truck tsunami
tunnel turbine turn type typewriter typing underwater unlock vacuum van vehicle vehicles village
volcano walk walking warning washing wasp water waterfall wave waves weapon weather whale wheel
whip whir whirring whisper whispering whistling whoosh whooshing win wind windy wings winter wolf
wooden woods woosh workshop yawn yell zap zipper zombie zoo zoom
"""

TERMS = """
16 1920s 1930s 1940s 1950s 1960s 1970s 1980s 1990s 2000s 2010s 8 accelerando accent accents
accompaniment adagio advertisement african allegro american amp analog analogue andante apocalypse
arabic arpeggiated arpeggio arpeggios arrangement articulate asian atonal attack augmented aux
backbeat balkan bar barre bars bassy battle beat beatless beats bedtime bend birthday booming
boomy boss bowed bpm brazilian breakdown breaks bridge british build buildup cadence canon
caribbean castle chinese chopped chord chords chorus christmas chromatic clean climax coda
commercial compressed compression consonant corporate counterpoint cowboy crescendo crisp crunchy
cuban cut cyberpunk decay decrescendo delay descending detective diatonic diminished diminuendo
dinner dissonance dissonant distorted distortion documentary dominant dorian dotted downbeat dry
duet dungeon dynamic dynamics eastern effect effects eight eighth eighties ending envelope fade
fading fantasy feedback fidelity fifth fifties fill fills filter filtered fingered fingerpicked
flanger flat fluid fm forte four fourth french frequency fretted fuzz fuzzy gaming german glassy
glissando grace greek grooves guide gym half halloween harmonic harmonics harmonies harmony
hawaiian hertz hifi high hook hz improvisation improvised indian interval intro inversion irish
italian jamaican japanese kilohertz korean largo layered layers legato lento loop looped loops low
lowfi lydian lyrics major mastered measure medium melodic melodies melody meter metre metronome
mexican mid middle midtempo minor mix mixed mixolydian moderate moderato modulated modulation mono
monophonic motif movement muffled musician muted natural nineties noir nordic note notes octaves
offbeat opening orchestration oriental ornament oscillator ostinato outro overdriven overtones
panned panning part pattern patterns pause pedal pentatonic performance persian phase phased
phaser phrase phrasing phrygian pianissimo picked pirate pitch pitched played playing plucky
podcast polyphonic polyrhythm portamento presto production progression pulsating pulse pulsing
punchy quarter quick range recorded recording refrain register release repeating repetitive
resonance resonant rests reverb reverberant rhythmic rhythms riffs ritardando road rolled royalty
rubato russian sample sampled samples sawtooth scale scales scottish seventh seventies sharp
sidechain signature silence simple sixteenth sixth sixties slapped sleep sliding slower snappy
softly song songs sonic sounds soundscape soundscapes spa spanish spatial spy square squelchy
staccato steampunk stem stereo study stuttering style sustain sustained swell swells swung
syncopated syncopation tempo tempos texture textures thick thin third three tight timbre time
timing tinny tonal tonic track tracks transient travel tremolo triad trill triplet triplets tune
tuned tuning turkish twang twelve unison uptempo verse vibrato video videogame vintage vivace vlog
voicing volume wah warble waveform wavy wedding wet wide wobble wobbly workout yoga
"""

WORDS = tuple(" ".join([STYLES, INSTRUMENTS, MOODS, SOUNDS, TERMS]).split())
