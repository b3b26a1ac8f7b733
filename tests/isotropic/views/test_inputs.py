"""Pruning a view over data: what the model is given, whatever that is, and means of the gain in its layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, normal
from torch import Tensor, nn
from views_testing import CASES, Case, Iso, Transformer, case, isotropic_tanh, view

import isotropic
from isotropic import View, adapt, diagonalise, prune


def by_hand(made: Case, v: View, count: int) -> Tensor:
    """b_2 + mean(g_1) sum_i b*_i u_i, with hidden width 1 in the basis of its singular values."""
    seen: list[Tensor] = []
    handle = v.maps[0].layer.register_forward_hook(lambda module, args, h: seen.append(h.detach()))
    made()
    handle.remove()
    r = seen[0].norm(dim=-1)
    kept = v.widths[1] - count
    removed = v.maps[0].bias.detach()[kept:]
    return v.maps[1].bias.detach() + (r.tanh() / r).mean() * (v.maps[1].weight.detach()[:, kept:] @ removed)


@pytest.mark.parametrize("name", ["mlp", "block", "transformer", "convolutional", "branching"])
def test_the_next_bias_takes_the_mean_gain(name: str) -> None:
    made, v = view(name)
    diagonalise(v, 1)
    expected, before = by_hand(made, v, 2), v.maps[1].bias.detach().clone()
    prune(v, 1, 2, inputs=made.inputs)
    assert_close(v.maps[1].bias, expected, name, slack=10)
    assert_differs(before, expected, "without a correction", 1e-3)
    _, without = view(name)
    prune(without, 1, 2)
    assert_close(without.maps[1].bias, before, "no inputs: nothing is kept")


def test_batches_are_gone_through() -> None:
    made, v = view("transformer")
    tokens, mask = made.inputs
    _, w = view("transformer")
    prune(v, 1, 2, inputs=(tokens, mask))
    prune(w, 1, 2, inputs=[(tokens[:1], mask[:1]), (tokens[1:], mask[1:])])
    assert_close(w.maps[1].bias, v.maps[1].bias, "in two batches")


def test_closer_than_without() -> None:
    """Where only a constant was removed, the mean of the gain is what is best to add (METHOD section 4)."""
    changes = []
    for with_inputs in (True, False):
        made, v = view("mlp")
        with torch.no_grad():
            v.maps[0].weight[-1] = 0
            v.maps[0].bias[-1] = 0.3
        before = made()
        prune(v, 1, 1, inputs=made.inputs if with_inputs else None)
        changes.append((made() - before).norm().item())
    assert changes[0] < 0.5 * changes[1]


@pytest.mark.parametrize("name", CASES)
def test_a_model_is_run_in_evaluation_and_left_as_it_was(name: str) -> None:
    made, v = view(name)
    made.model.train()
    buffers = {key: t.clone() for key, t in made.model.named_buffers()}
    random = torch.random.get_rng_state()
    _, gains = v.trace(made.inputs)
    assert len(gains) == v.depth - 1 and all(((g > 0) & (g <= 1)).all() for g in gains)
    assert all(torch.equal(t, buffers[key]) for key, t in made.model.named_buffers())
    assert made.model.training and torch.equal(torch.random.get_rng_state(), random)


def test_a_side_and_a_correction() -> None:
    """All that takes inputs takes those of the model: what a correction predicts is over them."""
    made, v = view("transformer")
    before = made()
    prune(v, 2, 2, side="right", inputs=made.inputs)
    right = (made() - before).norm()
    made, v = view("transformer")
    prune(v, 1, 2, correction="linear", inputs=made.inputs)
    assert made().isfinite().all() and right.isfinite() and v.widths[1] == 10


def test_a_next_layer_without_a_bias() -> None:
    for call in (lambda v, x: prune(v, 1, 1, inputs=x), lambda v, x: adapt(v, threshold=100.0, inputs=x, scaffold=1)):
        made, v = view("mlp without bias")
        state = {key: t.clone() for key, t in made.model.state_dict().items()}
        with pytest.raises(ValueError, match="bias") as caught:
            call(v, made.inputs)
        assert "\n" not in str(caught.value)
        assert all(torch.equal(t, state[key]) for key, t in made.model.state_dict().items())
        prune(v, 1, 1)  # without inputs it can be done
        assert v.widths[1] == 4


REFUSED: dict[str, Callable[[Case], object]] = {
    "no samples": lambda made: [],
    "of another shape": lambda made: normal(3, 4),
}


@pytest.mark.parametrize("name", REFUSED)
def test_inputs_that_cannot_be_used(name: str) -> None:
    made, v = view("mlp")
    with pytest.raises((ValueError, RuntimeError)):
        prune(v, 1, 1, inputs=REFUSED[name](made))
    assert v.widths[1] == 5
    prune(v, 1, 1, inputs=made.inputs)
    assert v.widths[1] == 4


def test_what_has_no_single_gain() -> None:
    """Attention between tokens commutes with rotations, but does not scale them."""

    class Mixing(nn.Module):
        def forward(self, h: Tensor) -> Tensor:
            return torch.softmax(h @ h.mT, dim=-1) @ isotropic_tanh(h)

    model = nn.Sequential(nn.Linear(6, 5), Mixing(), nn.Linear(5, 3)).double()
    x = normal(2, 4, 6)
    before = model(x)
    v = isotropic.attach(model, [model[0], model[2]])
    diagonalise(v, 1)
    assert_close(model(x), before, "turned")
    with pytest.raises(ValueError, match="not scaled by one gain"):
        prune(v, 1, 1, inputs=x)
    model[1] = Iso()
    prune(isotropic.attach(model, [model[0], model[2]]), 1, 1, inputs=x)


def test_a_padded_batch_counts_every_position() -> None:
    """The mean is over all that goes through the layers, masked or not: how the model uses it is not known."""
    made = case("transformer")
    model = made.model
    assert isinstance(model, Transformer)
    v = isotropic.attach(model, made.layers)
    assert v.reached(1, made.inputs)[2].shape == (12, 1)


def test_a_pruning_curve_of_a_model_that_stays_as_it_is() -> None:
    """Each count is pruned from a copy of the whole model."""
    made, v = view("transformer", converted=True)
    labels, before = torch.tensor([0, 2]), made()
    curve = isotropic.pruning_curve(v, 1, [0, 4, 6], made.inputs, labels)  # type: ignore[arg-type]
    assert torch.equal(made(), before) and v.widths[1] == 12
    prune(v, 1, 6)
    changes = curve["epsilon"]
    assert changes[0] == 0 and changes[2] == pytest.approx((made() - before).norm(dim=-1).mean().item())
    assert changes[1] < changes[2]
