"""Saved states: whatever was done to a network, and however its state is kept, it comes back to the last bit."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from isotropic_testing import LENGTHS, TREATMENTS, inputs, loss, network, normal
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from isotropic import (
    BatchNorm,
    BatchNormOfNorm,
    Ensemble,
    FrobNorm,
    GeneralisedLayerNorm,
    IsotropicConvNet,
    IsotropicMLP,
    NormalisedMLP,
    ParallelMLP,
    Whitening,
    grow,
    insert_layer,
    prune,
    remove_layer,
    sparsify,
)
from isotropic.networks.base import MLP

State = dict[str, Tensor]
EXTRA = "_extra_state"
WIDTHS = [6, 8, 7, 4]


def changed(net: IsotropicMLP) -> IsotropicMLP:
    """After every change of width and depth."""
    grow(net, 1, 3)
    prune(net, 2, 2, inputs=inputs(net) if bool(net.expects) else None)
    insert_layer(net, 2)
    insert_layer(net, 1)
    remove_layer(net, 1)
    net.activations[1].alpha.fill_(0.5)  # type: ignore[union-attr]
    return net


def saved(state: State) -> State:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    found: State = torch.load(buffer, weights_only=True)
    return found


def numbers_alone(state: State) -> State:
    """As of a format that keeps a name, a dtype, a shape and bytes of each tensor, contiguous and on the CPU."""
    assert all(isinstance(t, Tensor) for t in state.values())
    kept = {
        name: (t.dtype, t.shape, t.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        for name, t in state.items()
    }
    return {
        name: torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(dtype).reshape(shape)
        for name, (dtype, shape, raw) in kept.items()
    }


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {prefix + name: t for name, t in state.items()}


WAYS: dict[str, Callable[[State], State]] = {
    "torch.save": saved,
    "tensors alone": numbers_alone,
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "deepcopy": copy.deepcopy,
    "ddp": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "both": prefixed("module._orig_mod."),
}


def assert_same(net: MLP, other: MLP, rest: bool = True) -> None:
    """Treatments, penalty, logits, names of parameters and buffers."""
    assert {name: t.shape for name, t in other.named_parameters()} == {n: t.shape for n, t in net.named_parameters()}
    assert all(torch.equal(t, dict(other.named_buffers())[name]) for name, t in net.named_buffers())
    assert other.treatments == net.treatments and torch.equal(other.penalty(), net.penalty())
    for name in ("has_length", "has_psi", "expects", "psi_decay"):
        assert torch.equal(getattr(other, name), getattr(net, name)), name
    x = inputs(net) if net.affine[0].weight.ndim == 2 or isinstance(net, Ensemble) else normal(3, 2, 6, 5)
    assert torch.equal(other(x), net(x))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_a_changed_network_comes_back(intrinsic_length: str, compensation: str, way: str) -> None:
    net = changed(network(WIDTHS, intrinsic_length, compensation))
    net.psi_decay = 0.3
    other = IsotropicMLP.from_state_dict(WAYS[way](net.state_dict()))
    assert_same(net, other)
    prune(net, 1, 2, inputs=inputs(net)), prune(other, 1, 2, inputs=inputs(net))
    assert_same(net, other)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_in_every_dtype(dtype: torch.dtype) -> None:
    net = changed(network(WIDTHS)).to(dtype)
    other = IsotropicMLP.from_state_dict(saved(net.state_dict()))
    assert other.affine[0].weight.dtype == dtype
    assert_same(net, other)


def test_in_a_new_process(tmp_path: Path) -> None:
    net = changed(network(WIDTHS, "constant", "constant"))
    torch.save(net.state_dict(), tmp_path / "state.pt")
    torch.save((inputs(net), net(inputs(net)).detach()), tmp_path / "data.pt")
    code = (
        "import sys, torch; from isotropic import IsotropicMLP;"
        "net = IsotropicMLP.from_state_dict(torch.load(sys.argv[1] + '/state.pt', weights_only=True));"
        "x, z = torch.load(sys.argv[1] + '/data.pt'); sys.exit(not torch.equal(net(x), z))"
    )
    folder = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=folder).returncode == 0


@pytest.mark.parametrize("kept", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_whole_networks_are_copied_and_pickled(kept: Callable[[Any], Any]) -> None:
    for net in (changed(network(WIDTHS)), Ensemble([network(WIDTHS, length) for length in LENGTHS]), convnet()):
        assert_same(net, kept(net))


@pytest.mark.parametrize("assign", [False, True])
def test_built_on_meta(assign: bool) -> None:
    """Memory that is full of sevens: what is not in the state would be seen."""
    net = network(WIDTHS)
    poison = [torch.full((n,), 7.0) for n in (8, 64, 512) for _ in range(50)]
    del poison
    other = IsotropicMLP(WIDTHS, dtype=torch.float64, device="meta")
    if not assign:
        other = other.to_empty(device="cpu")
    other.load_state_dict(net.state_dict(), assign=assign)
    assert_same(net, other)
    with torch.device("meta"):
        within = IsotropicMLP(WIDTHS, dtype=torch.float64, seed=0)
    assert all(p.is_meta for p in within.parameters())
    within.load_state_dict(net.state_dict(), assign=True)
    assert_same(net, within)


def test_an_average_of_states_is_a_state() -> None:
    """What averages all tensors of a state averages the bytes, too."""
    net = network(WIDTHS)
    state = {name: 0.9 * t + 0.1 * t for name, t in net.state_dict().items()}
    assert IsotropicMLP.from_state_dict(state).treatments == net.treatments


def test_loading_fits_widths_and_depth_and_takes_the_decay() -> None:
    net = network(WIDTHS)
    net.psi_decay = 0.5
    best = {name: t.clone() for name, t in net.state_dict().items()}
    kept = copy.deepcopy(net)
    changed(net)
    grown = copy.deepcopy(net)
    net.load_state_dict(best)
    assert_same(kept, net)
    fresh = IsotropicMLP(WIDTHS, dtype=torch.float64)
    fresh.load_state_dict(grown.state_dict())
    assert_same(grown, fresh)
    loss(fresh).backward()
    assert all(p.grad is not None for p in fresh.parameters())


def test_what_has_its_shape_already_stays_the_same_object() -> None:
    net = network(WIDTHS)
    before = dict(net.named_parameters())
    net.load_state_dict(network(WIDTHS, seed=3).state_dict())
    assert all(before[name] is p for name, p in net.named_parameters())


def test_nested_in_a_larger_module() -> None:
    def block(widths: list[int]) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 6), network(widths).float(), nn.LayerNorm(4))

    first, second = block(WIDTHS), block(WIDTHS)
    changed(first[1])  # type: ignore[arg-type]
    second.load_state_dict(saved(first.state_dict()))
    x = normal(5, 6, dtype=torch.float32)
    assert torch.equal(second(x), first(x)) and second[1].widths == first[1].widths


def test_states_of_before_load_still() -> None:
    """They have no treatments; they load into a network with the right ones, and build one if those are said."""
    net = network(WIDTHS, "constant", "trainable+decay")
    old = {name: t for name, t in net.state_dict().items() if name != EXTRA}
    other = network(WIDTHS, "constant", "trainable+decay", seed=1)
    other.load_state_dict(old)
    assert_same(net, other)
    treatments = {"intrinsic_length": "constant", "compensation": "trainable+decay"}
    assert_same(net, IsotropicMLP.from_state_dict(old, **treatments))
    with pytest.raises(ValueError, match=r"has no '_extra_state'.*give its treatments"):
        IsotropicMLP.from_state_dict(old)
    with pytest.raises(RuntimeError, match=r"Missing key.*psi"):  # the negative control: it is still strict
        other.load_state_dict({name: t for name, t in old.items() if not name.endswith("psi")})


def convnet(channels: tuple[int, ...] = (4, 3)) -> IsotropicConvNet:
    return IsotropicConvNet((2, 6, 5), list(channels), classes=3, stride=2, seed=0, dtype=torch.float64)


def test_other_kinds_of_networks_come_back() -> None:
    net = convnet()
    grow(net, 1, 2)
    other = IsotropicConvNet.from_state_dict(saved(net.state_dict()))
    assert_same(net, other)
    smaller = convnet()
    smaller.load_state_dict(net.state_dict())
    assert_same(net, smaller)
    dense = changed(network(WIDTHS))
    x = inputs(dense)
    for made in (sparsify(dense), ParallelMLP(dense), ParallelMLP(dense).deepened(5)):
        again = type(made).from_state_dict(saved(made.state_dict()))
        assert torch.equal(again(x), made(x)) and again.widths == made.widths
        assert again.state_dict().keys() == made.state_dict().keys()


NORMALISERS: list[Callable[[int], nn.Module]] = [
    BatchNorm,
    BatchNormOfNorm,
    FrobNorm,
    Whitening,
    lambda n: GeneralisedLayerNorm(n, 1e-3, trained=True),
    lambda n: BatchNorm(n, momentum=0.3),
]


@pytest.mark.parametrize("normaliser", NORMALISERS, ids=range(len(NORMALISERS)))
def test_normalised_networks_come_back(normaliser: Callable[[int], Any]) -> None:
    net = NormalisedMLP(network(WIDTHS, compensation="expectation"), normaliser)
    net(inputs(net, rows=40))  # statistics that are not the initial ones
    grow(net, 1, 2)
    other = NormalisedMLP.from_state_dict(saved(net.state_dict()))
    assert [n for n, _ in other.named_parameters()] == [n for n, _ in net.named_parameters()]
    smaller = NormalisedMLP(network(WIDTHS, compensation="expectation", seed=5), normaliser)
    smaller.load_state_dict(net.state_dict())
    x = inputs(net, rows=40, seed=1)
    for made in (other, smaller):
        assert [vars(norm)["width"] for norm in made.normalisers] == [10, 7]
        for training in (True, False):
            kept, again = copy.deepcopy(net).train(training), copy.deepcopy(made).train(training)
            for _ in range(2):
                assert torch.equal(again(x), kept(x))


def test_ensembles_take_over_padding_and_decay() -> None:
    nets = [network([6, n, 4], seed=n) for n in (5, 7)]
    for net, decay in zip(nets, (0.3, 0.4), strict=True):
        net.psi_decay = decay
    ensemble, other = Ensemble(nets), Ensemble([network([6, 7, 4]), network([6, 7, 4])])
    apart = copy.deepcopy(other)
    other.load_state_dict(saved(ensemble.state_dict()))
    assert_same(ensemble, other)
    assert other.member_widths == [[6, 5, 4], [6, 7, 4]] and apart.member_widths == [[6, 7, 4], [6, 7, 4]]
    assert apart.psi_decay.tolist() == [0.1, 0.1], "what shared its members has its own still"


REFUSED: list[tuple[Callable[[], Any], Callable[[], nn.Module], str]] = [
    (lambda: network(WIDTHS, "none"), lambda: network(WIDTHS), "intrinsic_length is 'none'.*'trainable'"),
    (lambda: network(WIDTHS, compensation="constant"), lambda: network(WIDTHS), "compensation is 'constant'"),
    (lambda: IsotropicMLP(WIDTHS, "isotropic-erf"), lambda: network(WIDTHS), "activation is 'isotropic-erf'"),
    (lambda: network([5, 8, 4]), lambda: network(WIDTHS), r"widths are \[5, 8, 4\].*goes from 6 to 4"),
    (lambda: sparsify(network(WIDTHS)), lambda: network(WIDTHS), "is of SparseMLP.*SparseMLP.from_state_dict"),
    (lambda: convnet((4,)), convnet, "has 2 maps, and this IsotropicConvNet 3"),
    (lambda: IsotropicConvNet((2, 6, 5), [4, 3], 3, 5, 2), convnet, "kernel is 5, and this network's 3"),
    (
        lambda: Ensemble([network(WIDTHS)]),
        lambda: Ensemble([network(WIDTHS)] * 2),
        "1 members, and this ensemble has 2",
    ),
]


@pytest.mark.parametrize(("source", "target", "words"), REFUSED, ids=range(len(REFUSED)))
def test_another_kind_is_one_line_and_changes_nothing(
    source: Callable[[], nn.Module], target: Callable[[], nn.Module], words: str
) -> None:
    net = target()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(ValueError, match=words) as caught:
        net.load_state_dict(source().state_dict())
    assert "\n" not in str(caught.value)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_states_that_are_no_networks() -> None:
    net = network(WIDTHS)
    state = dict(net.state_dict())
    with pytest.raises(ValueError, match=r"has no maps.0.weight; its first names are weight, bias"):
        IsotropicMLP.from_state_dict(dict(nn.Linear(2, 2).state_dict()), intrinsic_length="none")
    with pytest.raises(ValueError, match=r"has no '_extra_state' \(its first names are net, optimiser\)"):
        IsotropicMLP.from_state_dict({"net": state, "optimiser": {}})
    for given in ("net.pt", net, None):
        with pytest.raises(TypeError, match=r"state: a \w+ is no state; give net.state_dict\(\)"):
            IsotropicMLP.from_state_dict(given)
    with pytest.raises(ValueError, match=r"maps.1.weight takes 9 numbers, and the map before gives 8"):
        IsotropicMLP.from_state_dict(state | {"maps.1.weight": torch.zeros(7, 9)})
    with pytest.raises(ValueError, match=r"maps.1.bias has 9 entries, and its map 7"):
        net.load_state_dict(state | {"maps.1.bias": torch.zeros(9)})
    with pytest.raises(ValueError, match="is of IsotropicMLP, not of SparseMLP"):
        type(sparsify(net)).from_state_dict(state)


@pytest.mark.parametrize("linear", [False, True], ids=["", "with a linear layer"])
def test_an_ensemble_and_its_members_from_a_state(linear: bool) -> None:
    nets = [network([6, n, 7, 4], length, seed=n) for n, length in zip((5, 8), LENGTHS, strict=False)]
    for net in nets if linear else ():
        insert_layer(net, 1)
    ensemble = Ensemble(nets)
    if not linear:
        grow(ensemble, 2, 3)
    found = Ensemble.from_state_dict(saved(ensemble.state_dict()))
    assert_same(ensemble, found)
    assert found.member_widths == ensemble.member_widths and found.treatments == ensemble.treatments
    for k in range(2):
        assert_same(ensemble.member(k), found.member(k))


def test_members_of_an_ensemble_that_was_made_on_the_meta_device() -> None:
    source = Ensemble([network([6, n, 4], seed=n) for n in (5, 8)])
    with torch.device("meta"):
        ensemble = Ensemble([network([6, n, 4], seed=n) for n in (5, 8)])
    ensemble.to_empty(device="cpu").load_state_dict(source.state_dict())
    assert_same(source.member(0), ensemble.member(0))


def test_an_average_of_weights_as_it_is_saved() -> None:
    net = network(WIDTHS)
    assert_same(net, IsotropicMLP.from_state_dict(saved(AveragedModel(net).state_dict())))


def test_a_part_of_a_larger_model() -> None:
    model = nn.ModuleDict({"stem": nn.Linear(2, 6), "head": network(WIDTHS)})
    with pytest.raises(ValueError, match=r"^state: is of a larger model, with networks under 'head\.'"):
        IsotropicMLP.from_state_dict(model.state_dict())
    part = {name.removeprefix("head."): t for name, t in model.state_dict().items() if name.startswith("head.")}
    assert_same(model["head"], IsotropicMLP.from_state_dict(part))


def test_an_extra_state_of_somebody_else() -> None:
    net = network(WIDTHS)
    state = net.state_dict() | {EXTRA: torch.zeros(3, dtype=torch.uint8)}
    for take in (net.load_state_dict, IsotropicMLP.from_state_dict):
        with pytest.raises(ValueError, match=r"^state: its '_extra_state' is not what"):
            take(state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_an_average_of_states_by_hand(dtype: torch.dtype) -> None:
    """Of every tensor of a state alike; with the same numbers in both it is the network again."""
    net = network(WIDTHS).to(dtype)
    average = {name: t.detach().clone() for name, t in net.state_dict().items()}
    for name, t in net.state_dict().items():
        average[name].mul_(0.5).add_(t, alpha=0.5)
    found = IsotropicMLP.from_state_dict({name: nn.Parameter(t) for name, t in average.items()})
    assert found.treatment == net.treatment and found.affine[0].weight.dtype == dtype
    assert_same(net, found)
