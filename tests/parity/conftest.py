"""Parity with the reference implementations, which live in an environment of their own.

LONGFORM_REFERENCE names the folder of the environment that has stable-audio-tools and k-diffusion,
LONGFORM_REFERENCE_3 a checkout of Stable Audio 3, LONGFORM_REFERENCE_LAION a folder with laion-clap
and torchlibrosa, LONGFORM_REFERENCE_JUDGES one with torchopenl3, hear21passt and torchaudio. A test
whose reference is absent is skipped. The packages there come last in the
search path, so that both sides run on the same torch.

Every figure that is held against a limit is printed at the end.
"""

import importlib
import os
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import Tensor

FIRST, THIRD = "LONGFORM_REFERENCE", "LONGFORM_REFERENCE_3"
LAION = "LONGFORM_REFERENCE_LAION"
JUDGES = "LONGFORM_REFERENCE_JUDGES"
JUDGES_UNUSED = ("julius", "resampy", "six", "timm", "timm.models", "timm.models._hub")
"""Imported by torchopenl3 and hear21passt, and not used by what is tested."""
LAION_UNUSED = ("h5py", "torchvision", "torchvision.ops", "torchvision.ops.misc")
"""Imported by laion_clap, and not used by what is tested."""
FIGURES = pytest.StashKey[dict[str, tuple[float, float]]]()
GOLD = Path(__file__).parent.parent / "gold" / "dit_family.safetensors"


@pytest.fixture(scope="session")
def find() -> Callable[[str], ModuleType]:
    """Import a module of the reference implementations."""
    folder = Path(os.environ.get(FIRST, ""))
    if not (folder / "reference.py").is_file():
        raise unittest.SkipTest(f"{FIRST} names no environment with stable-audio-tools")
    sys.path += [str(folder), *map(str, folder.glob("lib/python3*/site-packages"))]
    sys.path.append(os.environ.get(THIRD, str(folder)))
    importlib.import_module("reference")  # makes the packages importable that they lean on

    def imported(name: str) -> ModuleType:
        if name.startswith("stable_audio_3") and THIRD not in os.environ:
            raise unittest.SkipTest(f"{THIRD} names no checkout of Stable Audio 3")
        return importlib.import_module(name)

    return imported


@pytest.fixture(scope="session")
def laion() -> Callable[[str], ModuleType]:
    """Import a module of laion_clap; its package itself would load tokenizers from a network."""
    folder = Path(os.environ.get(LAION, ""))
    if not (folder / "laion_clap").is_dir():
        raise unittest.SkipTest(f"{LAION} names no folder with laion-clap and torchlibrosa")
    sys.path.append(str(folder))
    for name in ("laion_clap", "laion_clap.clap_module"):
        package = ModuleType(name)
        package.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = package

    def imported(name: str) -> ModuleType:
        unused = [one for one in LAION_UNUSED if one not in sys.modules]
        sys.modules.update({one: ModuleType(one) for one in unused})
        sys.modules[LAION_UNUSED[-1]].__dict__.setdefault("FrozenBatchNorm2d", None)
        try:
            return importlib.import_module(f"laion_clap.{name}")
        finally:
            for one in unused:
                del sys.modules[one]

    return imported


@pytest.fixture(scope="session")
def judges() -> Callable[[str], ModuleType]:
    """Import a module of torchopenl3 or of hear21passt."""
    folder = Path(os.environ.get(JUDGES, ""))
    if not (folder / "hear21passt").is_dir():
        raise unittest.SkipTest(f"{JUDGES} names no folder with torchopenl3 and hear21passt")
    sys.path.append(str(folder))
    audio = ModuleType("torchaudio")  # of which plain Python alone is needed, not the binaries
    audio.__path__ = [str(folder / "torchaudio")]
    masking = {f"{axis}Masking": lambda *_, **__: None for axis in ("Frequency", "Time")}
    audio.transforms = SimpleNamespace(**masking)  # for training

    def imported(name: str) -> ModuleType:
        before = set(sys.modules)
        stubs = {one: ModuleType(one) for one in JUDGES_UNUSED} | {audio.__name__: audio}
        sys.modules.update({one: stub for one, stub in stubs.items() if one not in before})
        vars(sys.modules[JUDGES_UNUSED[-1]]).setdefault("download_cached_file", None)
        try:
            importlib.import_module("torchaudio.compliance.kaldi")
            return importlib.import_module(name)
        finally:
            for one in set(sys.modules) - before:
                if one.partition(".")[0] in stubs:
                    del sys.modules[one]

    return imported


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """figure(name, ours, theirs, limit): the largest absolute difference, which must not exceed
    the limit; those of one name count together."""
    kept = request.config.stash.setdefault(FIGURES, {})

    def check(name: str, ours: "Tensor", theirs: "Tensor", limit: float) -> None:
        assert ours.shape == theirs.shape
        difference = float((ours - theirs).abs().max())
        before = kept.get(name, (0.0, limit))[0]
        kept[name] = (max(before, difference), limit)
        assert difference <= limit, f"{name}: {difference}"

    return check


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures."""
    for name, (difference, limit) in sorted(config.stash.get(FIGURES, {}).items()):
        terminalreporter.write_line(f"{difference:.1e} of at most {limit:.0e}: {name}")


@pytest.fixture(scope="session")
def gold() -> Iterator[Callable[[str, "Tensor"], None]]:
    """Hold a result of the reference against the golden file that other tests read.

    With LONGFORM_WRITE_GOLD set, write the file anew instead; run all tests of this folder then.
    """
    from safetensors.torch import load_file, save_file

    write = bool(os.environ.get("LONGFORM_WRITE_GOLD"))
    kept = {} if write else load_file(GOLD)

    def check(name: str, result: "Tensor") -> None:
        if write:
            kept[name] = result.contiguous()
        assert (kept[name] - result).abs().max() <= 2e-5, name

    yield check
    if write:
        save_file(kept, GOLD)
