"""How many parameters does alternate full diagonalisation remove, and at what cost? (The paper's Table 6.)"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator, Sequence
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
    import torch
    from torch import Tensor, nn

    from isotropic.networks.ensemble import Ensemble
    from isotropic.networks.network import IsotropicMLP
    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.work import Work

    Observed = tuple[dict[str, object], dict[str, Tensor]]

QUESTION = (
    "How many parameters does full diagonalisation of every second map remove, and does the function stay the same?"
)
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "baseline": "as trained",
        "adapted": "every second map made diagonal",
        "latency": "passes of both forms in turns",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | ACCURACY
    | {
        "epsilon_form": Measure("change of logits ε of the sparse form", "", None, log=True),
        "parameters": Measure("parameters", "", 0),
        "parameters_exact": Measure("parameters by the widths", "", 0),
        "percent_removed": Measure("parameters removed", "%", 2),
        "percent_exact": Measure("parameters removed by the widths", "%", 2),
        "bytes": Measure("bytes stored", "", 0),
        "latency_dense": Measure("latency, dense", "ms", None),
        "latency_sparse": Measure("latency, sparse", "ms", None),
        "latency_ratio": Measure("latency, sparse / dense", "", 2),
    },
    networks=ARCHITECTURE,
    observations={"batch": Factor("inputs of a pass that is timed", int, "samples")},
)


class Settings(Architectures):
    """The protocol's row `sparsification`."""

    present_above: float = Field(ge=0)  # a parameter counts as present if its absolute value is larger
    latency_batches: Several[Annotated[int, Field(ge=1, le=100_000)]]  # samples at once
    latency_passes: int = Field(ge=1, le=100_000)  # of which the median is taken

    def workloads(self, member: Architecture, data: Sequence[Size]) -> list[Workload]:
        """Training, three tests in both precisions (before, after, in sparse form), and the passes that are timed."""
        (size,) = data
        passes = (1 + FLOAT64_PASS) * 3 * size.test + 2 * self.latency_passes * sum(self.latency_batches)
        # Every second map: to be kept, in both precisions, and for the passes that are timed.
        changes = tuple(4 * (layer % 2 == 0) for layer in range(1, member.hidden_layers + 1))
        *workloads, last = super().workloads(member, data)
        return [*workloads, replace(last, passes=last.passes + passes, changes=changes)]


def run(work: Work[Settings, Architecture]) -> pd.DataFrame:
    """Train the members, then measure each before and after every second map was made diagonal."""
    from isotropic.surgery.sparsify import alternate_maps, diagonalise_alternate
    from pipeline.experiments.plan.work import PRECISIONS

    settings, images, observed = work.settings, work.images, work.observations()
    ensemble, _ = work.trained(observed, keep=True)
    diagonal = copy.deepcopy(ensemble)
    diagonalise_alternate(diagonal)
    work.keep("sparsified", diagonal, observed, alternate_maps(diagonal.depth))
    for precision, dtype in PRECISIONS.items():
        trained = copy.deepcopy(ensemble).to(dtype)
        for place, values in _sparsified(settings, trained, images):
            observed.add(place | {"epoch": settings.epochs, "precision": precision}, values)
    for place, values in _latencies(settings, ensemble, images):
        observed.add(place | {"epoch": settings.epochs, "precision": "float32"}, values)
    return observed.frame()


def _sparsified(settings: Settings, trained: Ensemble, data: Dataset) -> Iterator[Observed]:
    """Accuracy and sizes before; the same and the change of function after. `trained` is changed."""
    import torch

    from isotropic.networks.sparse import SparseMLP, storage
    from isotropic.surgery.sparsify import alternate_maps, diagonalise_alternate, parameter_count
    from isotropic.training import measures
    from pipeline.training import evaluation

    labels, diagonal = data.test.labels, alternate_maps(trained.depth)
    z = evaluation.logits(trained, data)
    present, dense = measures.count_present(trained, settings.present_above), _each(trained)
    exact = parameter_count(trained.widths)
    yield (
        {"phase": "baseline"},
        {
            "accuracy": measures.accuracy(z, labels),
            "parameters": present,
            "parameters_exact": torch.full_like(present, exact),
            "bytes": torch.tensor([storage(net) for net in dense], dtype=torch.float64),
        },
    )
    diagonalise_alternate(trained)
    after, left = evaluation.logits(trained, data), measures.count_present(trained, settings.present_above)
    exact_left = parameter_count(trained.widths, diagonal)
    sparse = [SparseMLP(net, diagonal) for net in _each(trained)]
    form = torch.stack([_logits(net, data, z.dtype) for net in sparse])  # [K, N, C]
    yield (
        {"phase": "adapted"},
        {
            **measures.function_change(z, after, labels),
            "epsilon_form": measures.function_change(z, form, labels)["epsilon"],
            "accuracy": measures.accuracy(after, labels),
            "parameters": left,
            "parameters_exact": torch.full_like(left, exact_left),
            "percent_removed": 100 * (1 - left / present),
            "percent_exact": torch.full_like(left, 100 * (1 - exact_left / exact)),
            "bytes": torch.tensor([storage(net) for net in sparse], dtype=torch.float64),
        },
    )


def _each(ensemble: Ensemble) -> list[IsotropicMLP]:
    return [ensemble.member(k) for k in range(len(ensemble))]


def _logits(net: nn.Module, data: Dataset, dtype: torch.dtype) -> Tensor:
    """Over the whole test set, [N, C]."""
    import torch

    from pipeline.data.batches import Standardiser

    samples = Standardiser(data, data.test.labels.device, dtype, rows=1000)
    with torch.no_grad():
        return torch.cat([net(x) for x, _ in samples.in_order("test")])


def _latencies(settings: Settings, ensemble: Ensemble, data: Dataset) -> Iterator[Observed]:
    """Milliseconds of a pass of each member, dense and sparse, by the size of the batch."""
    import torch

    from isotropic.networks.sparse import SparseMLP
    from isotropic.surgery.sparsify import alternate_maps, diagonalise_alternate

    changed = copy.deepcopy(ensemble)
    diagonalise_alternate(changed)
    sparse = [SparseMLP(net, alternate_maps(net.depth)) for net in _each(changed)]
    pairs = list(zip(_each(ensemble), sparse, strict=True))
    for size in settings.latency_batches:
        x = torch.randn(size, data.features, generator=torch.Generator().manual_seed(0))
        times = [interleaved(pair, x.to(data.test.labels.device), settings.latency_passes) for pair in pairs]
        before, after = torch.tensor(times, dtype=torch.float64).unbind(-1)
        values = {"latency_dense": before, "latency_sparse": after, "latency_ratio": after / before}
        yield {"phase": "latency", "batch": size}, values


def interleaved(nets: Sequence[nn.Module], x: Tensor, passes: int) -> list[float]:
    """Median milliseconds of a pass of each network; they take turns, so that what slows the machine slows all."""
    import torch

    def wait() -> None:
        if x.is_cuda:
            torch.cuda.synchronize()

    times: list[list[float]] = [[] for _ in nets]
    with torch.no_grad():
        for turn in range(passes + 2):
            for net, known in zip(nets, times, strict=True):
                wait()
                started = time.perf_counter()
                net(x)
                wait()
                if turn > 1:  # the first two warm up
                    known.append(1000 * (time.perf_counter() - started))
    return [statistics.median(known) for known in times]
