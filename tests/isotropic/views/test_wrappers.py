"""What people wrap models and layers in: taken off, or refused in one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close, normal
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from views_testing import Iso, Mlp

import isotropic
from isotropic import diagonalise, grow


class Doubled(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return 2 * w


class OwnLinear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


class Renamed(nn.Linear):
    """A subclass that computes what nn.Linear does."""


def old_weight_norm(layer: nn.Linear) -> nn.Linear:
    with pytest.warns(FutureWarning):
        return torch.nn.utils.weight_norm(layer)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(6, 5)), "remove_parametrizations"),
    "spectral norm": (lambda: parametrizations.spectral_norm(nn.Linear(6, 5)), "remove_parametrizations"),
    "old weight norm": (lambda: old_weight_norm(nn.Linear(6, 5)), "parametrised"),
    "an adapter": (
        lambda: parametrize.register_parametrization(nn.Linear(6, 5), "weight", Doubled(), unsafe=True),
        "parametrised",
    ),
    "a parametrised bias": (
        lambda: parametrize.register_parametrization(nn.Linear(6, 5), "bias", Doubled()),
        "parametrised",
    ),
    "lazy": (lambda: nn.LazyLinear(5), "is lazy and has no shape yet; run the model on a batch first"),
    "meta": (lambda: nn.Linear(6, 5, device="meta"), "to_empty and load its state first"),
    "float16": (lambda: nn.Linear(6, 5).half(), "is in torch.float16"),
    "bfloat16": (lambda: nn.Linear(6, 5).bfloat16(), "is in torch.bfloat16"),
    "its own forward": (lambda: OwnLinear(6, 5), "is a OwnLinear with a forward of its own"),
    "bilinear": (lambda: nn.Bilinear(6, 6, 5), "is a Bilinear, and not an nn.Linear"),
    "quantised": (lambda: torch.ao.nn.quantized.dynamic.Linear(6, 5), "is a Linear, and not an nn.Linear"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_layers_that_cannot_be_changed(name: str) -> None:
    make, words = REFUSED[name]
    model = nn.Sequential(make(), Iso(), nn.Linear(5, 3))
    for call in (isotropic.attach, isotropic.convert):
        with pytest.raises(ValueError) as caught:
            call(model, [model[0], model[2]])
        assert words in str(caught.value) and "'0'" in str(caught.value) and "\n" not in str(caught.value)
    assert isotropic.find(model) == []


@pytest.mark.parametrize("make", [lambda: nn.Linear(6, 5), lambda: Renamed(6, 5)], ids=["Linear", "a subclass"])
def test_layers_that_can(make: Callable[[], nn.Module]) -> None:
    model = nn.Sequential(make(), Iso(), nn.Linear(5, 3))
    assert isotropic.attach(model, [model[0], model[2]]).depth == 2


def test_parametrised_then_removed() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5)), Iso(), nn.Linear(5, 3)).double()
    parametrize.remove_parametrizations(model[0], "weight")
    x = normal(3, 6)
    before = model(x)
    grow(isotropic.attach(model, [model[0], model[2]]), 1, 3)
    assert_close(model(x), before, "grown")


def test_what_was_parametrised_after_attaching() -> None:
    model = Mlp()
    view = isotropic.attach(model, [model.fc1, model.fc2])
    parametrizations.weight_norm(model.fc1)
    with pytest.raises(ValueError) as caught:
        grow(view, 1, 1)
    assert "\n" not in str(caught.value) and model.fc2.in_features == 5


def test_tied_weights() -> None:
    model = Mlp()
    model.also = nn.Linear(6, 5)
    layers = [model.fc1, model.fc2, model.fc3]
    assert isotropic.attach(model, layers).depth == 3
    model.also.weight = model.fc1.weight
    with pytest.raises(ValueError, match=r"the weight of 'fc1' is tied to also\.weight.*untie them"):
        isotropic.attach(model, layers)


def test_a_compiled_model() -> None:
    model = Mlp().double()
    compiled, x = torch.compile(model, backend="eager"), normal(4, 6)
    before = compiled(x)
    view = isotropic.attach(compiled, [compiled.fc1, compiled.fc2, compiled.fc3])
    assert view.model is model
    grow(view, 2, 3)
    diagonalise(view, 1)
    assert_close(compiled(x), before, "compiled again")


def test_a_compiled_part() -> None:
    """torch.fx does not look into it from outside, but can from within."""
    inside = Mlp().double()
    model, x = nn.Sequential(nn.Linear(6, 6), torch.compile(inside, backend="eager")).double(), normal(4, 6)
    before = model(x)
    (chain,) = isotropic.find(model)
    assert list(chain) == [inside.fc1, inside.fc2, inside.fc3]
    grow(isotropic.convert(model, chain), 1, 2)
    assert_close(model(x), before, "compiled again")


def test_data_parallel_wrappers(tmp_path: object) -> None:
    model = Mlp()
    assert isotropic.attach(nn.DataParallel(model), [model.fc1, model.fc2]).model is model
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        ddp = nn.parallel.DistributedDataParallel(model)
        for call in (isotropic.attach, isotropic.convert):
            with pytest.raises(ValueError, match=r"model\.module.*same generator.*wrap it again") as caught:
                call(ddp, [model.fc1, model.fc2])
            assert "\n" not in str(caught.value)
        with pytest.raises(ValueError, match="wrap it again"):
            isotropic.find(ddp)
        view = isotropic.convert(ddp.module, [model.fc1, model.fc2])
        grow(view, 1, 2)
        nn.parallel.DistributedDataParallel(model)(torch.ones(2, 6)).sum().backward()
        assert model.fc1.weight.grad.shape == (7, 6)
    finally:
        torch.distributed.destroy_process_group()


def test_what_is_no_model() -> None:
    model = Mlp()
    view = isotropic.attach(model, [model.fc1, model.fc2])
    for wrong, words in ((view, "a View is attached already"), ("model", "str is not a torch.nn.Module")):
        with pytest.raises(ValueError, match=words):
            isotropic.attach(wrong, [model.fc1, model.fc2])  # type: ignore[arg-type]


def test_what_cannot_be_copied_for_the_check() -> None:
    model = Mlp()
    model.kept = model(torch.ones(2, 6))  # a result with its graph, which Python does not copy: that is all right
    layers = [model.fc1, model.fc2]
    assert isotropic.attach(model, layers).depth == 2
    model.lock = (i for i in range(3))
    with pytest.raises(ValueError, match="model: Mlp cannot be copied for the check: TypeError") as caught:
        isotropic.attach(model, layers)
    assert "\n" not in str(caught.value)
