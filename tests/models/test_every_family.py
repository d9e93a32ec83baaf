"""Every adapter on every family that is trained: it works and can be built in, or a sentence says why not."""

import pytest
import torch

from engine.job.adapters import ADAPTERS
from engine.job.errors import JobError, ModelError
from engine.models.merging import built_in
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.models.every_adapter import CASES, IDS, adapted, logits, moved

BACKWARDS = {"gpt2": {"loha", "lokr", "oft", "vera"}}
"""Families whose matrices lie the other way round, and the adapters that do not know of it."""
NOT_IN_EXPERTS = {"pissa": "PiSSA", "pissa-rslora": "PiSSA", "dora": "DoRA", "lora-dora": "DoRA"}
"""Kinds of LoRA that do not work where experts lie in one piece, and what the refusal begins with."""
MIXTURES = {"mixtral", "sliding mixtral", "qwen2-moe", "qwen3-moe", "olmoe"}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_an_adapter_learns_on_a_family_or_says_why_not(family, case):
    base = model_of(family)
    if case in BACKWARDS.get(family, ()):
        with pytest.raises(ModelError, match="the other way round"):
            adapted(case, base)
        return
    if family in MIXTURES and case in NOT_IN_EXPERTS:
        with pytest.raises(JobError, match=f"{NOT_IN_EXPERTS[case]} cannot .* in experts"):
            adapted(case, base)
        base = model_of(family)
        logits(moved(adapted(case, base, targets="attention")))
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
