"""Everything that trains, measures or changes a network, on device "cuda" where there is none.

What this shows, by torch's fake tensors (`helpers/cuda_testing.py`): no operation meets tensors of two devices; what
is made new, with an optimiser's moments, stays on the device; and where the host reads from the device, which makes
it wait: nowhere in a step, in an epoch once, when it ends, and else only where `WANTED` says why.

What it does not show, as fake tensors have no numbers: that results are right, and how fast; reads within torch's own
operations (its decompositions read whether they have converged); what torch does without a fake form (pinned memory,
streams, CUDA graphs, generators on the device: the library uses only graphs of these); and what leaves torch,
FastICA and the entropies of scikit-learn and SciPy. Gradients by autograd take the nodes of torch's graph one by one,
as its engine wants a driver; fused SGD has no fake form, and is only looked at for the devices of what it is given.
A captured graph is stood in for by its steps. On a GPU: `make gpu-check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
import torch
from cuda_testing import Answers, Cuda, HostRead, cuda
from isotropic_testing import TREATMENTS
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError

from isotropic import Ensemble, IsotropicConvNet, IsotropicMLP, NormalisedMLP, ParallelMLP
from isotropic.networks import state as states
from isotropic.networks.nested import embed
from isotropic.normalise.ica import hold_in_eigenbasis, measure_whitening, represent_components
from isotropic.normalise.normalisers import BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm
from isotropic.normalise.whitening import BatchNorm, Whitening
from isotropic.surgery.backward import ROWS
from isotropic.surgery.budget import prune_to
from isotropic.surgery.correction import CORRECTIONS
from isotropic.surgery.depth import insert_layer, remove_layer
from isotropic.surgery.diagonalise import diagonalise
from isotropic.surgery.eigenbasis import turn_to_eigenbasis
from isotropic.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude
from isotropic.surgery.joint import annealing, sparsify_jointly
from isotropic.surgery.outgoing_init import COLUMNS
from isotropic.surgery.policy import adapt
from isotropic.surgery.restack import restack, unstack
from isotropic.surgery.sparsify import sparsify, triangularise
from isotropic.surgery.widths import grow, prune
from isotropic.training import measures
from isotropic.training.gradient import Backward
from isotropic.training.pruning_curve import pruning_curve
from isotropic.training.train_step import TrainStep
from pipeline.config import Training
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset, Split
from pipeline.data.tasks import Tasks
from pipeline.training import autograd, checkpoint, engine, epochs, evaluation, optimiser
from pipeline.training.activations import normalised, pixel_correlations
from pipeline.training.tasks import measured, one_epoch

CHECK = "surgery/finite.py: check_finite"
# place -> what is read there, and why this is wanted. None of it is in a training step, but for Whitening's, where
# torch has just waited for the same decomposition.
WANTED: dict[str, tuple[object, str]] = {
    CHECK: (True, "what is not finite is an error, before anything is changed"),
    "surgery/finite.py: require_finite": (
        True,
        "the same, of what new columns and biases are made of",
    ),
    "surgery/backward.py: right_vectors": (True, "a second decomposition, only where there is something to order"),
    "surgery/backward.py: check_rows": (True, "no length to take biases from is an error"),
    "surgery/removal.py: _compensate": (True, "a mean over data, only where a network expects it"),
    "surgery/amounts.py: Amount.neurons": (3, "how many neurons a threshold or an energy leaves"),
    "surgery/budget.py: narrowed": (1.0, "the singular values, by which layers are compared"),
    "surgery/policy.py: adapt": (2, "how many singular values are small is how far a width changes"),
    "surgery/depth.py: remove_layer": (True, "a layer that is not linear is an error"),
    "surgery/joint.py: _blocks": (True, "parameters that are not finite are an error"),
    "surgery/joint.py: sparsify_jointly": (True, "a norm that is not finite is an error"),
    "surgery/joint.py: _Bases.__init__": (True, "torch checks that what it parametrises is orthogonal"),
    "surgery/joint.py: _Bases.centre": (True, "the same, at the beginning of a stage"),
    "surgery/restack.py: _shared": (3.0, "networks that took unequally many steps are an error"),
    "surgery/outgoing_init.py: _wide": (None, "columns that depend on those there are, drawn on the CPU"),
    "surgery/outgoing_init.py: _semi_orthogonal": (None, "how many directions are left, on the CPU already"),
    "networks/sparse.py: _check": (0, "an entry beside the diagonal is an error"),
    "normalise/normalisers.py: check_basis": (0.0, "a basis that is not orthogonal is an error"),
    "networks/nested.py: embed": (1.0, "the gain that the new map divides away"),
    "normalise/whitening.py: _InverseRoot.forward": (True, "a singular covariance is an error"),
    "training/divergence.py: stop_diverged": (False, "once an epoch: whether a network is to be stopped"),
    "training/autograd.py: _finite": (False, "the same, of one network"),
    "surgery/importance.py: _to_the_end": (False, "neurons that there are not, or twice, are an error; on the CPU"),
    "normalise/ica.py: measure_whitening": (False, "torch's `cov` checks that there are samples enough"),
}
ANSWERS: Answers = {place: answer for place, (answer, _) in WANTED.items()}  # type: ignore[misc]

WIDTHS = [6, 5, 4, 3]
B = 4  # samples of a batch


def training(optimiser: str = "adamw", matmul: str = "float32") -> Training:
    return Training(
        repeats=1,
        epochs=1,
        batch_size=B,
        optimiser=optimiser,
        learning_rate=1e-2,
        weight_decay=1e-2,
        psi_decay=0.1,
        matmul=matmul,
    )


def network(*treatment: str, widths: list[int] = WIDTHS) -> IsotropicMLP:
    return IsotropicMLP(widths, "isotropic-tanh", *treatment, device="cuda")


def standard() -> IsotropicMLP:
    return IsotropicMLP(WIDTHS, "tanh", "none", "none", device="cuda")


def ensemble() -> Ensemble:
    """Some train lengths and psi and others do not, so that a step holds those back; one expects a mean gain."""
    return Ensemble([network(*treatment) for treatment in TREATMENTS[::5] + TREATMENTS[-1:]])


def normal(kind: type = BatchNorm) -> NormalisedMLP:
    return NormalisedMLP(network("trainable", "none"), kind)


def convolutional() -> IsotropicConvNet:
    return IsotropicConvNet((1, 2, 3), [4, 5], classes=3, device="cuda")


def inputs(rows: int = B) -> Tensor:
    return torch.randn(rows, 6, device="cuda")


def labels(*shape: int) -> Tensor:
    return torch.randint(3, shape, device="cuda")


def dataset(name: str = "noise", train: int = 47, device: str = "cuda") -> Dataset:
    def split(count: int) -> Split:
        images = torch.randint(256, (count, 6), dtype=torch.uint8, device=device)
        return Split(images, torch.randint(3, (count,), device=device))

    mean = torch.ones(6, dtype=torch.float64, device=device)
    return Dataset(name, (1, 2, 3), 3, split(train), split(20), mean, mean, {})


@pytest.fixture
def watch() -> Iterator[Cuda]:
    with cuda(ANSWERS) as watching:
        yield watching


def forget(watch: Cuda) -> None:
    watch.reads.clear()
    watch.uploads.clear()


def assert_stayed(watch: Cuda) -> None:
    """Since `forget` nothing went from the device to the host, nor from the host to the device."""
    assert not watch.reads and not watch.uploads


def assert_on_cuda(net: nn.Module, own: torch.optim.Optimizer | None = None) -> None:
    everything = dict(net.named_parameters()) | dict(net.named_buffers())
    for p, state in own.state.items() if own else ():
        assert any(p is q for q in net.parameters()), "a state of what is no parameter any more"
        everything |= {key: t for key, t in state.items() if isinstance(t, Tensor)}
        assert all(t.shape in (p.shape, ()) for t in state.values() if isinstance(t, Tensor))
    assert not [name for name, t in everything.items() if not t.is_cuda]


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{" ".join(treatment): lambda treatment=treatment: network(*treatment) for treatment in TREATMENTS},
    "tanh": standard,
    "ensemble": ensemble,
    "convolutional": convolutional,
    "parallel": lambda: ParallelMLP(network()),
    "sparse": lambda: sparsify(network()),
    "nested": lambda: embed(network(), 1, 10.0, 7),
    **{
        kind.__name__: lambda kind=kind: normal(kind)
        for kind in (BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, BatchNorm)
    },
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_way_through_and_back(kind: str, watch: Cuda) -> None:
    net, x = NETWORKS[kind](), inputs()
    assert_on_cuda(net)
    forget(watch)
    z = net(x)
    assert z.is_cuda and z.shape[-2:] == (B, 3)
    z.square().sum().backward()
    assert all(p.grad is None or (p.grad.is_cuda and p.grad.shape == p.shape) for p in net.parameters())
    assert any(p.grad is not None for p in net.parameters())
    net.eval()
    assert net(x).is_cuda
    assert_stayed(watch)


def test_whitening_reads_once_a_batch(watch: Cuda) -> None:
    net = normal(Whitening)
    forget(watch)
    net(inputs()).sum().backward()
    assert watch.reads == {"normalise/whitening.py: _InverseRoot.forward": 2} and not watch.uploads, "of two layers"


@pytest.mark.parametrize("matmul", ["float32", "tf32", "bf16"])
@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd", "momentum"])
def test_a_step_in_closed_form(kind: str, matmul: str, watch: Cuda) -> None:
    settings = training(kind.replace("momentum", "sgd"), matmul)
    for net in (ensemble(), Ensemble([standard()] * 2)):
        own = optimiser.make(net, settings, momentum=0.9 if kind == "momentum" else 0.0)
        train_step = TrainStep(net, own, matmul=matmul)
        x, y = torch.randn(len(net), B, 6, device="cuda"), labels(len(net), B)
        forget(watch)
        for _ in range(3):
            assert train_step(x, y).is_cuda
        assert_stayed(watch)
        assert_on_cuda(net, own)


def test_the_gradient_of_one_network(watch: Cuda) -> None:
    net = network()
    insert_layer(net, 1)
    forget(watch)
    assert Backward(net)(inputs(), labels(B)).is_cuda
    assert_stayed(watch)
    assert all(p.grad is not None and p.grad.is_cuda for p in net.parameters())


def stepped(net: Ensemble, x: Tensor, y: Tensor) -> Tensor:
    return TrainStep(net, optimiser.make(net, training()))(x, y)


NOT_IN_A_STEP: dict[str, Callable[[Ensemble, Tensor, Tensor], object]] = {
    "inputs on the CPU": lambda net, x, y: stepped(net, torch.ones(x.shape), y),
    "labels on the CPU": lambda net, x, y: stepped(net, x, torch.zeros_like(y, device="cpu")),
    "a mask on the CPU": lambda net, x, y: torch.where(torch.ones(3, dtype=torch.bool), net(x), 0.0),
    "a loss that is read": lambda net, x, y: stepped(net, x, y)[0].item(),
    "a comparison": lambda net, x, y: bool(net(x).sum() > 0),
    "a list": lambda net, x, y: net(x).tolist(),
    "a copy": lambda net, x, y: net(x).cpu(),
    "a mask": lambda net, x, y: net(x)[net(x) > 0],
}


@pytest.mark.parametrize("what", NOT_IN_A_STEP)
def test_what_may_not_be_in_a_step_is_refused(what: str) -> None:
    """The negative control: each of these is a mistake that a CPU does not notice."""
    with cuda():
        net = ensemble()
        x, y = torch.randn(len(net), B, 6, device="cuda"), labels(len(net), B)
        with pytest.raises(FakeTensorDeviceMismatchError if what.endswith("CPU") else HostRead):
            NOT_IN_A_STEP[what](net, x, y)


def test_an_upload_in_a_step_is_noticed(watch: Cuda) -> None:
    net, x, order = network(), inputs(), torch.arange(B)
    for mistake in (lambda: net(x * torch.ones(6).to("cuda")), lambda: net(x)[order]):
        forget(watch)
        mistake()
        assert watch.uploads.total() == 1


class Counted:
    """Stands for a captured graph: many steps in one call."""

    launches = 0

    @classmethod
    def capture(cls, advance: epochs.Advance, times: int) -> epochs.Advance:
        def launch() -> None:
            cls.launches += 1
            for _ in range(times):
                advance()

        return launch


@pytest.mark.filterwarnings("ignore:Accessing the data pointer:UserWarning")
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_epochs_read_once_each(kind: str, watch: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "captured", Counted.capture)
    net, data = ensemble(), dataset()
    own = optimiser.make(net, training(kind))
    streams = [("test", k) for k in range(len(net))]
    trained, before = engine.train(net, own, data, 2, B, streams), Counted.launches
    next(trained)
    forget(watch)
    assert [epoch.number for epoch in trained] == [1, 2]
    assert Counted.launches == before + 2, "12 steps, the last of 3: 3 to warm up, 8 in a launch, 1; then 8 and 4"
    # Whether any is to be stopped, and which: one number and one copy of [K] an epoch. The order goes there.
    assert watch.reads == {"training/divergence.py: stop_diverged": 2 * 2}
    assert watch.uploads == {"training/engine.py: shuffled": 2}
    assert_on_cuda(net, own)


@pytest.mark.filterwarnings("ignore:Accessing the data pointer:UserWarning")
def test_a_member_that_diverged_is_stopped_on_the_device() -> None:
    with cuda(ANSWERS | {"training/divergence.py: stop_diverged": True}) as watch:
        net = ensemble()
        own = optimiser.make(net, training())
        *_, last = engine.train(net, own, dataset(train=9), 1, B, [("test", k) for k in range(len(net))])
        assert set(watch.reads) == {"training/divergence.py: stop_diverged"}
        assert not last.diverged.is_cuda and last.test_loss.is_cuda
        assert_on_cuda(net, own)


@pytest.mark.parametrize("kind", ["convolutional", "BatchNorm"])
def test_epochs_by_autograd_read_once_each(kind: str, watch: Cuda) -> None:
    net, data = NETWORKS[kind](), dataset(train=10)
    own = optimiser.make(net, training())
    trained = autograd.train(net, own, data, 2, B, ("test",))
    next(trained)
    forget(watch)
    assert [epoch.number for epoch in trained] == [1, 2]
    assert watch.reads == {"training/autograd.py: _finite": 2}
    assert watch.uploads == {"training/engine.py: shuffled": 2}
    assert_on_cuda(net, own)


def test_epochs_of_several_tasks_read_nothing(watch: Cuda) -> None:
    data = [dataset(name, train=8) for name in ("one", "two", "three")]
    net = Ensemble([network(widths=[18, 5, 4, 9]) for _ in range(2)])
    tasks, own = Tasks(data, "cuda", torch.float32, 2 * B), optimiser.make(net, training())
    forget(watch)
    for number, active in enumerate((["one"], ["one", "three"]), start=1):
        assert one_epoch(net, own, tasks, active, number, B, [("test", 0), ("test", 1)]).is_cuda
        values = [t for each in measured(net, tasks).values() for t in each.values()]
    assert all(t.is_cuda for t in values)
    assert not watch.reads and watch.uploads == {"training/engine.py: shuffled": 3}
    assert_on_cuda(net, own)


def test_batches_of_a_data_set_on_the_host(watch: Cuda) -> None:
    batches = Standardiser(dataset(device="cpu"), "cuda", torch.float32, rows=2 * B)
    assert watch.uploads, "the images, once"
    forget(watch)
    x, y = batches.gather(torch.zeros(2, B, dtype=torch.int64, device="cuda"))
    assert x.is_cuda and y.is_cuda
    assert all(x.is_cuda and y.is_cuda for x, y in batches.in_order("test"))
    assert_stayed(watch)
    with pytest.raises(FakeTensorDeviceMismatchError):
        batches.gather(torch.zeros(2, B, dtype=torch.int64))


def test_measures_stay_on_the_device(watch: Cuda) -> None:
    data, x = dataset(), inputs(20)
    for net in (network(), ensemble(), convolutional()):
        forget(watch)
        z = evaluation.logits(net, data)
        found = [measures.accuracy(z, data.test.labels), measures.cross_entropy(z, data.test.labels)]
        found += measures.function_change(z, z, data.test.labels).values()
        found += [measures.sigma_sum(net, 1), measures.count_present(net, 0.1)]
        found += evaluation.Sample(data, 10, torch.float32)
        assert all(t.is_cuda for t in found)
        assert_stayed(watch)
    norm = normal().eval()
    forget(watch)
    assert pixel_correlations(normalised(norm, 1, data), data).is_cuda
    assert autograd.logits(norm, data).is_cuda
    assert_stayed(watch)
    curve = pruning_curve(network(), 1, [0, 1, 2], x, labels(20))
    assert all(t.is_cuda for t in curve.values())


def test_going_on_from_a_checkpoint(watch: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read from a file is on the CPU, and comes to where the networks are."""
    monkeypatch.setattr(states, "unpacked", lambda t: {})  # its bytes are on the CPU, where they are fake here, too
    for net in (ensemble(), convolutional()):
        own = optimiser.make(net, training())
        step(net, own)
        state = _like_from_a_file(checkpoint._state(net, own))
        again = deepcopy(net)
        other = optimiser.make(again, training())
        checkpoint._restore(again, other, state)
        step(again, other)
        assert_on_cuda(again, other)


