"""Measures of non-Gaussianity and of dependence, against values known in closed form."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from isotropic_testing import needs_ica
from torch import Tensor

from isotropic.normalise.independence import (
    BINS,
    FEWEST,
    energy_correlation,
    excess_kurtosis,
    negentropy,
    pairwise_information,
)

N = 40_000
DRAWS = np.random.default_rng(0)
COLUMNS = {  # each with a mean and a scale that must not matter
    "normal": 3 + 5 * DRAWS.normal(size=N),
    "laplace": DRAWS.laplace(size=N) - 2,
    "uniform": 7 * DRAWS.uniform(size=N),
}
Y = torch.from_numpy(np.stack(list(COLUMNS.values()), axis=1))


def test_kurtosis_of_known_distributions() -> None:
    assert excess_kurtosis(Y).tolist() == pytest.approx([0.0, 3.0, -1.2], abs=0.35)
    by_hand = torch.tensor([[-1.0], [-1.0], [1.0], [1.0]])
    assert excess_kurtosis(by_hand).item() == -2


@needs_ica
def test_negentropy_of_known_distributions() -> None:
    """H of unit variance: log(2 pi e)/2 for normal, 1 + log sqrt 2 for Laplace, log sqrt 12 for uniform."""
    normal = 0.5 * math.log(2 * math.pi * math.e)
    known = [0.0, normal - 1 - math.log(math.sqrt(2)), normal - math.log(math.sqrt(12))]
    assert negentropy(Y).tolist() == pytest.approx(known, abs=0.01)


def test_information_of_correlated_normal_columns() -> None:
    """-log(1 - rho^2)/2, of which eight cells a side see nearly all; none of columns that are independent."""
    first, second = torch.from_numpy(DRAWS.normal(size=(2, N)))
    both = torch.stack([first, 0.6 * first + 0.8 * second], dim=1)
    whole = -0.5 * math.log(1 - 0.36)
    assert 0.85 * whole < pairwise_information(both).item() < whole
    assert abs(pairwise_information(torch.stack([first, second], dim=1)).item()) < 1e-3
    assert pairwise_information(both.exp()).item() == pytest.approx(pairwise_information(both).item(), abs=1e-12)


def test_information_of_a_column_with_itself() -> None:
    same = torch.arange(80.0)[:, None].expand(-1, 2)
    assert pairwise_information(same).item() == pytest.approx(math.log(BINS) - 49 / 160)


def test_energies_of_columns_that_are_large_together() -> None:
    """Normal columns with a common factor s of squares 1 and 9: uncorrelated, their squares correlated by theory."""
    s = torch.from_numpy(DRAWS.choice([1.0, 3.0], size=(N, 1)))
    common = s * torch.from_numpy(DRAWS.normal(size=(N, 3)))
    assert abs(common.mT.corrcoef()[0, 1]) < 0.03
    known = (41 - 25) / (3 * 41 - 25)  # (E s^4 - E^2 s^2) / (3 E s^4 - E^2 s^2)
    assert energy_correlation(common).item() == pytest.approx(known, abs=0.03)
    assert energy_correlation(torch.from_numpy(DRAWS.normal(size=(N, 3)))).item() < 0.02


@needs_ica
def test_a_rotation_of_independent_columns_is_more_gaussian_and_more_dependent() -> None:
    sources = torch.from_numpy(DRAWS.laplace(size=(N, 2)))
    turned = sources @ torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64) / math.sqrt(2)
    assert excess_kurtosis(turned).mean() < 0.7 * excess_kurtosis(sources).mean()
    for measure in (pairwise_information, energy_correlation):
        assert measure(turned).item() > 10 * measure(sources).abs().item()
    # I(R z) - I(z) from the entropies alone; cells that hold many values see less of it, but not more.
    gain = (negentropy(sources).sum() - negentropy(turned).sum()).item()
    assert 0.6 * gain < pairwise_information(turned).item() < gain


@pytest.mark.parametrize("measure", [excess_kurtosis, pairwise_information, energy_correlation])
def test_one_column_and_a_constant_one_are_finite(measure: Callable[[Tensor], Tensor]) -> None:
    assert torch.isfinite(measure(Y[:, :1])).all()
    assert torch.isfinite(measure(torch.cat([Y, torch.ones(N, 1)], dim=1))).all()


@needs_ica
def test_too_few_samples_for_an_entropy_are_refused_and_ties_are_not() -> None:
    for few in range(FEWEST):
        with pytest.raises(ValueError, match=f"y: {few} samples have no entropy; at least 5"):
            negentropy(Y[:few])
    assert negentropy(Y[:FEWEST]).isfinite().all(), "the control"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert negentropy(torch.ones(20, 2)).isposinf().all()
