from __future__ import annotations

import pytest
import torch

from pipeline.data.standardise import standardisation


def test_worked_by_hand() -> None:
    # 1 3 1 3: mean 2, deviation 1. 0 10 0 10: mean 5, deviation 5. 0 0 0 8: mean 2, variance (4+4+4+36)/4 = 12.
    images = torch.tensor([[1, 0, 0], [3, 10, 0], [1, 0, 0], [3, 10, 8]], dtype=torch.uint8)
    mean, inverse = standardisation(images)
    assert mean.tolist() == [2.0, 5.0, 2.0]
    assert inverse.tolist() == pytest.approx([1.0, 0.2, 12**-0.5], rel=1e-15)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_constant_pixel_is_only_centred_on_the_scale_from_0_to_1(level: int) -> None:
    images = torch.full((3001, 2), level, dtype=torch.uint8)
    images[0, 1] = 128  # the control: one image of 3001 differs, so this pixel is divided by its deviation
    mean, inverse = standardisation(images)
    assert mean[0] == level
    assert inverse[0] == pytest.approx(1 / 255, rel=1e-15)
    share = 1 / 3001
    assert inverse[1] == pytest.approx(1 / (abs(128 - level) * (share * (1 - share)) ** 0.5), rel=1e-12)


def test_agrees_with_torch_across_chunks() -> None:
    images = torch.randint(0, 256, (2500, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    mean, inverse = standardisation(images)
    levels = images.double()
    torch.testing.assert_close(mean, levels.mean(0), rtol=1e-13, atol=0)
    torch.testing.assert_close(inverse, 1 / levels.std(0, unbiased=False), rtol=1e-12, atol=0)
    assert not torch.allclose(inverse, 1 / levels.std(0), rtol=1e-5)  # the unbiased one is another
