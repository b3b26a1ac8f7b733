"""The table of faults says what is there: each can still be planted, beside tests that exist."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = runpy.run_path(str(Path(__file__).with_name("table.py")))["FAULTS"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_can_be_planted(fault: Any) -> None:
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"{fault.file}: anchor it again: {fault.old!r}"
    changed = text.replace(fault.old, fault.new)
    assert changed != text
    if fault.file.endswith(".py"):
        compile(changed, fault.file, "exec")
    for test in fault.near:
        path, _, name = test.partition("::")
        assert (ROOT / "tests" / path).is_file(), test
        assert not name or f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8"), test


def test_every_package_has_some() -> None:
    packages = {
        f"{top}/{path.name}"
        for top in ("isotropic", "pipeline")
        for path in (ROOT / top).iterdir()
        if path.is_dir() and path.name[0] != "_"
    }
    known = Counter("/".join(fault.file.split("/")[:2]) for fault in FAULTS)
    assert len(FAULTS) >= 45 and all(known[package] >= 5 for package in packages), known
    assert {"stages", "dvc.yaml", "examples", "profiles"} <= {fault.file.split("/")[0] for fault in FAULTS}
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
