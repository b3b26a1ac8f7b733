"""The same training in JAX, where it is installed: one jitted step, of one network or of K by vmap."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from benchmarks.plan import Widths
from benchmarks.resident import Resident
from isotropic import IsotropicMLP
from pipeline.config import Training

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # as torch has them


def installed() -> bool:
    """Whether there is a JAX."""
    return find_spec("jax") is not None


class Jax:
    """K networks of one step in JAX; its arrays are torch's, where it can take them as they are.

    Attributes:
        members: K; 1 is without vmap.
    """

    def __init__(self, data: Resident, widths: Widths, training: Training, members: int, number: int = 0) -> None:
        # One thread computes, as in all others: JAX reads this when it is imported.
        os.environ |= {"JAX_PLATFORMS": "cpu", "NPROC": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
        jax, jnp = import_module("jax"), import_module("jax.numpy")  # no requirement: types are not known

        self.members, self._jnp = members, jnp
        nets = [IsotropicMLP(widths, seed=number + k) for k in range(members)]
        named = {
            name: torch.stack([dict(net.named_parameters())[name] for net in nets]) for name in nets[0].tensors()
        }
        parameters = {name: jnp.asarray(t.detach().numpy()) for name, t in named.items()}
        if members == 1:
            parameters = {name: t[0] for name, t in parameters.items()}
        zeros = {name: jnp.zeros_like(t) for name, t in parameters.items()}
        self._state = (parameters, zeros, {name: t.copy() for name, t in zeros.items()}, jnp.zeros(()))
        self._data = jnp.asarray(data.x.numpy()), jnp.asarray(data.y.numpy())
        self._step = jax.jit(_step(jax, jnp, len(widths) - 1, training, members), donate_argnums=0)

    def step(self, order: Tensor) -> Any:
        """One step of each on its samples [K, B]: the cross-entropies before it, [K], maybe before they are there."""
        chosen = self._jnp.asarray((order[0] if self.members == 1 else order).numpy())
        self._state, losses = self._step(self._state, *self._data, chosen)
        return losses.reshape(-1)


def _step(jax: Any, jnp: Any, maps: int, training: Training, members: int) -> Any:
    """(state, images, labels, order) -> the state after a step of AdamW, and the cross-entropies before it."""
    rate, decay = training.learning_rate, training.weight_decay

    def loss(p: dict[str, Any], x: Any, y: Any) -> tuple[Any, Any]:
        h, penalty = x @ p["maps.0.weight"].T + p["maps.0.bias"], 0.0
        for layer in range(1, maps):
            r = jnp.sqrt((h * h).sum(-1, keepdims=True) + jnp.exp(p[f"activations.{layer - 1}.log_o"]))
            g, psi = jnp.tanh(r) / r, p[f"maps.{layer}.psi"]
            h = (g * h) @ p[f"maps.{layer}.weight"].T + p[f"maps.{layer}.bias"] + g * psi
            penalty += (psi * psi).sum()
        chosen = jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], axis=-1)
        return training.psi_decay * penalty - chosen.mean(), -chosen.mean()

    gradient = jax.grad(loss, has_aux=True)
    if members > 1:
        gradient = jax.vmap(gradient)

    def step(state: Any, images: Any, labels: Any, order: Any) -> tuple[Any, Any]:
        p, mean, square, count = state
        gradients, losses = gradient(p, images[order], labels[order])
        count = count + 1
        mean = {n: BETA1 * mean[n] + (1 - BETA1) * g for n, g in gradients.items()}
        square = {n: BETA2 * square[n] + (1 - BETA2) * g * g for n, g in gradients.items()}
        one, two = 1 - BETA1**count, 1 - BETA2**count

        def descended(n: str) -> Any:
            step = mean[n] / one / (jnp.sqrt(square[n] / two) + EPS)
            return p[n] * (1 - rate * decay) - rate * step

        return ({n: descended(n) for n in p}, mean, square, count), losses

    return step
