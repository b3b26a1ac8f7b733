"""Everything that only a GPU can show, in one Markdown table: `make gpu-check`, on the day there is one.

Meant to end within ten minutes on one GPU: no part is begun after --minutes. What fails is a line of the table, and
the next part begins. It needs torch, pydantic, PyYAML, pandas, SciPy, scikit-learn and pytest, but neither DVC nor
MLflow.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable

import torch

from benchmarks.gpu_parts import PARTS, Check, Row, failure
from benchmarks.table import cell

HEADER = ("what", "value", "wanted, or compared with")


def main() -> int:
    """Print the table, a line as soon as it is known; 1 if there is no such device, or if anything failed."""
    options = _parser().parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(
            "no CUDA device: torch sees none here; --device cpu --quick goes through what a CPU can do",
            file=sys.stderr,
        )
        return 1
    check = Check(torch.device(options.device), options.quick, time.monotonic() + 60 * options.minutes)
    print(f"{_machine(check.device)}\n")
    print("| " + " | ".join(HEADER) + " |\n| --- | ---: | --- |", flush=True)
    failed = 0
    for name in options.parts:
        for row in _guarded(name, PARTS[name], check):
            failed += row.failed
            print(f"| {row.what} | {cell(row.value)} | {row.wanted} |", flush=True)
    return int(failed > 0)


def _guarded(name: str, part: Callable[[Check], Iterable[Row]], check: Check) -> Iterable[Row]:
    """The rows of a part; an exception is a row too, as is a part for which no time is left."""
    if check.left <= 0:
        yield Row(f"{name}: not begun", "–", "time left (--minutes)", failed=True)
        return
    try:
        yield from part(check)
    except Exception as error:  # of a part, not the end of the others
        yield failure(name, error)


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU, whose times say nothing of a GPU"
    return f"{name}; torch {torch.__version__}, CUDA {torch.version.cuda}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: only to see that it works")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which no part is begun")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only these")
    return parser


if __name__ == "__main__":
    sys.exit(main())
