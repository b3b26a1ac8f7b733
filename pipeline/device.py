"""Which device to compute on."""

from __future__ import annotations

import torch

from pipeline.errors import InputError


def resolve(name: str, origin: str = "") -> torch.device:
    """The device for a profile's `execution.device`: "auto" takes CUDA where there is one.

    Args:
        name: "auto", "cpu" or "cuda".
        origin: what an error begins with, to say where the name comes from.

    Raises:
        InputError: "cuda" was asked for and this machine has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{origin}execution.device: 'cuda', but torch sees no CUDA device here; use auto or cpu")
    return torch.device(name)
