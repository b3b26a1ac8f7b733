"""How sparse does joint optimisation of all bases make a network? (The second version names it without a result.)"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.config import Several
from pipeline.experiments.plan import FLOAT64_PASS, Size, Workload
from pipeline.experiments.plan.architectures import ARCHITECTURE, Architecture, Architectures
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import Factor, Measure, Schema

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from isotropic.networks.ensemble import Ensemble
    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work
    from pipeline.training.checkpoint import Checkpoints

QUESTION = "Does joint optimisation of all bases leave fewer parameters than the bases known in closed form?"
TRAINED, ALTERNATE, TRIANGULAR, JOINT = METHODS = ("trained", "alternate", "alternate triangular", "joint")
STARTS = (TRAINED, ALTERNATE)  # the bases in which joint optimisation starts
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "rebased": "in the bases that a method finds",
        "descent": "after a stage of joint optimisation",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | ACCURACY
    | {
        "parameters": Measure("parameters", "", 0),
        "percent_small": Measure("small parameters", "%", 2),
        "percent_most": Measure("parameters that bases can make exactly zero", "%", 2),
        "l1_norm": Measure("sum of absolute values", "", 1),
    },
    networks=ARCHITECTURE,
    observations={
        "bases": Factor("method that found the bases", levels=METHODS),
        "power": Factor("p of the proxy of joint optimisation", float),
        "initial": Factor("bases in which joint optimisation starts", levels=STARTS),
        "threshold": Factor("absolute value above which a parameter counts as present", float),
        "stage": Factor("of joint optimisation; 0 is before it", int, many=True),
    },
)
STAGES = 30  # of joint optimisation, between which it can be interrupted
JOINT_STEP = 30  # what a step of it costs for each neuron of a width, in passes of float32


class Settings(Architectures):
    """Decided here: the paper has no such experiment."""

    thresholds: Several[Annotated[float, Field(gt=0)]]  # a parameter counts as present if its |p| is larger
    powers: Several[Annotated[float, Field(gt=0, le=1)]]  # p of the proxy: 1 is the L1 norm
    joint_steps: int = Field(ge=STAGES, le=1_000_000)

    def workloads(self, member: Architecture, data: Sequence[Size]) -> list[Workload]:
        """Training, a test in both precisions for each method, and the steps of joint optimisation as passes."""
        (size,) = data
        descents = len(self.powers) * len(STARTS)
        methods = 2 + member.hidden_layers % 2 + descents
        steps = self.joint_steps // STAGES * STAGES
        passes = methods * (1 + FLOAT64_PASS) * size.test + descents * steps * JOINT_STEP * member.hidden_width
        # After every stage; and in closed form every second map, and the last where it has no other to go with.
        turned = STAGES * len(self.powers)
        closed = [layer % 2 == 0 or layer == member.hidden_layers for layer in range(1, member.hidden_layers + 1)]
        *workloads, last = super().workloads(member, data)
        return [
            *workloads,
            replace(last, passes=last.passes + passes, changes=tuple(turned + each for each in closed)),
        ]


def run(work: Work[Settings, Architecture]) -> pd.DataFrame:
    """Train the members, then measure copies of them in the bases that each method finds."""
    from isotropic.networks.ensemble import Ensemble
    from isotropic.surgery.sparsify import diagonalise_alternate, triangularise_unpaired

    settings, observed = work.settings, work.observations()
    ensemble, _ = work.trained(observed)
    trained = copy.deepcopy(ensemble).double()
    alternate = copy.deepcopy(trained)
    diagonalise_alternate(alternate)
    compared = _Compared(settings, trained, work.images, observed)
    compared.add({"bases": TRAINED}, trained)
    compared.add({"bases": ALTERNATE}, alternate)
    if trained.depth % 2 == 0:  # a hidden width has no other to be paired with
        triangular = copy.deepcopy(alternate)
        triangularise_unpaired(triangular)
        compared.add({"bases": TRIANGULAR}, triangular)
    for power in settings.powers:
        starts = Ensemble([start.member(k) for start in (trained, alternate) for k in range(len(start))])
        _descend(settings, power, starts, compared, work.checkpoints)
        for number, start in enumerate(STARTS):
            own = [starts.member(number * len(trained) + k) for k in range(len(trained))]
            compared.add(joint(power, start), Ensemble(own))
    return observed.frame()


def joint(power: float, start: str) -> dict[str, object]:
    """Joint optimisation in rows, by the proxy's power and the bases in which it starts."""
    return {"bases": JOINT, "power": power, "initial": start}


def _descend(
    settings: Settings, power: float, starts: Ensemble, compared: _Compared, checkpoints: Checkpoints
) -> None:
    """Joint optimisation of the networks in all bases in which it starts, together; in place."""
    from torch.optim import SGD

    from isotropic.surgery.joint import annealing, sparsify_jointly

    phase = checkpoints.phase(f"joint, power {power:g}", compared.observed)
    phase.training(starts, SGD(starts.parameters()))  # nothing is trained: it holds no moments
    for number, stage in phase.each(list(enumerate(annealing(settings.joint_steps, STAGES)))):
        before, after = sparsify_jointly(starts, [stage], power=power)  # [starts * K] each
        if number == 0:
            compared.norms(power, 0, before)
        compared.norms(power, number + 1, after)


class _Compared:
    """What is measured of networks in another basis, beside the same networks in the basis of their training.

    Attributes:
        observed: to which rows are added.
    """

    def __init__(self, settings: Settings, trained: Ensemble, data: Dataset, observed: Observations) -> None:
        self.observed = observed
        self._settings, self._data, self._trained = settings, data, trained
        self._z: dict[str, Tensor] = {}

    def add(self, method: dict[str, object], turned: Ensemble) -> None:
        """Accuracy, change of function, L1 norm, and how many parameters are small."""
        import torch

        from isotropic.surgery.joint import most_zeros
        from isotropic.training import measures
        from pipeline.experiments.plan.work import PRECISIONS
        from pipeline.training import evaluation

        labels = self._data.test.labels
        place = method | {"phase": "rebased", "epoch": self._settings.epochs}
        for precision, dtype in PRECISIONS.items():
            z = evaluation.logits(copy.deepcopy(turned).to(dtype), self._data)
            before = self._z.setdefault(precision, z)  # the first are those that were trained
            values = measures.function_change(before, z, labels) | {"accuracy": measures.accuracy(z, labels)}
            self.observed.add(place | {"precision": precision}, values)
        place |= {"precision": "float64"}
        whole = measures.count_present(turned, -1.0)
        most = torch.full_like(whole, 100 * most_zeros(turned.widths)) / whole
        self.observed.add(place, {"l1_norm": _l1_norm(turned), "percent_most": most})
        for threshold in self._settings.thresholds:
            present = measures.count_present(turned, threshold)
            values = {"parameters": present, "percent_small": 100 * (1 - present / whole)}
            self.observed.add(place | {"threshold": threshold}, values)

    def norms(self, power: float, stage: int, norms: Tensor) -> None:
        """The L1 norms of all starts after a stage, [starts * K]."""
        for start, own in zip(STARTS, norms.chunk(len(STARTS)), strict=True):
            place = joint(power, start) | {"phase": "descent", "epoch": self._settings.epochs, "stage": stage}
            self.observed.add(place | {"precision": "float64"}, {"l1_norm": own})


def _l1_norm(net: Ensemble) -> Tensor:
    """Of all W_l, b_l and psi_l, [K]."""
    import torch

    maps = [t for name, t in net.tensors().items() if name.startswith("maps.")]
    return torch.stack([t.abs().flatten(1).sum(-1) for t in maps]).sum(0)
