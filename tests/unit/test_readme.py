"""What the README shows works as it is written. Its commands: `tests/pipeline/test_readme_commands.py`."""

import re
import tomllib
from pathlib import Path

import pytest

from pipeline.results.claims.criteria import CRITERIA

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


# Those that need a run are tested where there is one.
@pytest.mark.parametrize("code", [code for code in CODE if not re.search("<Run ID>|results/", code)])
def test_the_code_runs(code, capsys):
    exec(compile(code, "README.md", "exec"), {})
    promised = re.findall(r"print\(.*\)\s+# (.*)", code)
    assert capsys.readouterr().out.split("\n")[: len(promised)] == promised


def test_there_is_code_to_run():
    assert len(CODE) > 1


def test_extras_exist():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"'\.\[([a-z]+)\]'", README)
    assert named and set(named) <= set(known)


def test_targets_and_profiles_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    made = re.findall(r"^# profiles/([a-z]+).yaml$", README, re.MULTILINE)  # by the reader
    for profile in {*re.findall(r"PROFILE=([a-z]+)", README)} - {*made}:
        assert (ROOT / "profiles" / f"{profile}.yaml").is_file()


def test_its_outcomes_add_up() -> None:
    """Which they are, `test_readme_numbers.py` compares; here, that the sentence is of all criteria."""
    said = re.search(
        r"of (\d+) claims and parts of claims (\d+) (?:is|are) reproduced, (\d+) (?:is |are )?contradicted, "
        r"(\d+) (?:is |are )?inconclusive and (\d+) (?:is |are )?not judged",
        " ".join(README.split()),
        re.IGNORECASE,
    )
    assert said is not None
    all_of_them, *outcomes = map(int, said.groups())
    assert all_of_them == sum(not each.beyond for each in CRITERIA) == sum(outcomes)
