"""What every experiment says of itself: its settings, and the networks that follow from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from pipeline import config
from pipeline.config import Activation, Configuration, Name, Several
from pipeline.results.schema import Factor


class Member(config.Settings):
    """What distinguishes one network of an experiment from another. Experiments add fields of their own.

    Members of one repeat share their initialisation and their order of samples, so that they can be compared in
    pairs.
    """

    repeat: int
    configuration: Configuration

    @property
    def label(self) -> str:
        """The configuration as rows name it."""
        return self.configuration.label


@dataclass(frozen=True)
class Size:
    """How large a data set is: n_0 and n_L of its networks, and its numbers of training and of test images."""

    features: int
    classes: int
    train: int
    test: int

    def sampled(self, count: int) -> int:
        """How many training samples `evaluation.Sample` takes for about `count`."""
        return len(range(0, self.train, max(1, self.train // count)))


@dataclass(frozen=True)
class Workload:
    """Some epochs of a network at the same widths, by what they will cost.

    Attributes:
        widths: n_0 .. n_L.
        epochs: how many.
        steps: of the optimiser, in an epoch.
        rows: samples in a step.
        inputs: of n_0, those that a sample has; the others are zero and not multiplied.
        passes: samples that only go forward, in all these epochs together: the test set, and what else is measured.
        changes: of maps 1, 2, ..., how often each is decomposed: to change a width or a basis, or for its spectrum.
        apart: whether the networks of an ensemble are changed one by one.
    """

    widths: tuple[int, ...]
    epochs: int
    steps: int
    rows: int
    inputs: int
    passes: int
    changes: tuple[int, ...] = ()
    apart: bool = False


_AND = " + "  # between the names of data sets that are one
# The factor of experiments that compare isotropic networks with others; written from the configuration.
ACTIVATION = {"activation": Factor("activation function", levels=get_args(Activation))}
FLOAT64_PASS = 2  # what a sample's way through a float64 copy of a network costs, in passes of float32


def in_layer(layer: int, count: int) -> tuple[int, ...]:
    """The `changes` of a workload of which `count` are of map `layer`, and none of another."""
    return (*[0] * (layer - 1), count)


def joint_name(names: Sequence[str]) -> str:
    """What several data sets together are called."""
    return _AND.join(names)


def separate(name: str) -> list[str]:
    """The data sets of a `joint_name`."""
    return name.split(_AND)


def check_changes(changes: Iterable[int], width: int, of: str = "neurons") -> None:
    """Check changes of a width as settings: a ValueError for one by nothing, to nothing or beyond the widest."""
    low, high = 1 - width or 1, config.WIDEST - width or -1
    for change in changes:
        if change == 0 or not 1 <= width + change <= config.WIDEST:
            valid = f"{low} to {high}" + ", but not 0" * (low < 0 < high)
            raise ValueError(f"changes: {change} of {width} {of}; valid are {valid}")


class Plan(config.Training):
    """Base of every experiment's Settings: what a profile decides, and the networks that follow from it."""

    # Settings that say which networks there are rather than how one is trained: more of them keep the others.
    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "configurations"})
    # Images of each data set without which there is nothing to train on, or to measure.
    fewest_train: ClassVar[int] = 1
    fewest_test: ClassVar[int] = 1

    data: Several[Name]
    keep_networks: bool = True  # those of the first repeat, where an experiment has some to be looked at or used

    @property
    def ends(self) -> frozenset[int]:
        """The epochs after which it is kept which test images a network has right: the last."""
        return frozenset({self.epochs})

    def datasets(self) -> list[tuple[str, ...]]:
        """The data sets of each round of the experiment; all members are trained in each round."""
        return [(name,) for name in self.data]

    def members(self) -> Sequence[Any]:
        """All networks to train in a round."""
        raise AttributeError(f"{type(self).__module__}: Settings needs a method `members`")

    def widths(self, member: Any, features: int, classes: int) -> list[int]:
        """n_0 .. n_L of a member at its start."""
        raise AttributeError(f"{type(self).__module__}: Settings needs a method `widths`")

    def train_images(self, count: int) -> int:
        """How many of so many training images a network sees: all, unless an experiment holds some out."""
        return count

    def stack_key(self, member: Any) -> Hashable:
        """Members for which this is equal may share an ensemble."""
        return len(self.widths(member, 1, 1))

    def workloads(self, member: Any, data: Sequence[Size]) -> list[Workload]:
        """What a member's training on a round's data sets consists of, one workload after the other.

        Unless an experiment does otherwise: all epochs at the first widths, tested before them and after each.
        Members of one ensemble have the same workloads but for widths and passes.
        """
        (size,) = data
        widths = self.widths(member, size.features, size.classes)
        return self.trained(size, widths, [widths] * self.epochs)

    def trained(self, size: Size, start: Sequence[int], widths: Iterable[Sequence[int]]) -> list[Workload]:
        """The workloads of `engine.train` from the widths `start`, with `widths` in its epochs, one for each."""
        epochs = Counter({tuple(start): 0})
        epochs.update(map(tuple, widths))
        steps = -(-size.train // self.batch_size)  # the last, short batch is one
        tests = [count + (number == 0) for number, count in enumerate(epochs.values())]  # one before all training
        return [
            Workload(each, count, steps, self.batch_size, size.features, tested * size.test)
            for (each, count), tested in zip(epochs.items(), tests, strict=True)
        ]
