"""A convolutional network whose activations are isotropic over channels (the second version's appendix D)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from isotropic.activations import Activation
from isotropic.integers import integer, integers
from isotropic.networks import state as states
from isotropic.networks.base import AffineMap
from isotropic.networks.draw import Draw
from isotropic.networks.inputs import check_tensor
from isotropic.networks.kernels import Convolution, GridMap, side_after
from isotropic.networks.network import Treated
from isotropic.networks.treatment import WITH_PSI, Treatment


class IsotropicConvNet(Treated):
    """Convolutions with isotropic activations over the channels, and a dense map to the logits (METHOD section 9).

    At each position q of a grid, with h_l[q] a vector of n_l channels,

        h_{l+1}[q] = b_{l+1} + sum_p W_{l+1}[p] (g_l h_l)[s q + p] + Psi_{l+1}[p] g_l[s q + p]
        g_l[q]     = tanh(r) / r,   r^2 = ||h_l[q]||^2 + o_l

    over the positions p of the kernel, with stride s, and with zeros outside the grid for h and for g. The last map
    reads the whole grid at once: its kernel has a position for each of the grid's.

    An activation commutes with every rotation of the channels that is the same at all positions, so hidden widths
    (numbers of channels) can be rotated, grown and pruned as those of an `IsotropicMLP`, with the kernel unfolded to
    [n_l, P n_{l-1}]: `diagonalise` (sides left and right), `grow`, `prune` and `adapt`, on the side "left".

    Compensation, derived here. A channel i with vanishing rows of W_l and Psi_l is the constant b*_i at every
    position. It adds b*_i^2 to every r^2, which o_l can hold, and to the next map the convolution
    sum_p W_{l+1}[p]_{:,i} b*_i g_l[s q + p]. The gain differs from position to position, and is zero outside the
    grid, so no vector times one gain is equal to that: it takes a kernel over the map of gains,

        Psi_{l+1}[p] <- Psi_{l+1}[p] + sum_i b*_i W_{l+1}[p]_{:,i}

    which is exact, at the border too. With a single position this is the vector psi of METHOD section 4.

        net = IsotropicConvNet((1, 8, 8), [8, 16], classes=10, seed=0)
        net(x)                                 # x [..., C, H, W], or [..., C * H * W] in that order -> [..., 10]
        net.widths                             # [1, 8, 16, 10]: the channels and the classes
        net.maps[l - 1].weight                 # [k, k, n_l, n_{l-1}]; of the last map [H, W, n_L, n_{L-1}]
        net.maps[l - 1].bias, .psi             # [n_l], [k, k, n_l]

    It is trained by autograd (`training.autograd`), and has no pooling: a maximum commutes with no rotation.

    Args:
        image: (C, H, W) of an image.
        channels: n_1 .. n_{L-1}, of the convolutions.
        classes: n_L.
        kernel: side of the convolutions' kernels; k // 2 zeros are padded on each side.
        stride: s of every convolution.
        activation, intrinsic_length, psi_decay, seed, dtype, device: as in `IsotropicMLP`. The initial kernels are
            semi-orthogonal unfolded.
        compensation: as in `IsotropicMLP`, but for "expectation": a bias cannot stand for a map of gains.

    Raises:
        ValueError: image, channels, classes, kernel or stride not integers >= 1, no channels, an unknown name, or a
            treatment that the activation cannot have.
    """

    kind = "IsotropicConvNet"

    def __init__(
        self,
        image: Sequence[int],
        channels: Sequence[int],
        classes: int,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "isotropic-tanh",
        intrinsic_length: str = "trainable",
        compensation: str = "trainable+decay",
        psi_decay: float = 0.1,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        image, channels = _checked_sizes(image, channels)
        classes, kernel, stride = (
            integer(*given) for given in (("classes", classes), ("kernel", kernel), ("stride", stride))
        )
        treatment = Treatment.of(activation, intrinsic_length, compensation, psi_decay)
        if compensation == "expectation":
            raise ValueError(
                "compensation: 'expectation' corrects a bias, which is the same at every position, where the gain is "
                f"not, nor beyond the border; one of none, {', '.join(WITH_PSI)}"
            )
        draw = Draw(seed, dtype, device)
        treatment = treatment.rounded(draw.dtype)

        def drawn(positions: tuple[int, int], rows: int, columns: int) -> Tensor:
            unfolded = draw.orthogonal(rows, math.prod(positions) * columns)
            return unfolded.view(rows, *positions, columns).movedim(0, -2).contiguous()

        def vectors(positions: tuple[int, int], rows: int) -> tuple[Tensor, Tensor | None, bool]:
            return draw.zeros(rows), draw.zeros(*positions, rows) if treatment.has_psi else None, treatment.trains_psi

        maps: list[AffineMap] = []
        columns, *grid = image
        for rows in channels:
            bias, psi, trained = vectors((kernel, kernel), rows)
            weight = drawn((kernel, kernel), rows, columns)
            maps.append(Convolution(weight, bias, psi if maps else None, trained, stride))
            grid, columns = [side_after(side, kernel, stride) for side in grid], rows
        whole = (grid[0], grid[1])
        maps.append(GridMap(drawn(whole, classes, columns), *vectors(whole, classes)))
        super().__init__(maps, [treatment.hidden(draw.zeros()) for _ in channels])
        self.treatment = treatment
        self.image, self.kernel, self.stride = tuple(image), kernel, stride
        self.to(draw.device)

    def rows(self, x: Tensor) -> Tensor:
        """x [..., C, H, W] or [..., C * H * W] -> [..., C * H * W].

        Raises:
            ValueError: x is neither.
            TypeError: x is no tensor.
        """
        check_tensor(x)
        if tuple(x.shape[-3:]) == self.image:
            return x.flatten(-3)
        if x.ndim == 0 or x.shape[-1] != math.prod(self.image):
            raise ValueError(
                f"x: shape {list(x.shape)}, and this network takes images [..., {', '.join(map(str, self.image))}] "
                f"or [..., {math.prod(self.image)}]"
            )
        return x

    def forward(self, x: Tensor) -> Tensor:
        """x [..., C, H, W], or [..., C * H * W] in that order, -> logits [..., n_L]."""
        flat = self.rows(x)
        z = self.trace(flat.reshape(-1, flat.shape[-1]))[0]
        return z.view(*flat.shape[:-1], z.shape[-1])

    def trace(self, x: Tensor, block: slice | None = None) -> tuple[Tensor, list[Tensor | None]]:
        """x [B, C * H * W] -> logits [B, n_L] and the gains g_1 .. g_{L-1}, [B, H_l, W_l, 1] each.

        Raises:
            ValueError: a `block`; images have none.
        """
        if block is not None:
            raise ValueError(f"block: {block!r} of an image; valid is None")
        return super().trace(x.unflatten(-1, self.image).movedim(-3, -1))

    def extra_repr(self) -> str:
        """The image, the widths and treatments, for print(net)."""
        return (
            f"{self.image}, {self.widths[1:]}, {self.activation!r}, {self.intrinsic_length!r}, {self.compensation!r}"
        )

    def described(self) -> dict[str, Any]:
        """As in `MLP`."""
        return super().described() | {"image": self.image, "kernel": self.kernel, "stride": self.stride}

    def check_same(self, known: dict[str, Any]) -> None:
        """As in `MLP`."""
        super().check_same(known)
        for name, own in (("image", list(self.image)), ("kernel", self.kernel), ("stride", self.stride)):
            if known.get(name, own) != own:
                raise ValueError(f"state: its {name} is {known[name]}, and this network's {own}")

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], **arguments: Any) -> Self:
        """As `IsotropicMLP.from_state_dict`."""
        own = states.unwrapped(state)
        known = states.arguments(states.known_of(own, arguments, cls.kind), own)
        _, *channels, classes = states.widths_of(own)
        return states.filled(cls(channels=channels, classes=classes, **known), own)


def _checked_sizes(image: Sequence[int], channels: Sequence[int]) -> tuple[list[int], list[int]]:
    sides, counts = integers(image), integers(channels)
    if sides is None or len(sides) != 3:
        raise ValueError(f"image: {image!r} is not (C, H, W), three integers >= 1")
    if not counts:
        raise ValueError(f"channels: {channels!r} is not a list of one or more integers >= 1")
    return sides, counts
