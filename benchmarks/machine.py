"""The machine and its state, and what a process has taken of its memory."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch

from benchmarks.plan import Plan

QUIET = 0.5  # processes running or waiting to run, on average over the last minute: with more, times mean little


def description(plan: Plan) -> str:
    """Markdown lines that say where and with what times were measured, and a warning if others were at work."""
    lines = [
        f"CPU: {_cpu()}, {os.cpu_count()} cores; torch computes with {torch.backends.cpu.get_cpu_capability()}",
        f"Software: torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}",
        f"Processes × threads: engine {plan.processes} × 1, plain loop 1 × {plan.threads}; its DataLoader has "
        "torch's default, num_workers=0",
    ]
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        lines.append(f"Load average at the start: {load:.2f}")
        if load > QUIET:
            lines.append(f"**Other work was running (load above {QUIET}): repeat this on a quiet machine.**")
    return "\n".join(f"- {line}" for line in lines)


def _cpu() -> str:
    """Its model, and whether it has AVX-512."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    model = found[1] if found else platform.machine()
    return f"{model} ({'with' if ' avx512f ' in text else 'without'} AVX-512)"


def memory() -> tuple[float, float] | None:
    """This process's own memory now and its most resident memory so far, in MB (10^6 bytes); None but on Linux.

    Own is what would be free if the process ended (Private_Clean + Private_Dirty of smaps_rollup): not the pages of
    libraries and of the data that it shares with other processes. Resident memory counts those too.
    """
    try:
        pages, status = (Path(f"/proc/self/{name}").read_text() for name in ("smaps_rollup", "status"))
    except OSError:
        return None
    own = re.findall(r"^Private_(?:Clean|Dirty):\s*(\d+) kB", pages, re.MULTILINE)
    peak = re.findall(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return sum(map(int, own)) * 1024 / 1e6, sum(map(int, peak)) * 1024 / 1e6
