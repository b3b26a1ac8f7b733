"""Networks kept beside rows: the same network comes back, and nothing else is believed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isotropic.networks.network import IsotropicMLP
from isotropic.networks.sparse import SparseMLP
from isotropic.surgery.sparsify import alternate_maps, diagonalise_alternate
from pipeline.config import Configuration
from pipeline.errors import InputError
from pipeline.results import networks
from pipeline.results.networks import Network

X = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
WHERE: dict[str, str | int] = {"data": "digits", "network": "12-8-8-3", "configuration": "c", "repeat": 0}
TREATMENTS = [
    Configuration(intrinsic_length="none", compensation="none"),
    Configuration(intrinsic_length="constant", compensation="constant"),
    Configuration(intrinsic_length="trainable", compensation="trainable+decay"),
    Configuration(intrinsic_length="trainable", compensation="expectation"),
    Configuration(activation="tanh", intrinsic_length="none", compensation="none"),
]


def net(configuration: Configuration = TREATMENTS[2], seed: int = 0) -> IsotropicMLP:
    made = IsotropicMLP([12, 8, 8, 3], seed=seed, psi_decay=0.2, **configuration.model_dump())
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    return made


@pytest.mark.parametrize("configuration", TREATMENTS, ids=lambda each: each.label)
def test_the_same_network_comes_back(configuration: Configuration, tmp_path: Path) -> None:
    original = net(configuration)
    path = tmp_path / "networks.npz"
    networks.write([Network.of(original, "trained", WHERE, 0.2)], path)
    (kept,) = networks.read(path)
    again = kept.module()
    assert isinstance(again, IsotropicMLP)
    assert (kept.name, kept.where, kept.widths) == ("trained", WHERE, [12, 8, 8, 3])
    assert torch.equal(again(X), original(X))
    assert again.state_dict().keys() == original.state_dict().keys()
    assert [p.requires_grad for p in again.parameters()] == [p.requires_grad for p in original.parameters()]
    assert again.penalty() == original.penalty()


def test_a_network_with_diagonal_maps_comes_back_in_sparse_form() -> None:
    original = net()
    diagonalise_alternate(original)
    kept = Network.of(original, "sparsified", WHERE, 0.2, alternate_maps(original.depth))
    (again,) = networks.from_bytes(networks.to_bytes([kept]))
    sparse = again.module()
    assert isinstance(sparse, SparseMLP)
    torch.testing.assert_close(sparse(X), original(X))


def test_what_is_kept_does_not_change_with_the_network() -> None:
    original = net()
    kept, before = Network.of(original, "trained", WHERE, 0.2), original(X)
    with torch.no_grad():
        original.affine[0].weight.zero_()
    assert torch.equal(kept.module()(X), before)
    assert not torch.equal(original(X), before)


def test_the_digest_is_of_all_that_it_is() -> None:
    same, again = (Network.of(net(), "trained", WHERE, 0.2).digest for _ in range(2))
    others = [
        Network.of(net(seed=1), "trained", WHERE, 0.2),
        Network.of(net(), "sparsified", WHERE, 0.2),
        Network.of(net(), "trained", WHERE | {"repeat": 1}, 0.2),
        Network.of(net(), "trained", WHERE, 0.1),
    ]
    assert same == again
    assert len({same, *(other.digest for other in others)}) == 5


def test_no_file_is_no_networks_and_another_file_is_refused(tmp_path: Path) -> None:
    assert networks.read(tmp_path / "networks.npz") == []
    (tmp_path / "networks.npz").write_bytes(b"no networks")
    with pytest.raises(InputError, match=r"networks\.npz: is not a file of networks .*`dvc repro` makes it"):
        networks.read(tmp_path / "networks.npz")
