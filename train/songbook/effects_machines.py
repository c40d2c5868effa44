"""Effects of machines and things, synthesised."""

import numpy as np

from longform.train.songbook.effects_nature import Made
from longform.train.songbook.effects_tools import Scene, unit


def engine(scene: Scene) -> Made:
    revving = scene.rng.random() < 0.5
    base = scene.between(22, 45)
    hz = (
        base * (1 + 1.8 * scene.drift(0.5)[0]) if revving else base * (1 + 0.05 * scene.drift(1)[0])
    )
    fire = scene.saw(hz, 1500) + 0.6 * scene.saw(hz * 2.02, 2500) + 0.3 * scene.saw(hz * 0.5, 900)
    rattle = scene.noise(150, 2500) * np.maximum(scene.sine(hz), 0) * 0.35
    sound = scene.wide(np.tanh(fire)) + rattle
    return scene.band(sound, 30, 4500), ["revving", "car"] if revving else ["idling", "steady"]


def siren(scene: Scene) -> Made:
    kind = int(scene.rng.integers(3))
    if kind == 0:
        hz = 700 + 450 * np.sin(2 * np.pi * scene.between(0.2, 0.5) * scene.time - np.pi / 2)
    elif kind == 1:
        hz = np.where((scene.time * scene.between(0.9, 1.4)) % 1 < 0.5, 435.0, 580.0)
    else:
        hz = 800 + 350 * ((scene.time * scene.between(2.5, 4.5)) % 1)
    tone = scene.band(scene.saw(hz, 6000), 350, 4500)
    sound = scene.space(scene.wide(tone, np.sin(0.4 * scene.time)), 0.9, 0.35)
    words = (["wailing", "police"], ["two-tone", "ambulance"], ["yelping", "fast"])[kind]
    return sound, words


def alarm(scene: Scene) -> Made:
    hz, rate = scene.between(700, 3000), scene.between(1.5, 7)
    gate = (scene.time * rate) % 1 < 0.5
    tone = scene.sine(hz) + 0.4 * scene.sine(min(3 * hz, 12000)) + 0.2 * scene.sine(2 * hz)
    sound = scene.space(scene.wide(scene.band(tone * gate, 300, 12000)), 0.3, 0.15)
    return sound, ["beeping", "urgent" if rate > 4 else "slow", "digital"]


def clock(scene: Scene) -> Made:
    hz = scene.between(1800, 4200)

    def tick(one: Scene) -> np.ndarray:
        hit = one.noise(2000, 12000, 1)[0] * np.exp(-one.time / 0.0015) * 0.4
        return hit + one.ring([(hz, 1.0, 0.008), (hz * 1.53, 0.6, 0.005), (420, 0.5, 0.012)])

    period = scene.between(0.25, 1.0)
    ticks = scene.scatter(scene.regular_starts(period), tick, 0.1, 0.1, 2)
    return scene.space(ticks, 0.4, 0.12), ["ticking", "fast" if period < 0.45 else "slow"]


def helicopter(scene: Scene) -> Made:
    rate = scene.between(9, 15)
    chop = np.maximum(np.sin(2 * np.pi * rate * scene.time), 0) ** 3
    blades = scene.noise(50, 900) * (0.15 + chop) + 0.6 * scene.wide(scene.sine(rate * 4) * chop)
    whine = 0.05 * scene.wide(scene.saw(scene.between(600, 900), 6000))
    passing = scene.rng.random() < 0.5
    level = scene.swell(0.5, 0.5) if passing else 1.0
    return (blades + whine) * level, ["flying past", "loud"] if passing else ["hovering", "near"]


