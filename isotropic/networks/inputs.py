"""What a network is given: a tensor whose last axis is n_0, as of nn.Linear, or images that are to be flattened."""

from __future__ import annotations

from torch import Tensor


def rows(x: Tensor, n: int, flatten: bool) -> Tensor:
    """x [..., n] as it is; with `flatten` x [B, ...] as [B, n].

    Raises:
        TypeError: x is no tensor.
        ValueError: its last axis is not n, or with `flatten` a sample has not n numbers.
    """
    check_tensor(x)
    flat = x.flatten(1) if flatten and x.ndim > 1 else x
    if flat.ndim == 0 or flat.shape[-1] != n:
        raise ValueError(
            f"x: shape {list(x.shape)} has a last axis of {flat.shape[-1] if flat.ndim else 'nothing'}"
            f"{' when flattened' if flatten else ''}, and this network takes {n}"
            + ("" if flatten else "; build it with flatten=True if each sample is to be flattened")
        )
    return flat


def check_tensor(x: object) -> None:
    """Raise a TypeError if x is no tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"x: a {type(x).__name__} is no tensor; a DataLoader of pairs gives [x, y], of which the network takes x"
        )
