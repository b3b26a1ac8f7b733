"""What does the ICA representation do to a network, and what are its components? (The paper's Appendix E.)"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from pipeline.config import Configuration, Samples, Several, Width, Widths
from pipeline.experiments.plan import FLOAT64_PASS, Member, Plan, Size, Workload
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator, seed

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor

    from isotropic.normalise.normalised import NormalisedMLP
    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work

    Observed = tuple[dict[str, object], dict[str, Tensor]]

QUESTION = (
    "Does the ICA representation keep the function of a network, and are its neurons then more independent than in "
    "any other basis?"
)
NEURONS, EIGENBASIS, RANDOM, COMPONENTS, NOISE = (
    "neurons as trained",
    "covariance eigenbasis",
    "random rotation",
    "independent components",
    "Gaussian noise",
)
BASES = (NEURONS, EIGENBASIS, RANDOM, COMPONENTS, NOISE)
FORMS = ("exact", "diagonal")
DIMENSIONS = ("channels", "height", "width")
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "trained": "after all epochs",
        "held": "held in the eigenbasis of its covariances",
        "found": "a search for components",
        "represented": "represented in a basis; in all layers where none is named",
        "basis": "the neurons of a layer in a basis",
        "neuron": "one neuron in a basis",
        "image": "the images of the data set",
        "picture": "a pixel of the picture of a neuron in a basis",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | ACCURACY
    | {
        "converged": Measure("searches that converged", "%", 0),
        "kurtosis": Measure("size of the excess kurtosis", "", 2),
        "negentropy": Measure("negentropy", "nats", 3),
        "information": Measure("mutual information of two", "nats", 4),
        "energy_correlation": Measure("size of the correlation of the squares of two", "", 3),
        "side": Measure("size of an image", "", 0),
        "pixel_correlation": Measure("correlation with the pixel", "", 2),
    },
    observations={
        "basis": Factor("of a layer", levels=BASES),
        "variant": Factor("how the basis is represented: with the whole covariance or its diagonal", levels=FORMS),
        "rank": Factor("of a neuron, by descending negentropy, from 0", int, many=True),
        "dimension": Factor("of an image", levels=DIMENSIONS),
        "pixel": Factor("of an image, from 0", int, many=True),
    },
)
FLAT = 1e-6  # range of an activation behind a normaliser, which makes its deviation 1: one of less does not vary
VARIANTS = ((COMPONENTS, "exact"), (COMPONENTS, "diagonal"), (RANDOM, "diagonal"))
Training = Literal["as usual", "in the eigenbasis"]


class Trained(Member):
    """A network with BatchNorm that is trained in one of two ways."""

    training: Training

    @property
    def label(self) -> str:
        """How it is trained: in all else the networks of a repeat are alike."""
        return self.training


class Settings(Plan):
    """Decided here: the paper describes the representation and has no experiment with it."""

    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "trainings"})
    fewest_test: ClassVar[int] = 5  # `independence.FEWEST`, which is torch's

    hidden: Widths
    trainings: Several[Training]
    configuration: Configuration
    component_samples: Samples  # training images that covariances are measured on and components found from, about
    component_steps: Samples  # of FastICA, at most
    shown: Width  # components of the first hidden layer that are drawn, as many as there are at most

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if not self.configuration.isotropic or self.configuration.compensation not in ("none", "expectation"):
            raise ValueError(
                f"configuration: {self.configuration.label} cannot have normalisers, which need isotropic-tanh and "
                "compensation none or expectation"
            )
        if self.matmul != "float32":
            raise ValueError(f"matmul: {self.matmul} is of ensembles; valid here is float32")
        for setting in ("batch_size", "component_samples"):
            if (count := getattr(self, setting)) < 2:
                raise ValueError(f"{setting}: {count} sample has no variance; valid are 2 or more")
        return self

    def members(self) -> list[Trained]:
        """Every way of training in every repeat."""
        return [
            Trained(repeat=repeat, configuration=self.configuration, training=training)
            for repeat in range(self.repeats)
            for training in self.trainings
        ]

    def widths(self, member: Trained, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def stack_key(self, member: Trained) -> Hashable:
        """Each is a job of its own: autograd trains one network at a time."""
        return member.repeat, member.label

    def workloads(self, member: Trained, data: Sequence[Size]) -> list[Workload]:
        """Training, the turns within it, and what is measured; a way through some of the layers counts as one."""
        (size,) = data
        layers, samples = len(self.hidden), size.sampled(self.component_samples)
        turns = layers * self.epochs if member.training == "in the eigenbasis" else 0
        tests = FLOAT64_PASS * 2 * (1 + layers)  # logits and activations, as trained and held in the eigenbasis
        tests += (1 + FLOAT64_PASS) * (1 + len(VARIANTS) * (layers + 1))  # each layer and all, in both precisions
        passes = turns * samples + FLOAT64_PASS * 2 * layers * samples + tests * size.test
        held = (turns // layers + 1,) * layers  # in the eigenbasis: after epochs, and at the end
        *workloads, last = super().workloads(member, data)
        return [*workloads, replace(last, passes=last.passes + passes, changes=held)]


def run(work: Work[Settings, Trained]) -> pd.DataFrame:
    """Train each member, hold it in the eigenbasis of its covariances, and represent its components."""
    import torch

    from isotropic.normalise.normalised import NormalisedMLP
    from isotropic.normalise.whitening import BatchNorm
    from pipeline.experiments.plan.work import Work, network
    from pipeline.training import evaluation

    settings, images = work.settings, work.images
    everything = work.observations()
    x = torch.cat([some.clone() for some in evaluation.Sample(images, settings.component_samples, torch.float64)])
    for member, name in zip(work.members, work.streams, strict=True):
        widths = settings.widths(member, images.features, images.classes)
        own = Work(settings, [member], [images], work.device, work.checkpoints)
        observed = own.observations()
        observed.rows = everything.rows
        net = NormalisedMLP(network(settings, member, widths, seed(*name)), BatchNorm).to(work.device)
        _train(own, net, x.float(), observed)
        if all(observed.alive):
            for place, values in _observe(settings, member, copy.deepcopy(net), images, x, name):
                observed.add({"epoch": settings.epochs, "precision": "float64"} | place, values)
    return everything.frame()


def _train(work: Work[Settings, Trained], net: NormalisedMLP, x: Tensor, observed: Observations) -> None:
    """Train; in the eigenbasis, turn every hidden layer to it after every epoch."""
    from isotropic.surgery.eigenbasis import turn_to_eigenbasis
    from pipeline.training import autograd, optimiser

    settings, (member,), (name,) = work.settings, work.members, work.streams
    descent = optimiser.make(net, settings)
    phase = work.checkpoints.phase(f"{member.label} {member.repeat}", observed)
    for epoch in autograd.train(net, descent, work.images, settings.epochs, settings.batch_size, name, phase):
        observed.training(epoch)
        if member.training == "in the eigenbasis" and epoch.number > 0 and all(observed.alive):
            for layer in range(1, len(settings.hidden) + 1):
                turn_to_eigenbasis(net, layer, x, optimiser=descent)


def _observe(
    settings: Settings, member: Trained, net: NormalisedMLP, data: Dataset, x: Tensor, name: tuple[object, ...]
) -> Iterator[Observed]:
    """All that is measured of a trained network, in float64 unless the place says otherwise; `net` is changed."""
    import torch

    from isotropic.normalise.ica import hold_in_eigenbasis, measure_whitening
    from isotropic.training import measures
    from pipeline.experiments.plan.work import PRECISIONS
    from pipeline.training import autograd
    from pipeline.training.activations import normalised

    layers, labels = range(1, len(settings.hidden) + 1), data.test.labels
    net.double().eval()
    neurons = {layer: normalised(net, layer, data) for layer in layers}
    z = autograd.logits(net, data)
    yield {"phase": "trained"}, {"accuracy": measures.accuracy(z, labels)[None]}
    for layer in layers:
        measure_whitening(net, layer, x)
        hold_in_eigenbasis(net, layer)
    held = autograd.logits(net, data)
    yield {"phase": "held"}, {"accuracy": measures.accuracy(held, labels)[None]} | _change(z, held, labels)
    rotations: dict[str, dict[int, Tensor]] = {COMPONENTS: {}, RANDOM: {}}
    for layer in layers:
        found, converged = _components(net, layer, x, seed(*name, "components", layer), settings.component_steps)
        yield {"phase": "found", "layer": layer}, {"converged": torch.tensor([100.0 * converged])}
        rotations[COMPONENTS][layer] = found
        rotations[RANDOM][layer] = random_rotation(_white(net, layer), generator(*name, "rotation", layer))
    for precision, dtype in PRECISIONS.items():
        for place, values in _represented(copy.deepcopy(net).to(dtype), rotations, data):
            yield place | {"phase": "represented", "precision": precision}, values
    for layer in layers:
        bases = whitened(net, layer, {basis: own[layer] for basis, own in rotations.items()}, data)
        bases |= {NEURONS: neurons[layer], NOISE: _noise(bases[EIGENBASIS], generator(*name, "noise", layer))}
        bases = {basis: varying(y) for basis, y in bases.items()}
        for basis, y in bases.items():
            yield from ((own | {"layer": layer, "basis": basis}, values) for own, values in _independence(y))
        if layer == 1 and member.repeat == 0:
            for dimension, side in zip(DIMENSIONS, data.shape, strict=True):
                yield {"phase": "image", "dimension": dimension}, {"side": torch.tensor([side])}
            for basis in (COMPONENTS, NEURONS):
                drawn = _drawn(bases[basis], data, settings.shown)
                yield from ((own | {"layer": layer, "basis": basis}, values) for own, values in drawn)


def _components(net: NormalisedMLP, layer: int, x: Tensor, start: int, steps: int) -> tuple[Tensor, bool]:
    """The rotation to independent components, and whether FastICA converged."""
    from sklearn.exceptions import ConvergenceWarning

    from isotropic.normalise.ica import independent_components

    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        rotation = independent_components(net, layer, x, start % 2**32, steps)  # scikit-learn wants 32 bits
    return rotation, not any(issubclass(each.category, ConvergenceWarning) for each in raised)


def _white(net: NormalisedMLP, layer: int) -> Tensor:
    """Which directions of a layer held in its eigenbasis have any variance, boolean [n]: those ICA is of."""
    from isotropic.normalise.whitening import BatchNorm

    norm = net.norm(layer)
    assert isinstance(norm, BatchNorm)
    return norm.variance > norm.eps


def random_rotation(white: Tensor, draw: torch.Generator) -> Tensor:
    """A random orthogonal matrix among these directions, which leaves the others as they are: [n, n], float64."""
    import torch

    rotation = torch.eye(len(white), dtype=torch.float64)
    own, within = torch.empty(int(white.sum()), int(white.sum()), dtype=torch.float64), white.cpu()
    rotation[torch.outer(within, within)] = torch.nn.init.orthogonal_(own, generator=draw).flatten()
    return rotation.to(white.device)


def _represented(net: NormalisedMLP, rotations: dict[str, dict[int, Tensor]], data: Dataset) -> Iterator[Observed]:
    """What each variant does to the function, in each hidden layer alone and, without a layer, in all of them."""
    from isotropic.normalise.ica import represent_components
    from isotropic.training import measures
    from pipeline.training import autograd

    labels = data.test.labels
    z = autograd.logits(net, data)
    for basis, variant in VARIANTS:
        own = rotations[basis]
        for place, chosen in [*(({"layer": layer}, {layer: own[layer]}) for layer in own), ({}, own)]:
            changed = copy.deepcopy(net)
            for layer, rotation in chosen.items():
                represent_components(changed, layer, rotation, variant)
            after = autograd.logits(changed, data)
            accuracy = {"accuracy": measures.accuracy(after, labels)[None]}
            yield {"variant": variant, "basis": basis, **place}, accuracy | _change(z, after, labels)


def _change(before: Tensor, after: Tensor, labels: Tensor) -> dict[str, Tensor]:
    from isotropic.training import measures

    return measures.function_change(before[None], after[None], labels)


def whitened(net: NormalisedMLP, layer: int, rotations: dict[str, Tensor], data: Dataset) -> dict[str, Tensor]:
    """The whitened activations of the test set in their eigenbasis and as they are rotated, [N, white] each."""
    from pipeline.training.activations import normalised

    z, white = normalised(net, layer, data), _white(net, layer)
    return {EIGENBASIS: z[:, white]} | {basis: (z @ own.mT)[:, white] for basis, own in rotations.items()}


def varying(y: Tensor) -> Tensor:
    """The columns of y [N, n] that vary, [N, m]: of what is constant there is nothing to measure."""
    moves = y.amax(0) - y.amin(0) > FLAT
    return y if moves.all() else y[:, moves]


def _noise(like: Tensor, draw: torch.Generator) -> Tensor:
    """What is measured of this is the bias of the measures: its columns are Gaussian and independent."""
    import torch

    return torch.randn(like.shape, generator=draw, dtype=like.dtype).to(like)


def _independence(y: Tensor) -> Iterator[Observed]:
    """How Gaussian and how dependent the columns of y [N, n] are: of all, and of each by its rank; none, nothing."""
    from isotropic.normalise.independence import energy_correlation, excess_kurtosis, negentropy, pairwise_information

    if y.shape[1] == 0:
        return

    each = negentropy(y)
    means = {"kurtosis": excess_kurtosis(y).abs().mean(), "negentropy": each.mean()}
    pairs = {"information": pairwise_information(y), "energy_correlation": energy_correlation(y)}
    yield {"phase": "basis"}, {measure: value[None] for measure, value in (means | pairs).items()}
    for rank, value in enumerate(each.sort(descending=True).values):
        yield {"phase": "neuron", "rank": rank}, {"negentropy": value[None]}


def _drawn(y: Tensor, data: Dataset, count: int) -> Iterator[Observed]:
    """What the least Gaussian columns of y [N, n] look like in the input: their correlation with every pixel.

    Signs are arbitrary: what is shown is that with which the longer tail is positive.
    """
    from isotropic.normalise.independence import negentropy
    from pipeline.training.activations import pixel_correlations

    if y.shape[1] == 0:
        return
    y = (y - y.mean(0)) / y.std(0, correction=0)
    y = y[:, negentropy(y).argsort(descending=True)[:count]]
    y = y * y.pow(3).mean(0).sign()
    for rank, image in enumerate(pixel_correlations(y, data)):
        for pixel, value in enumerate(image):
            yield {"phase": "picture", "rank": rank, "pixel": pixel}, {"pixel_correlation": value[None]}
