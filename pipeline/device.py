"""Which device to compute on."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.errors import InputError

# Of Nvidia's drivers, on its small boards, through Windows, and of AMD's, which torch calls cuda as well.
_DRIVERS = ("nvidia*", "nvhost*", "nvgpu*", "dxg", "kfd")


def resolve(name: str, origin: str = "") -> str:
    """The device for a profile's `execution.device`, "cpu" or "cuda": "auto" takes CUDA where there is one.

    Args:
        name: "auto", "cpu" or "cuda".
        origin: what an error begins with, to say where the name comes from.

    Raises:
        InputError: "cuda" was asked for and this machine has none.
    """
    if name == "cpu" or not _cuda():
        if name == "cuda":
            raise InputError(f"{origin}execution.device: 'cuda', but torch sees no CUDA device here; use auto or cpu")
        return "cpu"
    return "cuda"


def _cuda() -> bool:
    """Whether torch sees a CUDA device. It takes seconds to import, and is not asked where there is no driver."""
    if sys.platform == "linux" and not any(place for name in _DRIVERS for place in Path("/dev").glob(name)):
        return False
    import torch

    return torch.cuda.is_available()
