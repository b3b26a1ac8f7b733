"""The library needs torch and numpy and no other package. All its tests without: `tests/unit/test_library.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import isotropic

ROOT = Path(__file__).parents[2]

EVERY_MODULE = """
import importlib, pkgutil, sys
import isotropic
for module in pkgutil.walk_packages(isotropic.__path__, "isotropic."):
    importlib.import_module(module.name)
    print(module.name)
"""
BEFORE = "import alone\n"  # the plugin, which refuses all other packages
LOADED = "print(*(name for name in ('pandas', 'sklearn', 'scipy', 'pipeline') if name in sys.modules))"


def python(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since a module that is there stays there."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_every_module_is_imported_without_other_packages() -> None:
    done = python(BEFORE + EVERY_MODULE)
    assert done.returncode == 0, done.stderr
    files = {path.relative_to(ROOT) for path in (ROOT / "isotropic").rglob("*.py")}
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files}
    assert {*done.stdout.split(), "isotropic"} == names


def test_none_of_them_loads_what_is_there() -> None:
    done = python(EVERY_MODULE + LOADED)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "", done.stdout


@pytest.mark.parametrize(
    "name", ["pandas", "sklearn.datasets", "scipy.stats", "torchvision", "pipeline", "benchmarks"]
)
def test_others_are_refused(name: str) -> None:
    """The control: a module of the library that imported one of them would fail."""
    refused = python(f"{BEFORE}import {name}")
    assert refused.returncode != 0 and "ModuleNotFoundError" in refused.stderr


def test_without_the_refusal_they_are_there() -> None:
    assert python("import pipeline").returncode == 0
    asked = "import importlib.util; print(importlib.util.find_spec('pipeline'))"
    assert python(asked).stdout.strip() != "None" == python(BEFORE + asked).stdout.strip()


def test_its_directory_is_its_public_names() -> None:
    others = {name for name in dir(isotropic) if not name.startswith("__")} - {*isotropic.__all__}
    assert not others
    assert {*isotropic.__all__} <= {*dir(isotropic)} and "__version__" in dir(isotropic)
    assert isotropic.__all__ == sorted(isotropic.__all__)


def test_help_shows_them() -> None:
    import pydoc

    text = pydoc.plain(pydoc.render_doc(isotropic))
    for name in isotropic.__all__:
        assert f" {name}(" in text or f"class {name}" in text, name
