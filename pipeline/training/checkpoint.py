"""What a job has done so far, kept from time to time, so that it goes on from there whatever ended it.

A job is one phase after the other: epochs of training, or other steps. Everything random in a job is drawn from
names and numbers (`seeds`), so what has to be kept is the place, the networks with their moments, and the rows.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from pipeline.model.base import MLP

Item = TypeVar("Item")


class Record(Protocol):
    """What was observed: rows, to which phases only add; and which members are still trained."""

    rows: list[dict[str, object]]
    going: list[bool]


class Checkpoints:
    """The checkpoints of one job, each written over the one before.

    Args:
        write: keeps a checkpoint's bytes; none: nothing is kept.
        found: the bytes of the last checkpoint, if there is one; they are read without executing anything.
        every: seconds between checkpoints.
    """

    def __init__(
        self, write: Callable[[bytes], None] | None = None, found: bytes | None = None, every: float = 30.0
    ) -> None:
        self._write, self._every, self._last = write, every, time.monotonic()
        content = _read(found) if found else {}
        self._found: dict[str, dict[str, Any]] = content.get("phases", {})
        self._rows: list[dict[str, object]] = json.loads(content.get("rows", "[]"))
        self._phases: list[Phase] = []

    def phase(self, name: str, record: Record, needed: bool = True) -> Phase:
        """The next phase of the job, at the place where the last checkpoint found it.

        Args:
            name: unlike that of any other phase of the job.
            record: to which the phase adds; brought to where it was.
            needed: whether the networks of the phase are still needed once it has ended. They then must stay as they
                are: what comes after changes copies of them.
        """
        found = self._found.pop(name, None)
        if found is not None:
            record.rows[:], record.going[:] = self._rows[: found["rows"]], found["going"]
        phase = Phase(self, name, record, needed, found or {})
        self._phases.append(phase)
        return phase

    def if_due(self) -> None:
        """Keep a checkpoint if the last is old enough."""
        if self._write is not None and time.monotonic() - self._last >= self._every:
            buffer = io.BytesIO()
            phases = {phase.name: phase.state() for phase in self._phases}
            torch.save({"phases": phases, "rows": json.dumps(self._phases[-1].record.rows)}, buffer)
            self._write(buffer.getvalue())
            self._last = time.monotonic()


class Phase:
    """Some steps of a job, which are gone through once, even if the job is interrupted among them.

    Attributes:
        name, record: as in `Checkpoints.phase`.
    """

    def __init__(
        self, checkpoints: Checkpoints, name: str, record: Record, needed: bool, found: dict[str, Any]
    ) -> None:
        self.name, self.record = name, record
        self._checkpoints, self._needed = checkpoints, needed
        self._done: int = found.get("done", 0)  # items that are behind
        self._part: int = found.get("part", 0)  # parts of the next item that are behind
        self._total: Tensor | None = found.get("total")  # over these parts
        self._found: dict[str, Any] | None = found.get("networks")
        self._networks: tuple[MLP, Optimizer] | None = None
        self._seen = len(record.rows), list(record.going)
        self._ended = False

    def training(self, net: MLP, optimiser: Optimizer) -> None:
        """Say which networks the phase trains, and bring them and the optimiser to where they were."""
        if self._found is not None:
            _restore(net, optimiser, self._found)
            self._found = None
        self._networks = (net, optimiser)

    def each(self, items: Sequence[Item]) -> Iterator[Item]:
        """The items that are not behind yet. An item is behind once the next is asked for."""
        for item in items[self._done :]:
            self._checkpoints.if_due()
            yield item
            self._done, self._part, self._total = self._done + 1, 0, None
        self._seen, self._ended = (len(self.record.rows), list(self.record.going)), True
        if not self._needed:
            self._networks = None

    def parts(self, parts: Iterable[Item], total: Tensor) -> Iterator[Item]:
        """The parts of the present item that are not behind yet; `total`, which they add to, is restored in place."""
        if self._total is not None:
            total.copy_(self._total)
        self._total = total
        first = self._part
        for number, part in enumerate(parts):
            if number > first:  # at the first, `each` has seen to it
                self._part = number
                self._checkpoints.if_due()
            if number >= first:
                yield part

    def state(self) -> dict[str, Any]:
        """The place, and what has to be there to go on from it."""
        rows, going = self._seen if self._ended else (len(self.record.rows), self.record.going)
        networks = None if self._networks is None else _state(*self._networks)
        return {
            "done": self._done,
            "part": self._part,
            "total": self._total,
            "rows": rows,
            "going": list(going),
            "networks": networks,
        }


def unkept() -> Phase:
    """A phase of which nothing is kept."""
    return Checkpoints().phase("unkept", Nothing())


def _read(found: bytes) -> dict[str, Any]:
    """A checkpoint's content, on the CPU; nothing if it cannot be read."""
    try:
        return dict(torch.load(io.BytesIO(found), map_location="cpu", weights_only=True))
    except Exception as error:  # what is not a file of torch can raise nearly anything
        what = type(error).__name__
        logging.getLogger(__name__).warning("warning: a checkpoint cannot be read (%s); its job begins again", what)
        return {}


class Nothing:
    """A record of nothing."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.going: list[bool] = []


def _state(net: MLP, optimiser: Optimizer) -> dict[str, Any]:
    """Tensors with their strides: products of the same numbers in another layout are rounded otherwise."""
    moments = {name: dict(optimiser.state.get(p, {})) for name, p in net.named_parameters()}
    return {"widths": net.member_widths, "tensors": net.tensors(), "moments": moments}


def _restore(net: MLP, optimiser: Optimizer, state: dict[str, Any]) -> None:
    def here(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.to(device)

    device = net.affine[0].weight.device
    before = dict(net.named_parameters())
    net.become({name: t.to(device) for name, t in state["tensors"].items()}, state["widths"])
    after = dict(net.named_parameters())
    replaced = {id(p): after[name] for name, p in before.items()}
    for group in optimiser.param_groups:
        group["params"] = [replaced[id(p)] for p in group["params"]]
    optimiser.state.clear()
    for name, own in state["moments"].items():
        if own:
            optimiser.state[after[name]] = {key: here(t) for key, t in own.items()}
