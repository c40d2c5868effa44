"""Effects of games, films and interfaces, synthesised."""

import numpy as np

from longform.train.songbook.effects_nature import Made
from longform.train.songbook.effects_tools import Scene, unit


def laser(scene: Scene) -> Made:
    top, bottom = scene.between(2500, 7000), scene.between(80, 400)
    speed = scene.between(0.04, 0.14)

    def shot(one: Scene) -> np.ndarray:
        hz = bottom + (top - bottom) * np.exp(-one.time / speed)
        tone = np.tanh(2 * one.sine(hz) + 0.8 * one.sine(hz * 0.502))
        return tone * np.exp(-one.time / (2.2 * speed))

    many = scene.rng.random() < 0.4
    starts = scene.regular_starts(scene.between(0.13, 0.3)) if many else [0.0]
    sound = scene.space(scene.scatter(starts, shot, 6 * speed, 0.3, 2), 0.5, 0.2)
    return sound, ["rapid", "sci-fi"] if many else ["single", "retro", "sci-fi"]


def coin(scene: Scene) -> Made:
    base = scene.between(800, 1300)
    steps = (1.0, 1.335) if scene.rng.random() < 0.6 else (1.0, 1.26, 1.5, 2.0)
    total = np.zeros(scene.samples)
    for index, ratio in enumerate(steps):
        since = scene.time - 0.075 * index
        last = index == len(steps) - 1
        level = np.where(since >= 0, np.exp(-np.maximum(since, 0) / (0.25 if last else 0.05)), 0)
        tone = scene.sine(base * ratio) + 0.33 * scene.sine(base * ratio * 3)
        total += level * tone * (1.0 if last else (since < 0.075))
    return scene.space(scene.wide(total), 0.3, 0.1), ["retro", "bright", "8-bit", "arcade"]


def jump(scene: Scene) -> Made:
    length = min(scene.seconds, scene.between(0.2, 0.5))
    rise = np.minimum(scene.time / length, 1)
    hz = scene.between(160, 350) * (1 + scene.between(1.2, 3) * rise**1.5)
    tone = np.tanh(3 * scene.sine(hz)) * np.clip((length - scene.time) / (0.3 * length), 0, 1)
    return scene.wide(scene.band(tone, 100, 9000)), ["retro", "bouncy", "cartoon"]


def power_up(scene: Scene) -> Made:
    base, step = scene.between(260, 520), scene.between(0.05, 0.1)
    notes = np.array([0, 4, 7, 12, 16, 19, 24]) if scene.rng.random() < 0.7 else np.arange(0, 25, 3)
    index = np.minimum((scene.time / step).astype(int), len(notes) - 1)
    tone = np.tanh(2.5 * scene.sine(base * 2 ** (notes[index] / 12)))
    end = step * len(notes)
    level = np.where(scene.time < end, 1, np.exp(-(scene.time - end) / 0.15))
    return scene.space(scene.wide(scene.band(tone, 150, 9000) * level), 0.4, 0.2), [
        "rising",
        "8-bit",
        "happy",
    ]


def game_over(scene: Scene) -> Made:
    base, step = scene.between(330, 520), scene.between(0.14, 0.24)
    notes = np.array([0, -2, -4, -5, -7, -12])
    index = np.minimum((scene.time / step).astype(int), len(notes) - 1)
    hz = base * 2 ** (notes[index] / 12) * (1 + 0.01 * np.sin(2 * np.pi * 6 * scene.time))
    end = step * len(notes)
    level = np.where(scene.time < end, 1, np.exp(-(scene.time - end) / 0.25))
    tone = scene.band(np.tanh(2 * scene.sine(hz)) * level, 100, 8000)
    return scene.space(scene.wide(tone), 0.5, 0.2), ["sad", "falling", "retro"]


def explosion(scene: Scene) -> Made:
    big = scene.rng.random() < 0.5
    ring = (0.35 if big else 0.15) * min(scene.seconds, 4)
    blast = scene.swept(scene.white(), 180 + 3500 * np.exp(-scene.time / 0.09), 0.9)
    boom = scene.sine(28 + 60 * np.exp(-scene.time / 0.12)) * np.exp(-scene.time / ring)
    sound = unit(blast * np.exp(-scene.time / ring)) + 0.9 * scene.wide(unit(boom))
    debris = scene.noise(300, 5000) * (scene.drift(18, 2) > 0.7) * np.exp(-scene.time / (2 * ring))
    sound = np.tanh(1.3 * (sound + 0.25 * debris))
    return scene.space(sound, 1.6 if big else 0.7, 0.4), ["big", "massive"] if big else [
        "small",
        "short",
    ]


