"""What is measured of a network: accuracy, loss, and how far a change moved its function (METHOD section 10)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isotropic.networks.base import MLP


def correct(z: Tensor, labels: Tensor) -> Tensor:
    """Whether a sample's largest logit is the label's: z [*K, N, C], labels [N] -> [*K, N], boolean."""
    return z.argmax(-1) == labels


def percent(right: Tensor) -> Tensor:
    """Percent of samples that are right: boolean [*K, N] -> [*K], float64."""
    return 100 * right.double().mean(-1)


def accuracy(z: Tensor, labels: Tensor) -> Tensor:
    """Percent of samples whose largest logit is the label's: z [*K, N, C], labels [N] -> [*K], float64."""
    return percent(correct(z, labels))


def cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats: z [*K, N, C], labels [N] -> [*K]."""
    log_p = z.log_softmax(-1)
    return -log_p.gather(-1, labels.expand(z.shape[:-1]).unsqueeze(-1)).mean((-2, -1))


def function_change(before: Tensor, after: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """How far the logits z moved to z' (METHOD section 10); before, after [*K, N, C] -> each [*K], float64.

        epsilon          mean_i ||z'_i - z_i||
        epsilon_scaled   100 mean_i ||z'_i - z_i|| / ||z_i||           percent
        kl               mean_i KL( softmax z_i || softmax z'_i )      nats
        delta_accuracy   accuracy' - accuracy                          percentage points

    The logits are compared in float64 whatever they were computed in, so that the comparison adds no rounding.
    """
    z, changed = before.double(), after.double()
    moved = torch.linalg.vector_norm(changed - z, dim=-1)  # [*K, N]
    log_p, log_q = z.log_softmax(-1), changed.log_softmax(-1)
    divergence = functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)  # [*K, N]
    return {
        "epsilon": moved.mean(-1),
        "epsilon_scaled": 100 * (moved / torch.linalg.vector_norm(z, dim=-1)).mean(-1),
        "kl": divergence.mean(-1),
        "delta_accuracy": accuracy(changed, labels) - accuracy(z, labels),
    }


def sigma_sum(net: MLP, layer: int) -> Tensor:
    """Sum of the singular values of W_layer, [*K], computed in float64."""
    return torch.linalg.svdvals(net.affine[layer - 1].weight.detach().double()).sum(-1)


def count_present(net: MLP, above: float) -> Tensor:
    """How many of W, b, psi and o have an absolute value above a threshold, [*K]. It is o that counts, not log o."""
    members = net.members
    total = torch.zeros(members, dtype=torch.float64, device=net.affine[0].weight.device)
    for name, t in net.tensors().items():
        values = t.exp() if name.endswith("log_o") else t.abs()
        total += (values > above).reshape(*members, -1).sum(-1)
    return total
