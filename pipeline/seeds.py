"""Seeds from names, so that every random stream is independent, stable and can be made again alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed(*names: object) -> int:
    """A 63-bit seed from the BLAKE2 digest of `names`, e.g. `seed("invariance", "cifar10", 3, "order")`.

    The same names give the same seed on every machine and in every process (unlike `hash`); different names
    give unrelated seeds. Each name is written with its length, so ("a", "bc") and ("ab", "c") differ.
    """
    text = "".join(f"{len(str(name))}:{name}" for name in names)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*names: object) -> torch.Generator:
    """A CPU generator started from `seed(*names)`; random numbers are drawn on the CPU on every device."""
    import torch

    return torch.Generator().manual_seed(seed(*names))
