"""How good is isotropic growing and pruning beside methods for elementwise tanh? (Not in the paper.)"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from pipeline.config import Columns, Configuration, EpochCount, Samples, Several, Widths
from pipeline.experiments import plan
from pipeline.experiments.plan import ACTIVATION, FLOAT64_PASS, Plan, Size, Workload, check_changes, in_layer
from pipeline.experiments.plan.methods import METHODS, OVER_DATA, Means, methods
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import CHANGE, Factor, Schema
from pipeline.seeds import generator, seed

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor
    from torch.optim import Optimizer

    from isotropic.networks.ensemble import Ensemble
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Trained, Work

QUESTION = (
    "How well do networks train on after isotropic growing or pruning, beside other methods for elementwise tanh?"
)
KINDS = {"isotropic-tanh": "isotropic", "tanh": "tanh"}  # activation -> what its networks are called in rows
UNCHANGED, FROM_SCRATCH = "unchanged", "from scratch"  # after the kind: the two references
ROWS = Schema(
    phases={"training": "after an epoch", "adapted": "right after the change"},
    measures=TRAINING | FUNCTION_CHANGE | ACCURACY,
    networks=ACTIVATION
    | {
        "method": Factor("by which the width was changed", levels=(UNCHANGED, FROM_SCRATCH, *METHODS)),
        "end": Factor("hidden width at the end; missing before the width moves", int, "neurons"),
    },
    observations={"change": CHANGE},
)


class Member(plan.Member):
    """A network that is trained at one width, and of which copies are then changed in every way."""

    @property
    def kind(self) -> str:
        """What its networks are called."""
        return KINDS[self.configuration.activation]

    @property
    def method(self) -> str:
        """None, before a change."""
        return UNCHANGED

    @property
    def label(self) -> str:
        """The network that is never changed, and that of the epochs before a change."""
        return f"{self.kind}, {UNCHANGED}"

    @property
    def scratch(self) -> str:
        """Networks that have the width of a change from their start."""
        return f"{self.kind}, {FROM_SCRATCH}"


class Settings(Plan):
    """Decided here: the paper has no such experiment."""

    hidden: Widths
    layer: int = Field(ge=1)  # l, whose width is changed
    changes: Several[int]  # neurons added (positive) or removed (negative)
    epochs_before: EpochCount  # of `epochs`, before the change
    columns: Columns  # of isotropic growing
    noise: float = Field(gt=0)  # of Net2Wider's second form, relative to the weights that are copied
    expectation_samples: Samples  # training samples over which the mean of removed neurons is taken
    configurations: list[Configuration]  # the isotropic one, and standard tanh

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        activations = [configuration.activation for configuration in self.configurations]
        if activations != list(KINDS):
            found = ", ".join(activations) or "none"
            raise ValueError(f"configurations: isotropic-tanh and then tanh are compared; found {found}")
        if self.layer > len(self.hidden):
            raise ValueError(f"layer: layer {self.layer} is no hidden layer; hidden has {len(self.hidden)}")
        check_changes(self.changes, self.hidden[self.layer - 1])
        if self.epochs <= self.epochs_before:
            raise ValueError(f"epochs: {self.epochs} leave none after the change (after {self.epochs_before})")
        return self

    def members(self) -> list[Member]:
        """Both kinds of every repeat."""
        return [
            Member(repeat=repeat, configuration=configuration)
            for configuration in self.configurations
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The same for all, before a change."""
        return [features, *self.hidden, classes]

    def changed(self, widths: Sequence[int], change: int) -> list[int]:
        """n_0 .. n_L after a change."""
        return [width + change * (layer == self.layer) for layer, width in enumerate(widths)]

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """Training to the change and on without one; each method's further training; and all epochs from scratch.

        After the training to the change, and after each change, the logits are also computed in both precisions. A
        change is made in both, and for the networks that are trained on; and so is the mean over samples of some.
        """
        (size,) = data
        start, before = self.widths(member, size.features, size.classes), self.epochs_before
        after = self.epochs - before

        def at(
            widths: Sequence[int], epochs: int, compared: bool = False, more: int = 0, changes: int = 0
        ) -> Workload:
            (workload,) = self.trained(size, widths, [widths] * epochs)
            passes = workload.passes + compared * (1 + FLOAT64_PASS) * size.test + more
            return replace(workload, passes=passes, changes=in_layer(self.layer, changes))

        def samples(method: str) -> int:
            expects = member.configuration.compensation == "expectation" and method == "isotropic pruning"
            return 3 * size.sampled(self.expectation_samples) if expects or method in OVER_DATA else 0

        workloads = [at(start, before, compared=True), at(start, after)]
        for change in self.changes:
            widths = self.changed(start, change)
            workloads += [at(widths, after, True, samples(name), changes=3) for name in methods(member.kind, change)]
            workloads += [at(widths, before), at(widths, after)]
        return workloads

    def stack_key(self, member: Member) -> Hashable:
        """One kind: all its methods start from the same networks."""
        return member.kind


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members, change copies of them in every way, with their moments, and train all on alike."""

    settings, members, images, observed = work.settings, work.members, work.images, work.observations()
    start = settings.widths(members[0], images.features, images.classes)
    untrained = observed.branch()
    training = _Training(work)
    # Networks and optimiser together, so that a copied optimiser holds the copied parameters.
    trained = training.begun(start)
    training.before(trained, observed, "before", needed=True)
    training.after(copy.deepcopy(trained), observed, UNCHANGED)
    changing = _Changing(work, trained[0])
    for change in settings.changes:
        widths = settings.changed(start, change)
        end = widths[settings.layer]
        for name in methods(members[0].kind, change):
            branch, of_branch = copy.deepcopy(trained), observed.branch(configuration=name, method=name, end=end)
            for precision, values in changing.effects(name, change):
                place = {"phase": "adapted", "epoch": settings.epochs_before, "change": change}
                of_branch.add({**place, "precision": precision}, values)
            changing.apply(name, change, *branch)
            training.after(branch, of_branch, f"{name} {change}", changed=True)
        named = {
            "configuration": members[0].scratch,
            "method": FROM_SCRATCH,
            "network": "-".join(map(str, widths)),
            "end": end,
        }
        fresh, of_fresh = training.begun(widths), untrained.branch(**named)
        training.before(fresh, of_fresh, f"{FROM_SCRATCH} {change}", needed=True)
        training.after(fresh, of_fresh, f"{FROM_SCRATCH} {change}, on")
    return observed.frame()


class _Training:
    """Training before and after the moment of change: the same batches for all networks of a repeat."""

    def __init__(self, work: Work[Settings, Member]) -> None:
        self.work, self.settings = work, work.settings

    def begun(self, widths: Sequence[int]) -> Trained:
        """Networks of these widths at their initialisation."""
        from isotropic.networks.ensemble import Ensemble
        from pipeline.experiments.plan.work import network
        from pipeline.training import optimiser

        pairs = zip(self.work.members, self.work.streams, strict=True)
        ensemble = Ensemble([network(self.settings, member, widths, seed(*name)) for member, name in pairs])
        ensemble = ensemble.to(self.work.device)
        return ensemble, optimiser.make(ensemble, self.settings)

    def before(self, trained: Trained, observed: Observations, phase: str, needed: bool) -> None:
        """The epochs before the change."""
        for epoch in self.work.epochs(*trained, observed, self.settings.epochs_before, phase, needed=needed):
            observed.training(epoch)

    def after(self, trained: Trained, observed: Observations, phase: str, changed: bool = False) -> None:
        """Those after it. If nothing was changed, the first observation was made before."""
        before, orders = self.settings.epochs_before, [(*name, "after") for name in self.work.streams]
        left = self.settings.epochs - before
        for epoch in self.work.epochs(*trained, observed, left, phase, orders, needed=False):
            if changed or epoch.number > 0:
                observed.training(epoch, epoch=before + epoch.number)


class _Changing:
    """The methods on the trained networks, and what they do to their function at once."""

    def __init__(self, work: Work[Settings, Member], trained: Ensemble) -> None:
        from pipeline.experiments.plan.work import PRECISIONS
        from pipeline.training import evaluation

        self.settings, self.data, self.names = work.settings, work.images, work.streams
        self.trained = {precision: copy.deepcopy(trained).to(dtype) for precision, dtype in PRECISIONS.items()}
        self.z = {precision: evaluation.logits(net, self.data) for precision, net in self.trained.items()}

    def apply(self, name: str, change: int, net: Ensemble, descent: Optimizer | None = None) -> None:
        """Change the width of copies of the trained networks in place, with their optimiser."""
        from pipeline.training import evaluation

        draws = [generator(*stream, name, change) for stream in self.names]
        inputs = evaluation.Sample(self.data, self.settings.expectation_samples, net.affine[0].weight.dtype)
        means = Means(descent, draws, inputs, self.settings.columns, self.settings.noise)
        METHODS[name].apply(net, self.settings.layer, abs(change), means)

    def effects(self, name: str, change: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """How far a method moves the logits, in each precision."""
        from isotropic.training import measures
        from pipeline.training import evaluation

        labels = self.data.test.labels
        for precision, net in self.trained.items():
            changed = copy.deepcopy(net)
            self.apply(name, change, changed)
            after = evaluation.logits(changed, self.data)
            moved = measures.function_change(self.z[precision], after, labels)
            yield precision, moved | {"accuracy": measures.accuracy(after, labels)}
