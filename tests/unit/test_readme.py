"""What the README shows works as it is written."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_code_runs(code, capsys):
    exec(compile(code, "README.md", "exec"), {})
    promised = re.findall(r"print\(.*\)\s+# (.*)", code)
    assert capsys.readouterr().out.split("\n")[: len(promised)] == promised


def test_there_is_code_to_run():
    assert "```python" in README


def test_targets_and_profiles_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    made = re.findall(r"^cp profiles/digits.yaml profiles/([a-z]+).yaml$", README, re.MULTILINE)
    for profile in {*re.findall(r"PROFILE=([a-z]+)", README)} - {*made}:
        assert (ROOT / "profiles" / f"{profile}.yaml").is_file()
