"""What the README of the library shows is run, each section by itself, and its table has the public names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

import isotropic

README = (Path(isotropic.__file__).parent / "README.md").read_text(encoding="utf-8")
LOOP = "## In your training loop"

# What a section needs that a machine or a torch may lack.
NEEDS = {
    "Several processes": (torch.distributed.is_available(), "torch.distributed"),
    "Muon for the matrices, AdamW for the rest": (hasattr(torch.optim, "Muon"), "torch.optim.Muon"),
}


def code(text: str) -> str:
    """Its blocks, one after the other."""
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def part(heading: str) -> str:
    """Of the page, up to the next heading of its level."""
    return re.split(r"^## ", README.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


START, *rest = re.split(r"^### ", part(LOOP), flags=re.MULTILINE)
SECTIONS = {section.split("\n", 1)[0]: code(section) for section in rest}


@pytest.fixture(autouse=True)
def _compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch.compile without code in C, which takes a compiler and a minute; what is traced, and when, is the same."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch._dynamo.reset()
    with torch._dynamo.config.patch(force_parameter_static_shapes=True):
        yield
    torch._dynamo.reset()


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], None]]:
    """Run a source as a file that a reader would write; what it prints must be what its comments say."""
    monkeypatch.chdir(tmp_path)

    def run(source: str) -> None:
        with torch.random.fork_rng():
            exec(compile(source, "README.md", "exec"), {"__name__": "readme"})
        assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)\s+# (.*)", source)

    yield run


def test_thirty_seconds(run: Callable[[str], None]) -> None:
    run(code(part("## Thirty seconds")))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section(section: str, run: Callable[[str], None]) -> None:
    there, what = NEEDS.get(section, (True, ""))
    if not there:
        pytest.skip(f"needs {what}")
    assert SECTIONS[section], "there is no block"
    run(code(START) + SECTIONS[section])


def test_what_is_named_is_there() -> None:
    assert NEEDS.keys() <= SECTIONS.keys()


@pytest.mark.parametrize(("static", "dynamic", "compiled"), [(True, True, 8), (False, None, 2)])
def test_how_often_it_is_compiled(static: bool, dynamic: bool | None, compiled: int) -> None:
    """Of ten widths."""
    graphs = []

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    torch._dynamo.config.force_parameter_static_shapes = static
    net = isotropic.IsotropicMLP([6, 5, 5, 3], seed=0)
    fast = torch.compile(net, backend=backend, dynamic=dynamic)
    for _ in range(10):
        fast(torch.ones(4, 6))
        isotropic.grow(net, 2, 1)
    assert len(graphs) == compiled


def test_the_table_has_every_public_name_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)[(`]", part("## Names"), re.MULTILINE)
    assert sorted(rows) == isotropic.__all__
