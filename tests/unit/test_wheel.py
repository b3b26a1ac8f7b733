"""What `pip install .` brings: the library, typed, that needs torch and numpy; the rest in extras."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import isotropic

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Made from a copy, since making it leaves a folder behind."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copy(ROOT / "pyproject.toml", source)
    for name in ("isotropic", "pipeline", "stages", "benchmarks", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", str(folder), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    return ZipFile(file)


@pytest.fixture(scope="module")
def facts(wheel: ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def test_it_has_the_library_alone_and_its_types(wheel: ZipFile) -> None:
    files = {Path(name) for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT) for path in (ROOT / "isotropic").rglob("*.py")}
    assert files == modules | {Path("isotropic/py.typed"), Path("isotropic/README.md")}


def test_it_needs_torch_and_numpy(facts: Message) -> None:
    needed = [line for line in facts.get_all("Requires-Dist") if "extra ==" not in line]
    assert [re.match(r"[\w-]+", line)[0] for line in needed] == ["torch", "numpy"]
    assert facts["Version"] == isotropic.__version__


def test_its_extras(facts: Message) -> None:
    assert facts.get_all("Provides-Extra") == ["ica", "pipeline", "server", "ray", "export", "docs", "test"]
    in_extra = [line for line in facts.get_all("Requires-Dist") if line.endswith('extra == "ica"')]
    assert [line.split(">")[0] for line in in_extra] == ["scikit-learn", "scipy"]


def test_its_page_is_the_librarys(facts: Message) -> None:
    assert facts.get_payload().startswith("# isotropic\n")


@pytest.mark.parametrize("typed", [True, False])
def test_users_code_is_checked_against_its_types(wheel: ZipFile, tmp_path: Path, typed: bool) -> None:
    """In an environment that has it alone; without its marker, the control, mypy knows nothing of it."""
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    wheel.extractall(site)
    if not typed:
        (site / "isotropic" / "py.typed").unlink()
    code = 'from isotropic import IsotropicMLP\nreveal_type(IsotropicMLP([2, 3]).widths)\nIsotropicMLP(["wide"])\n'
    (tmp_path / "user.py").write_text(code)
    python = str(tmp_path / "venv" / "bin" / "python")
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--python-executable", python, "user.py"]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # which mypy would follow
    said = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True).stdout
    for words, expected in (
        ('"list[int]"', typed),
        ("List item 0 has incompatible type", typed),
        ("marker", not typed),
    ):
        assert (words in said) == expected, said
