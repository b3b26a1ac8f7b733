"""Growing and pruning of elementwise tanh: what is refused."""

from __future__ import annotations

import pytest
import torch
from elementwise_testing import METHODS, PRUNING, N, draw, tanh_network
from isotropic_testing import train
from refusals import assert_refused, begun
from torch.optim import AdamW

from isotropic import Ensemble, IsotropicConvNet
from isotropic.surgery.elementwise import merge_neurons, net2wider, prune_by_magnitude


def test_generators_one_a_member() -> None:
    ensemble = Ensemble([tanh_network(), tanh_network()])
    words = "generator: 3 generators for an ensemble of 2 members"
    descent = AdamW(ensemble.parameters())
    train(ensemble, descent, 1)
    for method in ("net2wider", "add"):
        three = [draw() for _ in range(3)]
        assert_refused(ensemble, descent, lambda n, o, m=method, d=three: METHODS[m](n, 1, o, d), words)  # type: ignore[misc]


@pytest.mark.parametrize("method", METHODS)
def test_an_isotropic_network_is_refused(method: str) -> None:
    words = "activation 'isotropic-tanh' acts on all neurons together"
    assert_refused(*begun(), lambda net, o: METHODS[method](net, 1, o, draw()), words)


@pytest.mark.parametrize("method", METHODS)
def test_kernels_are_refused(method: str) -> None:
    net = IsotropicConvNet((1, 4, 4), [6, 7], 3, 3, 1, "tanh", "none", "none", seed=0)
    descent = AdamW(net.parameters())
    net(torch.ones(2, 16)).square().sum().backward()
    descent.step()
    words = "net: IsotropicConvNet has kernels; this can be done to dense maps alone"
    assert_refused(net, descent, lambda n, o: METHODS[method](n, 1, o, draw()), words)


@pytest.mark.parametrize(
    ("method", "count"),
    [(m, count) for m in METHODS for count in [0, -1, True, 1.5, "2", None]] + [(m, N) for m in PRUNING],
)
def test_a_count_out_of_range_is_refused(method: str, count: object) -> None:
    net = tanh_network()
    descent = AdamW(net.parameters())
    train(net, descent, 1)
    allowed = "an integer from 1 to 6" if method in PRUNING else "an integer >= 1"
    words = f"count: {count!r} neurons of layer 2, which has 7, is not {allowed}"
    assert_refused(net, descent, lambda n, o: METHODS[method](n, count, o, draw()), words)  # type: ignore[arg-type]


def test_other_input_that_is_refused() -> None:
    net = tanh_network()
    descent = AdamW(net.parameters())
    train(net, descent, 1)
    for noise in (-0.1, float("nan"), float("inf")):
        assert_refused(
            net, descent, lambda n, o, s=noise: net2wider(n, 2, 1, noise=s, optimiser=o), f"noise: {noise!r} is not"
        )  # type: ignore[misc]
    assert_refused(net, descent, lambda n, o: merge_neurons(n, 4, 1, optimiser=o), "layer: 4 is not a hidden layer")
    assert_refused(
        net, descent, lambda n, o: prune_by_magnitude(n, 2, 1, optimiser=o, inputs=[]), "inputs: no samples"
    )
    foreign = torch.optim.Rprop(net.parameters())
    foreign.step()
    with pytest.raises(TypeError, match="Rprop has no known transform"):
        merge_neurons(net, 2, 1, optimiser=foreign)
