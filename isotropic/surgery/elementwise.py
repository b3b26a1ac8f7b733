"""Growing and pruning networks of elementwise tanh, neuron by neuron: what isotropic networks are compared with.

With a_i = tanh(w_i x + b_i) and outgoing weights c_i, the next map gets sum_i c_i a_i: a neuron is the row w_i of
W_l, b_i, and the column c_i of W_{l+1}. An optimiser's moments change as the gradients do of which they are means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from isotropic.changes import change
from isotropic.networks.base import MLP
from isotropic.surgery.activation_stats import Inputs, mean_activation
from isotropic.surgery.edit import Edit, Family
from isotropic.surgery.outgoing_init import one_each
from isotropic.surgery.widths import check_count

Draws = Generator | Sequence[Generator] | None


@change
def net2wider(
    net: MLP,
    layer: int,
    count: int,
    *,
    noise: float = 0.0,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    generator: Draws = None,
) -> None:
    """Add `count` copies of neurons of hidden width `layer` (Net2WiderNet: Chen et al., arXiv:1511.05641).

    With g(j) = j for the n neurons there are and drawn from them, each as likely as another, for the new ones:

        w'_j = w_g(j)     b'_j = b_g(j)     c'_j = c_g(j) / |{i : g(i) = g(j)}|

    The function is unchanged. But copies get the same gradients, and stay copies, unless noise sets them apart: the
    new rows w'_j gain N(0, (noise rms(w'_j))^2), and the function is then nearly unchanged.

    Args:
        net: a network of elementwise tanh or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1.
        count: neurons to add, >= 1.
        noise: the deviation of the noise, relative to the root mean square of the copied row; 0 for none.
        optimiser, also, unknown: as in `diagonalise`. Gradients and moments of w'_j and b'_j are divided as c'_j is,
            through which their gradient comes (second moments by the square).
        generator: of the random numbers; one per member for an ensemble. None is torch's global one.

    Raises:
        ValueError: layer, count or noise out of range, isotropic activations, kernels, or not one generator a member.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    edit = Edit(net, layer, optimiser, elementwise=True, also=also, unknown=unknown)
    net, layer = edit.net, edit.layer
    count = check_count(count, None, edit)
    if not 0 <= noise < float("inf"):
        raise ValueError(f"noise: {noise!r} is not a number >= 0")
    n, lead = edit.width, edit.lead
    draws = one_each(generator, len(net.member_widths))
    drawn = torch.stack([torch.randint(n, (count,), generator=each, device="cpu") for each in draws])
    there = torch.arange(n, device="cpu").expand(*lead, n)
    g = torch.cat([there, drawn.reshape(*lead, count)], dim=-1).to(edit.bias.device)  # [*K, n + count]
    copies = torch.zeros_like(edit.bias).scatter_add(-1, g, torch.ones_like(g, dtype=edit.bias.dtype))
    share = 1 / copies.gather(-1, g)  # [*K, n + count]
    edit.select(g)
    for family, name, axis in _through(edit):
        by_row = family.tensors[name].movedim(axis, -1)  # [*K, ..., n + count]
        divided = by_row * _between(share, by_row) ** family.power
        family.tensors[name] = divided.movedim(-1, axis).contiguous()
    if noise > 0:
        rows = edit.weight[..., n:, :]  # padding is zero, and is not counted in the mean square
        sizes = torch.tensor([widths[layer - 1] for widths in net.member_widths]).to(rows).reshape(*lead, 1, 1)
        scale = noise * (rows.square().sum(-1, keepdim=True) / sizes).sqrt()
        added = scale * _normal_rows(net, layer, count, draws, rows)
        for family in edit.networks:  # selected, and so copies
            family.tensors[f"maps.{layer - 1}.weight"][..., n:, :] += added
    edit.commit()


@change
def add_neurons(
    net: MLP,
    layer: int,
    count: int,
    *,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    generator: Draws = None,
) -> None:
    """Add `count` neurons with random incoming and zero outgoing weights: the simplest growth, and exact.

        w_j ~ N(0, 1/n_{l-1}), of about the length 1 that rows start with     b_j = 0     c_j = 0

    Args and errors as `net2wider`; all gradients and moments gain zeros.
    """
    edit = Edit(net, layer, optimiser, elementwise=True, also=also, unknown=unknown)
    net, layer = edit.net, edit.layer
    count = check_count(count, None, edit)
    draws = one_each(generator, len(net.member_widths))
    sizes = torch.tensor([widths[layer - 1] for widths in net.member_widths], dtype=torch.float64)
    drawn = _normal_rows(net, layer, count, draws, edit.weight.double())
    rows = drawn / sizes.to(drawn).sqrt().reshape(*edit.lead, 1, 1)
    edit.append(count, {f"maps.{layer - 1}.weight": rows})
    edit.commit()


