"""The library alone: a plugin of pytest that makes every other third-party package one that is not installed.

    PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONPATH=tests/helpers python -m pytest -p alone tests/isotropic

What stays: the standard library, torch and numpy, pytest and hypothesis, and what these four require themselves. All
other packages that are installed here are refused, and pipeline, stages and benchmarks of this repository. An import
of them raises ModuleNotFoundError, and `importlib.util.find_spec` finds nothing.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

KEPT = ("torch", "numpy", "pytest", "hypothesis")
OURS = ("pipeline", "stages", "benchmarks")


def required(names: tuple[str, ...]) -> set[str]:
    """These distributions with all that they require, extras left out; names in the form of the package index."""
    found: set[str] = set()
    to_do = list(names)
    while to_do:
        name = normal(to_do.pop())
        if name in found:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # of another Python or another system
            continue
        found.add(name)
        to_do += [re.match(r"[\w.-]+", line)[0] for line in needed if "extra ==" not in line]
    return found


def normal(name: str) -> str:
    """The name of a distribution as the package index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def refused() -> set[str]:
    """The top-level modules that are installed, or lie in this repository, and are none of the library's."""
    kept = required(KEPT) | {"isotropic-networks"}
    others = {
        module
        for module, distributions in packages_distributions().items()
        if not kept & {normal(name) for name in distributions}
    }
    return (others | {*OURS}) - set(sys.stdlib_module_names)


def alone() -> None:
    """Refuse them from now on, in this process."""
    for name in refused():
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own sign for "do not look"


alone()
