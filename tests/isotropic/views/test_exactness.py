"""Every operation on a view, in every model: exact ones change no output, and what is kept of the others is kept."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from isotropic_testing import DTYPES, OPTIMISERS, assert_close, assert_differs
from torch.optim import AdamW
from views_testing import CASES, case, step, view

import isotropic
from isotropic import View, adapt, diagonalise, grow, prune, sparsify_jointly, triangularise
from isotropic.surgery.joint import annealing
from isotropic.views.diagonal import DiagonalLinear

EXACT: dict[str, Callable[[View], object]] = {
    "diagonalise": lambda v: diagonalise(v, 1),
    "diagonalise right": lambda v: diagonalise(v, v.depth, "right"),
    "triangularise": lambda v: triangularise(v, 1),
    "grow": lambda v: grow(v, 1, 3),
    "grow semi-orthogonal": lambda v: grow(v, v.depth - 1, 2, columns="semi-orthogonal"),
    "grow right": lambda v: grow(v, 2, 2, side="right", rows="zero"),
    "adapt": lambda v: adapt(v, threshold=1e-9, scaffold=6),
    "sparsify jointly": lambda v: sparsify_jointly(v, annealing(20, 2)),
}


@pytest.mark.parametrize("converted", [False, True], ids=["attached", "converted"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("operation", EXACT)
@pytest.mark.parametrize("name", CASES)
def test_exact_operations(name: str, operation: str, dtype: torch.dtype, converted: bool) -> None:
    made, v = view(name, dtype, converted)
    before, weight = made(), v.maps[v.depth - 1].weight
    EXACT[operation](v)
    assert_close(made(), before, operation)
    assert v.maps[v.depth - 1].weight is not weight or v.depth > 2  # something was done
    for affine in v.maps:
        assert (affine.layer.out_features, affine.layer.in_features) == tuple(affine.weight.shape)


def vanish(v: View, layer: int) -> None:
    """Make the last neuron's weights (and entry of psi) zero, so that only its bias is left."""
    with torch.no_grad():
        v.maps[layer - 1].weight[-1] = 0
        if v.maps[layer - 1].psi is not None:
            v.maps[layer - 1].layer.per_constant[-1] = 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [name for name in CASES if name != "mlp without bias"])
def test_pruning_is_exact_after_convert_and_not_before(name: str, dtype: torch.dtype) -> None:
    for converted in (True, False):
        made, v = view(name, dtype, converted)
        vanish(v, 1)
        before = made()
        prune(v, 1, 1)
        if converted:
            assert_close(made(), before, name)
        else:
            assert_differs(made(), before, name, 1e-4)


@pytest.mark.parametrize("name", ["mlp", "mlp without bias", "transformer"])
def test_pruning_again_and_again(name: str) -> None:
    """Several at once, another width, turned in between, and a width of which something was pruned before."""
    made, v = view(name, converted=True)
    for layer in (1, 1, v.depth - 1):
        grow(v, layer, 3, columns="semi-orthogonal")
        with torch.no_grad():
            if v.maps[layer - 1].bias is not None:
                v.maps[layer - 1].bias[-3:] = torch.tensor([0.3, -0.5, 0.2])
        before, width = made(), v.widths[layer]
        prune(v, layer, 3)
        diagonalise(v, layer)
        assert v.widths[layer] == width - 3
        assert_close(made(), before, f"layer {layer}", slack=10)
    if name == "mlp":
        assert all(v.tensors()[f"activations.{i}.log_o"].exp() > 0.1 for i in (0, 1))


def test_nothing_to_divide_by() -> None:
    """A removed neuron without a bias adds nothing to o = 0, and psi stays 0 and finite."""
    made, v = view("mlp", converted=True)
    vanish(v, 1)
    with torch.no_grad():
        v.maps[0].bias[-1] = 0
        v.maps[0].bias[:-1] = 0
    before = made()
    prune(v, 1, 1)
    assert_close(made(), before, "no bias")
    assert all(t.isfinite().all() for name, t in made.model.state_dict().items() if "log_o" not in name)
    with torch.no_grad():
        v.maps[0].weight[-1] = 0
        v.maps[0].bias[:] = 1e-200  # whose square is 0 in float64
    prune(v, 1, 1)
    assert made().isfinite().all()


@pytest.mark.parametrize("kind", OPTIMISERS)
@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_an_optimiser_of_the_whole_model_goes_on(name: str, kind: str) -> None:
    made, v = view(name, converted=True)
    optimiser = OPTIMISERS[kind](made.model.parameters())
    step(made, optimiser, 2)
    before = made()
    grow(v, 1, 4, optimiser=optimiser)
    diagonalise(v, 1, optimiser=optimiser)
    assert_close(made(), before, kind)
    held = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert held == [id(p) for p in made.model.parameters()]
    loss = made().square().mean().log1p().item()
    assert step(made, optimiser, 15) < loss
    assert prune(v, 1, 2, optimiser=optimiser) is None or v.widths[1]
    step(made, optimiser)


