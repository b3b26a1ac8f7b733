"""Settings are read in the dialect of DVC: a value is the same to both, or it is refused."""

from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml, modify_yaml

from pipeline.errors import InputError
from pipeline.yaml_file import read_yaml, to_text

# Spellings on which dialects of YAML differ, or could.
SPELLINGS = [
    "1e-5",
    "1e-05",
    "1.0e-5",
    "0.00001",
    "1e3",
    "1E3",
    "1e+3",
    "1.e3",
    ".5",
    "5.",
    "1_000",
    "0x10",
    "0o10",
    "0b11",
    "010",
    "-010",
    "00",
    "0",
    "-0",
    "+1",
    "1:30",
    "1:30.5",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "true",
    "True",
    "TRUE",
    "false",
    "null",
    "NULL",
    "~",
    ".inf",
    "-.inf",
    ".nan",
    "1,5",
    "12e03",
    "1__0",
    "0_1",
    "-.5",
    "0e0",
    "=x",
    "'010'",
    '"1e3"',
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_value_is_what_it_is_to_dvc_or_is_refused(spelling: str, tmp_path: Path) -> None:
    (path := tmp_path / "a.yaml").write_text(f"value: {spelling}\n")
    there = load_yaml(path)["value"]
    try:
        here = read_yaml(path)["value"]
    except InputError as error:
        assert spelling in {"010", "-010", "00", "0_1"} and "without the first 0" in str(error)
        return
    assert repr(here) == repr(there)


@pytest.mark.parametrize("value", [1e-5, 1e-05, 5e-324, 1e22, 1e300, 0.1, 3, 1000.0, True, "1e3", "010", "yes", None])
def test_what_dvc_writes_is_read(value: object, tmp_path: Path) -> None:
    """As `dvc exp run -S` writes it."""
    (path := tmp_path / "a.yaml").write_text("common: &common\n  rate: 1.0e-3\nown:\n  <<: *common\n  rate: 2\n")
    with modify_yaml(path) as content:
        content["own"]["rate"] = value
    assert read_yaml(path) == {"common": {"rate": 1e-3}, "own": {"rate": value}}


@pytest.mark.parametrize(
    "name", ["1e3", "010", "1_000", "0x10", "null", "yes", "true", "1", "1.5", "plain", "2020-01-01"]
)
def test_a_name_stays_a_name(name: str, tmp_path: Path) -> None:
    (path := tmp_path / "a.yaml").write_text(to_text({"profile": name, "b": [name], "a": {name: 1}}))
    assert load_yaml(path) == {"profile": name, "b": [name], "a": {name: 1}}
    assert list(load_yaml(path)) == ["profile", "b", "a"], "in the order given"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("second", ["{r: 2}", "[2]", "2"])
def test_an_anchor_that_is_there_twice_is_refused(second: str, tmp_path: Path) -> None:
    (path := tmp_path / "a.yaml").write_text(f"a: &x {{r: 1}}\nb: &y\n  c: &x {second}\nd: [*x, *x]\n")
    with pytest.raises(InputError, match=r"a\.yaml: b\.c: line 3: anchor &x is also in line 1; rename one$"):
        read_yaml(path)
    path.write_text("a: [&x 1, &x 2]\n")
    with pytest.raises(InputError, match="line 1: anchor &x is also in line 1"):
        read_yaml(path)
    path.write_text("a: &x {r: 1}\nb: &y\n  c: &z k\n  *z : 1\nd: [*x, *x]\n")
    assert read_yaml(path)["d"] == [{"r": 1}] * 2, "the control"
