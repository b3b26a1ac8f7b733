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
from torch import Tensor, nn
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble
from pipeline.training.progress import Progress

Item = TypeVar("Item")


class Record(Protocol):
    """What was observed: rows, to which phases only add; and which members are still trained, with what accuracy."""

    rows: list[dict[str, object]]
    alive: list[bool]

    @property
    def accuracy(self) -> float | None:
        """Mean over the members that are still trained, percent; None if it is not known."""


class Checkpoints:
    """The checkpoints of one job, each written over the one before.

    Args:
        write: keeps a checkpoint's bytes; none: nothing is kept.
        found: the bytes of the last checkpoint, if there is one; they are read without executing anything.
        every: seconds between checkpoints.
        tell: is told how far the job is; none: nobody is.
        tell_every: seconds between.

    Attributes:
        steps: network-steps taken, those before an interruption included.
    """

    def __init__(
        self,
        write: Callable[[bytes], None] | None = None,
        found: bytes | None = None,
        every: float = 30.0,
        tell: Callable[[Progress], None] | None = None,
        tell_every: float = 1.0,
    ) -> None:
        self._write, self._every, self._last = write, every, time.monotonic()
        self._tell, self._tell_every, self._told, self._began = tell, tell_every, self._last, self._last
        content = _read(found) if found else {}
        self.steps: int = content.get("steps", 0)
        self._before = self.steps
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
            record.rows[:], record.alive[:] = self._rows[: found["rows"]], found["alive"]
        phase = Phase(self, name, record, needed, found or {})
        self._phases.append(phase)
        return phase

    def if_due(self) -> None:
        """Keep a checkpoint if the last is old enough, and tell how far the job is likewise."""
        now = time.monotonic()
        if self._tell is not None and now - self._told >= self._tell_every:
            phase = self._phases[-1]
            self.tell(phase.name, phase.place, phase.record.accuracy)
        if self._write is not None and now - self._last >= self._every:
            buffer = io.BytesIO()
            phases = {phase.name: phase.state() for phase in self._phases}
            rows = json.dumps(self._phases[-1].record.rows)
            torch.save({"phases": phases, "rows": rows, "steps": self.steps}, buffer)
            self._write(buffer.getvalue())
            self._last = time.monotonic()

    def tell(self, phase: str, place: str, accuracy: float | None = None) -> None:
        """Tell how far the job is, now."""
        if self._tell is not None:
            self._told = time.monotonic()
            rate = (self.steps - self._before) / max(self._told - self._began, 1e-9)
            self._tell(Progress(phase, place, accuracy, self.steps, self._before, rate))


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
        self._networks: tuple[nn.Module, Optimizer] | None = None
        self._seen = len(record.rows), list(record.alive)
        self._ended = False
        self._items: Sequence[Any] = ()
        self._count = 1  # networks that it trains

    @property
    def place(self) -> str:
        """Which item it is at, and how many there are; a range is of epochs, of which 0 is the initialisation."""
        if isinstance(self._items, range):
            return f"epoch {min(self._done, self._items[-1])}/{self._items[-1]}"
        return f"{min(self._done + 1, len(self._items))}/{len(self._items)}"

    def training(self, networks: nn.Module, optimiser: Optimizer) -> None:
        """Say what the phase trains, and bring it and the optimiser to where they were.

        Networks are an ensemble, whose widths may change, or any module, whose shapes stay.
        """
        if self._found is not None:
            _restore(networks, optimiser, self._found)
            self._found = None
        self._networks = (networks, optimiser)
        self._count = len(networks) if isinstance(networks, Ensemble) else 1

    def each(self, items: Sequence[Item]) -> Iterator[Item]:
        """The items that are not behind yet. An item is behind once the next is asked for."""
        self._items = items
        for item in items[self._done :]:
            self._checkpoints.if_due()
            yield item
            self._done, self._part, self._total = self._done + 1, 0, None
        self._seen, self._ended = (len(self.record.rows), list(self.record.alive)), True
        if not self._needed:
            self._networks = None

    def parts(self, parts: Iterable[Item], total: Tensor) -> Iterator[Item]:
        """The parts of the present item that are not behind yet; `total`, which they add to, is restored in place.

        Each is a step of all networks of the phase.
        """
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
                self.stepped(1)

    def stepped(self, times: int) -> None:
        """Say that all networks of the phase have taken so many steps, which were no parts."""
        self._checkpoints.steps += times * self._count

    def state(self) -> dict[str, Any]:
        """The place, and what has to be there to go on from it."""
        rows, alive = self._seen if self._ended else (len(self.record.rows), self.record.alive)
        networks = None if self._networks is None else _state(*self._networks)
        return {
            "done": self._done,
            "part": self._part,
            "total": self._total,
            "rows": rows,
            "alive": list(alive),
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
        self.alive: list[bool] = []
        self.accuracy: float | None = None


def _state(networks: nn.Module, optimiser: Optimizer) -> dict[str, Any]:
    """Tensors with their strides: products of the same numbers in another layout are rounded otherwise."""
    if not isinstance(networks, Ensemble):
        return {"module": networks.state_dict(), "optimiser": optimiser.state_dict()}
    moments = {name: dict(optimiser.state.get(p, {})) for name, p in networks.named_parameters()}
    return {"widths": networks.member_widths, "tensors": networks.tensors(), "moments": moments}


def _restore(networks: nn.Module, optimiser: Optimizer, state: dict[str, Any]) -> None:
    if isinstance(networks, Ensemble):
        _restore_ensemble(networks, optimiser, state)
    else:
        networks.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])


def _restore_ensemble(ensemble: Ensemble, optimiser: Optimizer, state: dict[str, Any]) -> None:
    def here(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.to(device)

    device = ensemble.affine[0].weight.device
    before = dict(ensemble.named_parameters())
    ensemble.become({name: t.to(device) for name, t in state["tensors"].items()}, state["widths"])
    after = dict(ensemble.named_parameters())
    replaced = {id(p): after[name] for name, p in before.items()}
    for group in optimiser.param_groups:
        group["params"] = [replaced[id(p)] for p in group["params"]]
    optimiser.state.clear()
    for name, own in state["moments"].items():
        if own:
            optimiser.state[after[name]] = {key: here(t) for key, t in own.items()}
