"""Malformed profiles: whatever is wrong with one is said in one line that names file and key, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from malformed import ODD, TRIED, VALUES, Place, at, damaged, deleted, kind, places, plain, refusal, replaced, tries

from pipeline import profile
from pipeline.errors import InputError
from pipeline.profile import Profile, load_profile
from pipeline.yaml_file import read_yaml
from stages import analyse, estimate, fetch, report, run, track

ROOT = Path(__file__).parents[2]
FILE = Path("profiles/broken.yaml")
TEXTS = {path.stem: path.read_bytes() for path in sorted((ROOT / "profiles").glob("*.yaml"))}
PROFILES = {name: plain(yaml.safe_load(text)) for name, text in TEXTS.items()}
PLACES = {name: list(places(content)) for name, content in PROFILES.items()}
# What may be null, and what may be left out, of all that the profiles have.
DESCENT = r"experiments\.(equivariance|scaffolds)\.optimisers\.\d+"
NULLABLE = re.compile(rf"experiments\.task_schedule\.(train|test)_samples|{DESCENT}\.(optimiser|learning_rate)")
OPTIONAL = re.compile(
    rf"common(\.\w+)?|data\.[\w-]+\.(root|download|optional)|experiments\.\w+|{DESCENT}\.(optimiser|learning_rate|momentum)|"
    r"experiments\.(spectra|tanh_comparison|other_methods)\.configurations\.\d+\.activation"
)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A working folder with no profile but the broken one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("malformed"))
        FILE.parent.mkdir()
        yield


class _Quoted(DUMPER):
    """All text in quotes: it stays text, whatever number it looks like; and infinity is not written as text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def written(content: Any) -> bytes:
    return yaml.dump(content, Dumper=_Quoted, default_flow_style=True, width=10**6).encode()


def read(content: Any) -> InputError | Profile:
    """What comes of a profile: itself, or exactly one line. Any other exception is a failure of the test."""
    FILE.write_bytes(content if isinstance(content, bytes) else written(content))
    try:
        accepted = load_profile("broken")
    except InputError as error:
        TRIED["profiles refused"] += 1
        assert len(str(error).splitlines()) == 1 and str(error).startswith(f"{FILE}: ")
        assert str(error).isprintable() and len(str(error)) < 1000
        return error
    TRIED["profiles that were still valid"] += 1
    return accepted


def refused(content: Any) -> str:
    found = read(content)
    assert isinstance(found, InputError), "was accepted"
    return str(found).removeprefix(f"{FILE}: ")


def dotted(place: Place) -> str:
    return ".".join(map(str, place))


PLACE = st.sampled_from([(name, place) for name, all_of_it in PLACES.items() for place in all_of_it])


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_not_malformed_is_accepted(name: str) -> None:
    """The control: as it is, written out without its aliases, and without what may be left out."""
    for content in (TEXTS[name], PROFILES[name], deleted(PROFILES[name], ("common",))):
        assert isinstance(read(content), Profile)


@pytest.mark.parametrize("value", [*ODD, "nan", ".inf", "null", "1", {"1": "~"}])
def test_what_is_written_is_read_again(value: Any) -> None:
    """The control: JSON would make text of infinity, and text may be right where a number is not."""
    FILE.write_bytes(written({"data": value}))
    assert repr(read_yaml(FILE)) == repr({"data": value})


@tries(350)
@given(PLACE, VALUES)
def test_any_value_anywhere_is_accepted_or_refused_in_one_line(where: tuple[str, Place], value: Any) -> None:
    name, place = where
    found = read(replaced(PROFILES[name], place, value))
    if kind(value) != kind(at(PROFILES[name], place)) and not NULLABLE.fullmatch(dotted(place)):
        assert isinstance(found, InputError), f"{dotted(place)}: {value!r} is of another type"
        assert str(found).startswith((f"{FILE}: {dotted(place)}: ", f"{FILE}: {dotted(place)}."))
    elif _never(value, at(PROFILES[name], place)):
        assert isinstance(found, InputError), f"{dotted(place)}: {value!r}"
    elif isinstance(found, InputError):  # perhaps of a key that it is at odds with
        assert all(str(part) in str(found) for part in place[:2] if place[0] == "experiments")


def _never(value: Any, usual: Any) -> bool:
    """Whether a number is out of all bounds: infinite, or far beyond what is counted here."""
    if type(value) is float:
        return not math.isfinite(value)
    return type(value) is type(usual) is int and abs(value) >= 10**30


