"""Configs: strict in, plain out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from longform.config import from_mapping, load_yaml, to_mapping
from longform.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 4
    rates: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UserError(f"width {self.width} is below 1")


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    mode: Literal["fast", "slow"] = "fast"
    scale: float = 1.0
    limit: int | None = None
    inner: Inner = field(default_factory=Inner)
    many: dict[str, Inner] = field(default_factory=dict)
    pair: tuple[float, float] = (0.0, 1.0)
    free: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Precision:
    mixed: Literal["no", "bf16"] = "bf16"


def test_no_without_quotes_is_the_choice_and_not_a_truth_value(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mixed: no\n")
    assert load_yaml(Precision, file).mixed == "no"
    assert load_yaml(Precision, file, ["mixed=bf16"]).mixed == "bf16"
    file.write_text("mixed: bf16\n")
    assert load_yaml(Precision, file, ["mixed=no"]).mixed == "no"
    with pytest.raises(UserError, match="True is not one of 'no', 'bf16'"):
        load_yaml(Precision, file, ["mixed=yes"])


def test_a_mapping_becomes_the_dataclass_and_back() -> None:
    data = {
        "name": "x",
        "mode": "slow",
        "scale": 2,
        "limit": 3,
        "inner": {"width": 8, "rates": [1, 2, 3]},
        "many": {"a": {"width": 2}},
        "pair": [1, 2],
        "free": {"anything": [1, {"b": None}]},
    }
    config = from_mapping(Outer, data)
    assert config.inner == Inner(width=8, rates=(1, 2, 3)) and config.scale == 2.0
    assert config.many["a"].width == 2 and config.pair == (1.0, 2.0)
    assert from_mapping(Outer, to_mapping(config)) == config
    assert to_mapping(config)["inner"]["rates"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "x", "scael": 1}, "unknown key 'scael'; did you mean 'scale'"),
        ({"name": "x", "zzz": 1}, "unknown key 'zzz'; known keys: free, inner"),
        ({"name": "x", "inner": {"widht": 1}}, r"config\.inner: unknown key 'widht'"),
        ({"name": "x", "inner": {"width": 0}}, r"config\.inner: width 0 is below 1"),
        ({}, "key 'name' is missing"),
        ({"name": 3}, r"config\.name: expected str, got 3"),
        ({"name": "x", "scale": "1"}, r"config\.scale: expected float, got '1'"),
        ({"name": "x", "scale": True}, r"config\.scale: expected float, got True"),
        ({"name": "x", "limit": True}, r"config\.limit: expected int, got True"),
        ({"name": "x", "limit": 1.5}, r"config\.limit: expected int, got 1\.5"),
        ({"name": "x", "mode": "medium"}, "'medium' is not one of 'fast', 'slow'"),
        ({"name": "x", "pair": [1]}, "expected 2 values, got 1"),
        ({"name": "x", "inner": 5}, "expected a mapping"),
        ("text", "expected a mapping"),
    ],
)
def test_mistakes_name_the_place_and_the_value(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_mapping(Outer, data)


def test_yaml_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("name: x\ninner:\n  width: 8\n")
    config = load_yaml(Outer, path, ["inner.width=16", "scale=0.5", "many.a.width=3"])
    assert (config.inner.width, config.scale, config.many["a"].width) == (16, 0.5, 3)


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("name: x", ["scale"], "not of the form key=value"),
        ("name: x", ["name.deep=1"], "'name' is not a section"),
        ("name: x", ["inner.widht=1"], "did you mean 'width'"),
        ("name: [", [], "not readable as YAML"),
        ("", [], "expected a mapping"),
        ("- 1", ["scale=2"], "expected a mapping"),
        ("name: !!python/object/apply:os.system [ls]", [], "not readable as YAML"),
    ],
)
def test_bad_yaml_is_one_clear_line(
    tmp_path: Path, text: str, overrides: list[str], message: str
) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        load_yaml(Outer, tmp_path / "c.yaml", overrides)
    assert "\n" not in str(error.value)


def test_missing_and_binary_config_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_yaml(Outer, tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="not readable as YAML"):
        load_yaml(Outer, tmp_path / "b.yaml")
