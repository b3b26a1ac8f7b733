"""How pixels are standardised: mean 0 and deviation 1 over the training images, each pixel for itself."""

from __future__ import annotations

import torch
from torch import Tensor

GREY_LEVELS = 255.0  # the protocol speaks of pixels from 0 to 1; here they stay whole numbers from 0 to 255
SMALLEST_DEVIATION = 1e-8  # of a pixel from 0 to 1; one that deviates no more is only centred


def standardisation(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and inverse deviation of each pixel (EXPERIMENTS, "Common to all").

    A pixel that never varies is only centred: on the scale from 0 to 1, hence 1/255 for grey levels.

    Args:
        images: uint8 [N, D].

    Returns:
        mean, in grey levels, and inverse deviation, in 1 / grey levels: both float64 [D].
    """
    count = len(images)
    total = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for chunk in images.split(1024):
        levels = chunk.double()  # [n, D]
        total += levels.sum(0)
        squares += levels.square().sum(0)
    # The sums are whole numbers, so with integers the variance is exact: no cancellation, and a constant is 0.
    spread = count * squares.long() - total.long().square()  # N^2 times the variance
    deviation = spread.double().sqrt() / count
    constant = deviation <= SMALLEST_DEVIATION * GREY_LEVELS
    return total / count, deviation.masked_fill(constant, GREY_LEVELS).reciprocal()
