"""The backward pass in closed form (METHOD section 12): less overhead a step than autograd, the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from isotropic import activations
from isotropic.networks.activation import Elementwise, Isotropic
from isotropic.networks.base import MLP, AffineMap
from isotropic.training.products import Products, products
from isotropic.training.step import Alone

# (logits h [*K, B, n_L], labels y [*K, B]) -> (loss [*K], dL/dh [*K, B, n_L]); h may be overwritten.
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
AskAlone = Callable[[Tensor], Alone | None]


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


def backward(net: MLP, x: Tensor, y: Tensor, loss_at: Loss = cross_entropy) -> Tensor:
    """Write into `.grad` the gradient of the loss plus `net.penalty()`, and return the loss, as `Backward` says."""
    return Backward(net, loss_at)(x, y)


class Backward:
    """The gradient of the loss plus `net.penalty()`, written into `.grad` of the parameters.

    With a = h_l, g = g_l, d = dL/dh_{l+1} of one sample, dt = W_{l+1}^T d and s = ||a||^2 + o:

        c            = <dt, a> + <d, psi_{l+1}>
        dL/da        = g dt + c (2 dg/ds) a
        dL/dlambda   = o / 2 * sum over samples of c (2 dg/ds)
        dL/dpsi      = sum over samples of g d + 2 lambda_psi psi
        dL/dW_{l+1}  = sum of d (g a)^T,    dL/db_{l+1} = sum of d

    Bound to the tensors that the network has now: make another once a width or a basis was changed.

    Args:
        net: one network or an ensemble; what is a buffer gets no gradient.
        loss_at: the loss at the logits; the mean cross-entropy unless told otherwise.
        blocks: of the inputs, if the samples of several tasks are zero outside of their task's block. The batch then
            is a list of x [*K, B, n_t], one a block with its n_t inputs only: what is zero is not multiplied.
        matmul: how matrices are multiplied, "float32", "tf32" or "bf16" (`products.py`).
        alone: gives weights a step of their own, or none (`optimiser.alone`). It is asked about those of which it
            pays; they are stepped as soon as this can be, and then have no `.grad`.

    Attributes:
        apart: the weights that have such a step.
    """

    def __init__(
        self,
        net: MLP,
        loss_at: Loss = cross_entropy,
        blocks: Sequence[slice] | None = None,
        matmul: str = "float32",
        alone: AskAlone = lambda weight: None,
    ) -> None:
        self._one = net.affine[0].weight.ndim == 2  # one network is an ensemble of one
        self._loss_at = loss_at
        decay = 2 * net.psi_decay.reshape(-1, 1, 1)
        self._first = _Inputs(net.affine[0], blocks or [slice(None)], matmul, alone)
        self._maps = [_Map(affine, decay, matmul, alone) for affine in net.affine[1:]]
        gradients = [self._first.of_weight, *(way.of_weight for way in self._maps)]
        self.apart = [a.weight for a, of in zip(net.affine, gradients, strict=True) if of.alone is not None]
        self._activations = [_activation(a) for a in net.activations]

    @torch.no_grad()
    def __call__(self, x: Tensor | Sequence[Tensor], y: Tensor) -> Tensor:
        """Inputs x [*K, B, n_0] (with blocks a list) and labels y [*K, B] -> the loss [*K], without the penalty."""
        xs = [x] if isinstance(x, Tensor) else x
        if self._one:
            return self._descend([each[None] for each in xs], y[None]).squeeze(0)
        return self._descend(xs, y)

    def _descend(self, xs: Sequence[Tensor], y: Tensor) -> Tensor:
        inputs: list[Tensor] = []  # of each map after the first
        steps: list[tuple[Tensor, Tensor | None, Tensor | None]] = []  # of each activation: its input, gain and slope
        h = self._first(xs)  # [K, B, n_1]
        for affine, activation in zip(self._maps, self._activations, strict=True):
            if isinstance(activation, _Gain):
                g, slope = activation.gain(h)  # [K, B, 1]
                output = g * h
            else:
                g, slope, output = None, None, activation.value(h)
            steps.append((h, g, slope))
            inputs.append(output)
            h = affine(output, g)
        loss, d = self._loss_at(h, y)
        ways = zip(self._maps, self._activations, inputs, steps, strict=True)
        for affine, activation, output, (a, g, slope) in reversed(list(ways)):
            dt = affine.back(d)  # [K, B, n_l]
            affine.gradient(output, d)  # which may change the weight
            if not isinstance(activation, _Gain):
                d = activation.back(dt, a, output)
                continue
            assert g is not None and slope is not None
            c = (dt * a).sum(-1, keepdim=True)  # [K, B, 1]
            if affine.column is not None:
                c.baddbmm_(d, affine.column)
                affine.gradient_of_psi(g, d)
            activation.gradient_of_sigma(c)
            c *= slope
            activation.gradient(c)
            d = dt.mul_(g).addcmul_(c, a)
        self._first.gradient(xs, d)
        return loss


class _OfWeight:
    """Where the gradient of a map's weight goes: into its `.grad`, or at once into a step of its own."""

    def __init__(self, weight: Tensor, kind: type[Products], blocks: Sequence[slice], alone: AskAlone) -> None:
        self._products, self._rooms = kind, list[Tensor]()
        self.alone = alone(weight) if kind.singly and weight.ndim == 3 else None
        if self.alone is not None:
            weight.grad = None
            return
        room = _stacked(_room(weight), 2).zero_()  # the columns of blocks that are not here have no gradient
        self._rooms = [room[..., block] for block in blocks]

    def __call__(self, xs: Sequence[Tensor], d: Tensor) -> None:
        if self.alone is not None:
            self.alone(self._products.of_each(d, xs[0]))
            return
        for x, own, room in zip(xs, d.chunk(len(xs), -2), self._rooms, strict=True):
            self._products.product(own.mT, x, out=room)  # [K, n_l, n_{l-1}]


