"""Why RMSNorm must not stand beside an isotropic activation (Eqns. 33, 34; version 1, Appendix C).

Its output has a constant norm. After it the activation is a constant factor, and before it the activation is divided
away again: the layer is the normaliser alone. Without biases the whole network is then one linear map and one
normalisation, whatever its depth. Biases keep the layers apart, but the activation stays void.
"""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, network, normal
from torch import Tensor, nn

from isotropic import BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm
from isotropic.activations import SIGMAS
from isotropic.networks.activation import Isotropic
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.normalisers import Normaliser

WIDTHS, N = [6, 5, 7, 5, 3], 5
O = 0.7  # noqa: E741


def rms(n: int) -> nn.RMSNorm:
    return nn.RMSNorm(n, eps=0.0, elementwise_affine=False)


def layer_norm(n: int) -> Normaliser:
    return GeneralisedLayerNorm(n, eps=0.0)


def activation(x: Tensor) -> Tensor:
    value: Tensor = Isotropic(torch.tensor(O, dtype=x.dtype).log(), trained=False)(x)[0]
    return value


SPHERICAL = [rms, layer_norm]
RADIAL = [BatchNormOfNorm, FrobNorm]


@pytest.mark.parametrize("make", SPHERICAL)
def test_beside_it_the_activation_is_void(make) -> None:  # type: ignore[no-untyped-def]
    x, norm = 3 * normal(20, N), make(N).double()
    assert_close(
        activation(norm(x)),
        SIGMAS["tanh"].gain(torch.tensor(N + O, dtype=x.dtype)) * norm(x),
        "f(N(x)) = const N(x), Eqn. 33",
    )
    assert_close(norm(activation(x)), norm(x), "N(f(x)) = N(x), Eqn. 34")
    assert_close(norm(norm(x)), norm(x), "N is idempotent")


@pytest.mark.parametrize("make", RADIAL)
def test_beside_a_normaliser_of_the_batch_it_is_not(make: type[Normaliser]) -> None:
    x, norm = 3 * normal(20, N), make(N, eps=0.0).double()
    gains = activation(norm(x)) / norm(x)
    assert gains.std() > 0.05, "the gain differs between samples"
    assert_differs(norm(activation(x)), norm(x), "N(f(x)) against N(x)", by=0.2)


def made(make, biases: bool = True) -> NormalisedMLP:  # type: ignore[no-untyped-def]
    net = network(WIDTHS, compensation="none")
    if not biases:
        net.assign({name: t * 0 for name, t in net.tensors().items() if name.endswith("bias")})
    return NormalisedMLP(net, make)


def with_other_lengths(net: NormalisedMLP) -> NormalisedMLP:
    for each in net.activations:
        each.log_o.data += 2.0
    return net


@pytest.mark.parametrize("make", SPHERICAL)
def test_inside_a_network_nothing_depends_on_the_intrinsic_lengths(make) -> None:  # type: ignore[no-untyped-def]
    x, net = normal(20, 6), made(make)
    net(x).square().sum().backward()
    for each in net.activations:
        assert abs(each.log_o.grad.item()) < 1e-12
    assert_close(with_other_lengths(made(make))(x), net(x), "logits with other intrinsic lengths")


@pytest.mark.parametrize("make", RADIAL)
def test_with_a_normaliser_of_the_batch_everything_does(make: type[Normaliser]) -> None:
    x, net = normal(20, 6), made(make)
    net(x).square().sum().backward()
    for each in net.activations:
        assert abs(each.log_o.grad.item()) > 1e-3
    assert_differs(with_other_lengths(made(make))(x), net(x), "logits with other intrinsic lengths", by=0.005)


def one_layer(net: NormalisedMLP, x: Tensor) -> Tensor:
    """W_4 N(W_3 W_2 W_1 x) + b_4, with neither activations nor the other normalisers."""
    w1, w2, w3, w4 = (affine.weight for affine in net.affine)
    return net.normalisers[2](x @ (w3 @ w2 @ w1).T) @ w4.T + net.affine[3].bias


def test_without_biases_the_depth_collapses() -> None:
    x, net = normal(20, 6), made(rms, biases=False)
    assert_close(net(x), one_layer(net, x), "four maps against one normalised linear map")
    assert_close(net(5 * x), net(x), "nothing depends on the length of the input")


@pytest.mark.parametrize("make", RADIAL)
def test_with_a_normaliser_of_the_batch_it_does_not(make: type[Normaliser]) -> None:
    x, net = normal(20, 6), made(make, biases=False)
    assert_differs(net(x), one_layer(net, x), "four maps against one normalised linear map", by=0.05)


def test_nor_with_biases() -> None:
    """What collapses then is the activation only: the statement of version 1 (Eqn. 48) needs b = 0."""
    x, net = normal(20, 6), made(rms)
    assert_differs(net(x), one_layer(net, x), "four maps with biases", by=0.05)


def test_nor_without_a_normaliser() -> None:
    """It is the normaliser that voids the lengths: the same network without one depends on them."""
    net, x = network(WIDTHS, compensation="none"), normal(20, 6)
    before = net(x)
    for each in net.activations:
        each.log_o.data += 2.0
    assert_differs(net(x), before, "logits with other intrinsic lengths", by=0.05)
