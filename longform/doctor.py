"""Does this machine have what it takes: one finding per line, with the way out."""

import ctypes.util
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longform.errors import UserError

LOW_MEMORY_BYTES = 3 << 30
LOW_DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """`state` "warn" limits something, "fail" stops `generate`; `way_out` says what to do."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    way_out: str = ""

    def __str__(self) -> str:
        advice = f" -> {self.way_out}" if self.way_out else ""
        return f"{self.state:4}  {self.name}: {self.detail}{advice}"


def examine() -> list[Finding]:
    """All checks, in the order in which a problem should be mended."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _torch,
        _device,
        _processor,
        _memory,
        _disk,
        _formats,
        _model,
        _soundfont,
        _training,
        _flash,
    )
    return [check() for check in checks]


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.prefix}")


def _torch() -> Finding:
    import torch

    return Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")


def _device() -> Finding:
    from longform.device import pick_device, pick_dtype

    device = pick_device()
    dtype = str(pick_dtype(device)).removeprefix("torch.")
    return Finding("device", "ok", f"{device}, computing in {dtype}")


def _processor() -> Finding:
    import torch

    amx = "with" if torch.cpu._is_amx_tile_supported() else "without"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("processor", "ok", f"{cores} cores, {amx} AMX matrix units")


def _memory() -> Finding:
    try:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "ok", "this system does not say how much is free")
    detail = f"{available / (1 << 30):.1f} GB free"
    if available < LOW_MEMORY_BYTES:
        return Finding("memory", "warn", detail, "ask for shorter tracks (--seconds)")
    return Finding("memory", "ok", detail)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{free / (1 << 30):.1f} GB free in the current folder"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "warn", detail, "a full track takes 50 MB as WAV; make room")
    return Finding("disk", "ok", detail)


def _formats() -> Finding:
    import soundfile

    from longform.audio import FORMATS

    known = soundfile.available_formats()
    missing = [suffix for suffix, form in FORMATS.items() if form.container not in known]
    version = soundfile.__libsndfile_version__
    if missing:
        detail = f"libsndfile {version} lacks {' '.join(missing)}"
        return Finding("audio files", "warn", detail, "pip install --upgrade soundfile")
    return Finding("audio files", "ok", f"{' '.join(FORMATS)} through libsndfile {version}")


def _model() -> Finding:
    from longform.bundle import Bundle, list_models

    names = list(list_models())
    if not names:
        return Finding("model", "fail", "none is installed", "name a bundle folder with --model")
    try:
        for name in names:
            bundle = Bundle.load(name)
            for part in (bundle.autoencoder, bundle.clap, bundle.dit, bundle.conditioner):
                part()
    except UserError as error:
        return Finding("model", "fail", str(error), "pip install --force-reinstall longform")
    return Finding("model", "ok", f"{', '.join(names)} loads")


def _soundfont() -> Finding:
    way_out = "needed for `longform corpus` alone: apt install fluidsynth fluid-soundfont-gm"
    if ctypes.util.find_library("fluidsynth") is None:
        return Finding("songbook", "warn", "libfluidsynth not found", way_out)
    from longform.train.songbook.fluid import soundfont_path

    try:
        return Finding("songbook", "ok", f"libfluidsynth with {soundfont_path().name}")
    except UserError as error:
        return Finding("songbook", "warn", str(error), way_out)


def _training() -> Finding:
    needed = ("accelerate", "auraloss", "librosa", "matplotlib", "mir_eval", "tensorboard")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        way_out = 'needed for training alone: pip install "longform[train]"'
        return Finding("training", "warn", f"{', '.join(missing)} not installed", way_out)
    return Finding("training", "ok", "all packages are there")


def _flash() -> Finding:
    try:
        from flash_attn import flash_attn_func  # pyright: ignore[reportMissingImports]
    except ImportError:
        return Finding("flash-attn", "ok", "not installed; torch's own attention is used")
    return Finding("flash-attn", "ok", f"{flash_attn_func.__name__} can be chosen")
