"""A network that diverges is stopped; those stacked with it go on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble


@torch.no_grad()
def stop_diverged(ensemble: Ensemble, optimiser: Optimizer, losses: Sequence[Tensor]) -> Tensor:
    """Stop the members of which a loss, or any number in the network, is not finite.

    Such a member is set to zero with its gradients and moments. Members share no arithmetic, so it could not
    disturb the others in training; but what is not finite cannot be decomposed, and a decomposition is of all
    members at once.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters; both are changed in place.
        losses: of this epoch, [K] each.

    Returns:
        Which members were stopped, boolean [K], on the CPU.
    """
    finite = torch.stack([loss.isfinite() for loss in losses]).all(0)  # [K]
    lengths = {name for name in ensemble.tensors() if name.endswith("log_o")}  # -inf is o = 0
    for name, t in ensemble.tensors().items():
        known = ~(t.isnan() | t.isposinf()) if name in lengths else t.isfinite()
        finite = finite & known.reshape(len(ensemble), -1).all(-1)
    stopped = ~finite
    if bool(stopped.any()):
        moments = [t for state in optimiser.state.values() for key, t in state.items() if key != "step"]
        gradients = [parameter.grad for parameter in ensemble.parameters()]
        held = [*ensemble.tensors().values(), *moments]
        for t in [*held, *gradients]:
            if t is not None:
                t[stopped] = 0.0
    return stopped.cpu()
