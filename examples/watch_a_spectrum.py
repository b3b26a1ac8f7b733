"""Watch the singular values of a hidden map while it is trained, a line an epoch, in the terminal.

Run it with `python examples/watch_a_spectrum.py`. A few values grow away from a bulk that decays.
"""

from __future__ import annotations

import torch
from digits import accuracy, digits, train
from torch import Tensor

from isotropic import IsotropicMLP

BARS = " ▁▂▃▄▅▆▇█"


def drawn(values: Tensor, top: float = 4.0) -> str:
    """Values from 0 to `top` as bars, the larger ones full."""
    steps = (values / top * (len(BARS) - 1)).round().clamp(0, len(BARS) - 1).long().tolist()
    return "".join(BARS[step] for step in steps)


def main() -> None:
    """Print the spectrum of map 2, the largest first; a full bar is 4."""
    x, y, x_test, y_test = digits()
    torch.manual_seed(0)
    net = IsotropicMLP([64, 32, 32, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.1)
    for epoch in range(21):
        if epoch > 0:
            train(net, optimiser, x, y, epochs=1)
        values = torch.linalg.svdvals(net.affine[1].weight.detach())
        print(
            f"{epoch:2} |{drawn(values)}| {values[0]:.2f} to {values[-1]:.2f}, {accuracy(net, x_test, y_test):.1f} %"
        )


if __name__ == "__main__":
    main()
