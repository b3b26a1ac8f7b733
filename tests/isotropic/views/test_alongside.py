"""What goes along with the parameters of a view: gradients, hooks, averages of weights, several optimisers."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close, assert_differs
from torch.optim import SGD, AdamW
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from views_testing import Case, case, step, view

import isotropic
from isotropic import diagonalise, grow, prune


def test_a_change_between_backward_and_step() -> None:
    results = []
    for turned in (False, True):
        made, v = view("transformer")
        optimiser = SGD(made.model.parameters(), lr=0.1)
        made().square().mean().log1p().backward()
        if turned:
            diagonalise(v, 1, optimiser=optimiser)
        optimiser.step()
        results.append(made())
    assert_close(results[1], results[0], "the gradients turned, too")


def test_hooks_stay() -> None:
    made, v = view("mlp")
    seen: list[int] = []
    made.model.fc1.weight.register_hook(lambda gradient: seen.append(len(gradient)))
    grow(v, 1, 2)
    made().sum().backward()
    assert seen == [7]


GIVEN: dict[str, Callable[[AveragedModel], object]] = {
    "view": lambda ema: isotropic.attach(ema.module, [ema.module.fc1, ema.module.fc2, ema.module.fc3]),
    "average": lambda ema: ema,
    "its module": lambda ema: ema.module,
    "compiled": lambda ema: torch.compile(ema.module, backend="eager"),
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("converted", [False, True], ids=["attached", "converted"])
def test_an_average_of_weights(converted: bool, given: str) -> None:
    """Changed alongside, the average of the turned model is the turned average; left behind, it mixes two bases."""
    changes = []
    for alongside in (True, False):
        made, v = view("mlp", converted=converted)
        ema = AveragedModel(made.model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
        other = GIVEN[given](ema)
        optimiser = SGD(made.model.parameters(), lr=0.05)
        ema.update_parameters(made.model)  # the first time it copies
        step(made, optimiser, 3)
        reference = copy.deepcopy((made.model, ema))
        diagonalise(v, 1, optimiser=optimiser, also=[other] if alongside else ())
        for model, mean in ((made.model, ema), reference):
            mean.update_parameters(model)
        expected = reference[1](*made.inputs)
        assert_close(made(), reference[0](*made.inputs), "the model itself")
        if alongside:
            assert_close(ema(*made.inputs), expected, "averaged on")
            grow(v, 1, 2, optimiser=optimiser, also=[other])
            prune(v, 1, 1, optimiser=optimiser, also=[other])
            ema.update_parameters(made.model)
        else:
            assert_differs(ema(*made.inputs), expected, "averaged over two bases", 1e-3)
        changes.append(GIVEN["view"](ema).widths)  # type: ignore[attr-defined]
    assert changes == [[6, 6, 7, 4], [6, 5, 7, 4]]


def test_what_is_no_copy_of_the_model() -> None:
    made, v = view("mlp")
    converted = view("mlp", converted=True)[0].model
    again = isotropic.attach(made.model, made.layers)
    for also, words in (
        (case("transformer").model, "has no 'fc1'; give copies of the model"),
        (converted, "'fc1' is CompensatedLinear beside Linear of `net`"),
        (again, "the network itself is among them"),
        (made.model, "the network itself is among them"),
        ([None], "NoneType is no network that can be changed, nor a view; give one"),
    ):
        with pytest.raises(ValueError, match=words):
            grow(v, 1, 2, also=also)
    assert v.widths == again.widths == [6, 5, 7, 4]


def test_two_optimisers_and_what_is_frozen() -> None:
    made, v = view("transformer")
    matrices = [p for p in made.model.parameters() if p.ndim == 2]
    rest = [p for p in made.model.parameters() if p.ndim != 2]
    v.maps[1].bias.requires_grad_(False)
    both = [SGD(matrices, lr=0.1, momentum=0.9), AdamW([p for p in rest if p.requires_grad], lr=0.01)]
    for _ in range(2):
        made().square().mean().log1p().backward()
        for optimiser in both:
            optimiser.step()
    before = made()
    grow(v, 1, 3, optimiser=both)
    assert_close(made(), before, "grown")
    held = {id(p) for optimiser in both for group in optimiser.param_groups for p in group["params"]}
    assert held == {id(p) for p in made.model.parameters() if p.requires_grad}
    with pytest.raises(ValueError, match="does not hold"):
        grow(v, 1, 1, optimiser=both[1])


def test_an_optimiser_that_is_forgotten() -> None:
    made: Case = case("mlp")
    v = isotropic.attach(made.model, made.layers)
    optimiser = AdamW(made.model.parameters())
    step(made, optimiser)
    grow(v, 1, 1)
    with pytest.warns(UserWarning, match=r"maps\.0\.weight"):
        step(made, optimiser)