class _Inputs:
    """The first map of K networks, and where its gradients go; the inputs come in blocks."""

    def __init__(self, affine: AffineMap, blocks: Sequence[slice], matmul: str, alone: AskAlone) -> None:
        weight = _stacked(affine.weight, 2)
        self._products = products(matmul, weight[..., blocks[0]])
        self._back = [weight[..., block].mT for block in blocks]
        self.of_weight = _OfWeight(affine.weight, self._products, blocks, alone)
        self._bias, self._of_bias = _stacked(affine.bias, 1).unsqueeze(-2), _stacked(_room(affine.bias), 1)

    def __call__(self, xs: Sequence[Tensor]) -> Tensor:
        h = [self._products.affine(self._bias, x, back) for x, back in zip(xs, self._back, strict=True)]
        return h[0] if len(h) == 1 else torch.cat(h, dim=-2)  # [K, T * B, n_1]

    def gradient(self, xs: Sequence[Tensor], d: Tensor) -> None:
        self.of_weight(xs, d)
        torch.sum(d, -2, out=self._of_bias)


class _Map:
    """An affine map after the first of K networks, and where its gradients go; b and psi are rows, [K, 1, n_l]."""

    def __init__(self, affine: AffineMap, decay: Tensor, matmul: str, alone: AskAlone) -> None:
        self.weight, self.bias = _stacked(affine.weight, 2), _stacked(affine.bias, 1).unsqueeze(-2)
        self.psi = None if affine.psi is None else _stacked(affine.psi, 1).unsqueeze(-2)
        self.column = None if self.psi is None else self.psi.mT
        self._back, self._products = self.weight.mT, products(matmul, self.weight)
        self.of_weight = _OfWeight(affine.weight, self._products, [slice(None)], alone)
        self._of_bias = _stacked(_room(affine.bias), 1)
        trained = affine.psi is not None and isinstance(affine.psi, nn.Parameter)
        self._of_psi = _stacked(_room(affine.psi), 1).unsqueeze(-2) if affine.psi is not None and trained else None
        self._decay = decay  # 2 lambda_psi, [K, 1, 1]

    def __call__(self, a: Tensor, g: Tensor | None) -> Tensor:
        h = self._products.affine(self.bias, a, self._back)  # [K, B, n_l]
        return h if self.psi is None or g is None else h.addcmul_(g, self.psi)

    def back(self, d: Tensor) -> Tensor:
        return self._products.product(d, self.weight)  # [K, B, n_{l-1}]

    def gradient(self, a: Tensor, d: Tensor) -> None:
        self.of_weight([a], d)
        torch.sum(d, -2, out=self._of_bias)

    def gradient_of_psi(self, g: Tensor, d: Tensor) -> None:
        if self._of_psi is not None and self.psi is not None:
            torch.addcmul(torch.bmm(g.mT, d), self._decay, self.psi, out=self._of_psi)


