import subprocess
import sys

import torch

from pipeline.seeds import generator, seed


def test_stable_over_processes():
    command = "from pipeline.seeds import seed; print(seed('invariance', 'digits', 3))"
    outputs = {subprocess.run([sys.executable, "-c", command], capture_output=True).stdout for _ in range(2)}
    assert outputs == {f"{seed('invariance', 'digits', 3)}\n".encode()}


def test_different_names_give_different_seeds():
    names = [(e, d, r, p) for e in "ab" for d in "ab" for r in range(50) for p in ("order", "columns")]
    assert len({seed(*name) for name in names}) == len(names)
    assert seed("a", "bc") != seed("ab", "c")


def test_streams_of_repeats_do_not_coincide():
    orders = {tuple(torch.randperm(20, generator=generator("x", r, "order", 1)).tolist()) for r in range(20)}
    assert len(orders) == 20
