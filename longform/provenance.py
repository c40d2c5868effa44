"""Where a file came from: a recipe that makes it again, in its tags and in a file beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from longform import __version__
from longform.config import from_mapping
from longform.errors import UserError
from longform.files import atomic
from longform.tags import MAX_LONG_TEXT, clean, read_tags

FORMAT = 1
SIDECAR_SUFFIX = ".json"
GENERATOR = "AI-generated"
_TAG = "recipe"
_MAX_SIDECAR_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything needed to make a file again.

    Attributes:
        job: what was done, such as "generate" or "inpaint".
        parameters: what the job was told, as JSON values; for "generate" the fields of `Request`.
        item: which of the takes of the same parameters.
        inputs: for each recording that the job was given, `Waveform.sha256` of its samples.
        model, model_sha256, licence: the model's name, the hash of its files (its text encoder's
            among them), and its licence.
        finishing: the settings of `longform.finish.finish`, or None where it was left out.
        samples_sha256: `Waveform.sha256` of the result before it was encoded into a file.
        program: name and version of the program.
        made_on: device and number format; others may differ in the last bits.
        plan: what the planner wrote, as an outline (`longform.music.outline`): a replay plays it
            rather than asking the planner, whose choices hang on last bits.
    """

    format: int = FORMAT
    job: str
    parameters: dict[str, Any]
    item: int = 0
    inputs: dict[str, str] = field(default_factory=dict)
    model: str
    model_sha256: str
    licence: str
    finishing: dict[str, Any] | None = None
    samples_sha256: str
    program: str = f"longform {__version__}"
    made_on: str = ""
    plan: str | None = None

    def same_task(self, other: "Recipe") -> bool:
        """Whether the other asks for the same thing, whatever came out."""
        names = ("job", "parameters", "item", "inputs", "model_sha256", "finishing")
        return all(getattr(self, name) == getattr(other, name) for name in names)


def tags_of(recipe: Recipe, facts: Mapping[str, Any]) -> dict[str, str]:
    """The recipe as text tags, the parts that people look for under names of their own."""
    prompt = str(recipe.parameters.get("prompt") or recipe.job)
    tags = {
        "title": clean(prompt, 120),
        "prompt": prompt,
        "seed": str(recipe.parameters.get("seed", 0)),
        "item": str(recipe.item),
        "job": recipe.job,
        "model": recipe.model,
        "model_sha256": recipe.model_sha256,
        "licence": recipe.licence,
        "settings": _json(recipe.parameters),
        "facts": _json(facts),
        "software": recipe.program,
        "comment": GENERATOR,
        _TAG: _json(asdict(recipe)),
    }
    if facts.get("tempo_bpm") is not None:
        tags["bpm"] = str(round(facts["tempo_bpm"]))
    return tags


def sidecar_of(path: str | Path) -> Path:
    """Where the side-car of an audio file is: the whole name and `.json`."""
    path = Path(path)
    return path.with_name(path.name + SIDECAR_SUFFIX)


def write_sidecar(
    path: str | Path, recipe: Recipe, facts: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write recipe and facts beside the audio file `path`."""
    target = sidecar_of(path)
    record = {"generator": GENERATOR, "recipe": asdict(recipe), "facts": dict(facts)}
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True, default=str)
    with atomic(target, overwrite) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return target


def restore_sidecar(path: str | Path) -> None:
    """Write the side-car of an audio file anew out of its tags, where it has none.

    Raises:
        UserError: the tags do not say how the file was made.
    """
    path = Path(path)
    if not sidecar_of(path).exists():
        facts = json.loads(read_tags(path, MAX_LONG_TEXT).get("facts", "{}"))
        write_sidecar(path, read_recipe(path), facts)


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in the tags of an audio file, else in its side-car; or in a side-car named itself.

    Raises:
        UserError: the file is missing, or holds no recipe, or a later format's.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix.lower() == SIDECAR_SUFFIX:
        return _from_sidecar(path)
    text = read_tags(path, MAX_LONG_TEXT).get(_TAG)
    if text is not None:
        return _from_text(text, path)
    if sidecar_of(path).is_file():
        return _from_sidecar(sidecar_of(path))
    raise UserError(f"{path}: neither its tags nor {sidecar_of(path).name} say how it was made")


def describe(path: str | Path) -> dict[str, Any]:
    """What an audio file says about itself, safe to print: its tags, and its recipe if it has one.

    Raises:
        UserError: the file cannot be read.
    """
    tags = read_tags(path)
    tags.pop(_TAG, None)
    try:
        return {"recipe": _cleaned(asdict(read_recipe(path))), "tags": tags}
    except UserError:
        return {"recipe": None, "tags": tags}


def _cleaned(value: Any) -> Any:
    """The same with every text cleaned: JSON can hold control characters, terminals obey them."""
    if isinstance(value, dict):
        return {clean(str(name)): _cleaned(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return clean(value) if isinstance(value, str) else value


def _from_sidecar(path: Path) -> Recipe:
    if path.stat().st_size > _MAX_SIDECAR_BYTES:
        raise UserError(f"{path}: too large for a side-car")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: is not JSON") from None
    if not isinstance(record, dict) or "recipe" not in record:
        raise UserError(f"{path}: is not a side-car that longform wrote")
    return _from_record(record["recipe"], path)


def _from_text(text: str, path: Path) -> Recipe:
    try:
        return _from_record(json.loads(text), path)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: the recipe in its tags is damaged") from None


def _from_record(record: Any, path: Path) -> Recipe:
    if isinstance(record, dict) and record.get("format") != FORMAT:
        raise UserError(
            f"{path}: recipe format {record.get('format')!r}, this program reads {FORMAT}; "
            "upgrade longform"
        )
    return from_mapping(Recipe, record, f"{path}: recipe")


def _json(value: Any) -> str:
    """One line of ASCII, so that no tag format can change it."""
    return json.dumps(value, sort_keys=True, default=str)
