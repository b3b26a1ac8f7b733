"""The registry: each sigma against numbers in many digits, as a module, in a network, and in closed form."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, normal, orthogonal
from torch import Tensor, nn

from isotropic import Ensemble, IsotropicActivation, IsotropicMLP, diagonalise, grow, insert_layer
from isotropic.activations import ACTIVATIONS, RELU_BIAS, SIGMAS, is_isotropic
from isotropic.training.gradient import Backward

# r -> (sigma, its derivative), by Python's own functions; and sigma'(0).
KNOWN: dict[str, tuple[Callable[[float], float], Callable[[float], float], float]] = {
    "tanh": (math.tanh, lambda r: 1 - math.tanh(r) ** 2, 1),
    "erf": (math.erf, lambda r: 2 / math.sqrt(math.pi) * math.exp(-r * r), 2 / math.sqrt(math.pi)),
    "arctan": (math.atan, lambda r: 1 / (1 + r * r), 1),
    "softsign": (lambda r: r / (1 + r), lambda r: (1 + r) ** -2, 1),
    "algebraic": (lambda r: r / math.hypot(1, r), lambda r: math.hypot(1, r) ** -3, 1),
    "relu": (lambda r: max(r - RELU_BIAS, 0), lambda r: float(r > RELU_BIAS), 0),
    "identity": (lambda r: r, lambda r: 1, 1),
}
NAMES = pytest.mark.parametrize("name", SIGMAS)
RADII = [0.03, 0.0446, 0.0448, 0.2, 0.7, 1.5, 3.0, 6.0]  # the series end at r = 0.0447


class Swish(nn.Module):
    """r tanh(b r), with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))

    def forward(self, r: Tensor) -> Tensor:
        return r * (self.b * r).tanh()


def test_every_entry_is_known_here() -> None:
    assert set(KNOWN) == set(SIGMAS)


@NAMES
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gain_and_slope_in_closed_form_and_by_autograd(name: str, dtype: torch.dtype) -> None:
    sigma, derivative, _ = KNOWN[name]
    s = torch.tensor(RADII, dtype=torch.float64).square().to(dtype)
    radii = [math.sqrt(value) for value in s.tolist()]
    gains = [sigma(r) / r for r in radii]
    slopes = [(derivative(r) - g) / r**2 for r, g in zip(radii, gains, strict=True)]
    slack = 400 if dtype == torch.float64 else 40  # Python's slope, too, loses digits near zero
    entry, wide = SIGMAS[name], s.clone().requires_grad_()
    (auto,) = torch.autograd.grad((entry.gain(wide) + 0 * wide).sum(), wide)
    by_hand = entry.gain_and_slope(s)
    for k, r in enumerate(radii):
        wanted = torch.tensor([gains[k], slopes[k]], dtype=dtype)
        assert_close(entry.gain(s)[k], wanted[0], f"g at r = {r}")
        assert_close(by_hand[0][k], wanted[0], f"g beside its slope at r = {r}")
        assert_close(by_hand[1][k], wanted[1], f"2 dg/ds at r = {r}", slack)
        assert_close(2 * auto[k], wanted[1], f"2 dg/ds by autograd at r = {r}", slack)


@NAMES
def test_it_commutes_with_rotations_over_any_axis(name: str) -> None:
    f, r = IsotropicActivation(name), orthogonal(6)
    for shape in ((6,), (5, 6), (2, 5, 6), (2, 3, 5, 6)):
        h = normal(*shape)
        assert_close(f(h @ r.T), f(h) @ r.T, f"over the last axis of {shape}")
    channels, h = IsotropicActivation(name, dim=1), normal(2, 6, 4, 3)
    turned = torch.einsum("ij,bjhw->bihw", r, h)
    assert_close(channels(turned), torch.einsum("ij,bjhw->bihw", r, channels(h)), "over channels")
    assert_close(channels(h), f(h.movedim(1, -1)).movedim(-1, 1), "over channels against the last axis")
    if name != "identity":  # the negative control: the function of each coordinate does not
        assert_differs((h @ normal(3, 3)).tanh(), h.tanh() @ normal(3, 3), "elementwise", by=0.05)


@NAMES
def test_its_length_is_sigma_of_the_norm(name: str) -> None:
    h = 2 * normal(50, 3)
    wanted = torch.tensor([KNOWN[name][0](r) for r in h.norm(dim=-1).tolist()], dtype=torch.float64)
    assert_close(IsotropicActivation(name)(h).norm(dim=-1), wanted, "lengths")


@pytest.mark.parametrize("sigma", [*SIGMAS, torch.tanh, Swish()], ids=[*SIGMAS, "function", "module"])
def test_gradients(sigma: str) -> None:
    f = IsotropicActivation(sigma)
    assert torch.autograd.gradcheck(f, normal(4, 3).requires_grad_())
    origin = torch.zeros(3, dtype=torch.float64)
    slope = KNOWN[sigma][2] if isinstance(sigma, str) else KNOWN["tanh"][2] if sigma is torch.tanh else 0
    jacobian = torch.autograd.functional.jacobian(f, origin)
    assert jacobian.isfinite().all() and f(origin).count_nonzero() == 0
    assert (jacobian - slope * torch.eye(3, dtype=torch.float64)).abs().max() < 1e-7, "sigma'(0) times the identity"
    small = 1e-5 * normal(4, 3)
    assert (f(small) - slope * small).abs().max() < 1e-8


