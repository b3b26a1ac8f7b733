"""Joint sparsity optimisation: the bases of all hidden widths at once, which changes no output (METHOD section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal
from torch.optim import Adam

from isotropic.changes import change
from isotropic.networks.base import MLP
from isotropic.surgery.edit import Edit, refuse_kernels
from isotropic.surgery.modules import bare

_SMOOTHINGS = (0.3, 1e-6)  # epsilon of the first stage and of the last: from the size of a weight to none
_LARGEST_RATE = 0.1


@dataclass(frozen=True)
class Stage:
    """Some steps of descent at one smoothing.

    Attributes:
        smoothing: epsilon, below which entries count for little, in the unit of a weight.
        rate: Adam's learning rate, by which an entry of the Lie algebra moves in a step, in radians.
        steps: at least 1.
    """

    smoothing: float
    rate: float
    steps: int


def annealing(steps: int, stages: int = 30) -> tuple[Stage, ...]:
    """About `steps` steps in stages of equally many, the smoothing going down geometrically from 0.3 to 1e-6.

    A kink of the L1 norm is resolved to about the smoothing, so the steps become as small as it is.

    Raises:
        ValueError: fewer than two stages, or fewer steps than stages.
    """
    if stages < 2 or steps < stages:
        raise ValueError(f"steps: {steps} steps in {stages} stages; at least 2 stages, and a step for each")
    first, last = _SMOOTHINGS
    smoothings = [first * (last / first) ** (number / (stages - 1)) for number in range(stages)]
    return tuple(Stage(epsilon, min(_LARGEST_RATE, epsilon), steps // stages) for epsilon in smoothings)


THOROUGH = annealing(3000)


@change
def sparsify_jointly(
    net: MLP,
    stages: Sequence[Stage] = THOROUGH,
    *,
    power: float = 0.5,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
) -> Tensor:
    """Turn all hidden widths so that many parameters become small, in place; no output changes.

    Minimises, over one orthogonal Q_l for each hidden width, with epsilon going down from stage to stage,

        sum over all entries w of Q_l^T W_l Q_{l-1}, Q_l^T b_l, Q_l^T psi_l of (w^2 + epsilon^2)^(p/2)

    with Q_0 = Q_L = I: the L1 norm for p = 1; for p < 1 a proxy that is concave in |w|, closer to a count. Q_l is
    Q' (I - A/2)^-1 (I + A/2), the Cayley map of a skew-symmetric A, an element of the Lie algebra of SO(n_l), about
    the basis Q' in which the stage began (`torch.nn.utils.parametrizations.orthogonal`), so that the function is the
    same at every step, and not only at a minimum. SO(n_l) suffices: a reflection of an axis changes signs alone.
    Adam descends A, entry by entry, so members of an ensemble do not affect each other; all is computed in float64.

    What can be expected (derived here): the group has D = sum over l of n_l (n_l - 1) / 2 dimensions, and for all
    networks but a set of measure zero no bases give more than D zeros (`most_zeros`). For the networks that can be
    turned into one with c given zeros are the image of P - c + D numbers, a set of measure zero among all P if
    c > D. Alternate diagonalisation has D zeros where hidden widths come in equal pairs, and with a width left over
    made triangular (`diagonalise_alternate`, `triangularise`) as many again. Descent cannot remove more than this
    exactly, and stops at a local minimum, which has fewer zeros if it is flat in some directions; what it can have is
    a smaller norm, and more entries that are small without being zero.

    Args:
        net: an isotropic network, or an ensemble of networks of the same widths: padding would not stay zero.
        stages: as `annealing` makes them. One stage after the other in calls of their own does the same.
        power: p, 0 < p <= 1.
        optimiser, also, unknown: as in `diagonalise`; carried along once, at the end.

    Returns:
        The L1 norm of all W_l, b_l and psi_l before the first stage and after each, [stages + 1, *K], in float64.

    Raises:
        ValueError: power out of range, members of different widths, elementwise activations, kernels, or values not
            finite.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    if not 0 < power <= 1:
        raise ValueError(f"power: {power!r} is not above 0 and at most 1, where the proxy favours zeros")
    net = bare(net)
    refuse_kernels(net)
    # Refuses what cannot be turned before anything is computed.
    edit = [Edit(net, layer, optimiser, also=also, unknown=unknown) for layer in range(1, net.depth)]
    blocks = _blocks(net)
    bases = _Bases([block[..., 0] for block in blocks[:-1]])
    norms = [_entries(blocks, bases()).abs().sum(-1)]
    for stage in stages if edit else ():
        _descend(blocks, bases, stage, power)
        norms.append(_entries(blocks, bases()).abs().sum(-1))
    if not bool(torch.stack(norms).isfinite().all()):
        raise ValueError("the proxy is not finite in float64; the parameters are too large")
    if edit:
        for layer, basis in enumerate(bases(), start=1):
            edit[0].rotate(basis, layer)
        edit[0].commit()
    return torch.stack(norms)


