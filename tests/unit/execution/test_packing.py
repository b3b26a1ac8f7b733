"""Which networks share an ensemble: all of them once, no more than pay, padded only where that is cheap."""

from dataclasses import dataclass, field

import pytest

from pipeline.execution import packing
from pipeline.execution.packing import ensembles, most_together


@dataclass(frozen=True)
class Member:
    hidden: tuple[int, ...]
    repeat: int


@dataclass
class Settings:
    kinds: list[tuple[int, ...]]
    repeats: int = 4
    apart: set[tuple[int, ...]] = field(default_factory=set)

    def members(self):
        return [Member(hidden, repeat) for hidden in self.kinds for repeat in range(self.repeats)]

    def widths(self, member, features, classes):
        return [features, *member.hidden, classes]

    def stack_key(self, member):
        return len(member.hidden), member.hidden if member.hidden in self.apart else None


def packed(settings, features, device="cpu"):
    return [[m.hidden for m in some] for some in ensembles(settings, features, 10, device)]


def test_every_network_is_in_one_ensemble():
    settings = Settings([(32, 32), (64, 64), (100, 7), (7, 100), (64,)], repeats=9)
    found = [member for some in ensembles(settings, 64, 10, "cpu") for member in some]
    assert sorted(found, key=str) == sorted(settings.members(), key=str)
    assert all(len({len(hidden) for hidden in some}) == 1 for some in packed(settings, 64)), "one depth each"


def test_narrow_networks_are_padded_and_wide_ones_are_not():
    kinds = [(32, 32), (64, 64)]
    assert [set(some) for some in packed(Settings(kinds), 64)] == [{(32, 32), (64, 64)}], "digits"
    assert all(len(set(some)) == 1 for some in packed(Settings(kinds), 3072)), "CIFAR-10"


def test_padding_counts_what_both_become():
    """Wide and narrow in different layers: padded, both would be wide in all."""
    crossed = [(600, 10), (10, 600)]
    assert len(packed(Settings(crossed), 20)) > 1
    assert len(packed(Settings([(60, 10), (10, 60)]), 20)) == 1


def test_only_those_together_that_may_be():
    kinds = [(32, 32), (64, 64)]
    assert len(packed(Settings(kinds, apart={(64, 64)}), 64)) == 2


def test_no_more_than_pay(monkeypatch):
    monkeypatch.setattr(packing, "_MOST_TOGETHER", 3)
    assert [len(some) for some in packed(Settings([(8, 8)], repeats=7), 64)] == [3, 3, 1]


def test_on_a_gpu_as_many_as_have_room(monkeypatch):
    settings = Settings([(100, 100)], repeats=50)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (10**9, 80 * 10**9))
    assert [len(some) for some in packed(settings, 3072, "cuda")] == [50]
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (10**9 // 2, 10**9))
    counts = [len(some) for some in packed(settings, 3072, "cuda")]
    assert sum(counts) == 50 and counts[0] == 13, "24 bytes of each of 318,410 parameters, and the layers' values"


@pytest.mark.parametrize(
    ("widths", "most"),
    [([3072, 100, 100, 10], 8), ([3072, 500, 500, 10], 1), ([784, 500, 500, 10], 4), ([64, 8, 10], 32)],
)
def test_fewer_wide_networks_than_narrow_ones_pay_together(widths, most):
    assert most_together(widths) == most
