"""Effects of weather, water, animals and people, synthesised."""

import numpy as np

from longform.train.songbook.effects_tools import Scene, unit

Made = tuple[np.ndarray, list[str]]


def wind(scene: Scene) -> Made:
    strong = scene.rng.random() < 0.5
    centre = 250 * 4 ** scene.drift(0.35 if strong else 0.18)[0] * (1.6 if strong else 1.0)
    sound = scene.swept(scene.white(), centre, 0.45) * (0.35 + scene.drift(0.4, 2))
    if strong:
        sound = unit(sound) + 0.3 * unit(scene.swept(scene.white(), 2.8 * centre, 0.15))
    return sound, ["howling", "strong", "gusty"] if strong else ["gentle", "soft", "breezy"]


def rain(scene: Scene) -> Made:
    heavy = scene.rng.random() < 0.5

    def drop(one: Scene) -> np.ndarray:
        hz = one.between(1200, 6000)
        return one.ring([(hz, 1.0, 0.004), (hz * 1.7, 0.5, 0.002)])

    drops = scene.scatter(scene.random_starts(220 if heavy else 60), drop, 0.03, 1.0, 24)
    bed = scene.noise(900, 9000) * (0.28 if heavy else 0.07) * (0.9 + 0.2 * scene.drift(0.5)[0])
    return unit(drops) * 0.25 + bed, ["heavy", "pouring"] if heavy else ["light", "gentle", "soft"]


def thunder(scene: Scene) -> Made:
    near = scene.rng.random() < 0.5
    level = np.exp(-scene.time / (0.25 * scene.seconds)) * (0.4 + scene.drift(3.0)[0])
    rumble = scene.noise(30, 220) * level * np.minimum(scene.time / (0.02 if near else 0.4), 1)
    if near:
        crack = scene.noise(400, 7000) * np.exp(-scene.time / 0.12) * (0.3 + scene.drift(25)[0])
        rumble = unit(rumble) + 0.8 * crack
    rumble = scene.space(rumble, 1.8, 0.6)
    return rumble, ["close", "cracking", "loud"] if near else ["distant", "rumbling", "deep"]


def fire(scene: Scene) -> Made:
    def crackle(one: Scene) -> np.ndarray:
        return one.noise(one.between(600, 3000), 9000, 1)[0] * np.exp(-one.time / 0.003)

    big = scene.rng.random() < 0.4
    pops = scene.scatter(scene.random_starts(30 if big else 14), crackle, 0.03, 0.7, 20)
    roar = scene.noise(60, 500) * (0.5 + scene.drift(2.0, 2)) * (0.5 if big else 0.2)
    return unit(pops) * 0.5 + roar, ["roaring", "big"] if big else ["crackling", "cosy", "small"]


