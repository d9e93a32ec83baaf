import math

import pytest
import torch

from engine.job.events import Step
from engine.train.batches import collate
from engine.train.forward import Policy
from engine.train.noise import noise_for
from tests.models.tiny_models import tiny_model
from tests.train.tiny_runs import example, run, tiny_job, told

EXAMPLES = [example(0, 12), example(1, 5), example(2, 9)]


def test_noise_is_even_up_to_alpha_over_the_root_of_length_and_width():
    torch.manual_seed(1)
    batch = collate([example(0, 60), example(1, 15)])
    noise = noise_for(batch, torch.zeros(2, 60, 64), alpha=5.0)
    for row, length in enumerate((60, 15)):
        bound = 5.0 / math.sqrt(length * 64)
        drawn = noise[row, :length]
        assert 0.99 * bound < drawn.abs().max() <= bound
        assert drawn.mean().item() == pytest.approx(0, abs=0.05 * bound)
        assert drawn.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)  # of an even distribution
    assert not noise[1, 15:].any()


def test_a_rows_noise_does_not_depend_on_the_batch_it_is_in():
    torch.manual_seed(1)
    together = noise_for(collate(EXAMPLES), torch.zeros(3, 12, 8), alpha=5.0)
    alone = noise_for(collate(EXAMPLES[1:2]), torch.zeros(1, 5, 8), alpha=5.0)
    assert torch.equal(together[1, :5], alone[0])
    torch.manual_seed(2)
    assert not torch.equal(noise_for(collate(EXAMPLES[1:2]), torch.zeros(1, 5, 8), alpha=5.0), alone)


def test_only_a_training_pass_is_noisy():
    model, batch = tiny_model(), collate(EXAMPLES)
    plain = Policy(model, "cpu").score(batch).target
    assert torch.equal(Policy(model, "cpu", noise=5.0).score(batch).target, plain)
    model.train()
    noisy = Policy(model, "cpu", noise=5.0).score(batch).target
    assert not torch.allclose(noisy, plain, atol=1e-4)
    torch.testing.assert_close(
        Policy(model, "cpu", noise=1e-6).score(batch).target, plain, atol=1e-4, rtol=1e-4
    )
    assert not model.get_input_embeddings()._forward_hooks


def test_a_noisy_run_is_the_same_in_smaller_portions(tmp_path):
    noise = {"settings": {"neftune": 5.0}}
    whole = told(run(tiny_job(tmp_path, **noise), tmp_path / "whole"), Step)
    single = told(run(tiny_job(tmp_path, **noise, train={"micro_batch": 1}), tmp_path / "single"), Step)
    plain = told(run(tiny_job(tmp_path), tmp_path / "plain"), Step)
    assert [step.loss for step in whole] == pytest.approx([step.loss for step in single], rel=1e-5)
    assert all(abs(one.loss - other.loss) > 1e-4 for one, other in zip(whole, plain, strict=True))