def _like_from_a_file(value: object) -> object:
    if isinstance(value, dict):
        return {key: _like_from_a_file(each) for key, each in value.items()}
    return torch.empty_like(value, device="cpu") if isinstance(value, Tensor) else value


def step(net: nn.Module, own: torch.optim.Optimizer) -> None:
    """An ordinary step, in closed form for an ensemble and by autograd for others."""
    if isinstance(net, Ensemble):
        TrainStep(net, own)(torch.randn(len(net), B, 6, device="cuda"), labels(len(net), B))
    else:
        autograd.step(net, own, inputs(), labels(B))


def draws(net: nn.Module) -> list[torch.Generator] | torch.Generator:
    each = [torch.Generator().manual_seed(k) for k in range(len(net) if isinstance(net, Ensemble) else 1)]
    return each if isinstance(net, Ensemble) else each[0]


Change = Callable[[nn.Module, torch.optim.Optimizer], object]
FINITE = "surgery/finite.py: require_finite"
UNSEEN, MEAN = "surgery/backward.py: right_vectors", "surgery/removal.py: _compensate"
# What is done -> how, and where it reads beside CHECK.
EITHER: dict[str, tuple[Change, set[str]]] = {
    **{
        f"diagonalise {side}": (lambda net, own, side=side: diagonalise(net, 2, side, optimiser=own), set())
        for side in ("left", "right", "full")
    },
    **{
        f"grow, {kind}": (
            lambda net, own, kind=kind: grow(net, 1, 2, columns=kind, optimiser=own, generator=draws(net)),
            {"surgery/outgoing_init.py: _wide", FINITE} if kind in ("combination", "semi-orthogonal") else set(),
        )
        for kind in COLUMNS
    },
    **{
        f"grow from the right, {rows}": (
            lambda net, own, rows=rows: grow(
                net, 2, 2, columns="normal", optimiser=own, generator=draws(net), side="right", rows=rows
            ),
            {"surgery/backward.py: check_rows", FINITE} if rows == "bias" else set(),
        )
        for rows in ROWS
    },
    "grow in a basis": (
        lambda net, own: grow(net, 1, 2, basis="singular", optimiser=own, generator=draws(net)),
        set(),
    ),
    "grow from the right in a basis": (
        lambda net, own: grow(net, 2, 2, basis="singular", optimiser=own, side="right", rows="zero"),
        {UNSEEN},
    ),
    **{
        f"prune by {kind}": (
            lambda net, own, kind=kind: prune(net, 1, **{kind: 0.5}, optimiser=own, inputs=inputs(20)),
            {MEAN, FINITE, "surgery/amounts.py: Amount.neurons"},
        )
        for kind in ("threshold", "energy")
    },
    "prune": (lambda net, own: prune(net, 1, 2, optimiser=own, inputs=inputs(20)), {MEAN, FINITE}),
    "prune without data": (
        lambda net, own: prune(net, 1, 2, optimiser=own),
        set(),
    ),
    "prune from the right": (
        lambda net, own: prune(net, 2, 2, optimiser=own, inputs=inputs(20), side="right"),
        {UNSEEN, MEAN, FINITE},
    ),
    "prune by gradient": (
        lambda net, own: prune(net, 1, 2, optimiser=own, choice="gradient"),
        set(),
    ),
    "prune a choice": (
        lambda net, own: prune(net, 1, 2, optimiser=own, inputs=inputs(20), choice=[0, 2]),
        {MEAN, FINITE},
    ),
    "prune a choice from the device": (
        lambda net, own: prune(net, 1, 2, optimiser=own, inputs=inputs(20), choice=torch.arange(2, device="cuda")),
        {MEAN, FINITE, "surgery/importance.py: _to_the_end"},
    ),
    **{
        f"prune, {correction}": (
            lambda net, own, correction=correction: prune(
                net, 1, 2, optimiser=own, inputs=inputs(20), correction=correction
            ),
            {MEAN, FINITE},
        )
        for correction in CORRECTIONS
    },
    "triangularise": (lambda net, own: triangularise(net, 2, optimiser=own), set()),
    "sparsify jointly": (
        lambda net, own: sparsify_jointly(net, annealing(2, 2), optimiser=own),
        {place for place in WANTED if place.startswith("surgery/joint.py")},
    ),
}
ONE: dict[str, tuple[Change, set[str]]] = {
    **{
        f"adapt, {importance}": (
            lambda net, own, importance=importance: adapt(
                net, threshold=0.5, scaffold=3, optimiser=own, importance=importance, generator=draws(net)
            ),
            {"surgery/policy.py: adapt"},
        )
        for importance in ("singular-value", "gradient")
    },
    "prune to a budget": (
        lambda net, own: prune_to(net, 40, round_to=2, optimiser=own, inputs=inputs(20)),
        {MEAN, FINITE, "surgery/budget.py: narrowed"},
    ),
    "adapt to fewer": (
        lambda net, own: adapt(net, threshold=0.5, scaffold=1, optimiser=own, inputs=inputs(20)),
        {"surgery/policy.py: adapt", MEAN, FINITE},
    ),
}
DEPTH: dict[str, tuple[Change, set[str]]] = {
    "insert a layer": (lambda net, own: insert_layer(net, 2, own), set()),
    "remove a layer": (
        lambda net, own: [insert_layer(net, 2, own), remove_layer(net, 2, optimiser=own)],
        {"surgery/depth.py: remove_layer", FINITE},
    ),
}
ELEMENTWISE: dict[str, tuple[Change, set[str]]] = {
    "Net2Wider": (lambda net, own: net2wider(net, 1, 2, noise=0.1, optimiser=own, generator=draws(net)), set()),
    "random neurons": (lambda net, own: add_neurons(net, 1, 2, optimiser=own, generator=draws(net)), set()),
    "magnitude": (lambda net, own: prune_by_magnitude(net, 1, 2, optimiser=own, inputs=inputs(20)), {FINITE}),
    "merging": (lambda net, own: merge_neurons(net, 1, 2, optimiser=own), set()),
}
WITHOUT_DATA = ("prune without data", "prune by gradient")  # which one of the ensemble needs, as it expects a gain
KERNELS = [
    "diagonalise left",
    "diagonalise right",
    *(f"grow, {kind}" for kind in COLUMNS),
    "prune without data",
    "prune by gradient",
]
CHANGES: list[tuple[str, Callable[[], nn.Module], str, Change, set[str]]] = [
    (kind, make, name, *table[name])
    for kind, make, table in (
        ("network", network, EITHER | ONE | DEPTH),
        ("ensemble", ensemble, {name: how for name, how in EITHER.items() if name not in WITHOUT_DATA}),
        (
            "convolutional",
            convolutional,
            {name: EITHER[name] for name in KERNELS} | {"adapt": ONE["adapt, gradient"]},
        ),
        ("tanh", standard, ELEMENTWISE),
        ("tanh ensemble", lambda: Ensemble([standard()] * 2), ELEMENTWISE),
    )
    for name in table
]