class _Gain:
    """The gain of K networks, and where the gradient of its intrinsic length goes."""

    def __init__(self, activation: Isotropic) -> None:
        self._sigma = activation.function
        self._log_o = _stacked(activation.log_o, 0)  # [K]
        trained = isinstance(activation.log_o, nn.Parameter)
        self._of_log_o = _stacked(_room(activation.log_o), 0) if trained else None
        self._o = self._log_o.exp()
        self._added = self._o[:, None, None]  # a view
        alpha = activation.alpha
        self._alpha = None if alpha is None else _stacked(alpha, 0)[:, None, None]  # [K, 1, 1]

    def gain(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """g and 2 dg/ds at s = ||h||^2 + o, [K, B, 1]."""
        if self._of_log_o is not None:
            torch.exp(self._log_o, out=self._o)
        g, slope = self._of((h * h).sum(-1, keepdim=True).add_(self._added))
        if self._alpha is None:
            return g, slope
        return self._alpha + (1 - self._alpha) * g, (1 - self._alpha) * slope

    def _of(self, s: Tensor) -> tuple[Tensor, Tensor]:
        return self._sigma.gain_and_slope(s)

    def gradient_of_sigma(self, c: Tensor) -> None:
        """From c = dL/dg to the parameters of sigma; the functions with a closed form have none."""

    def gradient(self, c: Tensor) -> None:
        if self._of_log_o is not None:
            torch.sum(c, (-2, -1), out=self._of_log_o).mul_(self._o).div_(2)


class _TracedGain(_Gain):
    """The gain of a sigma without a closed form: its slope, and the gradient of its parameters, by autograd."""

    def __init__(self, activation: Isotropic) -> None:
        super().__init__(activation)
        sigma = activation.sigma
        self._parameters = [p for p in sigma.parameters() if p.requires_grad] if isinstance(sigma, nn.Module) else []
        self._rooms = [_room(p) for p in self._parameters]
        self._traced: Tensor | None = None

    def _of(self, s: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            self._traced = self._sigma.gain(s.requires_grad_())
        (slope,) = torch.autograd.grad(self._traced, s, torch.ones_like(s), retain_graph=True)
        return self._traced.detach(), 2 * slope

    def gradient_of_sigma(self, c: Tensor) -> None:
        assert self._traced is not None
        of_g = c if self._alpha is None else (1 - self._alpha) * c
        if self._parameters:
            found = torch.autograd.grad(self._traced, self._parameters, of_g, allow_unused=True)
            for room, gradient in zip(self._rooms, found, strict=True):
                room.zero_() if gradient is None else room.copy_(gradient)
        self._traced = None


def _activation(activation: nn.Module) -> _Gain | activations.Elementwise:
    """How a hidden activation is gone through, and back."""
    if isinstance(activation, Isotropic):
        return _Gain(activation) if activation.function.closed else _TracedGain(activation)
    assert isinstance(activation, Elementwise)
    return activations.ELEMENTWISE[activation.name]


def _stacked(t: Tensor, ndim: int) -> Tensor:
    """A view of t with a first axis [K], in which writing writes t; `ndim` without it."""
    return t.detach().unsqueeze(0) if t.ndim == ndim else t.detach()


def _room(parameter: Tensor) -> Tensor:
    """The parameter's gradient tensor to write into; kept from step to step, since allocating is slow."""
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    return parameter.grad