def impact(scene: Scene) -> Made:
    metal = scene.rng.random() < 0.5
    if metal:
        base = scene.between(180, 600)
        hit = scene.ring(
            [
                (base * scene.between(1, 9), scene.between(0.2, 1), scene.between(0.05, 0.5))
                for _ in range(12)
            ]
        )
    else:
        hit = 2 * scene.sine(40 + 70 * np.exp(-scene.time / 0.05)) * np.exp(-scene.time / 0.25)
    click = scene.noise(200, 6000, 1)[0] * np.exp(-scene.time / 0.015)
    sound = scene.space(scene.wide(hit + click), 2.0, 0.5)
    return sound, ["metallic", "clanging"] if metal else ["deep", "cinematic", "booming"]


def whoosh(scene: Scene) -> Made:
    length = min(scene.seconds, scene.between(0.4, 1.6))
    place = np.clip(scene.time / length, 0, 1)
    level = np.sin(np.pi * place) ** 2
    sound = scene.swept(scene.white(), 300 + scene.between(1500, 5000) * level, 0.5) * level
    pan = (2 * place - 1) * float(scene.rng.choice([-1, 1]))
    sides = scene.wide(np.ones(scene.samples), pan)
    return sound * sides, ["fast" if length < 0.8 else "slow", "airy", "swishing"]


def riser(scene: Scene) -> Made:
    place = scene.time / scene.seconds
    noise = unit(scene.swept(scene.white(), 200 * 40**place, 0.4) * place**2)
    tone = scene.saw(scene.between(80, 160) * 8**place, 9000) * place**2
    rate = 2 + 14 * place**2
    tremolo = 0.6 + 0.4 * np.sin(2 * np.pi * np.cumsum(rate) / scene.sample_rate)
    sound = noise + 0.5 * scene.wide(unit(tone) * tremolo)
    return sound * np.clip((1 - place) / 0.01, 0, 1), ["tense", "building", "rising"]


def downlifter(scene: Scene) -> Made:
    place = scene.time / scene.seconds
    noise = unit(scene.swept(scene.white(), 8000 * 40 ** (-place), 0.5) * (1 - place) ** 1.5)
    tone = scene.sine(scene.between(600, 1400) * 16 ** (-place)) * (1 - place) ** 2
    return scene.space(noise + 0.4 * scene.wide(tone), 1.2, 0.3), [
        "falling",
        "descending",
        "electronic",
    ]


def click(scene: Scene) -> Made:
    hz = scene.between(900, 3500)

    def press(one: Scene) -> np.ndarray:
        return one.ring([(hz, 1.0, 0.01), (hz * 2.3, 0.4, 0.005)]) + one.white(1)[0] * 0.3 * np.exp(
            -one.time / 0.001
        )

    double = scene.rng.random() < 0.4
    starts = [0.01, 0.13] if double and scene.seconds > 0.25 else [0.01]
    return scene.scatter(starts, press, 0.1, 0.05, 1), [
        "soft",
        "button",
        "double" if double else "short",
    ]


def notification(scene: Scene) -> Made:
    base = scene.between(500, 1100)
    intervals = ((0, 7), (0, 4, 7), (7, 0), (0, 12), (0, 5, 9))[int(scene.rng.integers(5))]
    starts = [0.02 + 0.13 * index for index in range(len(intervals))]
    total = np.zeros((2, scene.samples))
    for start, interval in zip(starts, intervals, strict=True):
        hz = base * 2 ** (interval / 12)
        note = scene.sub(1.2).ring([(hz, 1.0, 0.25), (2 * hz, 0.3, 0.15), (3.01 * hz, 0.15, 0.08)])
        first = int(start * scene.sample_rate)
        count = max(0, min(len(note), scene.samples - first))
        total[:, first : first + count] += note[:count]
    return scene.space(total, 0.6, 0.15), ["friendly", "chime", "gentle", "app"]


def error(scene: Scene) -> Made:
    hz = scene.between(110, 220)
    gate = ((scene.time % 0.22) < 0.15) & (scene.time < 0.5)
    tone = scene.saw(hz, 4000) + scene.saw(hz * 1.06, 4000)
    return scene.wide(scene.band(tone, 80, 5000) * gate), ["wrong answer", "buzzing", "negative"]