def test_turning_and_training_commute_under_momentum() -> None:
    """The moments are turned as the parameters are: the outputs after further steps are the same."""
    results = []
    for turned in (False, True):
        made, v = view("transformer")
        optimiser = OPTIMISERS["momentum"](made.model.parameters())
        step(made, optimiser, 2)
        if turned:
            diagonalise(v, 1, optimiser=optimiser)
        step(made, optimiser, 3)
        results.append(made())
    assert_close(results[1], results[0], "momentum", slack=10)


def test_a_frozen_layer_stays_frozen() -> None:
    made, v = view("mlp")
    made.model.fc1.requires_grad_(False)
    grow(v, 1, 2)
    assert not made.model.fc1.weight.requires_grad and made.model.fc2.weight.requires_grad


@pytest.mark.parametrize("name", ["mlp", "mlp without bias"])
def test_sparsify_gives_a_copy_of_the_model_with_every_second_layer_diagonal(name: str) -> None:
    made, v = view(name)
    before, own = made(), [p.clone() for p in made.model.parameters()]
    sparse = isotropic.sparsify(v)
    assert all(torch.equal(p, q) for p, q in zip(made.model.parameters(), own, strict=True)), "it is a copy"
    dense, made.model = made.model, sparse
    assert_close(made(), before, "the copy")
    n, m = dense.fc2.weight.shape
    assert isinstance(sparse.fc2, DiagonalLinear) and sparse.fc2.weight.shape == (min(n, m),)
    assert (sparse.fc2.in_features, sparse.fc2.out_features) == (m, n)
    assert type(sparse.fc1) is type(sparse.fc3) is torch.nn.Linear
    with torch.no_grad():
        sparse.fc2.weight[-1] += 1
    assert_differs(made(), before, "the control", 1e-4)


def test_a_converted_chain_is_not_made_diagonal() -> None:
    made, v = view("mlp", converted=True)
    before = made()
    with pytest.raises(ValueError, match="net: 'fc1' was converted; a view that `attach` gives") as caught:
        isotropic.sparsify(v)
    assert "\n" not in str(caught.value) and torch.equal(made(), before)


@pytest.mark.parametrize("converted", [False, True], ids=["attached", "converted"])
@pytest.mark.parametrize("name", ["mlp", "mlp without bias", "transformer"])
def test_saved_and_resumed(name: str, converted: bool) -> None:
    made, v = view(name, converted=converted)
    grow(v, 1, 3)
    prune(v, 1, 5)
    state = copy.deepcopy(made.model.state_dict())
    fresh, again = view(name, converted=converted)
    with pytest.raises(RuntimeError, match="size mismatch"):  # the control
        fresh.model.load_state_dict(state)
    again.fit(state)
    fresh.model.load_state_dict(state)
    assert torch.equal(fresh(), made()) and again.widths == v.widths
    grow(again, 1, 1)
    assert_close(fresh(), made(), "grown after")


@pytest.mark.parametrize("converted", [False, True], ids=["attached", "converted"])
def test_fitting_keeps_what_has_its_shape_and_says_what_it_replaced(converted: bool) -> None:
    made, v = view("mlp", converted=converted)
    optimiser, before = AdamW(made.model.parameters()), dict(v.named_parameters())
    v.fit(made.model.state_dict())
    assert all(p is before[name] for name, p in v.named_parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(made, optimiser)
    other, wider = view("mlp", converted=converted)
    grow(wider, 1, 3)
    v.fit(other.model.state_dict())
    made.model.load_state_dict(other.model.state_dict())
    assert v.maps[2].weight is before["maps.2.weight"] and v.widths == wider.widths
    with pytest.warns(UserWarning, match=r"AdamW steps fc1\.weight, which"):
        step(made, optimiser)


def test_fitting_refuses_what_is_of_another_model() -> None:
    made, v = view("mlp", converted=True)
    state = made.model.state_dict()
    for given, words in (
        ({"module." + name: t for name, t in state.items()}, "state: has no fc1.weight; it is of another model"),
        (view("mlp")[0].model.state_dict(), "state: has no fc1.log_o; .*before `convert`"),
        (state | {"fc1.weight": torch.zeros(9, 2)}, "state: fc1 to fc3 goes from 2 to 4, and here from 6 to 4; only"),
    ):
        with pytest.raises(ValueError, match=words):
            v.fit(given)
    assert v.widths == [6, 5, 7, 4]


@pytest.mark.parametrize("width", [5, 4], ids=["as many", "the control"])
def test_neurons_beyond_the_inputs_go_exactly(width: int) -> None:
    """16 neurons of 5 numbers: further singular values are 0, in whichever way they were trained."""
    made = case("mlp")
    v = isotropic.convert(made.model, made.layers)
    grow(v, 2, 9)  # 16 neurons behind 5
    step(made, AdamW(made.model.parameters(), lr=0.1), 3)
    before = made()
    prune(v, 2, to=width)
    if width == 5:
        assert_close(made(), before, "as many as inputs")
    else:
        assert_differs(made(), before, "fewer", 1e-4)
