"""Networks that an experiment keeps beside its rows, as plain arrays: reading them executes nothing."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import InputError
from pipeline.paths import denied, written

if TYPE_CHECKING:
    from isotropic.networks.network import IsotropicMLP
    from isotropic.networks.sparse import SparseMLP

_INDEX = "networks"  # what a file has beside the arrays: all else of the networks, as JSON


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        where: columns of the rows that are about it: data, network, configuration, repeat.
        name: what it is, e.g. "trained" or "sparsified".
        widths: n_0 .. n_L.
        settings: the other arguments of `IsotropicMLP`.
        tensors: its state, name -> array.
        diagonal: maps, counted from 1, that hold nothing beside their diagonal.
    """

    where: dict[str, str | int]
    name: str
    widths: list[int]
    settings: dict[str, Any]
    tensors: dict[str, np.ndarray] = field(repr=False)
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
        known = net.tensors()  # all else is in `settings`
        tensors = {key: t.cpu().numpy().copy() for key, t in net.state_dict().items() if key in known}
        return cls(where, name, list(net.widths), settings, tensors, list(diagonal))

    def module(self) -> IsotropicMLP | SparseMLP:
        """The network; where it has diagonal maps, in sparse form."""
        import torch

        from isotropic.networks.network import IsotropicMLP
        from isotropic.networks.sparse import SparseMLP

        net = IsotropicMLP(self.widths, **self.settings)
        net.load_state_dict({key: torch.as_tensor(array) for key, array in self.tensors.items()})
        return SparseMLP(net, self.diagonal) if self.diagonal else net

    @property
    def digest(self) -> str:
        """Of all that it is."""
        known = hashlib.blake2b(repr((self.where, self.name, self.widths, self.settings, self.diagonal)).encode())
        for key in sorted(self.tensors):
            known.update(key.encode() + self.tensors[key].tobytes())
        return known.hexdigest()


def to_bytes(networks: Iterable[Network]) -> bytes:
    """As they are kept: an archive of numpy; the same networks give the same bytes."""
    arrays: dict[str, Any] = {}
    index = []
    for number, each in enumerate(networks):
        arrays |= {f"{number}.{key}": array for key, array in each.tensors.items()}
        index.append(asdict(each) | {"tensors": list(each.tensors)})
    arrays[_INDEX] = np.array(json.dumps(index))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def from_bytes(content: bytes) -> list[Network]:
    """What `to_bytes` made."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        index = json.loads(str(file[_INDEX]))
        return [
            Network(**each | {"tensors": {key: file[f"{number}.{key}"] for key in each["tensors"]}})
            for number, each in enumerate(index)
        ]


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
    except PermissionError:
        raise denied(path) from None
    except Exception as error:  # what is not a file of numpy can raise nearly anything
        raise InputError(
            f"{path}: is not a file of networks ({type(error).__name__}); `dvc repro` makes it"
        ) from error
