import math

import pytest
import torch

from engine.job.adapters import FullSettings, LoraSettings
from engine.job.methods import DpoSettings
from engine.methods.preference import preference_loss
from engine.models.adapters import add_lora, train_all, trained_parameters
from engine.models.head import head_of
from engine.train.batches import collate
from engine.train.forward import Policy
from engine.train.reference import Reference
from tests.models.tiny_models import FAMILIES, tiny_model
from tests.train.tiny_runs import example

EXAMPLES = [example(0, 9, parts=2), example(1, 5, parts=2), example(2, 7, parts=2)]


def moved(model):
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(0.05)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_before_training_policy_and_reference_agree_exactly(family):
    policy = Policy(add_lora(tiny_model(family), LoraSettings(rank=4)).train(), "cpu")
    batch = collate(EXAMPLES)
    loss = preference_loss(
        "dpo", policy.score_pairs(batch), Reference(policy, 3).of_pairs(batch), DpoSettings()
    )
    assert loss.mean().item() == pytest.approx(math.log(2), abs=1e-7)
    assert loss.metrics["accuracy"][0] / 3 == 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("way", ["lora", "full"])
def test_before_training_a_loss_from_tiles_is_the_logarithm_of_two(way, dtype):
    model = tiny_model().to(dtype)
    model = add_lora(model, LoraSettings(rank=4)) if way == "lora" else train_all(model, FullSettings())
    autocast = torch.bfloat16 if way == "full" and dtype == torch.bfloat16 else None
    policy, batch = Policy(model.train(), "cpu", autocast, head=head_of(model)), collate(EXAMPLES)
    reference = Reference(policy, 3)
    reference.prepare([batch])
    anchor, pairs = reference.of_pairs(batch), policy.score_pairs(batch)
    assert pairs.chosen.requires_grad
    assert torch.equal(pairs.chosen, anchor.chosen)
    loss = preference_loss("dpo", pairs, anchor, DpoSettings())
    assert loss.mean().item() == pytest.approx(math.log(2), abs=1e-7)


def test_another_models_head_goes_with_it():
    model = tiny_model()
    reference = Reference(Policy(model, "cpu", head=head_of(model)), 3, is_other=True)
    reference.finish()
    assert reference.policy.head is None


def test_the_reference_is_the_model_without_its_adapter():
    policy = Policy(moved(add_lora(tiny_model(), LoraSettings(rank=4))), "cpu")
    batch = collate(EXAMPLES)
    with torch.no_grad():
        expected = Policy(tiny_model(), "cpu").score_pairs(batch)
    assert torch.equal(Reference(policy, 3).of_pairs(batch).chosen, expected.chosen)
    assert not torch.equal(policy.score_pairs(batch).chosen, expected.chosen)


def test_each_row_is_looked_at_once(monkeypatch):
    policy = Policy(add_lora(tiny_model(), LoraSettings(rank=4)), "cpu")
    reference, looks = Reference(policy, 3), []
    original = Policy.score_pairs
    monkeypatch.setattr(
        Policy, "score_pairs", lambda self, batch: looks.append(batch) or original(self, batch)
    )
    first = reference.of_pairs(collate(EXAMPLES[:2]))
    again = reference.of_pairs(collate([EXAMPLES[1], EXAMPLES[0]]))
    assert len(looks) == 1
    assert torch.equal(first.chosen.flip(0), again.chosen)


def test_a_model_trained_whole_is_looked_at_before_it_changes():
    model = train_all(tiny_model(), FullSettings())
    policy = Policy(model, "cpu")
    reference = Reference(policy, 3)
    assert reference.needs_preparing
    reference.prepare([collate(EXAMPLES)])
    with torch.no_grad():
        before = policy.score_pairs(collate(EXAMPLES)).rejected
    moved(model)
    assert torch.equal(reference.of_pairs(collate(EXAMPLES)).rejected, before)


def test_what_is_known_travels_with_a_checkpoint():
    policy = Policy(add_lora(tiny_model(), LoraSettings(rank=4)), "cpu")
    reference = Reference(policy, 3)
    known = reference.of_pairs(collate(EXAMPLES[:1]))
    other = Reference(policy, 3)
    other.restore({name: value.clone() for name, value in reference.state().items()})
    assert torch.equal(other.of_pairs(collate(EXAMPLES[:1])).chosen, known.chosen)
