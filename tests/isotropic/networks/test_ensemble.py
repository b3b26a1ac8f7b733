"""The stack as a module: taking members out, copying, casting, saving, and what it refuses."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import TREATMENTS, assert_close, inputs, network, psi

from isotropic import Ensemble, IsotropicMLP, prune


def ragged() -> list[IsotropicMLP]:
    hidden = [[7, 4], [3, 6], [1, 1]]
    return [network([5, *hidden[k % 3], 3], *treatment, seed=k) for k, treatment in enumerate(TREATMENTS)]


def test_shapes_are_those_of_the_widest() -> None:
    ensemble = Ensemble(ragged())
    assert len(ensemble) == len(TREATMENTS)
    assert ensemble.widths == [5, 7, 6, 3]
    assert ensemble.member_widths[:3] == [[5, 7, 4, 3], [5, 3, 6, 3], [5, 1, 1, 3]]
    assert ensemble.maps[1].weight.shape == (len(TREATMENTS), 6, 7)


def test_members_come_out_as_they_went_in() -> None:
    nets = ragged()
    ensemble = Ensemble(nets)
    for k, net in enumerate(nets):
        member = ensemble.member(k)
        assert (member.widths, member.intrinsic_length, member.compensation) == (
            net.widths,
            net.intrinsic_length,
            net.compensation,
        )
        assert [name for name, _ in member.named_parameters()] == [name for name, _ in net.named_parameters()]
        for (name, t), (_, expected) in zip(member.state_dict().items(), net.state_dict().items(), strict=True):
            assert torch.equal(t, expected), f"{name} of member {k}"
        assert_close(member.penalty(), net.penalty(), f"penalty of member {k}")


def test_stacking_the_members_again_gives_the_same_stack() -> None:
    ensemble = Ensemble(ragged())
    again = Ensemble([ensemble.member(k) for k in range(len(ensemble))])
    for (name, t), (_, expected) in zip(again.state_dict().items(), ensemble.state_dict().items(), strict=True):
        assert torch.equal(t, expected), name


def test_members_and_stack_are_copies() -> None:
    nets = ragged()
    ensemble = Ensemble(nets)
    member, again = ensemble.member(0), ensemble.member(0)
    before = ensemble(inputs(nets[0]))
    for net in (nets[0], member):
        net.maps[0].weight.data.zero_()
        prune(net, 1, 1, inputs=inputs(net))
    assert torch.equal(ensemble(inputs(nets[0])), before)
    assert_close(again(inputs(again)), before[0], "a member taken out twice")


def test_a_copy_is_independent_and_equal() -> None:
    ensemble = Ensemble(ragged())
    x, twin = inputs(ensemble), copy.deepcopy(ensemble)
    assert torch.equal(twin(x), ensemble(x))
    twin.maps[0].weight.data.zero_()
    assert not torch.equal(twin(x), ensemble(x))
    assert torch.equal(Ensemble(ragged())(x), ensemble(x))


def test_casting_to_float64_and_back() -> None:
    ensemble = Ensemble([network([5, 4, 3], *treatment, dtype=torch.float32) for treatment in TREATMENTS])
    x = inputs(ensemble)
    wide = copy.deepcopy(ensemble).double()
    assert wide(x.double()).dtype == torch.float64
    assert_close(wide(x.double()).float(), ensemble(x), "logits")
    member = wide.member(0)
    assert member(x.double()).dtype == member.psi_decay.dtype == torch.float64
    assert torch.equal(wide.float()(x), ensemble(x))


def test_saved_state_comes_back() -> None:
    ensemble, other = (
        Ensemble(ragged()),
        Ensemble([network(net.widths, *t) for net, t in zip(ragged(), TREATMENTS, strict=True)]),
    )
    x = inputs(ensemble)
    assert not torch.equal(other(x), ensemble(x))
    other.load_state_dict(ensemble.state_dict())
    assert torch.equal(other(x), ensemble(x))


def test_what_is_a_parameter_depends_on_who_trains_it() -> None:
    """One member that trains makes it a parameter for all; `held` keeps the others'."""
    nobody = Ensemble([network([5, 4, 3], "constant", "constant"), network([5, 4, 3], "none", "none")])
    somebody = Ensemble([network([5, 4, 3], "constant", "trainable"), network([5, 4, 3], "trainable", "none")])
    small = {"activations.0.log_o", "maps.1.psi"}
    assert not small & set(dict(nobody.named_parameters())) and small <= set(dict(nobody.named_buffers()))
    assert small <= set(dict(somebody.named_parameters()))


def test_nothing_is_held_where_all_train() -> None:
    ensemble = Ensemble([network([5, 4, 3], seed=k) for k in range(2)])
    with ensemble.held(), torch.no_grad():
        for p in ensemble.parameters():
            p.add_(1)
    assert_close(psi(ensemble, 2)[1], psi(network([5, 4, 3], seed=1), 2) + 1, "psi")


def test_elementwise_networks_stack_too() -> None:
    nets = [IsotropicMLP([5, n, 3], "tanh", "none", "none", seed=n, dtype=torch.float64) for n in (4, 6)]
    ensemble = Ensemble(nets)
    for k, net in enumerate(nets):
        assert_close(ensemble(inputs(net))[k], net(inputs(net)), f"member {k}")
        assert torch.equal(ensemble.member(k)(inputs(net)), net(inputs(net)))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: network([5, 4, 4, 3]), "member 1 has depth 3, member 0 has 2"),
        (lambda: network([6, 4, 3]), "member 1 has input width 6, member 0 has 5"),
        (lambda: network([5, 4, 2]), "member 1 has output width 2, member 0 has 3"),
        (lambda: network([5, 4, 3], dtype=torch.float32), "member 1 has dtype torch.float32"),
        (
            lambda: IsotropicMLP([5, 4, 3], "tanh", "none", "none", dtype=torch.float64),
            "member 1 has activation tanh, member 0 has isotropic-tanh",
        ),
    ],
)
def test_members_that_cannot_be_stacked(other: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Ensemble([network([5, 4, 3]), other()])  # type: ignore[operator]


def test_no_members() -> None:
    with pytest.raises(ValueError, match="at least one network"):
        Ensemble([])
