"""One isotropic network in plain torch: trained on digits, then a hidden layer is pruned by hand.

    h_1 = W_1 x + b_1
    h_{l+1} = g_l W_{l+1} h_l + b_{l+1} + g_l psi_{l+1}    with g_l = tanh(r) / r,  r^2 = |h_l|^2 + o_l

It is what the experiment `invariance` does, and needs no library: `python examples/one_network.py`.
"""

import copy

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class Network(nn.Module):
    """Affine maps with isotropic tanh between them, which lets every hidden layer be rotated."""

    def __init__(self, widths: list[int], seed: int) -> None:
        super().__init__()
        draw, shapes = torch.Generator().manual_seed(seed), list(zip(widths[1:], widths[:-1], strict=True))
        self.w = nn.ParameterList([nn.init.orthogonal_(torch.empty(shape), generator=draw) for shape in shapes])
        self.b = nn.ParameterList([torch.zeros(n) for n in widths[1:]])
        self.psi = nn.ParameterList([torch.zeros(n) for n in widths[2:]])  # what pruned neurons leave behind
        self.log_o = nn.ParameterList([torch.tensor(1e-6).log() for _ in widths[1:-1]])  # their share of the length

    def forward(self, x: Tensor) -> Tensor:
        """x [B, n_0] -> logits [B, n_L]."""
        h = x @ self.w[0].T + self.b[0]
        for w, b, psi, log_o in zip(self.w[1:], self.b[1:], self.psi, self.log_o, strict=True):
            r = (h.square().sum(1, keepdim=True) + log_o.exp()).sqrt()
            g = r.tanh() / r
            h = (g * h) @ w.T + b + g * psi
        return h


def train(net: Network, x: Tensor, y: Tensor, orders: list[Tensor]) -> None:
    """An epoch for each order of the samples; the vectors psi decay by 0.1 |psi|^2 in the loss."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-3)
    for order in orders:
        for batch in order.split(48):
            optimiser.zero_grad()
            (cross_entropy(net(x[batch]), y[batch]) + 0.1 * sum(psi.square().sum() for psi in net.psi)).backward()
            optimiser.step()


@torch.no_grad()
def prune(net: Network, layer: int, count: int) -> None:
    """Remove the neurons of a hidden layer l >= 2 that have the smallest singular values of W_l = U S V^T."""
    w, b, psi, log_o = net.w[layer - 1], net.b[layer - 1], net.psi[layer - 2], net.log_o[layer - 1]
    after, psi_after, kept = net.w[layer], net.psi[layer - 1], len(w) - count
    u = torch.linalg.svd(w).U
    w.data, b.data, psi.data, after.data = u.T @ w, u.T @ b, u.T @ psi, after @ u  # a rotation: no output changes
    psi_after += after[:, kept:] @ b[kept:]  # a neuron without weights is its bias; its output, g times a constant
    log_o.copy_((log_o.exp() + b[kept:].square().sum()).log())  # and it is part of the length
    w.data, b.data, psi.data, after.data = w[:kept], b[:kept], psi[:kept], after[:, :kept]


def main() -> None:
    """Print how far the logits move, and the accuracy, for so many neurons of 32 removed."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images, dtype=torch.float32)[order], torch.tensor(labels)[order]
    x = (x - x[:1437].mean(0)) / x[:1437].std(0).clamp_min(1e-3)
    torch.manual_seed(0)
    net = Network([64, 32, 32, 10], seed=0)
    train(net, x[:1437], y[:1437], [torch.randperm(1437) for _ in range(50)])
    with torch.no_grad():
        for count in (0, 1, 2, 8, 16, 24):
            prune(pruned := copy.deepcopy(net), 2, count)
            before, after = net(x[1437:]), pruned(x[1437:])
            moved = (after - before).norm(dim=1).mean()
            accuracy = 100 * (after.argmax(1) == y[1437:]).float().mean()
            print(f"{count:2} neurons removed: logits moved by {moved:.1e}, accuracy {accuracy:.1f} %")


if __name__ == "__main__":
    main()