def train(scene: Scene) -> Made:
    period = scene.between(0.45, 0.9)

    def clack(one: Scene) -> np.ndarray:
        return one.noise(150, 3500, 1)[0] * np.exp(-one.time / 0.03) + one.ring([(95, 1.0, 0.05)])

    first = scene.regular_starts(period, 0.02)
    rails = scene.scatter(np.concatenate([first, first + 0.16 * period]), clack, 0.2, 0.3, 6)
    rumble = scene.noise(40, 400) * (0.8 + 0.3 * scene.drift(2)[0])
    sound = unit(rails) * 0.5 + 0.35 * rumble
    words = ["passing", "on rails"]
    if scene.rng.random() < 0.4:
        chord = sum(scene.saw(hz, 5000) for hz in (311.0, 370.0, 466.0))
        blow = np.clip(scene.time / 0.1, 0, 1) * np.clip((1.6 - scene.time) / 0.3, 0, 1)
        sound = sound + 0.25 * scene.wide(chord * blow)
        words = ["with whistle", "passing"]
    return sound * scene.swell(0.15, 0.3), words


def aeroplane(scene: Scene) -> Made:
    level = np.exp(-(((scene.time / scene.seconds - 0.45) / 0.25) ** 2))
    fall = 1.25 - 0.5 / (1 + np.exp(-8 * (scene.time / scene.seconds - 0.45)))
    jet = scene.swept(scene.white(), scene.between(500, 1200) * fall, 0.9)
    whine = scene.sine(scene.between(1500, 2600) * fall) * 0.12
    place = 2 * scene.time / scene.seconds - 1
    return (unit(jet) + scene.wide(whine, place)) * (0.05 + level), ["passing over", "jet"]


def typing(scene: Scene) -> Made:
    def key(one: Scene) -> np.ndarray:
        hit = one.noise(900, 9000, 1)[0] * np.exp(-one.time / 0.004)
        return hit + 0.4 * one.ring([(one.between(180, 400), 1.0, 0.012)])

    rate = scene.between(4, 11)
    keys = scene.scatter(scene.regular_starts(1 / rate, 0.35), key, 0.06, 0.25, 14)
    return scene.space(keys, 0.25, 0.12), ["fast" if rate > 7 else "slow", "keyboard"]


def camera(scene: Scene) -> Made:
    def shutter(one: Scene) -> np.ndarray:
        first = one.noise(1500, 11000, 1)[0] * np.exp(-one.time / 0.006)
        later = np.maximum(one.time - 0.07, 0)
        second = one.noise(900, 7000, 1)[0] * (one.time > 0.07) * np.exp(-later / 0.012)
        return first + 0.7 * second + 0.3 * one.ring([(310, 1.0, 0.02)])

    burst = scene.rng.random() < 0.4
    starts = scene.regular_starts(0.16 if burst else 1.3)
    return scene.scatter(starts, shutter, 0.2, 0.1, 3), ["burst"] if burst else [
        "single shot",
        "clicking",
    ]


def knock(scene: Scene) -> Made:
    base = scene.between(110, 240)

    def hit(one: Scene) -> np.ndarray:
        wood = [
            (base * ratio, 1 / index, 0.045 / index) for index, ratio in enumerate((1, 1.8, 2.9), 1)
        ]
        return one.ring(wood) + one.noise(300, 4000, 1)[0] * np.exp(-one.time / 0.004) * 0.5

    count, gap = int(scene.rng.integers(2, 6)), scene.between(0.14, 0.3)
    starts = [start for start in np.arange(count) * gap + 0.05 if start < scene.seconds]
    sound = scene.space(scene.scatter(starts, hit, 0.3, 0.05, 4), 0.6, 0.35)
    return sound, ["urgent" if gap < 0.2 else "slow", "wooden"]


def door(scene: Scene) -> Made:
    slam = scene.between(0.4, 0.6) * scene.seconds
    hz = scene.between(250, 700) * (1 + 0.5 * scene.drift(3)[0])
    creak = scene.band(scene.saw(hz, 6000) * (scene.drift(30)[0] > 0.45), 400, 4000)
    creak = creak * (scene.time < slam) * np.clip(scene.time / 0.1, 0, 1) * 0.25
    since = np.maximum(scene.time - slam, 0)
    bang = scene.noise(60, 2500, 1)[0] * np.exp(-since / 0.05) + scene.sine(70) * np.exp(
        -since / 0.1
    )
    sound = scene.wide(creak + bang * (scene.time >= slam))
    return scene.space(sound, 0.9, 0.4), ["creaking", "slamming"]


