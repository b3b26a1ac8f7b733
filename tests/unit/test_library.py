"""All tests of the library, in one process, with no package installed but those that it needs and those that test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pytest_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In this process's environment but for plugins, which belong to other packages."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "helpers"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-p", "alone", "-rs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


def test_they_pass_and_only_what_needs_more_is_skipped() -> None:
    done = pytest_alone("tests/isotropic")
    assert done.returncode == 0, done.stdout[-5000:]
    reasons = re.findall(r"^SKIPPED \[\d+\] (\S+?)(?::\d+)?: (.*)$", done.stdout, re.MULTILINE)
    extra = {Path(file).name for file, reason in reasons if "extra ica" in reason or "sklearn" in reason}
    assert extra == {"test_ica.py", "test_independence.py", "test_pruning_curve.py"}
    passed, skipped = (int(re.search(rf"(\d+) {word}", done.stdout)[1]) for word in ("passed", "skipped"))
    assert passed > 20 * skipped


def test_a_module_that_imports_another_package_fails(tmp_path: Path) -> None:
    """The control."""
    test = tmp_path / "test_it.py"
    test.write_text("def test_it():\n    import pandas\n")
    done = pytest_alone(str(test))
    assert done.returncode == 1 and "ModuleNotFoundError" in done.stdout
