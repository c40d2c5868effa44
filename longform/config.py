"""Strict configuration: YAML or JSON become frozen dataclasses; an unknown key is an error."""

import dataclasses
import difflib
import re
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from longform.errors import UserError

T = TypeVar("T")

_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")  # YAML 1.1 reads 1e-4 as text


def from_mapping(cls: type[T], data: Any, where: str = "config") -> T:
    """Build the dataclass `cls` from a mapping, nested dataclasses included.

    Raises:
        UserError: an unknown key (the nearest known one is suggested), a missing key, a wrong type.
    """
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected a mapping with keys, got {data!r}")
    assert dataclasses.is_dataclass(cls)
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in data:
        if key not in fields:
            raise UserError(f"{where}: unknown key {key!r}{_suggest(str(key), list(fields))}")
    values = {key: _convert(hints[key], value, f"{where}.{key}") for key, value in data.items()}
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise UserError(f"{where}: key {name!r} is missing")
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def load_yaml(cls: type[T], path: str | Path, overrides: typing.Sequence[str] = ()) -> T:
    """Read a YAML file into `cls`; `overrides` are `dotted.key=value`, values parsed as YAML."""
    import yaml

    path = Path(path)
    if not path.is_file():
        raise UserError(f"config file {str(path)!r} does not exist")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise UserError(f"{path}: expected a mapping with keys, got {data!r}")
        for text in overrides:
            dotted, separator, value = text.partition("=")
            if not separator:
                raise UserError(f"override {text!r} is not of the form key=value")
            _assign(data, dotted.split("."), yaml.safe_load(value), text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    return from_mapping(cls, data, path.name)


def to_mapping(config: Any) -> dict[str, Any]:
    """The plain, JSON-ready mapping of a config dataclass (tuples become lists)."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return plain(dataclasses.asdict(config))


def _assign(data: dict[str, Any], keys: list[str], value: Any, text: str) -> None:
    for key in keys[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise UserError(f"override {text!r}: {key!r} is not a section")
    data[keys[-1]] = value


def _suggest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(sorted(known))}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert_union(arguments, value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, value, where)
    if origin is typing.Literal:
        if value is False and "no" in arguments:
            return "no"  # what YAML 1.1 reads where "no" has no quotes
        if value in arguments:
            return value
        raise UserError(f"{where}: {value!r} is not one of {', '.join(map(repr, arguments))}")
    if origin is tuple and isinstance(value, (list, tuple)):
        inner = arguments[0] if arguments[-1] is Ellipsis else None
        kinds = [inner] * len(value) if inner is not None else list(arguments)
        if len(kinds) != len(value):
            raise UserError(f"{where}: expected {len(kinds)} values, got {len(value)}")
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint):
        if hint is int and isinstance(value, bool):
            raise UserError(f"{where}: expected int, got {value!r}")
        return value
    raise UserError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {value!r}")


def _convert_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    errors = []
    for hint in arguments:
        if hint is type(None):
            continue
        try:
            return _convert(hint, value, where)
        except UserError as error:
            errors.append(error)
    raise errors[-1]
