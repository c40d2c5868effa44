"""The table of sound effects: what each is called, how long it is, and the recipe that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from longform.errors import UserError
from longform.train.songbook import effects_game as game
from longform.train.songbook import effects_machines as machines
from longform.train.songbook import effects_nature as nature
from longform.train.songbook.effects_nature import Made
from longform.train.songbook.effects_tools import Scene
from longform.train.songbook.synth_core import dc_blocked

SAMPLE_RATE = 44100
_PEAK = (0.45, 0.85)


@dataclass(frozen=True)
class EffectKind:
    """One family of effects: its recipe, its names (canonical first), its range of seconds."""

    make: Callable[[Scene], Made]
    names: tuple[str, ...]
    seconds: tuple[float, float]


def _kind(make: Callable[[Scene], Made], names: str, low: float, high: float) -> EffectKind:
    return EffectKind(make, tuple(name.strip() for name in names.split(",")), (low, high))


KINDS: dict[str, EffectKind] = {
    "wind": _kind(nature.wind, "wind, wind blowing, wind gusts", 4, 20),
    "rain": _kind(nature.rain, "rain, rainfall, rain falling", 4, 20),
    "thunder": _kind(nature.thunder, "thunder, thunder clap, thunderstorm rumble", 3, 9),
    "fire": _kind(nature.fire, "fire, campfire, fire burning, fireplace", 4, 20),
    "sea": _kind(nature.sea, "sea waves, ocean waves, waves on a beach, surf", 8, 20),
    "stream": _kind(nature.stream, "stream, river, water flowing, brook", 4, 20),
    "drip": _kind(nature.drip, "water drops, dripping water, water drip in a cave", 3, 12),
    "bird": _kind(nature.bird, "bird song, birds, bird chirping", 3, 15),
    "cricket": _kind(nature.cricket, "crickets, crickets at night, insects", 4, 20),
    "frog": _kind(nature.frog, "frog, frogs croaking, toad", 2, 8),
    "crowd": _kind(nature.crowd, "crowd, crowd chatter, people talking, crowd murmur", 4, 15),
    "applause": _kind(nature.applause, "applause, clapping, audience applause", 3, 9),
    "heartbeat": _kind(nature.heartbeat, "heartbeat, heart beating, heart pulse", 3, 12),
    "footsteps": _kind(nature.footsteps, "footsteps, steps, someone walking", 2, 10),
    "engine": _kind(machines.engine, "engine, car engine, motor", 3, 15),
    "siren": _kind(machines.siren, "siren, emergency siren, police siren", 3, 12),
    "alarm": _kind(machines.alarm, "alarm, alarm beeps, warning alarm", 2, 8),
    "clock": _kind(machines.clock, "clock ticking, ticking clock, clock", 3, 15),
    "helicopter": _kind(machines.helicopter, "helicopter, helicopter rotor", 4, 15),
    "train": _kind(machines.train, "train, train on tracks, railway", 4, 15),
    "aeroplane": _kind(machines.aeroplane, "aeroplane, plane fly-by, jet plane", 5, 14),
    "typing": _kind(machines.typing, "typing, keyboard typing, typing on a keyboard", 2, 8),
    "camera": _kind(machines.camera, "camera shutter, camera, photo click", 0.4, 2.5),
    "knock": _kind(machines.knock, "door knock, knocking on a door, knock", 1, 2.5),
    "door": _kind(machines.door, "door, door closing, door creak", 1.5, 4),
    "glass": _kind(machines.glass, "glass breaking, glass smash, broken glass", 0.8, 2.5),
    "bell": _kind(machines.bell, "bell, bell ringing, bells", 2, 10),
    "phone": _kind(machines.phone, "telephone ringing, phone ring, telephone", 2, 8),
    "static": _kind(machines.static, "radio static, static noise, radio interference", 2, 10),
    "drone": _kind(machines.drone, "dark drone, drone, ambient drone", 6, 20),
    "hum": _kind(machines.hum, "electric hum, mains hum, machine hum", 3, 12),
    "laser": _kind(game.laser, "laser, laser shot, laser gun, blaster", 0.4, 2),
    "coin": _kind(game.coin, "coin, coin pickup, item pickup, collect coin", 0.4, 1.2),
    "jump": _kind(game.jump, "jump, jump sound, game jump", 0.3, 0.8),
    "power up": _kind(game.power_up, "power up, level up, bonus", 0.8, 2),
    "game over": _kind(game.game_over, "game over, lose jingle, failure sound", 1.5, 3),
    "explosion": _kind(game.explosion, "explosion, blast, bomb explosion", 1.5, 6),
    "impact": _kind(game.impact, "impact, hit, cinematic hit", 1, 4),
    "whoosh": _kind(game.whoosh, "whoosh, swoosh, swish", 0.5, 2),
    "riser": _kind(game.riser, "riser, build-up riser, uplifter", 3, 12),
    "downlifter": _kind(game.downlifter, "downlifter, drop sweep, sweep down", 2, 6),
    "click": _kind(game.click, "click, button click, user interface click", 0.3, 0.6),
    "notification": _kind(game.notification, "notification, message tone, alert chime", 0.8, 2),
    "error": _kind(game.error, "error sound, error buzzer, wrong buzzer", 0.5, 1.2),
    "glitch": _kind(game.glitch, "glitch, digital glitch, data glitch", 0.8, 5),
    "teleport": _kind(game.teleport, "teleport, warp, portal", 1, 4),
    "magic": _kind(game.magic, "magic sparkle, magic spell, sparkles", 1.5, 4),
    "zap": _kind(game.zap, "electric zap, electricity, sparks", 0.6, 3),
    "sword": _kind(game.sword, "sword, sword clash, blade", 0.8, 2),
    "spring": _kind(game.spring, "boing, spring, cartoon spring", 0.6, 1.5),
}


def effect(
    kind: str, seed: int, seconds: float | None = None, sample_rate: int = SAMPLE_RATE
) -> tuple[np.ndarray, dict[str, Any]]:
    """One effect, (2, t) float32, and its caption facts; fixed by (kind, seed, seconds).

    Without `seconds` the length is drawn from the range of its kind. Peaks lie in 0.45..0.85.

    Raises:
        UserError: the kind is unknown.
    """
    if kind not in KINDS:
        raise UserError(f"effect {kind!r} is unknown; known: {', '.join(KINDS)}")
    row = KINDS[kind]
    rng = np.random.default_rng([seed, list(KINDS).index(kind), 9])
    low, high = row.seconds
    drawn = low * (high / low) ** rng.random()
    seconds = round(drawn, 2) if seconds is None else seconds
    scene = Scene(rng, max(64, int(seconds * sample_rate)), sample_rate)
    sound, words = row.make(scene)
    audio = dc_blocked(np.asarray(sound, dtype=np.float32), sample_rate)
    edge = min(audio.shape[1] // 8, int(0.01 * sample_rate))
    audio[:, -edge:] *= np.linspace(1, 0, edge, dtype=np.float32)
    audio[:, : edge // 8] *= np.linspace(0, 1, edge // 8, dtype=np.float32)
    audio *= np.float32(rng.uniform(*_PEAK) / max(float(np.abs(audio).max()), 1e-9))
    facts = {
        "kind": "effect",
        "name": kind,
        "names": list(row.names),
        "words": words,
        "seconds": seconds,
    }
    return audio, facts
