"""How far the columns of a sample are from Gaussian, and from independent of each other.

Of white columns z any rotation R z is white too, and by the entropies of its columns alone

    I(R z) - I(z) = sum_i J(z_i) - sum_i J((R z)_i)

with I the mutual information of all columns together and J the negentropy: the less Gaussian the columns of a
rotation are, the less they say of each other (Comon 1994), which is what independent component analysis goes by.
Columns that are not white can be far from Gaussian and depend on each other all the same, hence also two measures of
pairs. Every column is standardised first. Estimates from few samples are biased: compare them with those of noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 8  # of equally many samples
FEWEST = 5  # samples that spacings can be taken of


def excess_kurtosis(y: Tensor) -> Tensor:
    """mean(y^4) - 3 of each standardised column, 0 for Gaussian ones: y [N, n] -> [n], float64."""
    return _standard(y).pow(4).mean(0) - 3


def negentropy(y: Tensor) -> Tensor:
    """J = log(2 pi e) / 2 - H(y_i) in nats, 0 for Gaussian columns and above it for all others: y [N, n] -> [n].

    The entropy H of each standardised column is estimated from the spacings of its sorted values
    (scipy.stats.differential_entropy, of the extra ica). Ties, of which a constant column is made, make it infinite.

    Raises:
        ValueError: fewer than FEWEST samples.
    """
    if len(y) < FEWEST:
        raise ValueError(f"y: {len(y)} samples have no entropy; at least {FEWEST}")
    import numpy as np
    from scipy.stats import differential_entropy

    with np.errstate(divide="ignore"):  # the logarithm of a tie
        entropy = torch.from_numpy(differential_entropy(_standard(y).cpu().numpy(), axis=0))
    return (0.5 * math.log(2 * math.pi * math.e) - entropy).to(y.device)


def pairwise_information(y: Tensor) -> Tensor:
    """Mutual information of two columns in nats, the mean over all pairs: y [N, n] -> a scalar, float64.

    From counts in BINS x BINS cells, each column cut into parts of equally many samples; less the (BINS - 1)^2 / 2N
    that independent columns have in the mean. No monotone function of a column changes it. 0 for a single column.
    """
    count, n = y.shape
    places = y.argsort(0).argsort(0) * BINS // count  # [N, n], from 0 to BINS - 1
    cells = torch.nn.functional.one_hot(places, BINS).double().flatten(1)  # [N, n BINS]
    single = cells.mean(0)
    joint = cells.mT @ cells / count
    information = torch.special.xlogy(joint, joint / torch.outer(single, single).clamp_min(1e-300))
    pairs = information.view(n, BINS, n, BINS).sum((1, 3))
    return _mean_of_pairs(pairs) - (BINS - 1) ** 2 / (2 * count) * (n > 1)


def energy_correlation(y: Tensor) -> Tensor:
    """|correlation| of the squares of two standardised columns, the mean over all pairs: y [N, n] -> a scalar.

    0 for independent columns; above it where columns are large together, though they be uncorrelated.
    """
    energies = _standard(_standard(y).square())
    return _mean_of_pairs((energies.mT @ energies / len(y)).abs())


def _mean_of_pairs(pairs: Tensor) -> Tensor:
    """Mean of the entries beside the diagonal of a symmetric matrix; 0 if there are none."""
    n = len(pairs)
    return (pairs.sum() - pairs.trace()) / max(1, n * (n - 1))


def _standard(y: Tensor) -> Tensor:
    """Columns with mean 0 and mean square 1, in float64; a constant one is 0."""
    beside = y.double() - y.double().mean(0)
    size = beside.square().mean(0).sqrt()
    return beside / size.masked_fill(size == 0, 1.0)
