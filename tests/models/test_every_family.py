"""Every adapter on every family that is trained: it works and can be built in, or a sentence says why not."""

import pytest
import torch

from engine.job.adapters import ADAPTERS
from engine.job.errors import ModelError
from engine.models.merging import built_in
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.models.every_adapter import CASES, IDS, adapted, logits, moved

BACKWARDS = {"gpt2": {"loha", "lokr", "oft", "vera"}}
"""Families whose matrices lie the other way round, and the adapters that do not know of it."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_an_adapter_learns_on_a_family_or_says_why_not(family, case):
    base = model_of(family)
    if case in BACKWARDS.get(family, ()):
        with pytest.raises(ModelError, match="the other way round"):
            adapted(case, base)
        return
    before = logits(base)
    model = moved(adapted(case, base))
    tuned = logits(model)
    assert tuned.isfinite().all()
    assert (tuned - before).abs().max() > 1e-3, "it changes nothing"
    kind, _ = CASES[case]
    if ADAPTERS[kind].can_merge and kind != "full":
        with torch.no_grad():
            merged = built_in(model, torch.float32).model.eval()(input_ids=IDS).logits
        assert (merged - tuned).abs().max() < 1e-4
