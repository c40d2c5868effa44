"""General MIDI tracks rendered by libfluidsynth: one pass, every track dry in its own buffer.

The C interface is that of FluidSynth 2 (https://www.fluidsynth.org/api/): audio group i of the
synthesiser receives MIDI channel i, and `fluid_synth_process` adds each group to its own buffers.
"""

import ctypes
import ctypes.util
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from longform.errors import UserError
from longform.train.songbook.score import Note, Track

BLOCK_SAMPLES = 64  # FLUID_BUFSIZE: events take effect on these boundaries (1.45 ms at 44.1 kHz)
CHANNELS = 16
CHUNK_SAMPLES = 1 << 18
SOUNDFONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/opt/homebrew/share/soundfonts/FluidR3_GM.sf2",
)
_DRUM_BANK = 128


def soundfont_path() -> Path:
    """The General MIDI soundfont: $LONGFORM_SOUNDFONT, else FluidR3 where Debian puts it.

    Raises:
        UserError: none is installed.
    """
    named = os.environ.get("LONGFORM_SOUNDFONT")
    for candidate in (named,) if named else SOUNDFONTS:
        if Path(candidate).is_file():
            return Path(candidate)
    raise UserError(
        f"soundfont {named or SOUNDFONTS[0]!r} not found: install the Debian package "
        "fluid-soundfont-gm, or name another General MIDI .sf2 in LONGFORM_SOUNDFONT"
    )


