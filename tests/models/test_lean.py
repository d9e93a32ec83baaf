import copy
from statistics import median

import pytest
import torch

from engine.models.lean import leave_lean, take_lean
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.models.lean_cases import distance, errors, low_rank, outcome


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_it_is_what_peft_computes(family):
    model = low_rank(family)
    logits, grads = outcome(model)
    assert take_lean(model)
    lean_logits, lean_grads = outcome(model)
    assert distance(lean_logits, logits) < 1e-5
    assert grads.keys() == lean_grads.keys()
    for name, grad in grads.items():
        assert distance(lean_grads[name], grad) < 1e-4, name
        assert lean_grads[name].dtype == torch.float32
    assert any(bool(grad.any()) for grad in grads.values())


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_16_bit_numbers_come_as_close_to_the_truth_as_pefts(family):
    model = low_rank(family, torch.bfloat16)
    exact = copy.deepcopy(model).float()
    of_peft, of_lean = [], []
    for seed in range(5):  # one text alone can be far off by chance: a token may go to another expert
        ids = torch.randint(3, 400, (2, 9), generator=torch.Generator().manual_seed(seed))
        truth = outcome(exact, ids)
        leave_lean(model)
        of_peft.append(errors(outcome(model, ids), truth))
        assert take_lean(model)
        of_lean.append(errors(outcome(model, ids), truth))
    for number in range(2):
        assert median(row[number] for row in of_lean) < 1.5 * median(row[number] for row in of_peft)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_switched_off_it_is_the_base_bit_for_bit(family):
    base, model = model_of(family), low_rank(family)
    take_lean(model)
    ids = torch.arange(3, 13)[None]
    with torch.no_grad(), model.disable_adapter():
        assert torch.equal(model.eval()(input_ids=ids).logits, base(input_ids=ids).logits)


def test_it_can_be_taken_left_and_taken_again():
    model = low_rank()
    own = outcome(model)[0]
    assert take_lean(model)
    assert take_lean(model)
    lean = outcome(model)[0]
    leave_lean(model)
    leave_lean(model)
    assert not any("forward" in vars(part) for part in model.modules())
    assert torch.equal(outcome(model)[0], own)
    assert take_lean(model)
    assert torch.equal(outcome(model)[0], lean)
