"""Audio files: what is written comes back, what is broken is said in one line, nothing clips."""

import math
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from longform.audio import Waveform, info, read, write
from longform.errors import UserError
from longform.tags import clean, read_tags
from longform.waveform import fold

RATE = 44_100


def tone(seconds: float = 1.0, level: float = 0.5, rate: int = RATE, channels: int = 2) -> Waveform:
    times = np.arange(round(seconds * rate)) / rate
    pitches = 220.0 * (1 + np.arange(channels))[:, None]
    return Waveform(level * np.sin(2 * np.pi * pitches * times).astype(np.float32), rate)


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert text and "\n" not in text
    return text


@pytest.mark.parametrize(
    ("suffix", "bits", "step"),
    [
        (".wav", 16, 2**-15),
        (".wav", 24, 2**-23),
        (".wav", 32, 0.0),
        (".flac", 16, 2**-15),
        (".flac", 24, 2**-23),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_files_return_the_samples(
    tmp_path: Path, suffix: str, bits: int, step: float, channels: int
) -> None:
    wave = tone(0.7, channels=channels)
    write(tmp_path / f"a{suffix}", wave, bits=bits)
    back = read(tmp_path / f"a{suffix}")
    assert back.sample_rate == RATE and back.samples.shape == wave.samples.shape
    # Triangular dither and rounding together move a 16-bit sample by at most 1.5 steps.
    assert np.abs(back.samples - wave.samples).max() <= 1.5 * step


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_lossy_files_sound_the_same(tmp_path: Path, suffix: str) -> None:
    wave = tone(2.0)
    write(tmp_path / f"a{suffix}", wave)
    back = read(tmp_path / f"a{suffix}")
    assert abs(back.seconds - wave.seconds) < 0.1
    spectrum = np.abs(np.fft.rfft(back.samples[0]))
    assert abs(spectrum.argmax() / back.seconds - 220) < 2
    assert back.samples.std() == pytest.approx(wave.samples.std(), rel=0.05)


def test_a_long_ogg_is_written_in_blocks(tmp_path: Path) -> None:
    wave = Waveform(np.zeros((2, 70 * 48_000), np.float32), 48_000)
    write(tmp_path / "long.ogg", wave)
    assert info(tmp_path / "long.ogg").seconds == pytest.approx(70, abs=0.1)


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    names = {"a.wav": None, "a.flac": None, "a.mp3": None, "a.ogg": None, "float.wav": 32}
    first = {}
    for attempt in range(2):
        for name, bits in names.items():
            tags = {"prompt": "slow dawn", "seed": "7"}
            write(tmp_path / name, tone(), bits=bits, tags=tags, overwrite=True)
            content = (tmp_path / name).read_bytes()
            assert first.setdefault(name, content) == content, name
        if attempt == 0:
            time.sleep(1.1)  # the clock that libsndfile writes into float files counts seconds


def test_what_would_clip_is_turned_down_as_a_whole_and_reported(tmp_path: Path) -> None:
    wave = tone(level=2.0)
    report = write(tmp_path / "loud.wav", wave, bits=24)
    back = read(tmp_path / "loud.wav")
    assert report.gain_db == pytest.approx(-20 * math.log10(2) - 1, abs=0.05)
    assert report.true_peak_db == pytest.approx(-1, abs=0.01)
    assert np.abs(back.samples).max() < 0.9
    expected = wave.samples * 10 ** (report.gain_db / 20)
    np.testing.assert_allclose(back.samples, expected, atol=1e-6)


def test_peaks_between_the_samples_count() -> None:
    """A sine at a quarter of the rate, sampled off its peaks, is 3 dB above its samples."""
    phase = np.pi / 2 * np.arange(4_000) + np.pi / 4
    wave = Waveform(np.sin(phase)[None].astype(np.float32), RATE)
    assert wave.peak_db == pytest.approx(-3.01, abs=0.01)
    assert wave.true_peak_db == pytest.approx(0.0, abs=0.15)


def test_float_files_keep_what_is_above_full_scale(tmp_path: Path) -> None:
    wave = tone(level=2.0)
    assert write(tmp_path / "a.wav", wave, bits=32).gain_db == 0
    np.testing.assert_array_equal(read(tmp_path / "a.wav").samples, wave.samples)


def test_dither_leaves_digital_silence_and_moves_quiet_sound(tmp_path: Path) -> None:
    samples = np.zeros((2, RATE), np.float32)
    samples[:, : RATE // 2] = 0.3 * 2**-15
    write(tmp_path / "quiet.wav", Waveform(samples, RATE))
    back = read(tmp_path / "quiet.wav").samples
    assert not back[:, RATE // 2 :].any()
    # Undithered, 0.3 of a step would be rounded away; dithered, its mean survives.
    assert back[:, : RATE // 2].mean() * 2**15 == pytest.approx(0.3, abs=0.03)


def test_loudness_is_that_of_the_standard() -> None:
    """EBU Tech 3341, case 1: a stereo 1 kHz sine at -23 dBFS has -23 LUFS."""
    times = np.arange(48_000 * 5) / 48_000
    sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * times)
    wave = Waveform(np.stack([sine, sine]).astype(np.float32), 48_000)
    assert wave.loudness_lufs() == pytest.approx(-23.0, abs=0.1)
    assert Waveform(np.zeros((2, RATE), np.float32), RATE).loudness_lufs() is None
    assert tone(0.2).loudness_lufs() is None


def test_reading_resamples_in_a_stream_as_it_would_at_once(tmp_path: Path) -> None:
    wave = tone(5.0, rate=48_000)
    write(tmp_path / "a.wav", wave, bits=32)
    streamed = read(tmp_path / "a.wav", sample_rate=RATE)
    assert streamed.seconds == pytest.approx(5.0, abs=1e-3)
    np.testing.assert_allclose(streamed.samples, wave.resampled(RATE).samples, atol=1e-6)


def test_a_part_of_a_file_is_the_part_of_the_whole(tmp_path: Path) -> None:
    wave = tone(3.0)
    for name in ("a.wav", "a.flac"):
        write(tmp_path / name, wave, bits=24)
        whole = read(tmp_path / name).samples
        part = read(tmp_path / name, start_seconds=1.25, seconds=0.5).samples
        np.testing.assert_array_equal(part, whole[:, 55_125:77_175])
    beyond = read(tmp_path / "a.wav", start_seconds=2.75, seconds=9)
    assert beyond.seconds == pytest.approx(0.25)


def test_folding_keeps_level_and_sides() -> None:
    mono = np.full((1, 8), 0.5, np.float32)
    np.testing.assert_array_equal(fold(mono, 2), np.full((2, 8), 0.5))
    left_only = np.stack([np.ones(8), np.zeros(8)]).astype(np.float32)
    np.testing.assert_allclose(fold(left_only, 1), np.full((1, 8), 0.5))
    for count in range(3, 12):
        full = fold(np.ones((count, 8), np.float32), 2)
        assert full.shape == (2, 8) and np.abs(full).max() <= 1 + 1e-6
    surround = np.zeros((6, 8), np.float32)
    surround[2], surround[3] = 1, 1  # centre and LFE
    left, right = fold(surround, 2)
    np.testing.assert_array_equal(left, right)
    assert left[0] == pytest.approx(math.sqrt(0.5) / (1 + 2 * math.sqrt(0.5)))
    with pytest.raises(UserError, match="cannot make 3 channels"):
        fold(surround, 3)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_tags_survive_clean_and_capped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    tags = {"prompt": "dämmerung\n\x1b[31mred", "Seed=": "7", "title": "t", "long": "x" * 9_000}
    write(path, tone(), tags=tags)
    back = read_tags(path)
    assert back["prompt"] == "dämmerung  [31mred"
    assert back["seed_"] == "7" and back["title"] == "t" and len(back["long"]) == 4_000
    assert read(path).seconds == pytest.approx(1, abs=0.1)


def test_clean_keeps_words_and_drops_control() -> None:
    assert clean("a\u0000b\u2028c\ud800d") == "a b c d"


def test_nothing_is_overwritten_or_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="exists already"):
        write(path, tone())
    assert path.read_bytes() == b"mine"
    write(path, tone(), overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(UserError, match="No space left"):
        write(tmp_path / "a.wav", tone())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "bits", "wave", "message"),
    [
        ("a.xyz", None, tone(), "is not an output format"),
        ("a", None, tone(), "no suffix"),
        ("a.wav", 20, tone(), "20 bits do not exist"),
        ("a.flac", 32, tone(), "32 bits do not exist"),
        ("a.mp3", 16, tone(), "16 bits do not exist"),
        ("none/a.wav", None, tone(), "does not exist"),
        ("a.mp3", None, tone(rate=96_000), "MP3 has no 96000 Hz"),
        ("a.mp3", None, tone(channels=3), "3 channels"),
        ("a.wav", None, Waveform(np.zeros((2, 0)), RATE), "nothing to write"),
        ("a.wav", None, Waveform(np.full((2, 9), np.nan), RATE), "not finite"),
    ],
)
def test_impossible_writes_say_why(
    tmp_path: Path, name: str, bits: int | None, wave: Waveform, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        write(tmp_path / name, wave, bits=bits)
    one_line(error)
    assert not list(tmp_path.iterdir())


def broken_files(folder: Path) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    noise = Waveform(0.1 * rng.standard_normal((2, 4 * RATE)).astype(np.float32), RATE)
    contents = {}
    for suffix in (".flac", ".mp3", ".ogg"):
        write(folder / f"whole{suffix}", noise)
        whole = (folder / f"whole{suffix}").read_bytes()
        contents[f"header only{suffix}"] = whole[:60]
        contents[f"half{suffix}"] = whole[: len(whole) // 2]
        (folder / f"whole{suffix}").unlink()
    del contents["half.ogg"]  # an Ogg stream has no announced length: half a file is half a sound
    contents["empty.wav"] = b""
    contents["text.wav"] = b"this is not audio at all\n" * 50
    contents["random.wav"] = rng.bytes(5_000)
    contents["random.flac"] = b"fLaC" + rng.bytes(5_000)
    contents["header.wav"] = b"RIFF\xff\xff\xff\x7fWAVEfmt "
    return contents


def test_broken_files_are_one_clear_line(tmp_path: Path) -> None:
    contents = broken_files(tmp_path)
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as error:
            read(tmp_path / name)
        assert name in one_line(error)
    for path in (tmp_path, tmp_path / "missing.wav", Path("/dev/null")):
        for call in (read, info):
            with pytest.raises(UserError, match=r"folder|no such file"):
                call(path)


def test_a_wav_without_its_end_gives_what_is_there(tmp_path: Path) -> None:
    """A recorder that lost power leaves such files: the header is wrong, the sound is not."""
    write(tmp_path / "a.wav", tone())
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 4 * 1_000])
    assert read(tmp_path / "cut.wav").samples.shape == (2, 1_000)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, 1e30):
        samples = tone().samples.copy()
        samples[1, 22_050] = value
        soundfile.write(tmp_path / "a.wav", samples.T, RATE, subtype="FLOAT")
        with pytest.raises(UserError, match=r"at 0\.500 s is not a usable number"):
            read(tmp_path / "a.wav")


def test_caps_hold_against_long_files_and_lying_headers(tmp_path: Path) -> None:
    write(tmp_path / "a.flac", tone(3.0))
    with pytest.raises(UserError, match=r"lasts 3\.0 s, the limit is 2 s"):
        read(tmp_path / "a.flac", max_seconds=2)
    assert read(tmp_path / "a.flac", seconds=1, max_seconds=2).seconds == 1
    for start in (3.0, -1.0):
        with pytest.raises(UserError, match="nothing is at"):
            read(tmp_path / "a.flac", start_seconds=start)
    header = b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 200, RATE, RATE * 400, 400, 16)
    (tmp_path / "many.wav").write_bytes(header + b"data" + struct.pack("<I", 4_000) + bytes(4_000))
    with pytest.raises(UserError, match="200 channels"):
        read(tmp_path / "many.wav")


def test_a_waveform_has_a_shape_and_a_rate() -> None:
    with pytest.raises(UserError, match="shape"):
        Waveform(np.zeros(9), RATE)
    with pytest.raises(UserError, match="sample rate 0"):
        Waveform(np.zeros((1, 9)), 0)
    assert Waveform(np.zeros((1, RATE), np.float64), RATE).samples.dtype == np.float32
