"""The laboratory: data, experiments and reports, built on the library `isotropic`, whose names are here, too.

from pipeline import IsotropicMLP, diagonalise, grow, prune
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isotropic import *  # noqa: F403


def __getattr__(name: str) -> Any:
    # Resolved on first use: stages that only draw tables need not wait for torch. `from pipeline import config` asks
    # here, too, before it imports the module.
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is None:
        import isotropic

        if name in isotropic.__all__:
            return getattr(isotropic, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    import isotropic

    return sorted({*globals(), *isotropic.__all__})
