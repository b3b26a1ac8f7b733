"""Steps from the device and in other precisions: as the plain ones, within what is stated."""

from unittest.mock import MagicMock

import pytest
import torch

from isotropic import Ensemble, IsotropicMLP, grow
from isotropic.training import products
from isotropic.training.gradient import Backward
from isotropic.training.train_step import TrainStep
from pipeline.config import Training
from pipeline.data.batches import Standardiser
from pipeline.experiments import convolutions
from pipeline.training import engine, optimiser
from pipeline.training.epochs import DeviceSteps, Epochs

SETTINGS = Training(
    repeats=1, epochs=3, batch_size=4, optimiser="adamw", learning_rate=1e-2, weight_decay=1e-2, psi_decay=0.1
)
TREATMENTS = [
    ("none", "none"),
    ("constant", "constant"),
    ("trainable", "trainable+decay"),
    ("trainable", "expectation"),
]
STREAMS = [("test", k) for k in range(len(TREATMENTS))]


def made(data, device="cpu"):
    members = [
        IsotropicMLP([6, 5, 4, 3], intrinsic_length=length, compensation=compensation, seed=k)
        for k, (length, compensation) in enumerate(TREATMENTS)
    ]
    ensemble = Ensemble(members).to(device)
    batches = Standardiser(data, device, torch.float32, rows=len(members) * SETTINGS.batch_size)
    return ensemble, optimiser.make(ensemble, SETTINGS), batches


class Counted:
    """Stands for a capture: many steps in one call, without a graph."""

    def __init__(self):
        self.launches = 0

    def __call__(self, advance, times):
        def launch():
            self.launches += 1
            for _ in range(times):
                advance()

        return launch


def test_steps_that_find_their_place_on_the_device_are_the_plain_ones(noise):
    """63 samples: 15 steps of 4 and one of 3; in the first epoch 3 to warm up, then a launch of 8, then 4 singly."""
    data, capture = noise(train=63), Counted()
    plain, descent, batches = made(data)
    placed, own, its_batches = made(data)
    one_by_one = Epochs(plain, descent, batches, SETTINGS.batch_size, "float32")
    from_device = None
    for number in (1, 2, 3):
        order = engine.shuffled(data, STREAMS, number)
        from_device = from_device or DeviceSteps(TrainStep(placed, own), its_batches, order, 4, capture)
        expected, actual = one_by_one(order), from_device(order)
        assert torch.allclose(actual, expected, rtol=1e-6)
        assert capture.launches == number
    for name, t in plain.tensors().items():
        assert torch.equal(placed.tensors()[name], t), name
    assert not torch.equal(plain.affine[0].weight, made(data)[0].affine[0].weight), "nothing was trained"


def test_few_samples_need_no_capture(noise):
    data, capture = noise(train=13), Counted()
    ensemble, descent, batches = made(data)
    order = engine.shuffled(data, STREAMS, 1)
    DeviceSteps(TrainStep(ensemble, descent), batches, order, 4, capture)(order)
    assert capture.launches == 0
    assert {float(state["step"]) for state in descent.state.values()} == {4.0}


def test_a_change_of_width_is_noticed_and_training_is_not(noise):
    data = noise(train=13)
    ensemble, descent, batches = made(data)
    epochs = Epochs(ensemble, descent, batches, 4, "float32")
    epochs(engine.shuffled(data, STREAMS, 1))
    before = epochs._addresses()
    epochs(engine.shuffled(data, STREAMS, 2))
    assert epochs._addresses() == before
    grow(ensemble, 1, 2, optimiser=descent)
    assert epochs._addresses() != before


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device; the steps themselves are tested above"
)
def test_a_captured_graph_is_the_plain_steps(noise):
    data = noise(train=203)
    results = []
    for device in ("cpu", "cuda"):
        ensemble, descent, batches = made(data.to(device), device)
        epochs = Epochs(ensemble, descent, batches, SETTINGS.batch_size, "float32")
        for number in (1, 2):
            loss = epochs(engine.shuffled(data, STREAMS, number).to(device))
            grow(ensemble, 1, 1, optimiser=descent, generator=[torch.Generator().manual_seed(1) for _ in STREAMS])
        results.append((loss.cpu(), ensemble.cpu().tensors()))
    (loss, tensors), (other, others) = results
    assert torch.allclose(loss, other, rtol=1e-4)
    for name, t in tensors.items():
        assert torch.allclose(t, others[name], atol=1e-3), name


def gradients(matmul):
    ensemble = Ensemble([IsotropicMLP([40, 30, 20, 3], seed=k) for k in range(2)])
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 48, 40, generator=draw), torch.randint(0, 3, (2, 48), generator=draw)
    Backward(ensemble, matmul=matmul)(x, y)
    return {name: p.grad for name, p in ensemble.named_parameters() if name.endswith("weight")}


@pytest.mark.parametrize("known", [True, False], ids=["oneDNN", "fallback"])
def test_large_maps_are_multiplied_by_onednn_to_the_same_numbers(known, monkeypatch):
    expected, calls = gradients("float32"), []
    linear = products._linear()
    if linear is None:
        pytest.skip("this torch has no oneDNN operator of the kind that is known here")
    monkeypatch.setattr(products, "_LARGE", 500)  # of the maps 40-30-20-3 the first two
    monkeypatch.setattr(products, "_linear", lambda: (lambda *a: calls.append(1) or linear(*a)) if known else None)
    for name, gradient in gradients("float32").items():
        off = float((gradient - expected[name]).abs().max() / expected[name].abs().max())
        assert off < 1e-5, f"{name}: {off}"
    # For each of two networks: two maps forward and one back, the first needs no gradient of its inputs.
    assert len(calls) == (6 if known else 0)


