"""Isotropic neural networks: networks whose hidden widths can be rotated, grown and pruned exactly.

from isotropic import IsotropicMLP, diagonalise, grow, prune
"""

from isotropic.networks.activation import IsotropicActivation
from isotropic.networks.convolutional import IsotropicConvNet
from isotropic.networks.ensemble import Ensemble
from isotropic.networks.nested import embed
from isotropic.networks.network import IsotropicMLP
from isotropic.networks.parallel import ParallelMLP
from isotropic.networks.sparse import SparseMLP
from isotropic.normalise.ica import (
    hold_in_eigenbasis,
    independent_components,
    measure_whitening,
    represent_components,
)
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.normalisers import BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm
from isotropic.normalise.whitening import BatchNorm, Whitening
from isotropic.optimisers import register_optimiser
from isotropic.reports import count, explain, singular_values
from isotropic.surgery.amounts import Change
from isotropic.surgery.budget import prune_to
from isotropic.surgery.depth import insert_layer, remove_layer
from isotropic.surgery.diagonalise import diagonalise
from isotropic.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude
from isotropic.surgery.joint import sparsify_jointly
from isotropic.surgery.policy import adapt
from isotropic.surgery.sparsify import sparsify, triangularise
from isotropic.surgery.widths import grow, prune
from isotropic.training.pruning_curve import pruning_curve
from isotropic.views.attach import attach, convert
from isotropic.views.find import Chain, find
from isotropic.views.layers import CompensatedLinear
from isotropic.views.view import View

__version__ = "0.1.0"
__all__ = [
    "BatchNorm",
    "BatchNormOfNorm",
    "Chain",
    "Change",
    "CompensatedLinear",
    "Ensemble",
    "FrobNorm",
    "GeneralisedLayerNorm",
    "IsotropicActivation",
    "IsotropicConvNet",
    "IsotropicMLP",
    "NormalisedMLP",
    "ParallelMLP",
    "SparseMLP",
    "View",
    "Whitening",
    "adapt",
    "add_neurons",
    "attach",
    "convert",
    "count",
    "diagonalise",
    "embed",
    "explain",
    "find",
    "grow",
    "hold_in_eigenbasis",
    "independent_components",
    "insert_layer",
    "measure_whitening",
    "merge_neurons",
    "net2wider",
    "prune",
    "prune_by_magnitude",
    "prune_to",
    "pruning_curve",
    "register_optimiser",
    "remove_layer",
    "represent_components",
    "singular_values",
    "sparsify",
    "sparsify_jointly",
    "triangularise",
]


def __dir__() -> list[str]:
    """The public names, without the modules that define them."""
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