def most_zeros(widths: Sequence[int]) -> int:
    """How many of a network's W_l, b_l and psi_l bases can make zero, but for a set of measure zero of networks."""
    return sum(n * (n - 1) // 2 for n in widths[1:-1])


class _Bases(nn.Module):
    """One orthogonal matrix for each hidden width, [*K, n, n], at first the identity; those of one size are stacked.

    Args:
        neurons: for each hidden width a tensor [*K, n], of whose dtype and device the matrices are.
    """

    def __init__(self, neurons: Sequence[Tensor]) -> None:
        super().__init__()
        self._names = [f"of_{like.shape[-1]}" for like in neurons]
        for name in dict.fromkeys(self._names):
            same = torch.stack([like for own, like in zip(self._names, neurons, strict=True) if own == name])
            identity = torch.ones_like(same).diag_embed()  # [widths of this size, *K, n, n]
            self.register_parameter(name, nn.Parameter(identity))
            orthogonal(self, name, orthogonal_map="cayley")

    def forward(self) -> list[Tensor]:
        """Q_1 .. Q_{L-1}."""
        stacks = {name: iter(getattr(self, name).unbind(0)) for name in dict.fromkeys(self._names)}
        return [next(stacks[name]) for name in self._names]

    def centre(self) -> None:
        """Let the Lie algebra begin where the matrices are: what is far from there it covers unevenly."""
        for name in dict.fromkeys(self._names):
            setattr(self, name, getattr(self, name).detach())


@torch.enable_grad()
def _descend(blocks: Sequence[Tensor], bases: _Bases, stage: Stage, power: float) -> None:
    bases.centre()
    adam = Adam(bases.parameters(), lr=stage.rate, fused=True)
    for _ in range(stage.steps):
        adam.zero_grad()
        entries = _entries(blocks, bases())  # [*K, P]
        (entries.square() + stage.smoothing**2).pow(power / 2).sum().backward()
        adam.step()


def _blocks(net: MLP) -> list[Tensor]:
    """[W_l | b_l | psi_l] of each map, [*K, n_l, n_{l-1} + 1 or 2], in float64: what the basis of width l turns."""
    blocks = []
    for number, affine in enumerate(net.affine):
        vectors = [vector for vector in (affine.bias, affine.psi) if vector is not None]
        block = torch.cat([affine.weight, *(vector[..., None] for vector in vectors)], dim=-1).detach().double()
        if not bool(block.isfinite().all()):
            raise ValueError(f"maps.{number} has values that are not finite; no basis makes them small")
        blocks.append(block)
    return blocks


def _entries(blocks: Sequence[Tensor], bases: Sequence[Tensor]) -> Tensor:
    """All entries of Q_l^T [W_l Q_{l-1} | b_l | psi_l], [*K, P]."""
    turned = []
    for number, block in enumerate(blocks):
        if number > 0:
            basis = bases[number - 1]
            n = basis.shape[-1]
            block = torch.cat([block[..., :n] @ basis, block[..., n:]], dim=-1)
        if number < len(bases):
            block = bases[number].mT @ block
        turned.append(block.flatten(-2))
    return torch.cat(turned, dim=-1)
