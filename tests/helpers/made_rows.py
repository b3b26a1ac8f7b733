"""Rows of every experiment as its `run` would make them: for what only reads rows.

They are numbers made up at once where that is worth a function here; of other experiments they are those of a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from pipeline.config import validate
from pipeline.data.dataset import Dataset, Split, build
from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.experiments.invariance import ABLATIONS, corrected
from pipeline.experiments.plan.work import Work
from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, EQUAL_SIZE, STATIC
from pipeline.results.measures import FUNCTION_CHANGE
from pipeline.results.provenance import DataSet
from pipeline.results.rows import frame
from pipeline.results.schema import networks
from pipeline.yaml_file import read_yaml

Row = dict[str, object]
_SMOKE = read_yaml(Path(__file__).parents[2] / "profiles/smoke.yaml")["experiments"]


def settings(name: str, **changes: Any) -> Any:
    """The settings of an experiment at the smallest scale, but with four repeats, where there may be several."""
    assert name in _SMOKE, f"{name} has no settings in profiles/smoke.yaml, by which tests of all experiments run it"
    changes = {"repeats": 1 if name == "timing" else 4} | changes
    return validate(experiment(name).Settings, _SMOKE[name] | changes, "made")


SETTINGS: Mapping[str, Any] = {name: settings(name) for name in EXPERIMENTS}


def described(*names: str) -> dict[str, DataSet]:
    """Data sets of 8 x 8 images."""
    return {name: DataSet(name, name, f"images of {name}", 1437, 360, 64, 10, f"sha256:{name}") for name in names}


def rows(name: str, own: Any = None) -> pd.DataFrame:
    """Rows of an experiment under `own` settings, by default those above, on all data sets that they name."""
    own = own or SETTINGS[name]
    if name not in _OBSERVED:
        return _run(name, own.model_dump_json())
    random = np.random.default_rng(0)
    made: list[Row] = []
    for data in [" + ".join(names) for names in own.datasets()]:
        for member in own.cases() if name == "timing" else own.members():
            network = "-".join(map(str, own.widths(member, 64, 10))) if name != "task_schedule" else "192-8..16-30"
            who = {"experiment": name, "data": data, "network": network, "configuration": member.label}
            factors = experiment(name).ROWS.networks
            for of in (member.configuration, member):
                who |= {factor: getattr(of, factor) for factor in factors if hasattr(of, factor)}
            who |= {"repeat": member.repeat, "seed": 100 + member.repeat, "precision": "float32"}
            made += [who | row for row in _OBSERVED[name](own, member, random)]
    return frame(made, experiment(name).ROWS)


@cache
def _run(name: str, settings: str) -> pd.DataFrame:
    """A run of an experiment on noise, of all members that may be together at a time."""
    module, tables = experiment(name), [frame([], experiment(name).ROWS)]
    own = module.Settings.model_validate_json(settings)
    groups: dict[Hashable, list[Any]] = {}
    for member in own.members():
        groups.setdefault(own.stack_key(member), []).append(member)
    for names in own.datasets():
        data = [_noise(each) for each in names]
        tables += [module.run(Work(own, group, data, torch.device("cpu"))) for group in groups.values()]
    return pd.concat(tables, ignore_index=True)


def _noise(name: str) -> Dataset:
    """Ten classes of 8 x 8 images, noise about a mean of their own."""
    draw = torch.Generator().manual_seed(0)
    means = torch.randint(40, 216, (10, 64), generator=draw)

    def split(count: int) -> Split:
        labels = torch.arange(count) % 10
        images = (means[labels] + 30 * torch.randn(count, 64, generator=draw)).clamp(0, 255)
        return Split(images.to(torch.uint8), labels)

    return build(name, split(240), split(120), (1, 8, 8), 10, {"source": name, "description": f"images of {name}"})


def diverged(table: pd.DataFrame, epoch: int, **network: object) -> pd.DataFrame:
    """Rows in which those of these networks that were trained in an epoch diverged in it."""
    mask = pd.Series(True, index=table.index)
    for column, value in network.items():
        mask &= (table[column] == value).fillna(False).astype(bool)
    late = (table["epoch"] >= epoch).fillna(False).astype(bool)
    assert (mask & late).any(), f"no rows of {network} from epoch {epoch}"
    ends = table[mask & late][["experiment", *networks(list(table.columns)), "seed"]].drop_duplicates()
    said = ends.assign(phase="diverged", measure="diverged", epoch=epoch, precision="float32", value=1.0)
    records = [{k: v for k, v in row.items() if not pd.isna(v)} for row in said.to_dict("records")]
    schema = experiment(str(table["experiment"].iloc[0])).ROWS
    return pd.concat([table[~(mask & late)], frame(records, schema)], ignore_index=True)


def _training(own: Any, random: np.random.Generator, first: int = 0, **place: object) -> Iterator[Row]:
    for epoch in range(first, own.epochs + 1):
        values = {"test_accuracy": 60 + 5 * epoch + random.normal(), "test_loss": 2.0 * 0.9**epoch}
        values |= {"train_loss": 2.0 * 0.8**epoch} if epoch else {}
        yield from _values({"phase": "training", "epoch": epoch, **place}, values)


def _values(place: Row, values: Mapping[str, float]) -> Iterator[Row]:
    for measure, value in values.items():
        yield place | {"measure": measure, "value": value}


def _invariance(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    yield from _training(own, random)
    for precision, rounding in (("float32", 1e-6), ("float64", 1e-15)):
        place = {"epoch": own.epochs, "precision": precision}
        yield from _values(place | {"phase": "baseline"}, {"accuracy": 90.0, "sigma_sum": 20.0})
        for change in (0, *own.changes):
            epsilon = random.lognormal() * (rounding if change >= 0 else 0.1)
            values = {"epsilon": epsilon, "epsilon_scaled": epsilon, "kl": epsilon, "accuracy": 90.0}
            values |= {"sigma_sum": 20.0, "delta_sigma": 0.0, "delta_accuracy": 0.01 * random.normal()}
            place |= {"phase": "adapted", "change": change}
            yield from _values(place, values)
            for ablation in ABLATIONS if change < 0 and corrected(member.configuration) else ():
                taken = {measure: 2 * values[measure] for measure in FUNCTION_CHANGE}
                yield from _values(place | {"ablation": ablation}, taken)


def _spectra(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    yield from _training(own, random)
    widths = [64, *own.hidden, 10]
    for epoch in range(own.epochs + 1):
        for layer in range(1, len(widths)):
            size = min(widths[layer - 1 : layer + 1])
            logs = np.sort(random.normal(scale=0.01 + epoch, size=size))[::-1]
            for index, value in enumerate(10.0**logs):
                place = {"phase": "spectrum", "epoch": epoch, "layer": layer, "index": index}
                yield from _values(place, {"sigma": value, "bias": 0.1 * epoch * value})


def _abundance(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    yield from _training(own, random)
    final = {"phase": "final", "epoch": own.epochs}
    yield from _values(final, {"accuracy": 75 + random.normal(), "best_accuracy": 78.0})


def _width_transitions(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    before = own.model_copy(update={"epochs": own.epochs_before})
    yield from _training(before, random)
    control = member.configuration.activation == "tanh"
    for end in [member.start] if control else own.hidden_widths:
        yield from _training(own, random, first=own.epochs_before, end=end)


def _task_schedule(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    kinds = (ADAPTIVE, EQUAL_SIZE, EQUAL_COST) if member.widths == ADAPTIVE else (STATIC,)
    for kind in kinds:
        who = {"configuration": kind, "widths": kind, "phase": "training"}
        for epoch in range((own.compared if kind in (EQUAL_SIZE, EQUAL_COST) else own.epochs) + 1):
            place = who | {"epoch": epoch}
            for task in own.data:
                values = {"test_accuracy": 60 + epoch + random.normal(), "test_loss": 2.0 * 0.9**epoch}
                yield from _values(place | {"task": task}, values)
            for layer in range(1, own.layers + 1):
                values = {"width": 10.0 + (epoch + random.random()) * (kind == ADAPTIVE), "sigma_median": 1.0}
                yield from _values(place | {"layer": layer}, values | {"sigma_above": 7.0, "sigma_largest": 2.0})
            yield from _values(place, {"psi_norm": 0.1 * epoch})
            if epoch == own.compared:
                yield from _values(place, {"multiply_adds": 1e6 * (2 if kind == STATIC else 1)})


def _sparsification(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    yield from _training(own, random)
    for precision, rounding in (("float32", 1e-6), ("float64", 1e-15)):
        place = {"epoch": own.epochs, "precision": precision}
        sizes = {"accuracy": 90.0, "parameters": 1000.0, "parameters_exact": 1000.0, "bytes": 4000.0}
        yield from _values(place | {"phase": "baseline"}, sizes)
        left = {"parameters": 900.0, "parameters_exact": 900.0, "bytes": 3600.0, "epsilon": rounding}
        left |= {"epsilon_scaled": rounding, "epsilon_form": rounding, "percent_exact": 10.0, "delta_accuracy": 0.0}
        left |= {"accuracy": 90.0, "percent_removed": 10 + 0.01 * random.normal()}
        yield from _values(place | {"phase": "adapted"}, left)
    for size in own.latency_batches:
        values = {"latency_dense": 2.0, "latency_sparse": 1.0, "latency_ratio": 0.5 + 0.01 * random.normal()}
        yield from _values({"epoch": own.epochs, "phase": "latency", "batch": size}, values)


def _timing(own: Any, case: Any, random: np.random.Generator) -> Iterator[Row]:
    for epoch in range(own.warm_up + 1, own.warm_up + own.epochs + 1):
        values = {"training_seconds": 2 + 0.01 * random.normal(), "threads": 1.0}
        values |= {"testing_seconds": 0.5} if case.testing else {}
        values |= {"adapting_seconds": 0.01 + 0.001 * random.random()} if case.adaptation != "none" else {}
        yield from _values({"phase": "timed", "epoch": epoch}, values)


def _equivariance(own: Any, member: Any, random: np.random.Generator) -> Iterator[Row]:
    adaptive = own.trained_by(member.optimiser).optimiser != "sgd"
    for precision, rounding in (("float32", 1e-6), ("float64", 1e-14)):
        yield from _training(own, random, precision=precision)
        for epoch in range(own.epochs_before, own.epochs + 1):
            parted = adaptive and epoch > own.epochs_before
            values = {"epsilon": random.lognormal() * (0.1 if parted else rounding), "delta_accuracy": 0.0}
            values |= {"epsilon_scaled": values["epsilon"], "kl": values["epsilon"]}
            yield from _values({"phase": "turned", "epoch": epoch, "precision": precision}, values)


_OBSERVED = {
    "invariance": _invariance,
    "spectra": _spectra,
    "tanh_comparison": lambda own, member, random: _training(own, random),
    "abundance": _abundance,
    "width_transitions": _width_transitions,
    "task_schedule": _task_schedule,
    "sparsification": _sparsification,
    "timing": _timing,
    "equivariance": _equivariance,
}
