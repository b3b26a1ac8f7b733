"""Models of somebody who does not know this library, with isotropic functions between linear layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from isotropic_testing import normal
from torch import Tensor, nn

import isotropic
from isotropic import View


def isotropic_tanh(h: Tensor) -> Tensor:
    r = torch.linalg.vector_norm(h, dim=-1, keepdim=True).clamp_min(1e-30)
    return h * (torch.tanh(r) / r)


class Iso(nn.Module):
    def forward(self, h: Tensor) -> Tensor:
        return isotropic_tanh(h)


class Mlp(nn.Module):
    """Three linear layers, joined by a module and by a function."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(6, 5, bias), nn.Linear(5, 7, bias), nn.Linear(7, 4, bias)
        self.act = Iso()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(isotropic_tanh(self.fc2(self.act(self.fc1(x)))))


class Block(nn.Module):
    """A pre-norm transformer block; the residual goes around the two linear layers."""

    def __init__(self, d: int = 8, bias: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(d, 2, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.up, self.act, self.down = nn.Linear(d, 12, bias), Iso(), nn.Linear(12, d, bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.down(self.act(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """Tokens [B, T], two blocks, and a mean over those that are not masked."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.blocks = nn.Embedding(11, 8), nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head((x * mask[..., None]).sum(1))


class Convolutional(nn.Module):
    """Images, a stem with batch norm and ReLU, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(36, 10), Iso(), nn.Identity(), nn.Linear(10, 9), Iso(), nn.Linear(9, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.stem(images))


class Branching(nn.Module):
    """Code that torch.fx cannot trace."""

    def __init__(self, act: Callable[[Tensor], Tensor] = isotropic_tanh) -> None:
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(6, 5), nn.Linear(5, 4), act

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x))) if x.sum() < 1e9 else x[..., :4]


@dataclass
class Case:
    """A model as if trained, its layers to be attached, and arguments."""

    model: nn.Module
    layers: list[nn.Module]
    inputs: tuple[Tensor, ...]

    def __call__(self) -> Tensor:
        return self.model(*self.inputs)


def _transformer() -> Case:
    model = Transformer()
    tokens, mask = torch.arange(12).reshape(2, 6) % 11, torch.tensor([[1] * 6, [1] * 4 + [0] * 2])
    block = model.blocks[1]
    return Case(model, [block.up, block.down], (tokens, mask))


def _mlp(bias: bool) -> Case:
    model = Mlp(bias)
    return Case(model, [model.fc1, model.fc2, model.fc3], (normal(9, 6),))


def _sequential() -> Case:
    model = nn.Sequential(nn.Linear(6, 5), Iso(), nn.Linear(5, 7, bias=False), Iso(), nn.Linear(7, 4))
    return Case(model, [model[0], model[2], model[4]], (normal(2, 3, 6),))


def _convolutional() -> Case:
    model = Convolutional()
    return Case(model, [model.head[0], model.head[3], model.head[5]], (normal(5, 1, 8, 8),))


def _block() -> Case:
    model = Block()
    return Case(model, [model.up, model.down], (normal(2, 5, 8),))


def _branching() -> Case:
    model = Branching()
    return Case(model, [model.fc1, model.fc2], (normal(9, 6),))


CASES: dict[str, Callable[[], Case]] = {
    "mlp": lambda: _mlp(True),
    "mlp without bias": lambda: _mlp(False),
    "sequential": _sequential,
    "block": _block,
    "transformer": _transformer,
    "convolutional": _convolutional,
    "branching": _branching,
}


def case(name: str, dtype: torch.dtype = torch.float64) -> Case:
    """Parameters are as if trained: none is zero. In evaluation, so that two runs are alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = CASES[name]()
    made.model.to(dtype).eval()
    with torch.no_grad():
        for i, p in enumerate(made.model.parameters()):
            p += 0.3 * normal(*p.shape, seed=i, dtype=dtype)
    made.inputs = tuple(x.to(dtype) if x.is_floating_point() else x for x in made.inputs)
    return made


def view(name: str, dtype: torch.dtype = torch.float64, converted: bool = False) -> tuple[Case, View]:
    made = case(name, dtype)
    return made, (isotropic.convert if converted else isotropic.attach)(made.model, made.layers)


def step(made: Case, optimiser: torch.optim.Optimizer, steps: int = 1) -> float:
    """Steps on the logarithm of the mean square of the output, whose gradient is small everywhere."""
    for _ in range(steps):
        optimiser.zero_grad()
        loss = made().square().mean().log1p()
        loss.backward()
        optimiser.step()
    return made().square().mean().log1p().item()
