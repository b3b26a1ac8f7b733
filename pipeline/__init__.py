"""Isotropic neural networks: networks whose hidden widths can be rotated, grown and pruned exactly.

from pipeline import IsotropicMLP, diagonalise, grow, prune
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.model.ensemble import Ensemble
    from pipeline.model.network import IsotropicMLP
    from pipeline.surgery.depth import insert_layer, remove_layer
    from pipeline.surgery.diagonalise import diagonalise
    from pipeline.surgery.policy import adapt
    from pipeline.surgery.sparsify import sparsify
    from pipeline.surgery.widths import grow, prune
    from pipeline.training.pruning_curve import pruning_curve

__all__ = [
    "Ensemble",
    "IsotropicMLP",
    "adapt",
    "diagonalise",
    "grow",
    "insert_layer",
    "prune",
    "pruning_curve",
    "remove_layer",
    "sparsify",
]

_HOME = {
    "Ensemble": "pipeline.model.ensemble",
    "IsotropicMLP": "pipeline.model.network",
    "adapt": "pipeline.surgery.policy",
    "diagonalise": "pipeline.surgery.diagonalise",
    "grow": "pipeline.surgery.widths",
    "insert_layer": "pipeline.surgery.depth",
    "prune": "pipeline.surgery.widths",
    "pruning_curve": "pipeline.training.pruning_curve",
    "remove_layer": "pipeline.surgery.depth",
    "sparsify": "pipeline.surgery.sparsify",
}


def __getattr__(name: str) -> Any:
    # Resolved on first use: stages that only draw tables need not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
