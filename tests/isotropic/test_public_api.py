"""The names that users import, and the example that the design promises them."""

from __future__ import annotations

import pytest
import torch

import isotropic


def test_the_example_of_the_design() -> None:
    """With two steps of training before and after, so that the optimiser has something to carry."""
    from isotropic import IsotropicMLP, diagonalise, grow, prune

    net = IsotropicMLP(
        [3072, 100, 100, 10],
        activation="isotropic-tanh",
        intrinsic_length="trainable",
        compensation="trainable+decay",
        seed=0,
        flatten=True,
    )
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-3)
    x, labels = torch.randn(48, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(48) % 10

    def train() -> float:
        for _ in range(2):
            opt.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), labels) + net.penalty()
            loss.backward()
            opt.step()
        return loss.item()

    first = train()
    assert net(x).shape == (48, 10)
    assert net.widths == [3072, 100, 100, 10]
    assert [affine.psi is None for affine in net.maps] == [True, False, False]
    assert net.maps[1].weight.shape == (100, 100) and net.maps[1].bias.shape == (100,)
    assert net.activations[0].o.item() == pytest.approx(1e-6, rel=0.1)
    diagonalise(net, layer=2, side="full", optimiser=opt)
    grow(net, layer=2, count=25, columns="normal", optimiser=opt)
    assert net.widths == [3072, 100, 125, 10]
    prune(net, layer=2, count=25, optimiser=opt)
    assert net.widths == [3072, 100, 100, 10]
    assert train() < first


@pytest.mark.parametrize("name", isotropic.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(isotropic, name).__doc__
