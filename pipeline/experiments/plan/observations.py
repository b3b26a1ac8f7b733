"""How the rows of an experiment are gathered."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pipeline.experiments.plan import Member
from pipeline.results import correct, rows
from pipeline.results.schema import Schema, networks
from pipeline.seeds import seed
from pipeline.training.engine import Epoch


class Observations:
    """Rows as they are observed: one measure of all members at a time, of those that have not diverged.

    Raises, wherever something is observed:
        ValueError: the schema has no such column, level or measure.
    """

    def __init__(
        self,
        schema: Schema,
        experiment: str,
        data: str,
        members: Sequence[Member],
        widths: Sequence[Sequence[object]],
        ends: Collection[int] = (),
    ) -> None:
        """For members with these widths, or descriptions of widths, at their start; factors are fields of members.

        After the epochs `ends` it is kept which test images they have right.
        """
        self.schema, self._ends = schema, ends
        self.rows: list[dict[str, object]] = []  # and among them, of what `correct` kept, `images` and `correct`
        self.alive = [True] * len(members)  # whether each member is still trained
        self._accuracies: dict[object, float] = {}  # by task, after the last epoch
        self._who: list[dict[str, Any]] = [
            {
                "experiment": experiment,
                "data": data,
                "network": "-".join(map(str, own)),
                "configuration": member.label,
                "repeat": member.repeat,
                "seed": seed(experiment, data, member.repeat),
                **{
                    factor: getattr(of, factor)
                    for of in (member.configuration, member)
                    for factor in schema.networks
                    if hasattr(of, factor)
                },
            }
            for member, own in zip(members, widths, strict=True)
        ]
        for who in self._who:
            schema.check(who)
        self._given = {factor for who in self._who for factor in who}

    def branch(self, **who: object) -> Observations:
        """Observations of copies of the same members, into the same rows: a copy that diverges stops alone.

        Args:
            who: columns in which the copies differ from the members, such as another configuration.
        """
        self.schema.check(who)
        self._given.update(who)  # shared by all branches
        other = copy.copy(self)
        other.alive = list(self.alive)
        other._accuracies = {}
        other._who = [each | who for each in self._who]
        return other

    def where(self, k: int) -> dict[str, str | int]:
        """The columns that rows of member k have in common."""
        own = self._who[k]
        return {column: own[column] for column in networks(list(self.schema.columns)) if column in own}

    def add(self, place: dict[str, object], values: dict[str, Tensor]) -> None:
        """One row per member and measure: `place` says when and where, each tensor is [K].

        But `correct`, boolean [K, N]: which test images are right, as the method of that name takes it.

        Raises:
            ValueError: as of the class; or the place has no phase or no epoch, or a tensor is not [K].
        """
        if (accuracy := values.get("test_accuracy")) is not None and any(self.alive):
            self._accuracies[place.get("task")] = float(accuracy.cpu()[self.alive].double().mean())
        self._check(place)
        for measure, tensor in values.items():
            if measure == "correct":
                self.correct(place, tensor)
                continue
            self.schema.check({"measure": measure})
            if tensor.shape != (len(self._who),):
                raise ValueError(
                    f"rows: {measure} is {list(tensor.shape)}; one number a member is [{len(self._who)}]"
                )
            for who, alive, value in zip(self._who, self.alive, tensor.tolist(), strict=True):
                if alive:
                    self.rows.append(who | place | {"measure": measure, "value": value})

    def correct(self, place: dict[str, object], right: Tensor) -> None:
        """Which test images each member has right, boolean [K, N]: kept after the last epoch, and in float32, alone.

        That is where claims are about accuracies; of all epochs it would be more than all rows.

        Raises:
            ValueError: as of the class; or the place has no phase or no epoch, or `right` is not boolean [K, N].
        """
        self._check(place)
        if right.ndim != 2 or len(right) != len(self._who) or right.dtype != torch.bool:
            raise ValueError(
                f"rows: correct is {right.dtype} {list(right.shape)}; valid is torch.bool [{len(self._who)}, images]"
            )
        if place["epoch"] not in self._ends or place.get("precision") == "float64":
            return
        for who, alive, bits in zip(self._who, self.alive, correct.packed(right.cpu().numpy()), strict=True):
            if alive:
                self.rows.append(who | place | {"images": right.shape[1], "correct": bits.hex()})  # as JSON holds it

    def _check(self, place: dict[str, object]) -> None:
        self.schema.check(place)
        for column in ("phase", "epoch"):
            if place.get(column) is None:
                raise ValueError(f"rows: {place} has no {column}: it says when something was observed")

    def bits(self) -> pd.DataFrame:
        """What `correct` kept, as a table (`results/correct.py`).

        Raises:
            ValueError: something was observed twice at one place.
        """
        kept = [row | {"correct": bytes.fromhex(str(row["correct"]))} for row in self.rows if "correct" in row]
        table = correct.frame(kept, self.schema)
        _once(table, ("images", "correct"))
        return table

    def frame(self) -> pd.DataFrame:
        """All rows as a table.

        Raises:
            ValueError: a factor by which networks differ is neither a field of members nor given to a branch, or
                something was observed twice at one place.
        """
        for factor in self.schema.networks:
            if factor not in self._given:
                raise ValueError(
                    f"rows: no network has the factor {factor!r}: no field of the member, nor in a branch"
                )
        table = rows.frame((row for row in self.rows if "correct" not in row), self.schema)
        _once(table, ("value",))
        return table

    @property
    def accuracy(self) -> float | None:
        """Mean test accuracy of the members that are still trained, over tasks, in percent; None if not known."""
        known = self._accuracies.values()
        return sum(known) / len(known) if known else None

    def history(self, measure: str) -> Tensor:
        """What was observed of a measure of one number an observation, [K, T]; NaN from where a member diverged."""
        values = [
            [row["value"] for row in self.rows if row.get("measure") == measure and who.items() <= row.items()]
            for who in self._who
        ]
        longest = max(map(len, values), default=0)
        return torch.tensor([own + [float("nan")] * (longest - len(own)) for own in values], dtype=torch.float64)

    def training(self, epoch: Epoch, /, **more: object) -> None:
        """The losses and the accuracy of an epoch, and the end of those that diverged in it.

        After the last epoch also which test images are right.

        Args:
            epoch: as the engine yields it.
            more: of the place; `epoch` if it is not the engine's own count.
        """
        place = {"epoch": epoch.number, "precision": "float32", **more}
        self.stop(epoch.diverged, place)
        self.add({"phase": "training", **place}, epoch.measures() | {"correct": epoch.correct})

    def stop(self, diverged: Tensor, place: dict[str, object]) -> None:
        """A last row for the members that diverged, boolean [K]: nothing is observed of them from here on."""
        for k, stopped in enumerate(diverged.tolist()):
            if stopped and self.alive[k]:
                self.schema.check(place)
                self.rows.append(self._who[k] | place | {"phase": "diverged", "measure": "diverged", "value": 1.0})
                self.alive[k] = False


def _once(table: pd.DataFrame, observed: Sequence[str]) -> None:
    """Check that no two rows say the same but for what was `observed`."""
    twice = table[table.duplicated([column for column in table if column not in observed])]
    if len(twice):
        first = twice.iloc[:1].drop(columns=list(observed)).to_dict("records")[0]
        place = {column: value for column, value in first.items() if not pd.isna(value)}
        raise ValueError(f"rows: {len(twice)} observed twice at one place, the first: {place}")
