"""A convolutional network whose activations are isotropic over channels (the second version's appendix D)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isotropic.networks.base import MLP, AffineMap
from isotropic.networks.kernels import Convolution, GridMap, side_after
from isotropic.networks.network import WITH_PSI, check_treatment, initial_activation, treatment


class IsotropicConvNet(MLP):
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
        net(x)                                 # x [B, ...] with C * H * W numbers a sample, in that order
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

    def __init__(
        self,
        image: Sequence[int],
        channels: Sequence[int],
        classes: int,
        kernel: int = 3,
        stride: int = 1,
        activation: str = "isotropic-tanh",
        intrinsic_length: str = "trainable",
        compensation: str = "trainable+decay",
        psi_decay: float = 0.1,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        _check_sizes(image, channels, classes, kernel, stride)
        check_treatment(activation, intrinsic_length, compensation)
        if compensation == "expectation":
            raise ValueError(
                "compensation: 'expectation' corrects a bias, which is the same at every position, where the gain is "
                f"not, nor beyond the border; one of none, {', '.join(WITH_PSI)}"
            )
        dtype = dtype or torch.get_default_dtype()
        generator = None if seed is None else torch.Generator().manual_seed(seed)

        def drawn(positions: tuple[int, int], rows: int, columns: int) -> Tensor:
            unfolded = torch.empty(rows, math.prod(positions) * columns, dtype=torch.float64)
            nn.init.orthogonal_(unfolded, generator=generator)
            return unfolded.to(dtype).view(rows, *positions, columns).movedim(0, -2).contiguous()

        def vectors(positions: tuple[int, int], rows: int) -> tuple[Tensor, Tensor | None, bool]:
            psi = torch.zeros(*positions, rows, dtype=dtype) if compensation in WITH_PSI else None
            return torch.zeros(rows, dtype=dtype), psi, compensation != "constant"

        maps: list[AffineMap] = []
        columns, *grid = image
        for rows in channels:
            bias, psi, trained = vectors((kernel, kernel), rows)
            weight = drawn((kernel, kernel), rows, columns)
            maps.append(Convolution(weight, bias, psi if maps else None, trained, stride))
            grid, columns = [side_after(side, kernel, stride) for side in grid], rows
        whole = (grid[0], grid[1])
        maps.append(GridMap(drawn(whole, classes, columns), *vectors(whole, classes)))
        super().__init__(maps, [initial_activation(activation, intrinsic_length, dtype) for _ in channels])
        self.image = tuple(image)
        self.activation = activation
        self.intrinsic_length = intrinsic_length
        self.compensation = compensation
        self._treat(*treatment(intrinsic_length, compensation, psi_decay, dtype))
        self.to(device)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, ...] with C * H * W numbers a sample, in that order -> logits [B, n_L]."""
        return self.trace(x.flatten(1))[0]

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


def _check_sizes(image: Sequence[int], channels: Sequence[int], classes: int, kernel: int, stride: int) -> None:
    if len(image) != 3 or any(type(n) is not int or n < 1 for n in image):
        raise ValueError(f"image: {tuple(image)} is not (C, H, W), three integers >= 1")
    if len(channels) < 1 or any(type(n) is not int or n < 1 for n in channels):
        raise ValueError(f"channels: {list(channels)} is not a list of one or more integers >= 1")
    for name, value in (("classes", classes), ("kernel", kernel), ("stride", stride)):
        if type(value) is not int or value < 1:
            raise ValueError(f"{name}: {value!r} is not an integer >= 1")
