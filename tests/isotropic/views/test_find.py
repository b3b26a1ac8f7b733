"""Which chains a model is said to have; each can be attached, and nothing else is proposed."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import assert_close, normal
from torch import Tensor, nn
from views_testing import Block, Branching, Convolutional, Iso, Mlp, Transformer, case

import isotropic
from isotropic import Chain, grow


def names(model: nn.Module, inputs: object = None) -> list[tuple[str, ...]]:
    chains = isotropic.find(model, inputs)
    for chain in chains:
        assert isinstance(chain, Chain) and all(a is b for a, b in zip(chain, chain.modules, strict=True))
        assert isotropic.attach(model, chain, inputs).names == chain.names
    return [chain.names for chain in chains]


def test_chains() -> None:
    assert names(Mlp()) == [("fc1", "fc2", "fc3")]
    assert names(Convolutional()) == [("head.0", "head.3", "head.5")]
    assert names(Block()) == [("up", "down")]
    assert names(Transformer()) == [("blocks.0.up", "blocks.0.down"), ("blocks.1.up", "blocks.1.down")]


def test_no_chains() -> None:
    def between(*modules: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 5), *modules, nn.Linear(5, 3))

    assert names(between(Iso())) == [("0", "2")]  # the control
    assert names(between(nn.ReLU())) == names(between(nn.LayerNorm(5), Iso())) == []
    assert names(between(Iso(), nn.Dropout(0.5)).eval()) == []
    assert names(between()) == []  # nothing between
    assert names(nn.Linear(3, 3)) == names(nn.ReLU()) == names(nn.MultiheadAttention(4, 2)) == []


def test_a_chain_ends_where_something_does_not_commute() -> None:
    model = nn.Sequential(
        nn.Linear(6, 5), Iso(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.Identity(), nn.Linear(3, 2), Iso()
    )
    assert names(model) == [("0", "2"), ("4", "6")]


class Mixed(nn.Module):
    """Blocks that can be traced within code that cannot, one of which cannot either."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(8), Branching(), Block(8)])
        self.fc1, self.fc2 = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks[1](self.blocks[0](x)[..., :6])
        return self.fc2(self.fc1(x).relu() if x.sum() > 1e9 else Iso()(self.fc1(x))) + self.blocks[2](
            torch.cat([x, x], -1)
        ).sum(-1, keepdim=True)


def test_what_cannot_be_traced_is_found_by_running() -> None:
    model, x = Mixed(), normal(2, 3, 8, dtype=torch.float32)
    blocks = [("blocks.0.up", "blocks.0.down"), ("blocks.2.up", "blocks.2.down")]
    assert names(model) == blocks
    assert names(model, x) == [blocks[0], ("blocks.1.fc1", "blocks.1.fc2"), blocks[1], ("fc1", "fc2")]
    assert names(Branching()) == [] and names(Branching(torch.relu), normal(3, 6, dtype=torch.float32)) == []


def test_a_reader_outside_of_what_is_traced_is_seen_by_running() -> None:
    class Outside(nn.Module):
        def __init__(self, reads: bool) -> None:
            super().__init__()
            self.block, self.reads = Block(8), reads

        def forward(self, x: Tensor) -> Tensor:
            h = self.block(x) if x.sum() < 1e9 else x
            return h + self.block.up(h).sum() if self.reads else h

    x = normal(2, 3, 8, dtype=torch.float32)
    assert names(Outside(False), x) == [("block.up", "block.down")]
    assert names(Outside(True), x) == []
    model = Outside(True)
    with pytest.raises(ValueError, match="2 times"):
        isotropic.attach(model, [model.block.up, model.block.down], x)


def test_find_leaves_the_model_as_it_was_and_its_chains_can_grow() -> None:
    made = case("transformer")
    made.model.train()
    state = {key: t.clone() for key, t in made.model.state_dict().items()}
    chains = isotropic.find(made.model, made.inputs)
    assert all(torch.equal(t, state[key]) for key, t in made.model.state_dict().items())
    before = made()
    for chain in chains:
        grow(isotropic.attach(made.model, chain), 1, 2)
    assert_close(made(), before, "grown")
    assert [block.up.out_features for block in made.model.blocks] == [14, 14]
