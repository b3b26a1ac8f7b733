"""The backward pass in closed form (METHOD section 12): less overhead a step than autograd, the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.model.activation import IsotropicTanh, gain, gain_slope
from pipeline.model.base import MLP, AffineMap

# (logits h [*K, B, n_L], labels y [*K, B]) -> (loss [*K], dL/dh [*K, B, n_L]); h may be overwritten.
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def cross_entropy(h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy [*K], in nats, and its gradient [*K, B, n_L] at logits h, which are overwritten.

    The softmax is written out: torch's own is slow over so few classes.
    """
    labels = y.unsqueeze(-1)
    h -= h.amax(-1, keepdim=True)
    chosen = h.gather(-1, labels)  # [*K, B, 1]
    d = h.exp_()
    total = d.sum(-1, keepdim=True)  # [*K, B, 1]
    loss = (total.log() - chosen).mean((-2, -1))
    d /= total
    d.scatter_add_(-1, labels, torch.full_like(chosen, -1))
    return loss, d.div_(y.shape[-1])


def block_cross_entropy(blocks: Sequence[slice]) -> Loss:
    """The mean of several tasks' cross-entropies, each with a softmax over its own block of the logits.

    Args:
        blocks: of the logits, one a task. The batch has equally many rows of each task, in this order, and its
            labels count from 0 within the task's block. Logits outside a row's block get no gradient.
    """

    def loss(h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        d, losses = torch.zeros_like(h), []
        parts = (h.chunk(len(blocks), -2), d.chunk(len(blocks), -2), y.chunk(len(blocks), -1))
        for block, logits, gradient, labels in zip(blocks, *parts, strict=True):
            value, slope = cross_entropy(logits[..., block], labels)
            gradient[..., block] = slope / len(blocks)
            losses.append(value)
        return torch.stack(losses).mean(0), d

    return loss


@torch.no_grad()
def backward(net: MLP, x: Tensor, y: Tensor, loss_at: Loss = cross_entropy) -> Tensor:
    """Write into `.grad` the gradient of the loss plus `net.penalty()`.

    With a = h_l, g = g_l, d = dL/dh_{l+1} of one sample, dt = W_{l+1}^T d and s = ||a||^2 + o:

        c            = <dt, a> + <d, psi_{l+1}>
        dL/da        = g dt + c (2 dg/ds) a
        dL/dlambda   = o / 2 * sum over samples of c (2 dg/ds)
        dL/dpsi      = sum over samples of g d + 2 lambda_psi psi
        dL/dW_{l+1}  = sum of d (g a)^T,    dL/db_{l+1} = sum of d

    Args:
        net: one network or an ensemble; what is a buffer gets no gradient.
        x: inputs [*K, B, n_0].
        y: labels [*K, B].
        loss_at: the loss at the logits; the mean cross-entropy unless told otherwise.

    Returns:
        The loss [*K], without the penalty.
    """
    h, steps = _forward(net, x)
    loss, d = loss_at(h, y)
    for affine, step in zip(reversed(net.affine[1:]), reversed(steps), strict=True):
        _affine_gradient(affine, step.output, d)
        dt = d @ affine.weight  # [*K, B, n_l]
        if step.activation is None or step.s is None or step.g is None:
            d = dt.addcmul_(dt, step.output.square(), value=-1)
            continue
        c = torch.linalg.vecdot(dt, step.h).unsqueeze(-1)  # [*K, B, 1]
        if affine.psi is not None:
            c += d @ affine.psi.unsqueeze(-1)
            if isinstance(affine.psi, nn.Parameter):
                decay = 2 * net.psi_decay[..., None] * affine.psi
                torch.add((step.g * d).sum(-2), decay, out=_room(affine.psi))
        c *= gain_slope(step.s, step.g)
        if isinstance(step.activation.log_o, nn.Parameter):
            torch.mul(c.sum((-2, -1)), step.activation.o / 2, out=_room(step.activation.log_o))
        d = dt.mul_(step.g).addcmul_(c, step.h)
    _affine_gradient(net.affine[0], x, d)
    return loss


class _Step(NamedTuple):
    """What the way back needs of h -> output = g h. Standard tanh has neither s nor g nor an intrinsic length."""

    activation: IsotropicTanh | None
    h: Tensor  # [*K, B, n_l]
    s: Tensor | None  # [*K, B, 1]
    g: Tensor | None  # [*K, B, 1]
    output: Tensor  # [*K, B, n_l]


def _forward(net: MLP, x: Tensor) -> tuple[Tensor, list[_Step]]:
    h, steps = net.affine[0](x), []
    for affine, activation in zip(net.affine[1:], net.activations, strict=True):
        if isinstance(activation, IsotropicTanh):
            s = activation.squared_length(h)
            g = gain(s)
            steps.append(_Step(activation, h, s, g, g * h))
        else:
            steps.append(_Step(None, h, None, None, h.tanh()))
        h = affine(steps[-1].output, steps[-1].g)
    return h, steps


def _affine_gradient(affine: AffineMap, a: Tensor, d: Tensor) -> None:
    torch.matmul(d.mT, a, out=_room(affine.weight))  # [*K, n_{l+1}, n_l]
    torch.sum(d, -2, out=_room(affine.bias))


def _room(parameter: Tensor) -> Tensor:
    """The parameter's gradient tensor to write into; kept from step to step, since allocating is slow."""
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    return parameter.grad
