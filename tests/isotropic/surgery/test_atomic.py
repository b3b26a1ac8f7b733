"""A number that is not finite, wherever it is: all is refused before anything is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from isotropic_testing import loss
from refusals import assert_refused, begun
from torch import Generator
from torch.optim import Optimizer

from isotropic import (
    IsotropicMLP,
    adapt,
    diagonalise,
    explain,
    grow,
    insert_layer,
    prune,
    prune_to,
    remove_layer,
    sparsify_jointly,
    triangularise,
)
from isotropic.surgery.joint import annealing

Change = Callable[[IsotropicMLP, Optimizer], object]
OF_ALL: dict[str, Change] = {
    "adapt, growing": lambda net, own: adapt(net, threshold=1e-9, scaffold=2, optimiser=own),
    "adapt, pruning": lambda net, own: adapt(net, threshold=99.0, scaffold=1, optimiser=own),
    "adapt, by gradient": lambda net, own: adapt(net, scaffold=1, importance="gradient", optimiser=own),
    "prune_to": lambda net, own: prune_to(net, 50, round_to=2, optimiser=own),
    "sparsify_jointly": lambda net, own: sparsify_jointly(net, annealing(60), optimiser=own),
}
# What is done to hidden width 2, of maps 2 and 3.
OF_ONE: dict[str, Change] = {
    "prune": lambda net, own: prune(net, 2, 2, optimiser=own),
    "prune by indices": lambda net, own: prune(net, 2, 1, choice=[0], optimiser=own),
    "grow in a basis": lambda net, own: grow(net, 2, 2, basis="singular", optimiser=own),
    "diagonalise": lambda net, own: diagonalise(net, 2, optimiser=own),
    "triangularise": lambda net, own: triangularise(net, 2, optimiser=own),
}
NAMES = [name for name, _ in begun()[0].named_parameters()]
STATES = ["value", "grad", "exp_avg", "exp_avg_sq"]
# Gradients and moments are touched along the axes of a hidden width alone.
TURNED = {layer: [row.tensor for row in explain(begun()[0], layer).rows] for layer in (1, 2)}
PLACES = [(name, state) for name in NAMES for state in STATES if state == "value" or name in TURNED[1] + TURNED[2]]
OF_MAP_2 = [each for each in PLACES if each[0].startswith(("maps.1", "activations.1"))]


def plant(net: IsotropicMLP, optimiser: Optimizer, name: str, state: str, bad: float) -> None:
    """Put `bad` into a parameter, its gradient or its moment; all gradients are there and finite before."""
    net.zero_grad()
    loss(net).backward()
    parameter = dict(net.named_parameters())[name]
    where = {"value": parameter.data, "grad": parameter.grad}
    where |= optimiser.state[parameter]
    where[state].view(-1)[-1] = bad


@pytest.mark.parametrize(("name", "state"), PLACES)
@pytest.mark.parametrize("change", OF_ALL)
def test_all_layers_or_none(change: str, name: str, state: str) -> None:
    net, optimiser = begun()
    plant(net, optimiser, name, state, float("nan"))
    assert_refused(net, optimiser, OF_ALL[change], "values that are not finite")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize(("name", "state"), OF_MAP_2)
@pytest.mark.parametrize("change", OF_ONE)
def test_one_layer(change: str, name: str, state: str, bad: float) -> None:
    net, optimiser = begun()
    plant(net, optimiser, name, state, bad)
    assert_refused(net, optimiser, OF_ONE[change], f"{name}")


@pytest.mark.parametrize("change", OF_ALL | OF_ONE)
def test_the_control_is_not_refused(change: str) -> None:
    net, optimiser = begun()
    plant(net, optimiser, "maps.1.weight", "value", 0.5)
    before = {name: t.clone() for name, t in net.tensors().items()}
    (OF_ALL | OF_ONE)[change](net, optimiser)
    after = net.tensors()
    assert any(t.shape != after[name].shape or not torch.equal(t, after[name]) for name, t in before.items())


@pytest.mark.parametrize("change", OF_ALL | OF_ONE)
def test_a_moment_that_nothing_touches_is_no_obstacle(change: str) -> None:
    """That of a length is never read; with momentum and decay, one of a length of zero is not finite."""
    net, optimiser = begun()
    plant(net, optimiser, "activations.1.log_o", "exp_avg", float("nan"))
    (OF_ALL | OF_ONE)[change](net, optimiser)
    assert all(t.isfinite().all() for t in net.tensors().values())


@pytest.mark.parametrize("as_saved_before", [False, True])
def test_a_length_of_zero_is_finite(as_saved_before: bool) -> None:
    """Its logarithm, of older saved states, is not."""
    net = IsotropicMLP([5, 4, 6, 3], intrinsic_length="none", seed=0, dtype=torch.float64)
    if as_saved_before:
        net.assign({f"activations.{i}.log_o": torch.tensor(-torch.inf, dtype=torch.float64) for i in range(2)})
    x = torch.ones(2, 5, dtype=torch.float64)
    assert torch.equal(net(x), IsotropicMLP([5, 4, 6, 3], intrinsic_length="none", seed=0, dtype=torch.float64)(x))
    assert adapt(net, threshold=99.0, scaffold=1)[0].after == 1


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("columns", ["normal", "zero"])
def test_growing_without_a_basis_reads_nothing_and_spreads_nothing(columns: str, state: str) -> None:
    net, optimiser = begun()
    plant(net, optimiser, "maps.1.weight", state, float("nan"))
    grow(net, 2, 3, columns=columns, optimiser=optimiser)
    weight = net.maps[1].weight
    t = weight.detach() if state == "value" else {"grad": weight.grad, **optimiser.state[weight]}[state]
    assert t is not None and int(t.isnan().sum()) == 1 and t[6:].count_nonzero() == 0


@pytest.mark.parametrize("columns", ["combination", "semi-orthogonal"])
def test_columns_made_of_others_read_them(columns: str) -> None:
    net, optimiser = begun()
    plant(net, optimiser, "maps.2.weight", "value", float("nan"))
    words = "maps.2.weight has values that are not finite"
    assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, columns=columns, optimiser=o), words)


def test_new_biases_read_the_length() -> None:
    net, optimiser = begun()
    plant(net, optimiser, "activations.1.log_o", "value", float("nan"))
    words = "activations.1.log_o has values that are not finite"
    assert_refused(net, optimiser, lambda n, o: grow(n, 3, 1, side="right", optimiser=o), words)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("correction", ["none", "linear", "isometric"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_inputs_that_are_not_finite(side: str, correction: str, bad: float) -> None:
    """Means over them would go into the network."""
    net, optimiser = begun(compensation="expectation")
    x = torch.ones(4, 5, dtype=torch.float64)
    x[2, 1] = bad
    layer = 2 if side == "left" else 3
    assert_refused(
        net,
        optimiser,
        lambda n, o: prune(n, layer, 1, side=side, correction=correction, inputs=x, optimiser=o),
        "inputs: the mean",
    )


@pytest.mark.parametrize("fault", ["inputs", "columns", "generators", "optimiser", "gradient"])
def test_other_faults_of_adapting_change_nothing(fault: str) -> None:
    """Those that a later layer alone would meet, too."""
    net, optimiser = begun(compensation="expectation" if fault == "inputs" else "trainable+decay")
    if fault == "optimiser":
        optimiser.state[net.maps[0].weight]["curvature"] = torch.ones(4, 5)
    net.zero_grad()
    net.maps[1].weight.grad = torch.ones_like(net.maps[1].weight)  # the first to be adapted has one
    x = torch.ones(3, 5, dtype=torch.float64)
    arguments, words, kind = {
        "inputs": (
            {"threshold": 99.0, "scaffold": 1, "inputs": iter([x])},
            "inputs: no samples",
            ValueError,
        ),  # once, not twice
        "columns": ({"columns": "ones", "scaffold": 9}, "columns: 'ones'", ValueError),
        "generators": ({"generator": [Generator()] * 2, "scaffold": 9}, "generator: 2 generators", ValueError),
        "optimiser": ({}, "'curvature'", TypeError),
        "gradient": ({"importance": "gradient"}, "needs maps.0.weight.grad", ValueError),
    }[fault]
    assert_refused(net, optimiser, lambda n, o: adapt(n, optimiser=o, **arguments), words, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["net", "also"])
@pytest.mark.parametrize("name", ["maps.0.weight", "maps.0.bias", "maps.1.weight", "maps.1.bias", "maps.1.psi"])
def test_merging_two_maps(name: str, where: str) -> None:
    """One NaN of a map would become many of the product."""
    net, optimiser = begun()
    insert_layer(net, 1, optimiser)
    average = copy.deepcopy(net)
    module, _, leaf = name.rpartition(".")
    getattr((net if where == "net" else average).get_submodule(module), leaf).data.view(-1)[-1] = float("nan")
    assert_refused(net, optimiser, lambda n, own: remove_layer(n, 1, optimiser=own, also=average), name)
