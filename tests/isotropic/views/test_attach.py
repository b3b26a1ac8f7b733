"""What may lie between the layers of a chain, and what is refused: each refusal with the same model made right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_differs, change_basis, normal
from torch import Tensor, nn
from torch.nn import functional as F
from views_testing import CASES, Branching, Iso, Mlp, case, isotropic_tanh

import isotropic
from isotropic import View


class Written(nn.Module):
    """fc1 and fc2 with any code around them."""

    def __init__(self, code: Callable[[Written, Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1, self.fc2, self.other = nn.Linear(6, 5), nn.Linear(5, 6), nn.Linear(6, 5)
        self.scale, self.code = nn.Parameter(torch.ones(5) + torch.arange(5)), code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self, x)


def attached(code: Callable[[Written, Tensor], Tensor], inputs: Tensor | None = None) -> View:
    model = Written(code)
    return isotropic.attach(model, [model.fc1, model.fc2], inputs)


ALLOWED: dict[str, Callable[[Written, Tensor], Tensor]] = {
    "a function": lambda m, x: m.fc2(isotropic_tanh(m.fc1(x))),
    "nothing": lambda m, x: m.fc2(m.fc1(x)),
    "a scale": lambda m, x: m.fc2(0.5 * isotropic_tanh(m.fc1(x)) * m.scale[0]),
    "spelled out": lambda m, x: (lambda h: m.fc2(h * (1 + h.square().sum(-1, keepdim=True)).rsqrt()))(m.fc1(x)),
    "a length of its own": lambda m, x: (lambda h: m.fc2(h / (m.scale.exp()[0] + h.norm(dim=-1, keepdim=True))))(
        m.fc1(x)
    ),
    "a reshape": lambda m, x: (lambda h: m.fc2(isotropic_tanh(h.reshape(-1, h.shape[-1])).view(h.shape)))(m.fc1(x)),
    "a flattening of tokens": lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)).flatten(0, 1)),
    "a transpose of tokens": lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)).transpose(0, 1)),
    "a norm over the batch": lambda m, x: (lambda h: m.fc2(h / h.norm(dim=-1).mean()))(m.fc1(x)),
    "a residual around": lambda m, x: x + m.fc2(isotropic_tanh(m.fc1(x))),
    "twice, one after the other": lambda m, x: m.fc2(isotropic_tanh(m.fc1(m.fc2(isotropic_tanh(m.fc1(x)))))),
    "the batch size of h": lambda m, x: (lambda h: m.fc2(isotropic_tanh(h)) / h.shape[0])(m.fc1(x)),
    "a weight beside": lambda m, x: m.fc2(isotropic_tanh(m.fc1(x))) + m.other(x).sum() * m.scale[0],
}

REFUSED: dict[str, tuple[Callable[[Written, Tensor], Tensor], str]] = {
    "relu": (lambda m, x: m.fc2(F.relu(m.fc1(x))), "the operation relu does not commute with rotations"),
    "tanh": (lambda m, x: m.fc2(m.fc1(x).tanh()), "the operation tanh does not commute with rotations"),
    "a clamp far away": (lambda m, x: m.fc2(m.fc1(x).clamp(-9, 9)), "clamp does not commute"),
    "after an isotropic one": (
        lambda m, x: m.fc2(F.gelu(isotropic_tanh(m.fc1(x)))),
        "the operation gelu does not commute with rotations",
    ),
    "a vector added": (lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)) + m.scale), "add does not commute"),
    "a vector times": (lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)) * m.scale), "mul "),
    "dropout": (
        lambda m, x: m.fc2(F.dropout(isotropic_tanh(m.fc1(x)), 0.1, training=m.training)),
        "the operation dropout is random in training",
    ),
    "layer norm": (lambda m, x: m.fc2(F.layer_norm(m.fc1(x), (5,))), "layer_norm does not commute"),
    "rms norm": (
        lambda m, x: (lambda h: m.fc2(h * (1e-5 + h.square().mean(-1, keepdim=True)).rsqrt()))(m.fc1(x)),
        "depends on the width itself",
    ),
    "a written width": (lambda m, x: m.fc2(m.fc1(x).reshape(-1, 5)), "works for the width 5 alone"),
    "a residual out of the chain": (
        lambda m, x: (lambda h: m.fc2(isotropic_tanh(h)) + h.sum())(m.fc1(x)),
        "the operation sum also reads what 'fc1' gives, beside 'fc2'",
    ),
    "a second reader of a": (
        lambda m, x: (lambda a: m.fc2(a) + a.mean())(isotropic_tanh(m.fc1(x))),
        "the operation mean also reads what 'fc1' gives",
    ),
    "h returned too": (
        lambda m, x: (lambda h: (m.fc2(isotropic_tanh(h)), h))(m.fc1(x)),
        "the end of the model also reads what 'fc1' gives",
    ),
    "the width of h": (
        lambda m, x: (lambda h: m.fc2(isotropic_tanh(h)) / h.shape[-1])(m.fc1(x)),
        "also reads what 'fc1' gives",
    ),
    "a residual into the chain": (lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)) + x[..., :5]), "does not commute"),
    "a gate": (lambda m, x: m.fc2(isotropic_tanh(m.fc1(x)) * m.other(x)), "does not commute with rotations"),
    "fc1 used twice": (
        lambda m, x: m.fc2(isotropic_tanh(m.fc1(x))) + m.fc1(x).sum(),
        "calls 'fc1' 2 times and 'fc2' 1 times",
    ),
    "its weight used elsewhere": (
        lambda m, x: m.fc2(isotropic_tanh(m.fc1(x))) + m.fc1.weight.sum(),
        "the weight of 'fc1' is also read as fc1.weight",
    ),
    "never called": (lambda m, x: m.other(x), "calls 'fc1' 0 times"),
    "fc2 not called": (lambda m, x: m.fc1(x), "calls 'fc1' 1 times and 'fc2' 0 times"),
    "the other order": (lambda m, x: m.fc1(isotropic_tanh(m.fc2(x[..., :5]))), "in the order 'fc2', 'fc1'"),
    "beside each other": (lambda m, x: m.fc1(x) + m.fc2(x[..., :5])[..., :5], "does not reach 'fc2'"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_commutes_is_accepted(name: str) -> None:
    assert attached(ALLOWED[name]).widths == [6, 5, 6]


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_is_named(name: str) -> None:
    code, words = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        attached(code)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ALLOWED)
def test_running_the_model_accepts_the_same(name: str) -> None:
    assert attached(ALLOWED[name], inputs=normal(2, 3, 6, dtype=torch.float32)).depth == 2


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("never called", "fc2 not called")])
def test_running_the_model_refuses_the_same(name: str) -> None:
    """Where torch.fx is kept from saying it first: a branch on a number, which it cannot trace."""
    code, _ = REFUSED[name]
    with pytest.raises(ValueError, match=r"^layers: "):
        attached(lambda m, x: code(m, x) if x.sum() < 1e9 else x, inputs=normal(2, 3, 6, dtype=torch.float32))


@pytest.mark.parametrize("name", ["relu", "layer norm", "a vector added"])
def test_what_is_refused_would_have_changed_the_function(name: str) -> None:
    """The control of all this: without the check, a rotation changes the outputs; with what commutes it does not."""
    for code, changes in ((REFUSED[name][0], True), (ALLOWED["a function"], False)):
        model = Written(code).double()
        x = normal(7, 6)
        before, q = model(x), torch.linalg.qr(normal(5, 5)).Q
        change_basis(View(model, [model.fc1, model.fc2], ["fc1", "fc2"]), 1, q)  # type: ignore[arg-type]
        if changes:
            assert_differs(model(x), before, name, 1e-2)
        else:
            torch.testing.assert_close(model(x), before)


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.LayerNorm(5), nn.Dropout(0.1), nn.BatchNorm1d(5), nn.RMSNorm(5)], ids=repr
)
def test_modules_are_named_and_right_without_them(module: nn.Module) -> None:
    for training in (True, False):  # of a model in evaluation too
        model = nn.Sequential(nn.Linear(6, 5), Iso(), module, nn.Linear(5, 3)).train(training)
        with pytest.raises(ValueError, match=rf"between '0' and '3', '2' \({type(module).__name__}\) ") as caught:
            isotropic.attach(model, [model[0], model[3]])
        assert "\n" not in str(caught.value)
    model = nn.Sequential(nn.Linear(6, 5), Iso(), nn.Linear(5, 3))
    assert isotropic.attach(model, [model[0], model[2]]).widths == [6, 5, 3]


def test_lists_that_are_no_chain() -> None:
    model = Mlp()
    fc1, fc2, fc3 = model.fc1, model.fc2, model.fc3
    for layers, words in (
        ([fc1], "1 given"),
        ([], "0 given"),
        (fc1, "one Linear"),
        ([fc1, fc3], "'fc1' gives 5 numbers and 'fc3' takes 7"),
        ([fc2, fc1], "'fc2' gives 7 numbers and 'fc1' takes 6"),
        ([fc1, fc1], "'fc1' is given twice"),
        ([fc1, nn.Linear(5, 2)], "number 2 (Linear) is not in the model"),
        ([fc1, model.act], "'act' is a Iso, and not an nn.Linear"),
        ([fc1, "fc2"], "number 2 is a str"),
    ):
        with pytest.raises(ValueError) as caught:
            isotropic.attach(model, layers)  # type: ignore[arg-type]
        assert words in str(caught.value) and "\n" not in str(caught.value)
    assert isotropic.attach(model, [fc1, fc2]).widths == [6, 5, 7]  # a part of a chain is one


@pytest.mark.parametrize("name", CASES)
def test_attaching_leaves_the_model_as_it_was(name: str) -> None:
    made = case(name)
    made.model.train()
    state = {key: t.clone() for key, t in made.model.state_dict().items()}
    objects = [*made.model.modules(), *made.model.parameters(), *made.model.buffers()]
    random = torch.random.get_rng_state()
    isotropic.attach(made.model, made.layers, made.inputs)
    assert all(torch.equal(t, state[key]) for key, t in made.model.state_dict().items())
    now = [*made.model.modules(), *made.model.parameters(), *made.model.buffers()]
    assert all(a is b for a, b in zip(now, objects, strict=True))
    assert made.model.training and torch.equal(torch.random.get_rng_state(), random)
    assert not any(module._forward_hooks for module in made.model.modules())


def test_inputs_are_guessed_or_asked_for() -> None:
    model = Branching()
    assert isotropic.attach(model, [model.fc1, model.fc2]).widths == [6, 5, 4]
    with pytest.raises(ValueError, match="does not commute with rotations"):
        isotropic.attach(bad := Branching(torch.relu), [bad.fc1, bad.fc2])

    class Two(Branching):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x + y)

    two = Two()
    with pytest.raises(ValueError, match=r"it does not take \[4, 6\] \(TypeError: .*\); give inputs=x, or a tuple"):
        isotropic.attach(two, [two.fc1, two.fc2])
    x = torch.ones(3, 6)
    assert isotropic.attach(two, [two.fc1, two.fc2], (x, x)).depth == 2
    assert isotropic.attach(two, [two.fc1, two.fc2], {"x": x, "y": x}).depth == 2
    with pytest.raises(ValueError, match="inputs: the model does not run on them: RuntimeError"):
        isotropic.attach(two, [two.fc1, two.fc2], (x[:, :2], x[:, :2]))


def test_what_depends_on_the_number_of_axes_needs_inputs() -> None:
    """dim=1 is the width of rows [B, n], and the tokens of [B, T, n]."""
    model = Written(lambda m, x: (lambda h: m.fc2(h / h.norm(dim=1, keepdim=True)))(m.fc1(x)))
    rows, tokens = normal(4, 6, dtype=torch.float32), normal(2, 3, 6, dtype=torch.float32)
    layers = [model.fc1, model.fc2]
    with pytest.raises(ValueError, match=r"for \[2, 3, 5\], though not for \[4, 5\]; give inputs=") as caught:
        isotropic.attach(model, layers)
    assert "\n" not in str(caught.value)
    assert isotropic.attach(model, layers, rows).depth == 2
    with pytest.raises(ValueError, match="does not commute"):
        isotropic.attach(model, layers, tokens)
    assert [len(isotropic.find(model, x)) for x in (None, rows, tokens)] == [0, 1, 0]


@pytest.mark.parametrize("training", [True, False])
def test_a_part_that_runs_in_one_mode_alone(training: bool) -> None:
    def model(act: Callable[[Tensor], Tensor]) -> Written:
        made = Written(lambda m, x: m.fc2(act(m.fc1(x))) if m.training == training else x)
        return made.train(not training)

    x = normal(4, 6, dtype=torch.float32)
    good, bad = model(isotropic_tanh), model(torch.relu)
    assert isotropic.attach(good, [good.fc1, good.fc2], x).depth == 2
    with pytest.raises(ValueError, match="does not commute"):
        isotropic.attach(bad, [bad.fc1, bad.fc2], x)


def test_a_wide_layer_is_cheap_to_check() -> None:
    """Coordinates are turned among others by tens, which shows what is not isotropic all the same, groups too."""

    def grouped(h: Tensor) -> Tensor:
        return isotropic_tanh(h.unflatten(-1, (-1, 64))).flatten(-2)

    for act, words in ((isotropic_tanh, None), (torch.relu, "relu does not"), (grouped, "does not commute")):
        model = Written(lambda m, x, act=act: m.fc2(act(m.fc1(x))))
        model.fc1, model.fc2 = nn.Linear(6, 256), nn.Linear(256, 6)
        if words is None:
            assert isotropic.attach(model, [model.fc1, model.fc2]).widths == [6, 256, 6]
        else:
            with pytest.raises(ValueError, match=words):
                isotropic.attach(model, [model.fc1, model.fc2])


def test_a_last_map_of_zeros_hides_nothing() -> None:
    """Many begin there; a ReLU before it shows in no output of the model."""
    bad, good = Branching(torch.relu), Branching()
    for model in (bad, good):
        nn.init.zeros_(model.fc2.weight)
    with pytest.raises(ValueError, match="does not commute"):
        isotropic.attach(bad, [bad.fc1, bad.fc2])
    assert isotropic.attach(good, [good.fc1, good.fc2]).depth == 2