def test_a_root_of_the_norm_would_have_no_gradient_at_zero() -> None:
    """The negative control of the above."""
    x = torch.zeros(3, requires_grad=True)
    (x.norm() / x.square().sum().sqrt() * x).sum().backward()
    assert x.grad is not None and x.grad.isnan().any()


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if is_isotropic(name)])
@pytest.mark.parametrize("stacked", [False, True])
def test_networks_have_it_by_name(name: str, stacked: bool) -> None:
    nets = [IsotropicMLP([5, 6, 7, 3], name, seed=k, dtype=torch.float64) for k in (0, 1)]
    net = Ensemble(nets) if stacked else nets[0]
    x = 3 * normal(9, 5)
    check_gradients(net, x)
    before = net(x)
    diagonalise(net, 2, "full")
    grow(net, 2, 2)
    assert_close(net(x), before, "logits after a change of basis and width", slack=10)
    if not stacked:
        insert_layer(net, 1)
        assert_close(net(x), before, "logits with a layer more", slack=10)
        assert [activation.sigma for activation in net.activations] == [name.removeprefix("isotropic-")] * 3


def check_gradients(net: IsotropicMLP | Ensemble, x: Tensor) -> None:
    """The closed form against autograd's; and the control that another activation has other gradients."""
    y = torch.arange(len(x)) % net.widths[-1]
    z = net(x)
    members = z.reshape(-1, *z.shape[-2:])
    (torch.stack([nn.functional.cross_entropy(each, y) for each in members]).sum() + net.penalty().sum()).backward()
    wanted = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    Backward(net)(x.expand(*net.members, *x.shape).contiguous(), y.expand(*net.members, -1).contiguous())
    for name, p in net.named_parameters():
        assert p.grad is not None
        assert_close(p.grad, wanted.get(name, torch.zeros_like(p)), f"gradient of {name}", slack=10)


@pytest.mark.parametrize("sigma", [torch.arctan, Swish()], ids=["function", "module"])
def test_networks_have_anyones(sigma: Callable[[Tensor], Tensor]) -> None:
    net = IsotropicMLP([5, 6, 7, 3], sigma, seed=0, dtype=torch.float64)
    trained = [name for name, _ in net.named_parameters() if name.endswith(".b")]
    assert trained == (["activations.0.sigma.b", "activations.1.sigma.b"] if isinstance(sigma, nn.Module) else [])
    x = normal(9, 5)
    check_gradients(net, x)
    if sigma is torch.arctan:
        named = IsotropicMLP([5, 6, 7, 3], "isotropic-arctan", seed=0, dtype=torch.float64)
        assert_close(net(x), named(x), "logits", slack=1e4)  # near zero its gain is known to sqrt(eps)
    before = net(x)
    grow(net, 1, 2)
    assert_close(net(x), before, "logits after growing")
    again = IsotropicMLP.from_state_dict(net.state_dict(), activation=sigma)
    assert torch.equal(again(x), net(x))
    with pytest.raises(ValueError, match="is none of the library's; give activation="):
        IsotropicMLP.from_state_dict(net.state_dict())


def test_a_module_of_ones_own_in_single_precision_is_trained_by_the_engine() -> None:
    net = IsotropicMLP([5, 6, 3], Swish().float(), seed=0)
    b = net.activations[0].sigma.b
    x, y = normal(9, 5, dtype=torch.float32), torch.arange(9) % 3
    Backward(net)(x, y)
    assert b.grad is not None and b.grad.item() != 0


def test_modules_are_copied_and_pickled() -> None:
    for f in (IsotropicActivation("erf", dim=1), IsotropicActivation(Swish())):
        h = normal(3, 4)
        assert torch.equal(copy.deepcopy(f)(h), f(h)) and torch.equal(pickle.loads(pickle.dumps(f))(h), f(h))
    assert repr(IsotropicActivation("erf", dim=1)) == "IsotropicActivation('erf', dim=1)"


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_it_can_be_traced_compiled_and_mapped(name: str) -> None:
    f = IsotropicActivation(name)
    traced = torch.fx.symbolic_trace(f)
    for dtype in (torch.float16, torch.float32, torch.float64):
        h = normal(3, 4, dtype=dtype)
        assert torch.equal(traced(h), f(h))
        assert torch.equal(torch.vmap(f)(h), f(h))
        exported = torch.export.export(f, (h,)).module()
        assert torch.equal(exported(h), f(h))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'gelu' is not one of tanh, erf, .*, nor a callable"):
        IsotropicActivation("gelu")
    with pytest.raises(TypeError, match="3 is not a name"):
        IsotropicActivation(3)  # type: ignore[arg-type]
    nets = [IsotropicMLP([3, 4, 2], torch.arctan), IsotropicMLP([3, 4, 2], lambda r: r)]
    with pytest.raises(ValueError, match="member 1 has activation"):
        Ensemble(nets)
    own = [IsotropicMLP([3, 4, 2], Swish().float()) for _ in range(2)]
    with pytest.raises(ValueError, match="activations of its own"):
        Ensemble(own)
