"""Set-up of every test run."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from hypothesis import settings

# One thread: the tensors are tiny, and threads that wait for a busy core cost a hundred times what they save.
torch.set_num_threads(1)

# The same examples in every run, and no time limit for one of them on a busy machine.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

# What test modules of several folders share. Not the folder above: its tests/pipeline would hide the package.
sys.path.insert(0, str(Path(__file__).parent / "helpers"))