@change
def prune_by_magnitude(
    net: MLP,
    layer: int,
    count: int,
    *,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    inputs: Inputs | None = None,
) -> None:
    """Remove the `count` neurons of least ||w_i|| ||c_i||, without or with their mean kept.

    The norm of the incoming weights is the usual magnitude of a filter (Li et al., arXiv:1608.08710, in L1), that of
    the outgoing ones is used for dense layers (He et al., ICASSP 2014); here a neuron needs both to count. Nothing
    makes up for what is removed, or, given `inputs`, its mean over them does:

        b_{l+1} <- b_{l+1} + sum_i c_i mean(a_i)

    Args:
        net: a network of elementwise tanh or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1.
        count: neurons to remove, at least 1, and fewer than there are.
        optimiser, also, unknown: as in `diagonalise`.
        inputs: x [N, ...] with n_0 numbers a sample, or several such batches; None: nothing is kept.

    Raises:
        ValueError: layer or count out of range, isotropic activations, kernels, or `inputs` empty.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    edit = Edit(net, layer, optimiser, elementwise=True, also=also, unknown=unknown)
    net, layer = edit.net, edit.layer
    count = check_count(count, edit.width - 1, edit)
    magnitude = edit.weight.double().norm(dim=-1) * edit.next_weight.double().norm(dim=-2)  # [*K, n]
    gone = torch.zeros_like(magnitude, dtype=torch.bool)
    gone.scatter_(-1, magnitude.sort(dim=-1, stable=True).indices[..., :count], True)
    if inputs is not None:
        for family in edit.networks:
            mean = torch.where(gone, mean_activation(family.net, layer, inputs), 0.0).to(edit.bias)
            own, after = family.tensors, f"maps.{layer}"
            own[f"{after}.bias"] = own[f"{after}.bias"] + (own[f"{after}.weight"] @ mean[..., None]).squeeze(-1)
    edit.select(_others(gone, count))
    edit.commit()


@change
def merge_neurons(
    net: MLP, layer: int, count: int, *, optimiser: object = None, also: object = (), unknown: str = "error"
) -> None:
    """Merge neurons into the most similar ones, `count` times (Srinivas and Babu, arXiv:1507.06149).

    The pair of the least saliency s_ij = mean(c_j^2) ||(w_i, b_i) - (w_j, b_j)||^2 is made one, without data:
    c_i <- c_i + c_j, and neuron j is removed. Exact for two neurons that are equal.

    Args:
        net, layer, count: as for `prune_by_magnitude`.
        optimiser, also, unknown: as in `diagonalise`. Gradients and moments of w_i and b_i become m_i + m_j, and
            (sqrt v_i + sqrt v_j)^2 for second moments: at least the mean square of the sum of both gradients.

    Raises:
        ValueError, TypeError: as `prune_by_magnitude`. The network is unchanged on any error.
    """
    edit = Edit(net, layer, optimiser, elementwise=True, also=also, unknown=unknown)
    net, layer = edit.net, edit.layer
    count = check_count(count, edit.width - 1, edit)
    rows = torch.cat([edit.weight, edit.bias[..., None]], dim=-1).double()
    apart = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").square()  # 0 exactly for equal ones
    same = torch.eye(edit.width, dtype=torch.bool, device=apart.device)
    gone = torch.zeros_like(edit.bias, dtype=torch.bool)
    for _ in range(count):
        saliency = edit.next_weight.double().square().mean(-2)[..., None, :] * apart  # [*K, i, j]
        barred = same | gone[..., :, None] | gone[..., None, :]
        pair = torch.where(barred, float("inf"), saliency).flatten(-2).argmin(-1, keepdim=True)  # [*K, 1]
        i, j = pair // edit.width, pair % edit.width
        for family, name, axis in _through(edit):
            family.tensors[name] = _joined(family.tensors[name], axis, i, j, family.power)
        gone = gone.scatter(-1, j, True)
    edit.select(_others(gone, count))
    edit.commit()


def _through(edit: Edit) -> Iterator[tuple[Family, str, int]]:
    """The outgoing weights c_i, and the gradients and moments of w_i and b_i, which come through them."""
    here, after = f"maps.{edit.layer - 1}", f"maps.{edit.layer}"
    for family in edit.families:
        axes = [(f"{after}.weight", -1)] if family.state is None else [(f"{here}.weight", -2), (f"{here}.bias", -1)]
        yield from ((family, name, axis) for name, axis in axes if name in family.tensors)


def _joined(t: Tensor, axis: int, i: Tensor, j: Tensor, power: int) -> Tensor:
    """Entry j [*K, 1] of an axis added to entry i; their roots, for what is of second power."""
    by_row = t.movedim(axis, -1)  # [*K, ..., n]
    to, other = (_between(index, by_row).expand(*by_row.shape[:-1], 1) for index in (i, j))
    both = (by_row.gather(-1, to) ** (1 / power) + by_row.gather(-1, other) ** (1 / power)) ** power
    return by_row.scatter(-1, to, both).movedim(-1, axis).contiguous()


def _between(t: Tensor, like: Tensor) -> Tensor:
    """[*K, m] as [*K, 1, m] if `like` has an axis between."""
    return t.reshape(*t.shape[:-1], *[1] * (like.ndim - t.ndim), t.shape[-1])


def _others(gone: Tensor, count: int) -> Tensor:
    """The neurons that are not among the `count` that are `gone` [*K, n], in their order."""
    return gone.sort(dim=-1, stable=True).indices[..., : gone.shape[-1] - count]


def _normal_rows(net: MLP, layer: int, count: int, draws: Sequence[Generator | None], like: Tensor) -> Tensor:
    """N(0, 1) for `count` rows of W_l [*K, count, n_{l-1}], drawn in float64 on the CPU; padding stays zero."""
    drawn = torch.zeros(len(draws), count, like.shape[-1], dtype=torch.float64, device="cpu")
    for k, (widths, draw) in enumerate(zip(net.member_widths, draws, strict=True)):
        own = widths[layer - 1]
        drawn[k, :, :own] = torch.randn(count, own, generator=draw, dtype=torch.float64, device="cpu")
    return drawn.reshape(*like.shape[:-2], *drawn.shape[1:]).to(like)
