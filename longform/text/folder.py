"""Folders in the layout of transformers: what must lie in them, and that they mean what they say.

A tokenizer whose vocabulary file is missing loads without an error and knows a handful of tokens;
weights that are missing are drawn at random. So both are checked here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from longform.errors import UserError

SAMPLE = "Hello world"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What a tokenizer must know: its size, and the tokens of `SAMPLE` without any marks.

    `files` are the sets of files that hold a vocabulary of its kind; one set suffices.
    """

    name: str
    size: int
    sample_ids: tuple[int, ...]
    files: tuple[tuple[str, ...], ...]


T5_VOCABULARY = Vocabulary(
    name="t5-base",
    size=32_100,
    sample_ids=(8774, 296),
    files=(("tokenizer.json",), ("spiece.model",)),
)
GEMMA_VOCABULARY = Vocabulary(
    name="t5gemma",
    size=256_000,
    sample_ids=(4521, 2134),
    files=(("tokenizer.json",), ("tokenizer.model",)),
)
ROBERTA_VOCABULARY = Vocabulary(
    name="roberta-base",
    size=50_265,
    sample_ids=(31414, 232),
    files=(("tokenizer.json",), ("vocab.json", "merges.txt")),
)


def load_tokenizer(folder: str | Path, vocabulary: Vocabulary) -> Any:
    """The tokenizer of a folder, known to be whole.

    Raises:
        UserError: transformers is not installed; a file is missing; the tokenizer is another one.
    """
    transformers = import_transformers()
    folder = _existing(folder)
    _need(folder, (("tokenizer_config.json",), ("config.json",)))
    _need(folder, vocabulary.files)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise UserError(f"{folder}: its tokenizer cannot be read ({_flat(error)})") from None
    if len(tokenizer) != vocabulary.size:
        raise UserError(
            f"{folder}: its tokenizer knows {len(tokenizer)} tokens, that of {vocabulary.name} "
            f"{vocabulary.size}; fetch the folder's tokenizer files again"
        )
    ids = tuple(tokenizer(SAMPLE, add_special_tokens=False)["input_ids"])
    if ids != vocabulary.sample_ids:
        raise UserError(
            f"{folder}: its tokenizer reads {SAMPLE!r} as {ids}, that of {vocabulary.name} as "
            f"{vocabulary.sample_ids}; fetch the folder's tokenizer files again"
        )
    return tokenizer


def load_config(folder: str | Path, model_types: Sequence[str]) -> Any:
    """The settings of the model in a folder.

    Raises:
        UserError: config.json is missing or is of another kind of model.
    """
    transformers = import_transformers()
    folder = _existing(folder)
    _need(folder, (("config.json",),))
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}/config.json cannot be read ({_flat(error)})") from None
    if config.model_type not in model_types:
        raise UserError(
            f"{folder}: holds a model of type {config.model_type!r}, not {' or '.join(model_types)}"
        )
    return config


def load_model(kind: str, folder: str | Path, config: Any, dtype: torch.dtype) -> Any:
    """The network of transformers called `kind`, every weight of it read from the folder.

    Raises:
        UserError: there are no safetensors; weights are missing or of another shape.
    """
    from safetensors import SafetensorError

    transformers = import_transformers()
    folder = _existing(folder)
    _need(folder, tuple((name,) for name in WEIGHTS))
    try:
        with _quiet(transformers.utils.logging):
            model, report = getattr(transformers, kind).from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: its weights cannot be read ({_flat(error)})") from None
    drawn = {name for name, _ in model.named_parameters()}  # buffers are counts, made anew
    missing = sorted(drawn & set(report["missing_keys"]))
    if missing:
        raise UserError(f"{folder}: {len(missing)} weights are missing, such as {missing[0]!r}")
    return model.eval().requires_grad_(False)


def import_transformers() -> Any:
    """The transformers package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise UserError(
            "text encoders of other checkpoints need transformers: pip install 'longform[hub]'"
        ) from None
    return transformers


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """No bars, and no report of what is checked here anyway."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _existing(folder: str | Path) -> Path:
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder; text encoders are read from this machine alone")
    return Path(folder)


def _need(folder: Path, sets: tuple[tuple[str, ...], ...]) -> None:
    """At least one of the sets of files must lie in the folder."""
    if any(all((folder / name).is_file() for name in names) for names in sets):
        return
    wanted = " or ".join(" with ".join(names) for names in sets)
    raise UserError(f"{folder}: {wanted} is missing")


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