def glitch(scene: Scene) -> Made:
    total = np.zeros((2, scene.samples))
    cursor = 0
    while cursor < scene.samples:
        length = int(scene.between(0.01, 0.14) * scene.sample_rate)
        part = scene.sub(length / scene.sample_rate)
        kind = int(scene.rng.integers(5))
        if kind == 0:
            sound = part.noise(500, 12000, 1)[0] * 0.5
        elif kind == 1:
            sound = np.tanh(4 * part.sine(part.between(60, 4000)))
        elif kind == 2:
            grain = part.white(1)[0][: max(8, part.samples // 12)]
            sound = np.resize(grain, part.samples) * 0.5
        elif kind == 3:
            sound = part.sine(
                part.between(200, 6000) * np.linspace(1, part.between(0.2, 3), part.samples)
            )
        else:
            sound = np.zeros(part.samples)
        sound = (
            sound[: scene.samples - cursor]
            * np.minimum(1, np.arange(part.samples)[::-1] / 60)[: scene.samples - cursor]
        )
        total[:, cursor : cursor + len(sound)] = (
            scene.sub(len(sound) / scene.sample_rate).rng.uniform(0.3, 1, (2, 1)) * sound
        )
        cursor += length
    return scene.band(total, 40, 14000), ["digital", "broken", "stuttering"]


def teleport(scene: Scene) -> Made:
    place = scene.time / scene.seconds
    hz = 200 * 20 ** (place if scene.rng.random() < 0.5 else 1 - place)
    wobble = 1 + 0.3 * np.sin(2 * np.pi * (8 + 30 * place) * scene.time)
    tone = scene.sine(hz * wobble) + 0.5 * scene.sine(hz * 1.5 * wobble)
    shimmer = scene.swept(scene.white(), np.clip(3 * hz, 300, 12000), 0.3)
    sound = scene.wide(tone, np.sin(5 * scene.time)) + 0.4 * unit(shimmer)
    return scene.space(sound * scene.swell(0.1, 0.3), 1.2, 0.5), ["magic", "sci-fi", "shimmering"]


def magic(scene: Scene) -> Made:
    def spark(one: Scene) -> np.ndarray:
        hz = 880 * 2 ** (float(one.rng.choice([0, 2, 4, 7, 9, 12, 14, 16, 19])) / 12)
        return one.ring([(hz, 1.0, 0.18), (hz * 2.76, 0.4, 0.08), (hz * 5.4, 0.2, 0.04)])

    starts = np.sort(scene.rng.beta(1.2, 2.0, 26) * max(scene.seconds - 0.4, 0.1))
    sparks = scene.scatter(starts, spark, 0.7, 0.9, 16)
    return scene.space(sparks, 1.6, 0.5), ["sparkling", "fairy", "glittering"]


def zap(scene: Scene) -> Made:
    arcs = scene.noise(800, 12000) * (scene.drift(60, 2) > 0.6) * (0.4 + scene.drift(8)[0])
    buzz = np.tanh(3 * scene.saw(scene.between(90, 130), 6000)) * (scene.drift(12)[0] > 0.4)
    sound = arcs + 0.5 * scene.wide(scene.band(buzz, 200, 8000))
    return sound * scene.swell(0.02, 0.3), ["electric", "sparking", "buzzing"]


def sword(scene: Scene) -> Made:
    base = scene.between(1200, 2400)
    partials = [
        (base * ratio, 1 / index, 0.35 / index**0.5)
        for index, ratio in enumerate((1, 1.47, 2.09, 2.56, 3.1, 4.3), 1)
    ]
    scrape = scene.swept(scene.white(), np.linspace(2500, 9000, scene.samples), 0.3)
    scrape = unit(scrape) * np.exp(-scene.time / 0.12) * 0.5
    return scene.space(scene.wide(scene.ring(partials)) + scrape, 0.8, 0.25), [
        "clashing",
        "metal",
        "ringing",
    ]


def spring(scene: Scene) -> Made:
    hz = scene.between(120, 260) * (
        1 + 0.6 * np.exp(-scene.time / 0.3) * np.sin(2 * np.pi * scene.between(11, 18) * scene.time)
    )
    tone = scene.saw(hz, 4000) * np.exp(-scene.time / scene.between(0.25, 0.5))
    return scene.wide(tone), ["boing", "cartoon", "wobbly"]