class Fluid:
    """A synthesiser with one audio group for each of its channels; a context manager.

    A fresh one renders the same tracks to the same samples every time; a used one does not quite,
    since its voices keep state. Opening costs about 50 ms, as sample data is loaded on demand.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        assert 1 <= channels <= CHANNELS
        self._library = _library()
        self.sample_rate, self.channels = sample_rate, channels
        self._settings = self._library.new_fluid_settings()
        for name, value in (
            ("synth.audio-channels", channels),
            ("synth.audio-groups", channels),
            ("synth.midi-channels", CHANNELS),
            ("synth.reverb.active", 0),
            ("synth.chorus.active", 0),
            ("synth.polyphony", 512),
            ("synth.dynamic-sample-loading", 1),
        ):
            self._library.fluid_settings_setint(self._settings, name.encode(), value)
        for name, value in (("synth.sample-rate", float(sample_rate)), ("synth.gain", 0.5)):
            self._library.fluid_settings_setnum(self._settings, name.encode(), value)
        self._synth = self._library.new_fluid_synth(self._settings)
        path = soundfont_path()
        self._font = self._library.fluid_synth_sfload(self._synth, os.fsencode(path), 0)
        if self._font < 0:
            self.close()
            raise UserError(f"soundfont {str(path)!r} cannot be read by libfluidsynth")

    def __enter__(self) -> "Fluid":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the synthesiser."""
        self._library.delete_fluid_synth(self._synth)
        self._library.delete_fluid_settings(self._settings)

    def render(self, tracks: Sequence[Track], samples: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first sample, float32 (tracks, 2, n)) pieces that cover `samples` in order.

        The yielded array is reused by the next step. As many tracks as channels, all "gm:" voices.
        """
        assert len(tracks) == self.channels
        for channel, track in enumerate(tracks):
            bank, program = gm_program(track.voice)
            self._library.fluid_synth_set_channel_type(self._synth, channel, int(bank > 0))
            self._library.fluid_synth_program_select(
                self._synth, channel, self._font, bank, program
            )
        events = _events(tracks, self.sample_rate)
        buffers = np.zeros((len(tracks), 2, CHUNK_SAMPLES), np.float32)
        cursor = 0
        for first in range(0, samples, CHUNK_SAMPLES):
            buffers[:] = 0
            cursor = self._chunk(buffers, events, cursor, first)
            yield first, buffers[:, :, : min(CHUNK_SAMPLES, samples - first)]

    def _chunk(self, buffers: np.ndarray, events: list["_Event"], cursor: int, first: int) -> int:
        library, synth, done = self._library, self._synth, 0
        while done < CHUNK_SAMPLES:
            while cursor < len(events) and events[cursor][0] <= first + done:
                _, on, channel, pitch, velocity = events[cursor]
                if on:
                    library.fluid_synth_noteon(synth, channel, pitch, velocity)
                else:
                    library.fluid_synth_noteoff(synth, channel, pitch)
                cursor += 1
            until = events[cursor][0] - first if cursor < len(events) else CHUNK_SAMPLES
            count = min(until, CHUNK_SAMPLES) - done
            outputs = _pointers(buffers, done)
            library.fluid_synth_process(synth, count, 0, None, 2 * self.channels, outputs)
            done += count
        return cursor


def gm_program(voice: str) -> tuple[int, int]:
    """(bank, program) of "gm:<program>" or "gm:drums:<kit>"; the drum kits are bank 128."""
    parts = voice.split(":")
    assert parts[0] == "gm", voice
    return (_DRUM_BANK, int(parts[2])) if parts[1] == "drums" else (0, int(parts[1]))


_Event = tuple[int, int, int, int, int]  # sample, on, channel, pitch, velocity


def _events(tracks: Sequence[Track], sample_rate: int) -> list[_Event]:
    """Note events on block boundaries; of two overlapping notes of a pitch the first ends early."""
    events: list[_Event] = []

    def block(seconds: float) -> int:
        return round(max(0.0, seconds) * sample_rate / BLOCK_SAMPLES) * BLOCK_SAMPLES

    for channel, track in enumerate(tracks):
        following: dict[int, int] = {}
        notes: list[Note] = sorted(track.notes, key=lambda note: note.start_seconds, reverse=True)
        for note in notes:
            start = block(note.start_seconds)
            end = max(start + BLOCK_SAMPLES, block(note.start_seconds + note.seconds))
            end = min(end, following.get(note.pitch, end))
            following[note.pitch] = start
            events.append((start, 1, channel, note.pitch, note.velocity))
            if end > start:
                events.append((end, 0, channel, note.pitch, 0))
    return sorted(events)


def _pointers(buffers: np.ndarray, offset: int) -> ctypes.Array:
    """The addresses of left and right of every channel at `offset`."""
    first, plane = buffers.ctypes.data + 4 * offset, buffers.strides[1]
    count = 2 * len(buffers)
    return (ctypes.c_void_p * count)(*(first + index * plane for index in range(count)))


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("fluidsynth")
    if name is None:
        raise UserError("libfluidsynth not found: install the Debian package fluidsynth")
    library = ctypes.CDLL(name)
    pointer, text, whole = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[object, list[object]]] = {
        "new_fluid_settings": (pointer, []),
        "new_fluid_synth": (pointer, [pointer]),
        "fluid_settings_setint": (whole, [pointer, text, whole]),
        "fluid_settings_setnum": (whole, [pointer, text, ctypes.c_double]),
        "fluid_synth_sfload": (whole, [pointer, text, whole]),
        "delete_fluid_synth": (None, [pointer]),
        "delete_fluid_settings": (None, [pointer]),
        "fluid_synth_set_channel_type": (whole, [pointer, whole, whole]),
        "fluid_synth_program_select": (whole, [pointer, whole, whole, whole, whole]),
        "fluid_synth_noteon": (whole, [pointer, whole, whole, whole]),
        "fluid_synth_noteoff": (whole, [pointer, whole, whole]),
        "fluid_synth_process": (whole, [pointer, whole, whole, pointer, whole, pointer]),
        "fluid_set_log_function": (pointer, [whole, pointer, pointer]),
    }
    for function, (result, arguments) in signatures.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    for level in range(
        5
    ):  # panic, error, warning, information, debug: our own errors speak instead
        library.fluid_set_log_function(level, None, None)
    return library
