"""What an ensemble costs on this machine: models with few numbers, fitted to a short measurement. That of a step is

    seconds of a step = a + b L + c K L + d K P + e K P B + ...

for K networks of L maps with P parameters each, on B samples: small operations cost by their number, the optimiser
by parameters, products by parameters and samples. All coefficients are at least 0. What the model is wrong by at the
nearest shape that was measured, it is corrected by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Protocol

import numpy as np

PASSED = 1000  # samples at once where nothing is trained (`evaluation.logits`)
_PARAMETERS_IN_CACHE = 700_000  # with their gradients and moments 11 MB


class Costly(Protocol):
    """What is done, by the numbers that its cost depends on; equal and hashable by these."""

    def __hash__(self) -> int: ...

    def terms(self) -> list[float]:
        """What the coefficients of the model multiply."""
        ...

    def sizes(self) -> tuple[float, ...]:
        """Where it stands among others: they differ by a factor in these."""
        ...


@dataclass(frozen=True)
class Change:
    """A map decomposed, and the networks turned and widened by that.

    Attributes:
        members: K.
        width, inputs: n and m of the map, padded.
        parameters: weights and biases of one member.
    """

    members: int
    width: int
    inputs: int
    parameters: int

    def terms(self) -> list[float]:
        """Small operations; products of n x n with n x m matrices; eigenvectors; and copies."""
        squared = self.members * self.width**2
        return [1, self.members, squared * self.inputs, squared * self.width, self.members * self.parameters]

    def sizes(self) -> tuple[float, ...]:
        """As of a Shape."""
        return self.members, self.width, self.inputs, self.parameters


@dataclass(frozen=True)
class Shape:
    """What the cost of a step depends on.

    Attributes:
        members: K.
        widths: n_0 .. n_L, padded.
        rows: samples of each member.
        inputs: of n_0, those that a sample has.
        isotropic: whether the activation is.
    """

    members: int
    widths: tuple[int, ...]
    rows: int
    inputs: int
    isotropic: bool

    @property
    def parameters(self) -> int:
        """Weights and biases of one member."""
        return sum(m * n + n for m, n in pairwise(self.widths))

    @property
    def work(self) -> int:
        """Multiplications of a step, roughly."""
        return self.members * self.parameters * self.rows

    @property
    def neurons(self) -> int:
        """Hidden neurons of one member."""
        return sum(self.widths[1:-1])

    def change(self, layer: int) -> Change:
        """Of map `layer`."""
        return Change(self.members, self.widths[layer], self.widths[layer - 1], self.parameters)

    def sizes(self) -> tuple[float, ...]:
        """Where it stands among others: they differ by a factor in these."""
        own = (self.members, self.parameters, self.neurons + 1, self.rows, self.inputs, len(self.widths))
        return (*own, math.e**self.isotropic)

    def terms(self) -> list[float]:
        """What the coefficients of the model multiply."""
        maps, stacked = len(self.widths) - 1, self.members * self.parameters
        products = self.members * (self.parameters - (self.widths[0] - self.inputs) * self.widths[1])
        return [
            1,
            maps,
            self.isotropic * (maps - 1),
            self.members * maps,
            stacked,
            max(0, stacked - _PARAMETERS_IN_CACHE),  # the optimiser's cost is that of memory from there on
            products * self.rows,
            self.members * self.neurons * self.rows,
            self.isotropic * self.members * self.neurons * self.rows,
            self.members * self.inputs * self.rows,
        ]


@dataclass(frozen=True)
class Model:
    """Seconds by shape.

    Attributes:
        coefficients: of `terms`, seconds.
        shapes: that it was fitted to.
        ratios: for each of these, what it took over what the coefficients say.
    """

    coefficients: tuple[float, ...]
    shapes: tuple[Costly, ...] = ()
    ratios: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """The largest relative error of the coefficients over the shapes that they were fitted to."""
        return max((abs(1 / ratio - 1) for ratio in self.ratios), default=0.0)

    def seconds(self, shape: Costly) -> float:
        """What a step, a pass or a change takes: exactly what was measured for those that were."""
        if not self.shapes:
            return 0.0
        modelled = float(np.dot(self.coefficients, shape.terms()))
        here = _place(shape)
        distances = [float(np.linalg.norm(here - _place(measured))) for measured in self.shapes]
        return modelled * self.ratios[int(np.argmin(distances))]


def fit(shapes: Sequence[Costly], seconds: Sequence[float]) -> Model:
    """The model with the least sum of squared relative errors, coefficients at least 0.

    Args:
        shapes: what was measured; from nothing follows a model of nothing.
        seconds: what each took, more than 0.
    """
    from scipy.optimize import nnls

    if not shapes:
        return Model(())
    relative = np.array([shape.terms() for shape in shapes]) / np.array(seconds)[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0  # a term that no shape has
    solution, _ = nnls(relative / scale, np.ones(len(shapes)))
    coefficients = solution / scale
    ratios = 1 / (relative @ coefficients)
    return Model(tuple(coefficients.tolist()), tuple(shapes), tuple(ratios.tolist()))


def spanning(work: Mapping[Shape, float], count: int) -> list[Shape]:
    """At most `count` of the shapes: a third of those with the most work, the others as different as can be.

    Args:
        work: shape -> how much of it there is, in any unit.
        count: how many are wanted.
    """
    distinct = sorted(work, key=lambda shape: (work[shape], shape.terms()), reverse=True)
    if len(distinct) <= count:
        return distinct
    places = np.array([_place(shape) for shape in distinct])
    chosen = list(range(-(-count // 3)))
    while len(chosen) < count:
        nearest = np.linalg.norm(places[:, None] - places[None, chosen], axis=-1).min(axis=1)
        chosen.append(int(nearest.argmax()))
    return [distinct[number] for number in chosen]


@cache
def _place(shape: Costly) -> np.ndarray:
    """Where a shape stands, so that shapes at a distance of 1 differ by a factor of e in something."""
    return np.log(shape.sizes())


@dataclass(frozen=True)
class Costs:
    """Seconds of a step, of a pass of `PASSED` samples and of a change, by shape."""

    step: Model
    forward: Model
    change: Model
