"""What a run says of its speed, from sizes counted by hand."""

import pytest
import torch

from pipeline.config import Configuration
from pipeline.execution import throughput
from pipeline.execution.planned import Planned
from pipeline.experiments.plan import Member, Workload

PSI = Configuration(intrinsic_length="trainable", compensation="none")


def planned() -> Planned:
    """Two networks 6-4-3, 5 epochs of 7 steps of 8 samples with 2 of the inputs."""
    workload = Workload(widths=(6, 4, 3), epochs=5, steps=7, rows=8, inputs=2, passes=100)
    return Planned(None, tuple(Member(repeat=k, configuration=PSI) for k in range(2)), (), (workload,))  # type: ignore


def test_bytes_by_hand():
    """28 parameters in the first map and 15 in the second; 16 values a step."""
    step = 4 * (9 * 28 + 10 * 15) + 16 * 13
    assert throughput.bytes_moved([planned()]) == 2 * 5 * 7 * step
    assert throughput.bytes_moved([planned(), planned()]) == 2 * 2 * 5 * 7 * step


def test_words(monkeypatch):
    assert throughput.summary([planned()], 0.5, "cpu") == "70 network-steps in 0.5 s, 140 a second"
    moved = throughput.bytes_moved([planned()])
    monkeypatch.setattr(throughput, "copy_bandwidth", lambda: 4.0 * moved)
    assert throughput.summary([planned()], 0.5, "cuda").endswith(", 50% of a copy's 0 GB/s")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device to copy on")
def test_a_copy_takes_time():
    assert 1e9 < throughput.copy_bandwidth(2**26) < 1e14
