"""Initial values, drawn in float64 and rounded, the same in every dtype."""

from __future__ import annotations

import operator

import torch
from torch import Tensor, nn


class Draw:
    """Semi-orthogonal matrices and zeros of one dtype; on the device "meta" shapes alone.

    Args:
        seed: None draws from torch's global generator.
        dtype: None is torch's default.
        device: where the network will be; None is torch's default. Values are drawn on the CPU.
    """

    def __init__(self, seed: int | None, dtype: torch.dtype | None, device: torch.device | str | None) -> None:
        wanted = torch.get_default_device() if device is None else torch.device(device)
        self.device = wanted
        self._device = "meta" if wanted.type == "meta" else "cpu"
        self.dtype = dtype or torch.get_default_dtype()
        if not self.dtype.is_floating_point:
            raise ValueError(f"dtype: {self.dtype} is none of real numbers with fractions, such as torch.float32")
        self._generator = None if seed is None else torch.Generator("cpu").manual_seed(_whole(seed))

    def zeros(self, *shape: int) -> Tensor:
        """Zeros."""
        return torch.zeros(shape, dtype=self.dtype, device=self._device)

    def orthogonal(self, rows: int, columns: int) -> Tensor:
        """[rows, columns] with all singular values 1."""
        if self._device == "meta":
            return self.zeros(rows, columns)
        drawn = torch.empty(rows, columns, dtype=torch.float64, device=self._device)
        return nn.init.orthogonal_(drawn, generator=self._generator).to(self.dtype)


def _whole(seed: object) -> int:
    try:
        return operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"seed: {seed!r} is not an integer, nor None") from None