@pytest.mark.parametrize("name", ["smoke", "paper"])
def test_every_key_but_those_that_are_optional_is_required(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them left out, one at a time; from Python, since 630 files are many to parse."""
    FILE.touch()
    for place in (place for place in PLACES[name] if isinstance(place[-1], str)):
        left = deleted(PROFILES[name], place)
        monkeypatch.setattr(profile, "read_yaml", lambda path, left=left: left)
        try:
            said = str(load_profile("broken"))
        except InputError as error:
            said = str(error).removeprefix(f"{FILE}: ")
        where = dotted(place)
        if OPTIONAL.fullmatch(where):
            assert "is missing" not in said, where
        elif place[0] == "data" and len(place) == 2:
            assert f"{place[-1]!r} is not one of the profile's data sets" in said, where
        else:
            assert said == f"{where}: is missing", where


@tries(100)
@given(PLACE, st.sampled_from(["epoch", "a.b", "-", "", "x" * 65, "../x", "a\nb", 1, None, True]))
def test_a_key_that_is_none_is_refused(where: tuple[str, Place], key: Any) -> None:
    name, place = where
    place = next(above for above in [place[:n] for n in range(len(place), -1, -1)] if _is_mapping(name, above))
    said = refused(replaced(PROFILES[name], (*place, key), 1))
    assert said.startswith(dotted(place))
    shown = "null" if key is None else "true" if key is True else str(key)
    assert repr(shown)[1:-1][:50] in said


def _is_mapping(name: str, place: Place) -> bool:
    return isinstance(at(PROFILES[name], place), dict)


@tries(60)
@given(PLACE.filter(lambda where: isinstance(where[1][-1], str)))
def test_a_key_that_is_there_twice_is_refused(where: tuple[str, Place]) -> None:
    name, place = where
    text = yaml.dump(PROFILES[name], Dumper=DUMPER, default_flow_style=False, width=10**6)
    node: Any = yaml.compose(text, yaml.SafeLoader)
    for key in place:
        pairs = node.value if isinstance(node, yaml.MappingNode) else enumerate(node.value)
        found, node = next((k, value) for k, value in pairs if getattr(k, "value", k) == key)
    line, start = found.start_mark.line, found.start_mark.index
    text = f"{text[:start]}{key}: 1\n{' ' * found.start_mark.column}{text[start:]}"
    said = refused(text.encode())
    assert said == f"{dotted(place)}: is there twice, in lines {line + 1} and {line + 2}; leave one"


TAGS = ["!!int", "!!float ", "!!bool x", "!!null", "!!timestamp", "&a ", "*a", "<<: "]
TOKENS = [*"[]{}:,&*!|>-\"'#%@? \n\tab1.<~=é", *TAGS]
FRAGMENTS = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)


@tries(150)
@given(st.binary(max_size=100) | FRAGMENTS.map(str.encode))
def test_what_is_no_profile_is_refused(content: bytes) -> None:
    refused(content)


@tries(350)
@given(st.sampled_from(list(TEXTS)).flatmap(lambda name: damaged(TEXTS[name])) | st.deferred(lambda: INSERTED))
def test_a_damaged_profile_is_accepted_or_refused_in_one_line(content: bytes) -> None:
    read(content)


@st.composite
def _inserted(draw: st.DrawFn) -> bytes:
    text = TEXTS[draw(st.sampled_from(list(TEXTS)))]
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(FRAGMENTS).encode() + text[place:]


INSERTED = _inserted()
STAGES = {
    "fetch": (fetch.main, ["digits"]),
    "run": (run.main, ["spectra"]),
    "analyse": (analyse.main, ["spectra"]),
    "report": (report.main, []),
    "track": (track.main, []),
    "estimate": (estimate.main, []),
}


@tries(60)
@given(st.sampled_from(list(STAGES)), st.sampled_from(PLACES["smoke"]), st.sampled_from(ODD))
def test_every_stage_reads_it_first(stage: str, place: Place, value: Any) -> None:
    if NULLABLE.fullmatch(dotted(place)) or kind(value) == kind(at(PROFILES["smoke"], place)):
        value = {"no": "setting"} if not _is_mapping("smoke", place) else 1
    FILE.write_bytes(written(replaced(PROFILES["smoke"], place, value)))
    TRIED["profiles refused by stages"] += 1
    main, arguments = STAGES[stage]
    line = refusal(main, *arguments, "--profile", "broken")
    assert line is not None and line.startswith(f"error: {FILE}: {dotted(place)}: ")


@tries(60)
@given(st.sampled_from(list(STAGES)), st.text(max_size=80) | st.sampled_from(["../x", "/etc/passwd", "x" * 300]))
def test_any_name_of_a_profile_is_one_line(stage: str, name: str) -> None:
    TRIED["names refused by stages"] += 1
    main, arguments = STAGES[stage]
    line = refusal(main, *arguments, f"--profile={name}")
    assert line is not None and line.startswith("error: profile: ")