def sea(scene: Scene) -> Made:
    period = scene.between(5, 9)
    swell = np.maximum(np.sin(2 * np.pi * scene.time / period + scene.between(0, 6)), -0.6) + 0.75
    low = scene.noise(80, 700) * (0.4 + swell)
    foam = scene.noise(1200, 9000) * np.maximum(np.roll(swell, scene.sample_rate // 3), 0) ** 2
    calm = scene.rng.random() < 0.5
    words = ["calm", "slow", "gentle"] if calm else ["crashing", "big", "stormy"]
    return low * 0.5 + foam * (0.25 if calm else 0.6), words


def stream(scene: Scene) -> Made:
    def bubble(one: Scene) -> np.ndarray:
        rising = one.between(350, 1600) * (1 + 0.6 * one.time / one.seconds)
        return one.sine(rising) * np.sin(np.pi * one.time / one.seconds) ** 2

    bubbles = scene.scatter(scene.random_starts(70), bubble, scene.between(0.02, 0.05), 0.9, 30)
    flow = scene.noise(400, 5000) * (0.8 + 0.4 * scene.drift(3.0, 2))
    return unit(bubbles) * 0.7 + 0.25 * flow, ["bubbling", "flowing", "babbling"]


def drip(scene: Scene) -> Made:
    def drop(one: Scene) -> np.ndarray:
        hz = one.between(700, 1500)
        return one.sine(hz * (1 + 1.2 * one.time)) * np.exp(-one.time / 0.03)

    period = scene.between(0.35, 1.1)
    dry = scene.scatter(scene.regular_starts(period, 0.2), drop, 0.2, 0.5, 5)
    return scene.space(dry, 1.5, 0.7), ["slow", "echoing"] if period > 0.7 else ["steady", "wet"]


def bird(scene: Scene) -> Made:
    base, trill = scene.between(2200, 4200), scene.between(18, 45)

    def chirp(one: Scene) -> np.ndarray:
        bend = one.between(-0.3, 0.5)
        hz = base * one.between(0.85, 1.2) * (1 + bend * one.time / one.seconds)
        hz = hz * (1 + 0.12 * np.sin(2 * np.pi * trill * one.time))
        return one.sine(hz) * np.sin(np.pi * one.time / one.seconds) ** 0.7

    starts = [
        phrase + index * scene.between(0.09, 0.2)
        for phrase in scene.regular_starts(scene.between(0.8, 1.6), 0.3)
        for index in range(int(scene.rng.integers(2, 6)))
    ]
    song = scene.scatter(starts, chirp, scene.between(0.06, 0.14), 0.6, 8)
    leaves = scene.noise(1500, 7000) * 0.012
    return scene.space(song, 0.8, 0.25) + leaves, ["chirping", "singing", "morning"]


def cricket(scene: Scene) -> Made:
    total = np.zeros((2, scene.samples))
    for _ in range(int(scene.rng.integers(2, 6))):
        hz, rate, pulse = scene.between(3800, 5400), scene.between(1.5, 3.5), scene.between(28, 40)
        gate = (scene.time * rate + scene.rng.random()) % 1 < 0.45
        pulses = np.maximum(np.sin(2 * np.pi * pulse * scene.time), 0) ** 2
        total += scene.wide(scene.sine(hz) * gate * pulses, scene.between(-0.9, 0.9))
    return total + 0.05 * scene.noise(300, 4000), ["night", "chirping", "summer"]


def frog(scene: Scene) -> Made:
    rate, pitch = scene.between(25, 50), scene.between(350, 800)

    def croak(one: Scene) -> np.ndarray:
        pulses = np.maximum(np.sin(2 * np.pi * rate * one.time), 0) ** 3
        tone = one.saw(pitch * (1 + 0.1 * one.time), 3000)
        return one.band(tone * pulses, 300, 2200) * np.sin(np.pi * one.time / one.seconds)

    starts = scene.regular_starts(scene.between(0.5, 1.2), 0.25)
    return scene.scatter(starts, croak, scene.between(0.2, 0.4), 0.6, 4), ["croaking", "pond"]


def crowd(scene: Scene) -> Made:
    loud = scene.rng.random() < 0.5

    def syllable(one: Scene) -> np.ndarray:
        voice = one.saw(one.between(90, 260) * (1 + 0.1 * np.sin(9 * one.time)), 4000)
        low, high = one.between(350, 800), one.between(1000, 2400)
        formed = one.band(voice, low * 0.85, low * 1.2) + 0.5 * one.band(
            voice, high * 0.9, high * 1.1
        )
        return unit(formed) * np.sin(np.pi * one.time / one.seconds) ** 2

    babble = scene.scatter(scene.random_starts(45 if loud else 25), syllable, 0.22, 0.9, 24)
    air = scene.noise(250, 2500) * (0.3 if loud else 0.12)
    mixed = scene.space(unit(babble) * 0.5 + air, 1.0, 0.6)
    return mixed, ["busy", "loud"] if loud else ["murmuring", "quiet"]


def applause(scene: Scene) -> Made:
    def clap(one: Scene) -> np.ndarray:
        centre = one.between(900, 2200)
        return one.noise(centre * 0.6, centre * 1.8, 1)[0] * np.exp(-one.time / 0.006)

    rate = scene.between(60, 350)
    claps = scene.scatter(scene.random_starts(rate), clap, 0.05, 1.0, 40)
    sound = scene.space(claps, 0.7, 0.4) * scene.swell(0.1, 0.4)
    return sound, ["loud", "big audience"] if rate > 200 else ["polite", "small audience"]


def heartbeat(scene: Scene) -> Made:
    rate = scene.between(55, 130)

    def thump(one: Scene) -> np.ndarray:
        return one.sine(45 + 30 * np.exp(-one.time / 0.03)) * np.exp(-one.time / 0.06)

    first = scene.regular_starts(60 / rate)
    both = np.concatenate([first, first + 0.3 * 60 / rate])
    sound = scene.band(scene.scatter(both, thump, 0.3, 0.0, 2), 20, 300)
    return sound, ["fast", "nervous"] if rate > 95 else ["slow", "calm"]


def footsteps(scene: Scene) -> Made:
    ground = int(scene.rng.integers(4))
    low, high, decay = ((120, 2500, 0.02), (1500, 9000, 0.06), (300, 6000, 0.05), (80, 1200, 0.03))[
        ground
    ]

    def step(one: Scene) -> np.ndarray:
        heel = one.noise(low, high, 1)[0] * np.exp(-one.time / decay)
        toe = one.noise(low * 1.5, high, 1)[0] * np.exp(-np.abs(one.time - 0.09) / (decay * 0.6))
        thud = one.ring([(one.between(60, 110), 1.5, 0.03)])
        return heel + 0.5 * toe + thud

    period = scene.between(0.32, 0.68)
    steps = scene.scatter(scene.regular_starts(period, 0.04), step, 0.3, 0.25, 6)
    surface = ("on a hard floor", "in snow", "on gravel", "on wood")[ground]
    return scene.space(steps, 0.4, 0.2), [surface, "running" if period < 0.42 else "walking"]
