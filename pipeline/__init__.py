"""Isotropic neural networks: networks whose hidden widths can be rotated, grown and pruned exactly.

from pipeline import IsotropicMLP, diagonalise, grow, prune
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.model.convolutional import IsotropicConvNet
    from pipeline.model.ensemble import Ensemble
    from pipeline.model.ica import (
        hold_in_eigenbasis,
        independent_components,
        measure_whitening,
        represent_components,
    )
    from pipeline.model.nested import embed
    from pipeline.model.network import IsotropicMLP
    from pipeline.model.normalised import NormalisedMLP
    from pipeline.model.normalisers import BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm
    from pipeline.model.parallel import ParallelMLP
    from pipeline.model.whitening import BatchNorm, Whitening
    from pipeline.surgery.depth import insert_layer, remove_layer
    from pipeline.surgery.diagonalise import diagonalise
    from pipeline.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude
    from pipeline.surgery.joint import sparsify_jointly
    from pipeline.surgery.policy import adapt
    from pipeline.surgery.sparsify import sparsify, triangularise
    from pipeline.surgery.widths import grow, prune
    from pipeline.training.pruning_curve import pruning_curve

__all__ = [
    "BatchNorm",
    "BatchNormOfNorm",
    "Ensemble",
    "FrobNorm",
    "GeneralisedLayerNorm",
    "IsotropicConvNet",
    "IsotropicMLP",
    "NormalisedMLP",
    "ParallelMLP",
    "Whitening",
    "adapt",
    "add_neurons",
    "diagonalise",
    "embed",
    "grow",
    "hold_in_eigenbasis",
    "independent_components",
    "insert_layer",
    "measure_whitening",
    "merge_neurons",
    "net2wider",
    "prune",
    "prune_by_magnitude",
    "pruning_curve",
    "remove_layer",
    "represent_components",
    "sparsify",
    "sparsify_jointly",
    "triangularise",
]

_HOME = {
    "BatchNorm": "pipeline.model.whitening",
    "BatchNormOfNorm": "pipeline.model.normalisers",
    "Ensemble": "pipeline.model.ensemble",
    "FrobNorm": "pipeline.model.normalisers",
    "GeneralisedLayerNorm": "pipeline.model.normalisers",
    "IsotropicConvNet": "pipeline.model.convolutional",
    "IsotropicMLP": "pipeline.model.network",
    "NormalisedMLP": "pipeline.model.normalised",
    "ParallelMLP": "pipeline.model.parallel",
    "Whitening": "pipeline.model.whitening",
    "adapt": "pipeline.surgery.policy",
    "add_neurons": "pipeline.surgery.elementwise",
    "diagonalise": "pipeline.surgery.diagonalise",
    "embed": "pipeline.model.nested",
    "grow": "pipeline.surgery.widths",
    "insert_layer": "pipeline.surgery.depth",
    "prune": "pipeline.surgery.widths",
    "prune_by_magnitude": "pipeline.surgery.elementwise",
    "pruning_curve": "pipeline.training.pruning_curve",
    "remove_layer": "pipeline.surgery.depth",
    "hold_in_eigenbasis": "pipeline.model.ica",
    "independent_components": "pipeline.model.ica",
    "measure_whitening": "pipeline.model.ica",
    "merge_neurons": "pipeline.surgery.elementwise",
    "net2wider": "pipeline.surgery.elementwise",
    "represent_components": "pipeline.model.ica",
    "sparsify": "pipeline.surgery.sparsify",
    "sparsify_jointly": "pipeline.surgery.joint",
    "triangularise": "pipeline.surgery.sparsify",
}


def __getattr__(name: str) -> Any:
    # Resolved on first use: stages that only draw tables need not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
