"""Every experiment on next to no data, and on data without variance: a report without a warning, or one line before.

What cannot be told is a dash in a table and words elsewhere; no file of the report says "nan".
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import made_rows
import pandas as pd
import pytest
import torch

from pipeline.config import Execution
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.facts import DataSet
from pipeline.errors import InputError
from pipeline.execution.checks import check
from pipeline.execution.planned import plan
from pipeline.experiments import experiment
from pipeline.experiments.plan import Size
from pipeline.experiments.plan.work import Work
from pipeline.profile import Profile
from pipeline.reporting.figures import Plot
from pipeline.reporting.presenters import headlines
from pipeline.reporting.render import render
from pipeline.results import correct

# What images are there; of all else there is enough.
IMAGES: dict[str, dict[str, Any]] = {
    "one class": {"classes": 1},
    "one pixel": {"shape": (1, 1, 1)},
    "images all alike": {"alike": True},
    "one test image": {"test": 1},
    "five of each class": {"train": 8, "test": 2},
    "one alone of all": {"classes": 1, "shape": (1, 1, 1), "alike": True, "train": 4, "test": 1},
}
MOST = ("images all alike", "one test image", "one alone of all", "everything diverged")
OTHERS = ("one class", "one pixel", "five of each class", "hidden width 1", "one repeat")
assert {*MOST, *OTHERS} == {*IMAGES, "hidden width 1", "everything diverged", "one repeat"}
REFUSED = {("components", each) for each in IMAGES if IMAGES[each].get("test", 5) < 5}
ABSURD = 1e30  # as a learning rate

# The least that each can be, beside what all have; longer where something happens after the first epoch.
LEAST: dict[str, dict[str, Any]] = {
    "abundance": {"epochs": 3},
    "task_schedule": {"epochs": 4, "train_samples": None, "test_samples": None},
    "timing": {"repeats": 1},
    "learning_rates": {"validation": 0.25},
    "joint_sparsity": {"joint_steps": 30},
}
# Of a hidden width 1, from which nothing can be taken.
NARROW: dict[str, dict[str, Any]] = {
    "convolutions": {"channels": [1, 1], "changes": [2], "trained_on": [0, 2]},
    "invariance": {"hidden": [1, 1], "changes": [4, 1]},
    "other_methods": {"hidden": [1, 1], "changes": [4]},
    "pruning_order": {"hidden": [1, 8]},
    "task_schedule": {"narrowest": 1, "widest": 1},
    "timing": {"hidden": [1, 8]},
}


def settings(name: str, given: str) -> Any:
    smoke = made_rows.SETTINGS[name].model_dump()
    changes = {"repeats": 2, "epochs": smoke.get("epochs_before", 0) + 1, "batch_size": 3} | LEAST.get(name, {})
    if given == "hidden width 1":
        widths = {key: [1] * len(smoke[key]) for key in ("hidden", "hidden_widths") if key in smoke}
        changes |= NARROW.get(name, {"hidden_widths": [1]} if "hidden_widths" in widths else widths)
    if given in ("one repeat", "one alone of all") and name != "timing":
        changes |= {"repeats": 1}
    if given == "everything diverged":
        changes |= {"learning_rate": ABSURD}
        changes |= {"learning_rates": [ABSURD]} if "learning_rates" in smoke else {}
        if "optimisers" in smoke:
            changes |= {"optimisers": [each | {"learning_rate": ABSURD} for each in smoke["optimisers"]]}
    return made_rows.settings(name, **changes)


def images(
    name: str,
    shape: tuple[int, int, int] = (1, 5, 5),
    classes: int = 2,
    train: int = 12,
    test: int = 6,
    alike: bool = False,
) -> Dataset:
    draw = torch.Generator().manual_seed(0)
    count, _, side = shape

    def split(number: int) -> Split:
        grey = torch.randint(0, 256, (number, count * side * side), dtype=torch.uint8, generator=draw)
        return Split(grey[:1].expand(number, -1).contiguous() if alike else grey, torch.arange(number) % classes)

    whole = split(train + test)
    parts = Split(whole.images[:train], whole.labels[:train]), Split(whole.images[train:], whole.labels[train:])
    return build(name, *parts, shape, classes, {"source": "image-folder", "description": f"images of {name}"})


@contextmanager
def strictly() -> Iterator[None]:
    """A warning is an error, and figures are made but not drawn, which is nine tenths of a report."""

    def save(plot: Plot, folder: Path) -> None:
        (folder / f"{plot.name}.svg").write_text('<svg viewBox="0 0 2 1"></svg>', encoding="utf-8")

    with patch.object(Plot, "save", save), warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (DeprecationWarning, PendingDeprecationWarning):  # of libraries, among each other
            warnings.simplefilter("ignore", kind)
        yield


def reported(name: str, own: Any, data: dict[str, Dataset], folder: Path) -> None:
    """Check, run, and make the report, as the stages do."""
    sizes = {key: Size(each.features, each.classes, len(each.train), len(each.test)) for key, each in data.items()}
    profile = Profile("made", Execution(runner="serial", workers=1, device="cpu"), {}, {name: own})
    check(profile, name, sizes, plan(own, sizes, "cpu"), "cpu")
    groups: dict[Hashable, list[Any]] = {}
    for member in own.members():
        groups.setdefault(own.stack_key(member), []).append(member)
    rounds = [[data[each] for each in names] for names in own.datasets()]
    works = [Work(own, group, some, torch.device("cpu")) for some in rounds for group in groups.values()]
    module = experiment(name)
    rows = pd.concat([module.run(work) for work in works], ignore_index=True)
    bits = correct.concatenated((work.correct() for work in works), module.ROWS)
    known = {
        key: asdict(DataSet(key, "image-folder", "images", *map(int, counted), f"sha256:{key}"))
        for key, each in sizes.items()
        for counted in [(each.train, each.test, each.features, each.classes)]
    }
    run = {"seconds": 1.0, "datasets": known, "absent": {}}
    render(name, module.QUESTION, rows, own, run, folder, bits)
    json.dumps(headlines(name, rows), allow_nan=False)


def unsaid(text: str) -> list[str]:
    """What is no word and no number for readers."""
    return re.findall(r"\b(?:nan|NaN|inf|Infinity|None)\b", text)


def check_report(name: str, given: str, folder: Path) -> None:
    """An experiment on an input: refused in one line before it trains if it is REFUSED, and else reported."""
    own = settings(name, given)
    data = {each: images(each, **IMAGES.get(given, {})) for each in own.data}
    with strictly():
        if (name, given) in REFUSED:
            with pytest.raises(
                InputError, match=r"components\.data: digits has [12] test images?; valid are 5 or more$"
            ):
                reported(name, own, data, folder)
            return
        reported(name, own, data, folder)
    for path in folder.iterdir():
        assert unsaid(path.read_text(encoding="utf-8")) == [], path.name
    for claim in json.loads((folder / "claims.json").read_text(encoding="utf-8")):
        assert (claim["outcome"] == "not judged") == bool(claim["reason"])
