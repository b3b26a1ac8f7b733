"""Sparsify a network exactly, and export it for inference: with torch.export and, if `onnx` is there, as ONNX.

Run it with `python examples/sparsify_and_export.py [FOLDER]` after `pip install --editable '.[export]'`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from digits import digits
from torch import Tensor, nn

from isotropic import IsotropicMLP, sparsify


def main(folder: str = ".") -> None:
    """Print the sizes, and how far the outputs of each form are from those of the network."""
    *_, x_test, _ = digits()
    net = IsotropicMLP([64, 32, 32, 32, 10], seed=0).eval()  # a trained one, if you have one
    sparse = sparsify(net).eval()
    before = net(x_test).detach()
    sizes = [sum(t.numel() for t in [*each.parameters(), *each.buffers()]) for each in (net, sparse)]
    print(f"{sizes[0]} parameters, {sizes[1]} left: outputs differ by {apart(sparse(x_test), before):.1e}")

    path = Path(folder) / "digits.pt2"
    dynamic = ({0: torch.export.Dim("batch")},)  # any number of samples
    torch.export.save(torch.export.export(sparse, (x_test[:2],), dynamic_shapes=dynamic), path)
    loaded = torch.export.load(path).module()
    print(f"{path.name}: outputs differ by {apart(loaded(x_test), before):.1e}")
    onnx(sparse, Path(folder) / "digits.onnx", x_test, before)


def onnx(net: nn.Module, path: Path, x: Tensor, before: Tensor) -> None:
    """Export as ONNX, and run it with ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError:
        print("digits.onnx: not written; `pip install --editable '.[export]'`")
        return
    dynamic = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(net, (x[:2],), path, dynamo=True, dynamic_shapes=dynamic, verbose=False)
    session = onnxruntime.InferenceSession(path)
    (after,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    print(f"{path.name}: outputs differ by {apart(torch.from_numpy(after), before):.1e}")


def apart(z: Tensor, other: Tensor) -> float:
    """The largest difference."""
    return (z - other).abs().max().item()


if __name__ == "__main__":
    main(*sys.argv[1:])
