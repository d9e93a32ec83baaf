"""Fast paths of models with experts, which may choose others where two are as likely."""

import contextlib
import dataclasses

import pytest
import torch

from engine.job.adapters import FullSettings
from engine.job.lora_settings import LoraSettings
from engine.models.adapters import add_lora, train_all
from engine.models.lora_experts import with_lora_experts
from engine.models.routing import routers_of
from engine.models.upcycle import Growth, upcycled
from engine.train import fast_paths
from engine.train.batches import collate, pack, share
from engine.train.fast_paths import LEAN
from engine.train.same_experts import SameExperts, keys_of
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_model
from tests.train.proofs import WITH_EXPERTS, proof
from tests.train.tiny_pairs import SEVERAL, pair
from tests.train.tiny_runs import example

SHARED = (*WITH_EXPERTS, "shared prompts")
TOLD = "the faster way gave this model other numbers than its own."
MIXTURES = ["mixtral", "sliding mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]
DTYPES = [torch.float32, torch.bfloat16]


def beside(family="llama", dtype=torch.float32, seed=0):
    """A dense model with a mixture of LoRA experts."""
    torch.manual_seed(seed)
    return with_lora_experts(tiny_model(family, seed).to(dtype), LoraSettings(rank=4), 4, 2)


def as_likely(model):
    """The model with routers that hold all experts for as good as equal: less apart than rounding."""
    for router in routers_of(model):
        with torch.no_grad():
            first = router.weight[0].clone()
            router.weight.copy_(first + 1e-7 * torch.randn_like(router.weight))
    return model


@pytest.mark.parametrize("targets", ["attention", "all-linear"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", MIXTURES)
def test_a_model_with_experts_takes_every_path(family, dtype, targets, tmp_path):
    model = add_lora(model_of(family).to(dtype), LoraSettings(rank=4, targets=targets))
    found, remarks = proof(tmp_path, model)
    assert (found.paths, remarks) == (WITH_EXPERTS, [])
    found, remarks = proof(tmp_path, model, SEVERAL, "dpo")
    assert (found.paths, remarks) == (SHARED, [])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_a_mixture_of_lora_experts_takes_every_path(family, dtype, tmp_path):
    for seed in range(3):
        found, remarks = proof(tmp_path, beside(family, dtype, seed))
        assert (found.paths, remarks) == (WITH_EXPERTS, [])
    found, remarks = proof(tmp_path, beside(family, dtype), SEVERAL, "dpo")
    assert (found.paths, remarks) == (SHARED, [])


@pytest.mark.parametrize("kind", ["full", "lora"])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_a_model_that_has_grown_experts_takes_every_path(family, kind, tmp_path):
    model = upcycled(tiny_model(family), Growth(4, 2, seed=0))
    model = train_all(model, FullSettings()) if kind == "full" else add_lora(model, LoraSettings(rank=4))
    found, remarks = proof(tmp_path, model)
    assert (found.paths, remarks) == (WITH_EXPERTS if kind == "lora" else WITH_EXPERTS[1:], [])


@pytest.mark.parametrize("kind", ["beside", "mixtral"])
def test_experts_that_are_as_likely_cost_no_path(kind, tmp_path, monkeypatch):
    def made():
        return as_likely(beside() if kind == "beside" else add_lora(model_of(kind), LoraSettings(rank=4)))

    rows = [example(at, length) for at, length in enumerate((60, 50, 40, 30))]
    found, remarks = proof(tmp_path, made(), rows)
    assert (found.paths, remarks) == (WITH_EXPERTS, [])
    monkeypatch.setattr(SameExperts, "over", lambda *_: contextlib.nullcontext())
    assert proof(tmp_path, made(), rows)[0].paths != WITH_EXPERTS  # as rounding falls


@pytest.mark.parametrize("kind", ["beside", "mixtral"])
def test_a_way_that_gives_routers_other_numbers_is_given_up(kind, tmp_path, monkeypatch):
    model = beside() if kind == "beside" else add_lora(model_of(kind), LoraSettings(rank=4))
    hooks = []

    def wrong(router, inputs, said):
        scores = said[0] * 1.01
        weights = torch.softmax(scores.float(), -1).gather(-1, said[2])
        return scores, weights / weights.sum(-1, keepdim=True), said[2]

    def take(policy):
        hooks.extend(router.register_forward_hook(wrong) for router in routers_of(policy.model))
        return policy

    def leave(model):
        while hooks:
            hooks.pop().remove()

    monkeypatch.setattr(fast_paths, "LEAN", dataclasses.replace(LEAN, take=take, leave=leave))
    found, remarks = proof(tmp_path, model)
    assert found.paths == WITH_EXPERTS[1:]
    assert remarks == [f"The adapter's layers are computed by PEFT's own code: {TOLD}"]


def test_a_token_behind_the_same_text_is_the_same_in_every_kind_of_batch():
    pairs = [pair(0, [[5, 6, 7]] * 2, [[8, 9], [8, 10, 11]]), pair(1, [[5, 6]] * 2, [[7], [9]])]
    padded, packed, shared = (made(pairs) for made in (collate, pack, share))
    of_row = [[key for key in row if key is not None] for row in keys_of(padded)]
    (in_row,), (once,) = keys_of(packed), keys_of(shared)
    assert [key for row in of_row for key in row] == in_row
    assert None in keys_of(padded)[1]
    assert len(once) == shared.ids.numel() < len(in_row)
    assert set(once) == set(in_row)
    # 5, 56, 567, 5678, 56789, and 5678-10, 5678-10-11; of the second pair 569, as 567 was there.
    assert len(set(in_row)) == 8
