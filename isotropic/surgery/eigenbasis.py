"""Training in the eigenbasis of the covariance: what the paper asks of a network before its ICA representation.

Batch normalisation takes the diagonal of a covariance for the whole of it. So that later layers do not come to rest
on that diagonal in one basis, the paper proposes to turn the layers again and again, while they are trained, to the
basis in which the covariance is diagonal (Appendices B and E).
"""

from __future__ import annotations

from torch import Tensor

from isotropic.changes import change
from isotropic.normalise.ica import hold_in_eigenbasis, measure_whitening
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.surgery.holders import Holders


@change
def turn_to_eigenbasis(net: NormalisedMLP, layer: int, x: Tensor, *, optimiser: object = None) -> Tensor:
    """Turn hidden width `layer` to the eigenbasis of the covariance of its activations of x, to train on there.

    `measure_whitening` and `hold_in_eigenbasis` in one, with the optimiser's moments (METHOD section 2): momentum and
    Adam's first moment turn as their parameters do, Adam's second moment by the squares of the basis, which is no
    more than an approximation. The statistics of the normaliser become those of x. Turn lower layers first: the
    activations of a layer depend on them.

    Args:
        net: changed in place; in training as well, where activations of x are still those of evaluation.
        layer: l, 1 <= l <= L - 1.
        x: inputs, [B, ...], at least two, in the network's dtype.
        optimiser: as in `diagonalise`.

    Returns:
        v, [n], the variances along the eigenvectors, descending, in float64.

    Raises:
        ValueError: the layer is out of range, fewer than two samples, or the optimiser does not hold the network.
        TypeError: an optimiser whose state has no known transform. Nothing is changed on any error.
    """
    Holders(net, optimiser)  # refuses before anything is changed
    training = net.training
    net.eval()
    try:
        measure_whitening(net, layer, x)
        return hold_in_eigenbasis(net, layer, optimiser=optimiser)
    finally:
        net.train(training)
