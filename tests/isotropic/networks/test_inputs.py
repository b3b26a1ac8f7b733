"""What networks are given: [..., n_0] as nn.Linear, images where that is said, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from isotropic_testing import assert_close, network, normal
from torch import nn

from isotropic import Ensemble, IsotropicConvNet, IsotropicMLP, NormalisedMLP, ParallelMLP, prune, sparsify
from isotropic.normalise.normalisers import FrobNorm
from isotropic.surgery.activation_stats import activity, mean_activation, mean_gain

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: network([6, 5, 4, 3]),
    "sparse": lambda: sparsify(network([6, 5, 4, 3])),
    "parallel": lambda: ParallelMLP(network([6, 5, 4, 3])),
    "without psi": lambda: network([6, 5, 3], compensation="none"),
    "elementwise": lambda: IsotropicMLP([6, 5, 3], "tanh", "none", "none", dtype=torch.float64),
    "one map": lambda: IsotropicMLP([6, 3], dtype=torch.float64),
    "one map, parallel": lambda: ParallelMLP(IsotropicMLP([6, 3], dtype=torch.float64)),
}
KINDS = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


@KINDS
@pytest.mark.parametrize("shape", [(), (1,), (7,), (4, 1), (2, 7), (2, 3, 2, 2)], ids=str)
def test_the_last_axis_is_mapped(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    net, x = make(), normal(*shape, 6)
    z = net(x)
    assert z.shape == nn.Linear(6, 3).double()(x).shape
    assert_close(z.reshape(-1, 3), net(x.reshape(-1, 6)), "row by row")


def test_a_residual_block_on_one_token_keeps_its_shape() -> None:
    net, x = IsotropicMLP([6, 5, 6], seed=0), torch.randn(4, 1, 6)
    assert (x + net(x)).shape == (4, 1, 6)


@KINDS
def test_a_wrong_last_axis_is_one_line(make: Callable[[], nn.Module]) -> None:
    net = make()
    for x in (normal(2, 3, 2), normal(5), normal(4, 7), normal(2, 2, 3)):
        with pytest.raises(ValueError) as caught:
            net(x)
        words = str(caught.value)
        assert str(x.shape[-1]) in words and "takes 6" in words and "flatten=True" in words and "\n" not in words
    with pytest.raises(TypeError, match="a list is no tensor; a DataLoader of pairs"):
        net([normal(2, 6), torch.zeros(2)])


def test_flattening_is_said() -> None:
    x = normal(5, 3, 2, 2)
    said = IsotropicMLP([12, 4, 3], seed=0, dtype=torch.float64, flatten=True)
    whole = IsotropicMLP([12, 4, 3], seed=0, dtype=torch.float64)
    wanted = nn.Sequential(nn.Flatten(), whole)(x)
    for net in (said, ParallelMLP(said), sparsify(said)):
        assert_close(net(x), wanted, type(net).__name__)
        assert torch.equal(net(x), net(x.flatten(1)))
        with pytest.raises(ValueError, match="last axis of 6 when flattened, and this network takes 12"):
            net(x[:, :, :, :1])
    assert "flatten=True" in repr(said) and "flatten" not in repr(whole)
    assert IsotropicMLP.from_state_dict(said.state_dict()).flatten
    normalised = NormalisedMLP(
        IsotropicMLP([12, 4, 3], compensation="none", seed=0, dtype=torch.float64, flatten=True), FrobNorm
    )
    assert torch.equal(normalised(x), normalised(x.flatten(1)))


def test_convolutions_take_images_and_flat_ones() -> None:
    net = IsotropicConvNet((2, 6, 5), [4], classes=3, seed=0, dtype=torch.float64)
    x = normal(4, 2, 6, 5)
    for shape in ((4, 2, 6, 5), (4, 60), (2, 2, 2, 6, 5), (2, 2, 60)):
        z = net(x.reshape(shape))
        assert z.shape == (*shape[: 1 if shape[0] == 4 else 2], 3)
        assert_close(z.reshape(4, 3), net(x), str(shape))
    assert_close(net(x[0]), net(x)[0], "one image")
    for wrong in (x[:, :1], x.flatten(2), x.movedim(1, -1)):
        with pytest.raises(ValueError, match=r"takes images \[..., 2, 6, 5\] or \[..., 60\]"):
            net(wrong)


def test_ensembles_take_a_batch_each_or_one_for_all() -> None:
    net = Ensemble([network([6, 5, 3], seed=k) for k in (0, 1)])
    assert net(normal(7, 6)).shape == net(normal(2, 7, 6)).shape == (2, 7, 3)
    for wrong in (normal(3, 7, 6), normal(7, 5), normal(6), normal(2, 2, 7, 6)):
        with pytest.raises(ValueError, match=r"takes \[2, B, 6\], or \[B, 6\] for all"):
            net(wrong)


@pytest.mark.parametrize("mean", [mean_gain, mean_activation, lambda *given: activity(*given).second])
def test_means_over_data_follow(mean: Callable[..., torch.Tensor]) -> None:
    tokens = normal(4, 5, 12)
    net = IsotropicMLP([12, 6, 3], seed=0, dtype=torch.float64)
    wanted = mean(net, 1, tokens.reshape(20, 12))
    assert_close(mean(net, 1, tokens), wanted, "over tokens")
    assert_close(mean(net, 1, list(tokens)), wanted, "over batches")
    flat = IsotropicMLP([12, 6, 3], seed=0, dtype=torch.float64, flatten=True)
    assert_close(mean(flat, 1, tokens.reshape(20, 3, 4)), wanted, "over images")
    with pytest.raises(ValueError, match="takes 12"):
        mean(net, 1, tokens.reshape(20, 3, 4))
    stacked = Ensemble([net, net])
    assert_close(mean(stacked, 1, torch.stack([tokens.reshape(20, 12)] * 2))[0], wanted, "a batch each")
    with pytest.raises(TypeError, match="a list is no tensor"):
        prune(net, 1, 1, inputs=[[tokens, torch.zeros(4)]], correction="linear")  # type: ignore[list-item]


def test_integers_of_numpy_are_integers() -> None:
    widths = np.array([6, 5, 3])
    net = IsotropicMLP(widths, seed=0)  # type: ignore[arg-type]
    assert net.widths == [6, 5, 3] and all(type(n) is int for n in net.widths)
    image = IsotropicConvNet(np.array([1, 4, 4]), [np.int64(3)], np.int32(2), kernel=np.uint8(3))  # type: ignore[arg-type]
    assert image(torch.zeros(2, 1, 4, 4)).shape == (2, 2)
    assert ParallelMLP(net).deepened(np.int64(4)).widths == [6, 5, 4, 3]
    for wrong in ([6, True, 3], [6, 2.0, 3], 6):
        with pytest.raises(ValueError, match="is not a list of two or more integers >= 1"):
            IsotropicMLP(wrong)  # type: ignore[arg-type]


def test_printing_shows_shapes() -> None:
    shown = repr(network([6, 5, 3]))
    assert "AffineMap([5, 6])" in shown and "AffineMap([3, 5], psi [3])" in shown
