"""The independent-component representation of a hidden layer (METHOD section 9; the paper's Appendix E).

Of a network of blocks affine -> isotropic -> BatchNorm, for evaluation. In the eigenbasis of the covariance of the
activations, BatchNorm is their whitening; independent component analysis then finds an orthogonal R of the whitened
activations, and R moves into the layer:

    measure_whitening(net, 1, x)               # a whitening with the statistics of x: changes the function
    hold_in_eigenbasis(net, 1)                 # BatchNorm in the covariance's eigenbasis: the same function
    r = independent_components(net, 1, x)
    represent_components(net, 1, r, "exact")   # or "diagonal"

Each neuron of the normalised layer is then one independent component.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isotropic.changes import change
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.normalisers import check_basis
from isotropic.normalise.whitening import BatchNorm, Whitening
from isotropic.surgery.holders import Holders

VARIANTS = ("exact", "diagonal")


@change
def measure_whitening(net: NormalisedMLP, layer: int, x: Tensor) -> None:
    """Put a whitening with the statistics of the activations of x [B, ...] behind hidden layer `layer`.

    The one step that changes the function: of a network trained with BatchNorm, from the diagonal of the covariance
    to all of it. A network trained with Whitening has its running statistics and does not need it.

    Raises:
        ValueError: the layer is out of range, or fewer than two samples.
    """
    if len(x) < 2:
        raise ValueError(f"x: {len(x)} samples have no covariance; at least 2")
    old, a = net.norm(layer), net.activated(layer, x).double()  # [B, n]
    whole = Whitening(old.width, old.eps, old.momentum).to(net.affine[0].weight)
    whole.mean.copy_(a.mean(0))
    whole.covariance.copy_(torch.atleast_2d(a.mT.cov()))
    net.normalisers[layer - 1] = whole.train(net.training)


@change
def hold_in_eigenbasis(net: NormalisedMLP, layer: int, *, optimiser: object = None) -> Tensor:
    """Turn hidden width `layer` to the eigenbasis of its Whitening's covariance, and put BatchNorm in its place.

    While evaluating the function is the same: there the covariance is diagonal, C = diag(v). The optimiser is carried
    along as in `diagonalise`.

    Returns:
        v, [n], the variances along the eigenvectors, descending, in float64.

    Raises:
        ValueError: the layer is out of range or its normaliser is not a Whitening.
    """
    whole, (values, basis) = _whole(net, layer), eigenbasis(net, layer)
    net.rotate(layer, basis, optimiser=optimiser)
    norm = BatchNorm(whole.width, whole.eps, whole.momentum).to(whole.mean)
    norm.mean.copy_(whole.mean)  # turned with the layer
    norm.variance.copy_(values.clamp_min(0))  # rounding makes those of rank-deficient activations negative
    net.normalisers[layer - 1] = norm.train(whole.training)
    return values


def eigenbasis(net: NormalisedMLP, layer: int) -> tuple[Tensor, Tensor]:
    """Of the covariance of a layer's Whitening: eigenvalues [n], descending, and eigenvectors as columns [n, n].

    Raises:
        ValueError: the layer is out of range or its normaliser is not a Whitening.
    """
    values, basis = torch.linalg.eigh(_whole(net, layer).covariance.double())
    return values.flip(-1), basis.flip(-1)


@change
def independent_components(net: NormalisedMLP, layer: int, x: Tensor, seed: int = 0, steps: int = 1000) -> Tensor:
    """An orthogonal R for which the entries of R z are as independent as can be, z the whitened activations of x.

    By scikit-learn's FastICA, whose warning is passed on where it does not converge. The signs and the order of the
    components are arbitrary, and Gaussian ones cannot be told apart. Directions whose variance is at most eps, as a
    wide layer behind a narrow one has, are not white; R leaves them as they are.

    Args:
        net: evaluating, `layer` held in its eigenbasis.
        layer: l, 1 <= l <= L - 1.
        x: inputs, [B, ...], best those that the statistics are of.
        seed: of the first guess.
        steps: at most.

    Returns:
        R, [n, n], in float64.

    Raises:
        ValueError: the layer is out of range, its normaliser is not BatchNorm, or the network is in training.
        ModuleNotFoundError: scikit-learn is not installed (`pip install isotropic-networks[ica]`).
    """
    norm = _held(net, layer)
    if net.training:
        raise ValueError("net: in training its statistics are those of each batch; call net.eval() first")
    from sklearn.decomposition import FastICA  # of the extra ica

    rotation = torch.eye(norm.width, dtype=torch.float64)
    white = (norm.variance > norm.eps).cpu()
    if white.sum() < 2:
        return rotation.to(x.device)
    z = norm(net.activated(layer, x)).double().cpu()[:, white]  # [B, number of white]
    found = FastICA(whiten=False, max_iter=steps, random_state=seed).fit(z.numpy())
    u, _, vh = torch.linalg.svd(torch.from_numpy(found.components_))  # u vh is orthogonal to the last bit of rounding
    rotation[torch.outer(white, white)] = (u @ vh).flatten()
    return rotation.to(x.device)


@change
def represent_components(
    net: NormalisedMLP, layer: int, rotation: Tensor, variant: str = "exact", *, optimiser: object = None
) -> None:
    """Absorb R into hidden width `layer`, so that the normalised activations z become R z (Eqns. 48 to 52).

        both       W_l <- R W_l    b_l <- R b_l    W_{l+1} <- W_{l+1} R^T    mu <- R mu
        exact      C <- R diag(v) R^T, all of it: the same function; a whitening, with a product of n^2 a sample
        diagonal   v <- (R * R) v, its diagonal: an approximation; BatchNorm, with n products a sample

    With R diag(v) R^T the symmetric root is R diag(v)^(-1/2) R^T, so that "exact" gives R z to rounding. (The paper's
    third way, BatchNorm followed by a product with R, gives the same numbers at the cost of "exact".)

    Args:
        net: changed in place.
        layer: l, 1 <= l <= L - 1, with a BatchNorm.
        rotation: R, [n, n], orthogonal.
        variant: "exact" or "diagonal".
        optimiser: as in `diagonalise`.

    Raises:
        ValueError: unknown variant, the layer is out of range, its normaliser is not BatchNorm, or R is not of that
            shape or not orthogonal. Nothing is changed on any error.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant: {variant!r} is not one of {', '.join(VARIANTS)}")
    norm = _held(net, layer)
    check_basis(rotation, norm.width)
    Holders(net, optimiser)  # refuses before anything is changed
    if variant == "exact":
        net.normalisers[layer - 1] = Whitening.of(norm)
    net.rotate(layer, rotation.mT, optimiser=optimiser)


def _held(net: NormalisedMLP, layer: int) -> BatchNorm:
    """The BatchNorm of a hidden layer."""
    norm = net.norm(layer)
    if not isinstance(norm, BatchNorm):
        raise ValueError(
            f"layer: the normaliser of {layer} is {type(norm).__name__}, not BatchNorm; hold_in_eigenbasis first"
        )
    return norm


def _whole(net: NormalisedMLP, layer: int) -> Whitening:
    """The Whitening of a hidden layer."""
    norm = net.norm(layer)
    if not isinstance(norm, Whitening):
        raise ValueError(
            f"layer: the normaliser of {layer} is {type(norm).__name__}, not Whitening; measure_whitening first"
        )
    return norm