def glass(scene: Scene) -> Made:
    def shard(one: Scene) -> np.ndarray:
        hz = one.between(2200, 8500)
        return one.ring([(hz, 1.0, 0.05), (hz * 1.41, 0.6, 0.035), (hz * 1.93, 0.4, 0.02)])

    count = int(scene.rng.integers(14, 50))
    starts = np.minimum(scene.rng.exponential(0.16, count), max(scene.seconds - 0.3, 0.05))
    crash = scene.noise(1800, 14000) * np.exp(-scene.time / 0.06)
    sound = unit(scene.scatter(starts, shard, 0.4, 0.8, 20)) * 0.6 + crash
    return scene.space(sound, 0.5, 0.2), ["breaking", "shattering"]


def bell(scene: Scene) -> Made:
    small = scene.rng.random() < 0.5
    base = scene.between(700, 1600) if small else scene.between(110, 330)
    ring = 0.6 if small else 2.2
    ratios = (0.5, 1.0, 1.19, 1.5, 2.0, 2.53, 2.66, 3.01, 4.1, 5.4)
    partials = [
        (base * ratio * scene.between(0.997, 1.003), 1 / (1 + 0.5 * i), ring / (0.6 + 0.3 * i))
        for i, ratio in enumerate(ratios)
    ]
    period = scene.between(0.5, 1.0) if small else scene.between(1.8, 3.2)
    starts = scene.regular_starts(period)
    hits = scene.scatter(starts, lambda one: one.ring(partials), min(scene.seconds, 5.0), 0.15, 1)
    words = ["small", "bright", "hand"] if small else ["church", "big", "deep", "tolling"]
    return scene.space(hits, 1.6, 0.3), words


def phone(scene: Scene) -> Made:
    low, high = scene.between(400, 900), scene.between(1000, 1600)
    warble = np.where((scene.time * 20) % 1 < 0.5, low, high)
    gate = ((scene.time % 3.0) < 1.4).astype(float)
    tone = scene.sine(warble) + 0.3 * scene.sine(2 * warble)
    return scene.space(scene.wide(tone * gate), 0.3, 0.1), ["ringing", "old"]


def static(scene: Scene) -> Made:
    hiss = scene.noise(400, 6000) * (0.6 + 0.5 * scene.drift(6, 2))
    tuning = scene.sine(600 + 1800 * scene.drift(1.5)[0]) * (scene.drift(1.2)[0] > 0.5)

    def pop(one: Scene) -> np.ndarray:
        return one.white(1)[0] * np.exp(-one.time / 0.002)

    pops = scene.scatter(scene.random_starts(9), pop, 0.02, 0.5)
    return hiss * 0.5 + 0.25 * scene.wide(tuning) + pops * 0.8, ["crackling", "noisy", "old"]


def drone(scene: Scene) -> Made:
    base = scene.between(35, 90)
    total = np.zeros((2, scene.samples))
    for ratio in (1, 1.003, 1.5, 2.005, 2.99, 4.02):
        part = scene.saw(base * ratio, 1200) * (0.3 + scene.drift(0.3)[0]) / ratio
        total += scene.wide(part, scene.between(-0.8, 0.8))
    air = scene.swept(scene.white(), 300 * 3 ** scene.drift(0.2)[0], 0.4)
    sound = scene.band(unit(total) + 0.25 * unit(air), 30, 3500) * scene.swell(0.2, 0.2)
    return scene.space(sound, 1.8, 0.5), ["dark", "ominous", "low"]


def hum(scene: Scene) -> Made:
    base = float(scene.rng.choice([50.0, 60.0]))
    total = sum(
        scene.sine(base * k) * scene.between(0.1, 1.0) / k for k in (1, 2, 3, 4, 6, 8, 10, 12)
    )
    return scene.wide(np.asarray(total)) + 0.06 * scene.noise(1500, 9000), [
        "electric",
        "steady",
        "buzzing",
    ]
