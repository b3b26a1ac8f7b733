"""The table of names in the library's README: which networks a call takes, and where it is exact."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from isotropic_testing import assert_close, network, normal
from torch import Tensor, nn

import isotropic
from isotropic import (
    BatchNormOfNorm,
    Ensemble,
    IsotropicActivation,
    IsotropicConvNet,
    NormalisedMLP,
    ParallelMLP,
    adapt,
    attach,
    count,
    diagonalise,
    embed,
    explain,
    grow,
    insert_layer,
    prune,
    prune_to,
    pruning_curve,
    remove_layer,
    singular_values,
    sparsify,
    sparsify_jointly,
    triangularise,
)
from isotropic.surgery.joint import annealing

README = (Path(isotropic.__file__).parent / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)[^|]*\| ([^|]*)\| ([^|]*)\| ([^|]*)\|$", README.split("## Names\n")[1], re.MULTILINE)
TABLE = {name: (exact.strip(), networks.strip()) for name, _, exact, networks in ROWS}

WIDTHS = [6, 5, 4, 3]
Function = Callable[[Tensor], Tensor]


def viewed() -> tuple[Any, Function, Tensor]:
    layers = [layer for m, n in itertools.pairwise(WIDTHS) for layer in (nn.Linear(m, n), IsotropicActivation())]
    model = nn.Sequential(*layers[:-1]).double()
    return attach(model, list(model[::2])), model, normal(12, WIDTHS[0])


def with_itself(net: Any, x: Tensor) -> tuple[Any, Function, Tensor]:
    return net.eval(), net, x


# Letter -> a network, what it computes, and inputs.
NETWORKS: dict[str, Callable[[], tuple[Any, Function, Tensor]]] = {
    "M": lambda: with_itself(network(WIDTHS), normal(12, 6)),
    "E": lambda: with_itself(Ensemble([network(WIDTHS, seed=k) for k in range(2)]), normal(12, 6)),
    "C": lambda: with_itself(
        IsotropicConvNet((1, 6, 6), [5, 4], classes=3, seed=0, dtype=torch.float64), normal(12, 36)
    ),
    "N": lambda: with_itself(NormalisedMLP(network(WIDTHS, compensation="none"), BatchNormOfNorm), normal(12, 6)),
    "V": viewed,
}


def inserted(net: Any) -> None:
    """A layer that is linear, which can be removed again; removed."""
    insert_layer(net, 1)
    remove_layer(net, 1)


# What a call gives is compared with the network before it, or the network itself, where it is changed in place.
CALLS: dict[str, Callable[[Any, Tensor], Any]] = {
    "Ensemble": lambda net, x: Ensemble([net]),
    "ParallelMLP": lambda net, x: ParallelMLP(net),
    "adapt": lambda net, x: adapt(net, scaffold=2) and None,
    "count": lambda net, x: count(net) and None,
    "diagonalise": lambda net, x: diagonalise(net, 1) is None,
    "embed": lambda net, x: embed(net, 1, 1e3),
    "explain": lambda net, x: explain(net, 1) and None,
    "grow": lambda net, x: grow(net, 1, 2) and None,
    "insert_layer": lambda net, x: insert_layer(net, 1),
    "prune": lambda net, x: prune(net, 1, 2) and None,
    "prune_to": lambda net, x: prune_to(net, count(net).parameters - 1, round_to=1) and None,
    "pruning_curve": lambda net, x: pruning_curve(net, 1, [1], x, torch.arange(len(x)) % 3) and None,
    "remove_layer": lambda net, x: inserted(net),
    "singular_values": lambda net, x: singular_values(net) and None,
    "sparsify": lambda net, x: sparsify(net),
    "sparsify_jointly": lambda net, x: sparsify_jointly(net, annealing(20, 2)) is None,
    "triangularise": lambda net, x: triangularise(net, 1),
}


@pytest.mark.parametrize("letter", NETWORKS)
@pytest.mark.parametrize("call", CALLS)
@torch.no_grad()
def test_a_call_takes_the_networks_that_the_table_names(call: str, letter: str) -> None:
    exact, letters = TABLE[call]
    net, function, x = NETWORKS[letter]()
    before = function(x)
    if letter not in letters.split():
        with pytest.raises((TypeError, ValueError)) as caught:
            CALLS[call](net, x)
        assert "\n" not in str(caught.value)
        return
    made = CALLS[call](net, x)
    if exact == "yes":
        after = (made or function)(x)
        assert_close(after.reshape_as(before), before, f"{call} of {letter}", slack=20)
