"""The outgoing columns of new neurons: METHOD section 3 and the second version's appendix A.3."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

SCAFFOLD_DEVIATION = 0.01  # of the paper's columns, N(0, 0.01^2)


def _normal(weight: Tensor, count: int, generator: Generator | None) -> Tensor:
    return SCAFFOLD_DEVIATION * _randn(weight.shape[0], count, generator)


def _zero(weight: Tensor, count: int, generator: Generator | None) -> Tensor:
    return torch.zeros(weight.shape[0], count, dtype=torch.float64, device="cpu")


def _combination(weight: Tensor, count: int, generator: Generator | None) -> Tensor:
    # Coefficients of variance 1/n, so that a new column is about as long as an existing one.
    n = weight.shape[1]
    return _wide(weight) @ _randn(n, count, generator) / n**0.5


def _semi_orthogonal(weight: Tensor, count: int, generator: Generator | None) -> Tensor:
    # First from the complement of the existing columns; once that is used up, blocks from the whole space.
    rows = weight.shape[0]
    u, values, _ = torch.linalg.svd(_wide(weight), full_matrices=False)
    # Columns are dependent up to float32's rounding, in whichever dtype they come.
    used = u[:, values > values.max() * max(weight.shape) * torch.finfo(torch.float32).eps]
    blocks, left = [], count
    while left > 0:
        take = min(left, rows - used.shape[1])
        draw = _randn(rows, take, generator)
        for _ in range(2):  # the second projection removes the rounding of the first
            draw = torch.linalg.qr(draw - used @ (used.T @ draw)).Q
        blocks.append(draw)
        used, left = used[:, :0], left - take
    return torch.cat(blocks, dim=1)


def _wide(weight: Tensor) -> Tensor:
    return weight.double().cpu()


def _randn(rows: int, columns: int, generator: Generator | None) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64, device="cpu")


COLUMNS: dict[str, Callable[[Tensor, int, Generator | None], Tensor]] = {
    "normal": _normal,
    "semi-orthogonal": _semi_orthogonal,
    "combination": _combination,
    "zero": _zero,
}
OF_OTHERS = ("semi-orthogonal", "combination")  # those that read the columns that there are


def draw_columns(
    kind: str,
    weight: Tensor,
    count: int,
    generator: Generator | Sequence[Generator] | None,
    rows: Sequence[int],
) -> Tensor:
    """New columns [*K, n_{l+1}, count] for W_{l+1} = `weight` [*K, n_{l+1}, n_l], of its dtype and device.

    They are drawn on the CPU in float64 and rounded, so that they agree over dtypes and devices, and each member
    of an ensemble draws from a generator of its own: member k its `rows[k]` of the n_{l+1} rows, the others being
    padding, which stays zero.

    Raises:
        ValueError: an unknown kind, or not one generator a member.
    """
    if kind not in COLUMNS:
        raise ValueError(f"columns: {kind!r} is not one of {', '.join(COLUMNS)}")
    each = weight.detach().reshape(-1, *weight.shape[-2:])
    generators = one_each(generator, len(each))
    drawn = torch.zeros(len(each), each.shape[1], count, dtype=torch.float64, device="cpu")
    for k, n in enumerate(rows):
        drawn[k, :n] = COLUMNS[kind](each[k, :n], count, generators[k])
    return drawn.reshape(*weight.shape[:-1], count).to(weight)


def one_each(generator: Generator | Sequence[Generator] | None, members: int) -> list[Generator | None]:
    """A generator for each member; one alone, or torch's global one for None, serves all in turn.

    Raises:
        ValueError: several, but not one a member.
        TypeError: what is no generator of torch's.
    """
    generators = list(generator) if isinstance(generator, Sequence) else [generator] * members
    if len(generators) != members:
        raise ValueError(f"generator: {len(generators)} generators for an ensemble of {members} members")
    other = next((each for each in generators if each is not None and not isinstance(each, Generator)), None)
    if other is not None:
        raise TypeError(
            f"generator: {other!r} is no torch.Generator, such as torch.Generator().manual_seed(0), nor None"
        )
    on = next((each.device for each in generators if each is not None and each.device.type != "cpu"), None)
    if on is not None:
        raise ValueError(f"generator: is on {on}; new values are drawn on the CPU, torch.Generator() is there")
    return [*generators]