@pytest.mark.parametrize(
    ("make", "change", "reads"),
    [(make, change, reads) for _, make, _, change, reads in CHANGES],
    ids=[f"{kind}, {name}" for kind, _, name, *_ in CHANGES],
)
def test_a_change_of_width(make: Callable, change: Change, reads: set[str], watch: Cuda) -> None:
    for settings, momentum in ((training(), 0.0), (training("sgd"), 0.9)):
        net = make()
        own = optimiser.make(net, settings, momentum)
        step(net, own)
        forget(watch)
        change(net, own)
        assert set(watch.reads) - {CHECK} == reads
        assert_on_cuda(net, own)
        forget(watch)
        step(net, own)
        assert_stayed(watch)
        assert_on_cuda(net, own)


def test_ensembles_are_taken_apart_and_put_together(watch: Cuda) -> None:
    def make(net: nn.Module) -> torch.optim.Optimizer:
        return optimiser.make(net, training())

    net = ensemble()
    own = make(net)
    step(net, own)
    forget(watch)
    parts = unstack(net, own, make)
    assert not watch.reads
    for each, its in parts:
        assert_on_cuda(each, its)
    grow(parts[0][0], 1, 1, optimiser=parts[0][1])
    forget(watch)
    net, own = restack(parts, make)
    assert set(watch.reads) == {"surgery/restack.py: _shared"}
    step(net, own)
    assert_on_cuda(net, own)


def test_bases_of_normalised_networks(watch: Cuda) -> None:
    net, x = normal(Whitening), inputs(20)
    own = optimiser.make(net, training())
    step(net, own)
    net.eval()
    measure_whitening(net, 1, x)
    hold_in_eigenbasis(net, 1, optimiser=own)
    represent_components(net, 1, torch.eye(5, dtype=torch.float64, device="cuda"), "exact", optimiser=own)
    turn_to_eigenbasis(net, 2, x, optimiser=own)
    assert set(watch.reads) == {
        CHECK,
        "normalise/ica.py: measure_whitening",
        "normalise/normalisers.py: check_basis",
        "normalise/whitening.py: _InverseRoot.forward",
    }
    step(net.train(), own)
    assert_on_cuda(net)


def test_every_wanted_read_has_its_reason() -> None:
    assert all(reason for _, reason in WANTED.values())
