"""The pseudo-inverse correction: what the kept neurons can do in place of those that are pruned."""

from __future__ import annotations

import torch
from torch import Tensor

# Directions of the kept neurons along which their deviation is below this share of the largest predict nothing:
# they would be amplified by more than its inverse, and with them the rounding of float32 weights.
WELL_CONDITIONED = 1e-3
CORRECTIONS = ("none", "linear", "isometric")  # of what follows a pruned width


def prediction(covariance: Tensor, count: int) -> Tensor:
    """P [*K, count, n - count]: h_pruned = P h_kept + constant in least squares, from the covariance [*K, n, n].

    P = C_pk C_kk^+, over those directions of the kept neurons that are well-conditioned; 0 along the others.
    """
    kept, cross = covariance[..., :-count, :-count], covariance[..., -count:, :-count]
    return cross @ torch.linalg.pinv(kept, rtol=WELL_CONDITIONED**2, hermitian=True)


def residual_basis(p: Tensor) -> Tensor:
    """Q [*K, n, n], orthogonal: turned by it, the last coordinates are what the kept neurons do not predict.

    METHOD section 4 (Eqn. 18) replaces W_{l+1} by Y = W_{l+1} S S'^T (S' S'^T)^-1, which is W_{l+1} (I; P) with
    P = S_p S'^T (S' S'^T)^-1, to keep the linear term. An isotropic activation also sees the norm, which is that of
    (I; P) h_kept and not of h_kept. Both are kept (derived here) by an orthogonal basis of the span of (I; P), in
    which W_{l+1} (I; P) h_kept = (W_{l+1} Q_1) (Q_1^T (I; P) h_kept) and the two norms are equal. Its complement
    Q_2, spanned by (-P^T; I), holds (I + P P^T)^(-1/2) (h_pruned - P h_kept), the residual, which is deleted.
    """
    kept = torch.eye(p.shape[-1], dtype=p.dtype, device=p.device).expand(*p.shape[:-2], -1, -1)
    return torch.linalg.qr(torch.cat([kept, p], dim=-2), mode="complete").Q