@pytest.mark.parametrize("kind", [products.Products, products.BFloat16Products, products.OneDnnProducts])
def test_the_product_of_each_is_one_of_all(kind):
    if kind is products.OneDnnProducts and products._linear() is None:
        pytest.skip("this torch has no oneDNN operator of the kind that is known here")
    draw = torch.Generator().manual_seed(0)
    d, a = torch.randn(2, 5, 7, generator=draw), torch.randn(2, 5, 6, generator=draw)
    exact, of_each = d.mT @ a, kind.of_each(d, a)
    for k in range(2):
        assert of_each(k).is_contiguous()
        assert torch.allclose(of_each(k), exact[k], atol=0.1 if kind is products.BFloat16Products else 1e-5)


def trained(data, kind="adamw"):
    """Stacked networks after two epochs."""
    ensemble, _, batches = made(data)
    descent = optimiser.make(ensemble, SETTINGS.model_copy(update={"optimiser": kind}))
    epochs = Epochs(ensemble, descent, batches, SETTINGS.batch_size, "float32")
    losses = [epochs(engine.shuffled(data, STREAMS, number)) for number in (1, 2)]
    return ensemble, descent, torch.stack(losses)


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_weights_that_are_stepped_alone_are_trained_to_the_same_numbers(noise, kind, monkeypatch):
    data = noise(train=63)
    expected, _, losses = trained(data, kind)
    if products._linear() is None:
        pytest.skip("this torch has no oneDNN operator of the kind that is known here")
    monkeypatch.setattr(products, "_LARGE", 16)  # of the maps 6-5-4-3 the first two
    actual, descent, its_losses = trained(data, kind)
    assert torch.allclose(its_losses, losses, atol=1e-5)
    for name, t in expected.tensors().items():
        assert torch.allclose(actual.tensors()[name], t, atol=1e-4), name
    alone = [affine.weight.grad is None for affine in actual.affine]
    assert alone == ([False] * 3 if kind == "sgd" else [True, True, False])
    if kind != "sgd":
        assert {float(state["step"]) for state in descent.state.values()} == {32.0}


def test_a_member_does_not_depend_on_the_others_where_weights_are_stepped_alone(noise, monkeypatch):
    monkeypatch.setattr(products, "_LARGE", 16)
    data = noise(train=63)
    nets = [IsotropicMLP([6, width, 4, 3], seed=width) for width in (5, 7)]
    found = []
    for members, streams in ((nets, STREAMS[:2]), (nets[:1], STREAMS[:1]), (nets[:1], STREAMS[1:2])):
        ensemble = Ensemble(members)
        batches = Standardiser(data, "cpu", torch.float32, rows=8)
        epochs = Epochs(ensemble, optimiser.make(ensemble, SETTINGS), batches, 4, "float32")
        for number in (1, 2):
            epochs(engine.shuffled(data, streams, number))
        found.append(ensemble.member(0))
    together, single, other = (torch.cat([t.flatten() for t in net.tensors().values()]) for net in found)
    assert torch.allclose(together, single, atol=1e-4)
    assert not torch.allclose(together, other, atol=1e-2), "another order makes another network"


def test_onednn_multiplies_no_part_of_a_weight(monkeypatch):
    """Where a task has its own columns of the first weight; there it is many times slower."""
    monkeypatch.setattr(products, "_LARGE", 1)
    monkeypatch.setattr(products, "_linear", lambda: print)
    weight = torch.zeros(2, 30, 40)
    assert products.products("float32", weight) is products.OneDnnProducts
    assert products.products("float32", weight[..., 10:]) is products.Products
    assert products.products("float32", weight.double()) is products.Products


def test_bfloat16_products_are_near_and_tf32_is_not_of_a_cpu():
    """bfloat16 has 8 bits: products differ by up to 2^-8 of their largest entries, and do differ."""
    expected = gradients("float32")
    for name, gradient in gradients("bf16").items():
        off = float((gradient - expected[name]).abs().max() / expected[name].abs().max())
        assert 1e-4 < off < 3e-2, f"{name}: {off}"
        assert gradient.dtype == torch.float32
    assert all(torch.equal(gradient, expected[name]) for name, gradient in gradients("tf32").items())


def test_precision_is_what_it_was_after_an_epoch(noise):
    data = noise(train=13)
    ensemble, descent, batches = made(data)
    for matmul in ("tf32", "bf16", "float32"):
        Epochs(ensemble, descent, batches, 4, matmul)(engine.shuffled(data, STREAMS, 1))
        assert torch.get_float32_matmul_precision() == "highest"


def test_convolutions_are_rounded_only_if_products_are() -> None:
    """On a CUDA device torch does, by default; a CPU has the setting too."""
    before = torch.backends.cudnn.allow_tf32
    for matmul, rounded in (("float32", False), ("tf32", True), ("bf16", False)):
        with products.multiplying(matmul):
            assert torch.backends.cudnn.allow_tf32 == rounded
        assert torch.backends.cudnn.allow_tf32 == before


def test_the_experiment_of_convolutions_is_in_float32(monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(convolutions, "_network", lambda *a: seen.append(torch.backends.cudnn.allow_tf32) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        convolutions.run(MagicMock(streams=[("test",)]))
    assert seen == [False]
