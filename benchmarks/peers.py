"""Table: one thread of the engine beside other ways to train the same networks, all with their images in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, started
from benchmarks.interleaved import Timed, interleaved
from benchmarks.jax_loop import Jax, installed
from benchmarks.plan import Widths
from benchmarks.resident import Loop, Resident, Vmapped
from benchmarks.table import Table, name, spread
from benchmarks.workers import seconds
from pipeline.config import Training
from pipeline.data.dataset import load

Peer = Loop | Vmapped | Jax

_SHARE = 0.5  # of a turn elsewhere: there are eight that take turns
PEERS: dict[str, Callable[..., Peer]] = {
    "loop": Loop,
    "torch.compile": partial(Loop, compiled=True),
    "vmap, K = 8": partial(Vmapped, members=8),
    "vmap, K = 16": partial(Vmapped, members=16),
    "vmap, K = 32": partial(Vmapped, members=32),
    "JAX": partial(Jax, members=1),
    "JAX vmap, K = 8": partial(Jax, members=8),
}
_FEW = 100_000  # parameters, below which 32 networks are trained at once rather than 16


class Peers:
    """The peers of one network in one process, on the same images.

    Args:
        file, widths, training: as in Lockstep.
        names: of PEERS.
    """

    def __init__(self, file: Path, widths: Widths, training: Training, names: list[str]) -> None:
        self.data, self.size = Resident(load(file)), training.batch_size
        self.peers = {each: PEERS[each](self.data, widths, training) for each in names}
        self._orders = {each: self.data.orders(peer.members, self.size) for each, peer in self.peers.items()}
        self.absent: dict[str, str] = {}
        for each in names:  # compiles what is compiled
            self._try(each)

    def _try(self, each: str) -> None:
        try:
            self.steps(1, each)
        except Exception as error:  # whatever torch.compile raises where it finds no compiler
            self.absent[each] = type(error).__name__

    def failed(self) -> dict[str, str]:
        """Peers that do not work here, and what they raised."""
        return self.absent

    def members(self) -> dict[str, int]:
        """K of each peer."""
        return {each: peer.members for each, peer in self.peers.items()}

    def steps(self, count: int, each: str) -> None:
        """`count` steps of a peer, until the last is done."""
        for _ in range(count):
            losses = self.peers[each].step(next(self._orders[each]))
        losses.tolist()


def peers(bench: Bench) -> Table:
    """Milliseconds per network and step of each, and how they compare with the engine."""
    plan = bench.plan
    note = (
        f"One thread, batch {plan.training.batch_size}, milliseconds per step of one network; medians over "
        f"{plan.rounds} rounds, in each of which all took turns. The others have their images in memory, as float32 "
        "inputs; the engine reads grey levels from a mapped file and standardises every batch. Loop: autograd and "
        f"torch's fused AdamW. vmap: torch.func, K = 32 below {_FEW:,} parameters. A ratio above 1 says that the "
        f"engine is faster.{'' if installed() else ' JAX is not installed.'}"
    )
    columns = ["loop", "torch.compile", "vmap, K = 8", "vmap, K = 16 or 32", "JAX", "JAX vmap, K = 8"]
    header = ["network", "K", "engine", *columns, "loop / engine", "least to largest", "fastest other / engine"]
    return Table("One thread, images in memory", note, header, [_row(bench, each) for each in plan.peers])


def _row(bench: Bench, widths: Widths) -> list[str | int | float]:
    plan, ours, k = bench.plan, bench.workers[:1], bench.make(bench.workers[:1], widths)
    columns = [each for each in PEERS if each != ("vmap, K = 16" if _parameters(widths) < _FEW else "vmap, K = 32")]
    there = [each for each in columns if installed() or "JAX" not in each]
    with started(1, threads=1) as theirs:  # a process of its own, since its memory is large
        theirs[0].call("make", Peers, bench.files[widths[0]], widths, plan.training, there)
        failed, members = theirs[0].call("failed"), {"engine": k} | theirs[0].call("members")

        def timed(each: str) -> Timed:
            return lambda count: seconds(theirs, "steps", count, each)

        things = {each: timed(each) for each in there if each not in failed}
        engine: dict[str, Timed] = {"engine": lambda count: seconds(ours, "steps", count)}
        found = interleaved(engine | things, plan.rounds, _SHARE * plan.seconds)
    times = {each: [1000 * t / members[each] for t in own] for each, own in found.items()}
    own = times.pop("engine")
    cells = [median(times[each]) if each in times else failed.get(each, "not installed") for each in columns]
    ratios = [a / b for a, b in zip(times["loop"], own, strict=True)]
    fastest = median(min(others) / mine for mine, *others in zip(own, *times.values(), strict=True))
    return [name(widths), k, median(own), *cells, median(ratios), spread(ratios), fastest]


def _parameters(widths: Widths) -> int:
    return sum(n * m + n for m, n in pairwise(widths))
