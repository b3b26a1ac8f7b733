"""Networks over whole data sets, and samples of them."""

import torch

from isotropic import Ensemble, IsotropicMLP
from pipeline.training import evaluation


def test_logits_cover_the_test_set_in_order(noise):
    data = noise(test=2300)
    net = Ensemble([IsotropicMLP([6, 5, 3], seed=k, dtype=torch.float64) for k in range(2)])
    x = (data.test.images.double() - data.mean) * data.inverse_deviation
    assert torch.allclose(evaluation.logits(net, data), net(x), atol=1e-12)


def test_sample_is_spread_over_the_training_set(noise):
    data = noise(train=2300)
    x = (data.train.images.double() - data.mean) * data.inverse_deviation
    for count, every, lengths in ((10, 230, [10]), (1150, 2, [1000, 150]), (9999, 1, [1000, 1000, 300])):
        sample = evaluation.Sample(data, count, torch.float64)
        for _ in range(2):  # it can be gone through again
            batches = [batch.clone() for batch in sample]
            assert [len(batch) for batch in batches] == lengths
            assert torch.allclose(torch.cat(batches), x[::every], atol=1e-12)
        assert len(sample) == sum(lengths)
