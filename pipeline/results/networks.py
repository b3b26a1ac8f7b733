"""Networks that an experiment keeps beside its rows, as plain tensors: reading them executes nothing."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.errors import InputError
from pipeline.model.network import IsotropicMLP
from pipeline.model.sparse import SparseMLP
from pipeline.paths import written


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        where: columns of the rows that are about it: data, network, configuration, repeat.
        name: what it is, e.g. "trained" or "sparsified".
        widths: n_0 .. n_L.
        settings: the other arguments of `IsotropicMLP`.
        tensors: its state.
        diagonal: maps, counted from 1, that hold nothing beside their diagonal.
    """

    where: dict[str, str | int]
    name: str
    widths: list[int]
    settings: dict[str, Any]
    tensors: dict[str, Tensor] = field(repr=False)
    diagonal: list[int]

    @classmethod
    def of(
        cls, net: IsotropicMLP, name: str, where: dict[str, str | int], psi_decay: float, diagonal: Sequence[int] = ()
    ) -> Network:
        """A copy of a network, on the CPU."""
        settings = {
            "activation": net.activation,
            "intrinsic_length": net.intrinsic_length,
            "compensation": net.compensation,
            "psi_decay": psi_decay,
        }
        tensors = {key: t.detach().cpu().clone() for key, t in net.state_dict().items()}
        return cls(where, name, list(net.widths), settings, tensors, list(diagonal))

    def module(self) -> IsotropicMLP | SparseMLP:
        """The network; where it has diagonal maps, in sparse form."""
        net = IsotropicMLP(self.widths, **self.settings)
        net.load_state_dict(self.tensors)
        return SparseMLP(net, self.diagonal) if self.diagonal else net

    @property
    def digest(self) -> str:
        """Of all that it is."""
        known = hashlib.blake2b(repr((self.where, self.name, self.widths, self.settings, self.diagonal)).encode())
        for key in sorted(self.tensors):
            known.update(key.encode() + self.tensors[key].numpy().tobytes())
        return known.hexdigest()


def to_bytes(networks: Iterable[Network]) -> bytes:
    """As they are kept."""
    buffer = io.BytesIO()
    torch.save([asdict(each) for each in networks], buffer)
    return buffer.getvalue()


def from_bytes(content: bytes) -> list[Network]:
    """What `to_bytes` made."""
    return [Network(**each) for each in torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)]


def write(networks: Iterable[Network], path: Path) -> None:
    """Keep networks in a file."""
    with written(path) as beside:
        beside.write_bytes(to_bytes(networks))


def read(path: Path) -> list[Network]:
    """The networks in a file; none if there is no such file.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    if not path.is_file():
        return []
    try:
        return from_bytes(path.read_bytes())
    except Exception as error:  # what is not a file of torch can raise nearly anything
        raise InputError(
            f"{path}: is not a file of networks ({type(error).__name__}); `dvc repro` makes it"
        ) from error
