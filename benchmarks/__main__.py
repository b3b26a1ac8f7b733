"""Measure and print Markdown tables: `make bench`, or `python -m benchmarks --help` for other sizes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.activations import activations
from benchmarks.bench import Bench, bench
from benchmarks.epochs import epochs
from benchmarks.memory import memory
from benchmarks.parallel import parallel
from benchmarks.peers import peers
from benchmarks.plan import Plan, full, quick
from benchmarks.precision import accuracy, precision
from benchmarks.speed import speed
from benchmarks.table import Table
from benchmarks.throughput import members, processes

TABLES: dict[str, Callable[[Bench], Table]] = {
    "speed": speed,
    "peers": peers,
    "epochs": epochs,
    "memory": memory,
    "members": members,
    "processes": processes,
    "precision": precision,
    "accuracy": accuracy,
    "parallel": parallel,
    "activations": activations,
}


def main() -> None:
    """Print every table as soon as it is measured."""
    options = _parser().parse_args()
    plan = _plan(options)
    print(f"{machine.description(plan)}\n", flush=True)  # first: later, the load is the benchmark's own
    with bench(plan) as means:
        for name in options.tables:
            print(f"measuring: {name}", file=sys.stderr)
            print(TABLES[name](means).markdown(), flush=True)


def _plan(options: argparse.Namespace) -> Plan:
    names = ("processes", "together", "rounds", "seconds", "epochs")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return replace(quick() if options.quick else full(), real=tuple(options.real), **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times on this machine's CPU, beside a plain loop, as Markdown tables.",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: only to see that it works")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="only these")
    parser.add_argument("--members", dest="together", type=_positive(int), help="K; default: as the pipeline chooses")
    parser.add_argument("--processes", type=_positive(int), help="default: one per core")
    parser.add_argument("--rounds", type=_positive(int), help="how often what is compared takes turns")
    parser.add_argument("--seconds", type=_positive(float), help="of a turn")
    parser.add_argument(
        "--real", nargs="*", type=Path, default=[], help="fetched data sets to compare accuracies on, beside digits"
    )
    parser.add_argument("--epochs", type=_positive(int), help="epochs timed")
    return parser


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise ValueError
        return value

    number.__name__ = f"positive {'integer' if kind is int else 'number'}"  # which argparse puts into its message
    return number


if __name__ == "__main__":
    main()
