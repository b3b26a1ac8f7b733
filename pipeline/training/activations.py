"""Activations of hidden layers over the test set, and what there is to be seen of each."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropic.normalise.normalised import NormalisedMLP
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset

_TOGETHER = 1000  # test samples at once


@torch.no_grad()
def normalised(net: NormalisedMLP, layer: int, data: Dataset) -> Tensor:
    """What normaliser `layer` gives, [N, n], in the network's dtype; the network is evaluating."""
    weight = net.affine[0].weight
    samples = Standardiser(data, weight.device, weight.dtype, rows=_TOGETHER)
    return torch.cat([net.norm(layer)(net.activated(layer, x)) for x, _ in samples.in_order("test")])


def pixel_correlations(y: Tensor, data: Dataset) -> Tensor:
    """Correlation of each activation with each pixel over the test set: y [N, n], standardised -> [n, D].

    What makes a neuron active, on a scale of its own. Its weights would say what it is computed from, which for
    correlated pixels is another thing: a weight may be there to cancel what a neighbour brings with it (Haufe et al.
    2014, "On the interpretation of weight vectors of linear models"). 0 for a pixel that never varies.
    """
    total, squares, products = y.new_zeros(data.features), y.new_zeros(data.features), y.new_zeros(1)
    samples = Standardiser(data, y.device, y.dtype, rows=_TOGETHER)
    for own, (x, _) in zip(y.split(_TOGETHER), samples.in_order("test"), strict=True):
        total += x.sum(0)
        squares += x.square().sum(0)
        products = products + own.mT @ x  # the mean of y is 0, so that the mean of x need not be subtracted
    count = len(y)
    variance = squares / count - (total / count).square()
    return products / count / variance.clamp_min(0).sqrt().masked_fill(variance < 1e-12, torch.inf)
