"""LoRA in models that have experts: where it goes, on disk and back, built in; routers that learn or do not."""

import pytest
import torch
from peft import PeftModel

from engine.job.adapters import FullSettings, LoraSettings
from engine.job.errors import JobError
from engine.models.adapters import adapter_off, load_adapter, save_adapter, train_all, trained_parameters
from engine.models.lora import add_lora
from engine.models.merging import built_in
from engine.models.mixtures import (
    expert_modules,
    learn_parts,
    let_router_learn,
    router_modules,
)
from engine.models.routing import set_router_noise
from tests.models.all_families import model_of
from tests.models.every_adapter import IDS, logits, moved
from tests.models.tiny_models import tiny_model

MIXTURES = ["mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]
WAYS = {
    "everywhere": {},
    "experts alone": {"targets": "mlp"},
    "own sizes": {"attention_rank": 2, "mlp_rank": 3},
    "rslora": {"rslora": True},
}


def tuned(family, router=False, base=None, **changes):
    base = model_of(family) if base is None else base
    if router:
        let_router_learn(base)
    torch.manual_seed(1)
    return moved(add_lora(base, LoraSettings(rank=4, **changes)))


@pytest.mark.parametrize("router", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", MIXTURES)
def test_lora_in_experts_is_kept_on_disk_and_built_in(family, way, router, tmp_path):
    model = tuned(family, router, **WAYS[way])
    before = logits(model)
    save_adapter(model, tmp_path)
    again = load_adapter(model_of(family), tmp_path)
    assert torch.equal(logits(again), before)
    theirs = PeftModel.from_pretrained(model_of(family), str(tmp_path)).eval()
    assert torch.equal(logits(theirs), before)
    with adapter_off(model):
        assert torch.equal(logits(model), logits(model_of(family)))
    merged = built_in(model, torch.float32)
    assert (logits(merged.model) - before).abs().max() < 1e-4
    assert (merged.layers, merged.layers_changed) == (2, 2)
    merged.model.save_pretrained(tmp_path / "merged")
    plain = type(model_of(family)).from_pretrained(tmp_path / "merged").eval()
    assert torch.equal(logits(plain), logits(merged.model))
    assert not plain.config.output_router_logits


@pytest.mark.parametrize("family", MIXTURES)
def test_every_expert_and_the_attention_get_a_gradient_and_the_router_none(family):
    model = add_lora(model_of(family), LoraSettings(rank=4))
    moved(model)(input_ids=IDS).logits.square().mean().backward()
    names = {name: weight.grad for name, weight in trained_parameters(model).items()}
    assert not any("gate.lora" in name or "router" in name for name in names)
    assert all(gradient.abs().max() > 0 for gradient in names.values())
    assert any(".experts." in name for name in names)
    assert any("q_proj" in name for name in names)
    assert not any(
        weight.grad is not None for _, part in router_modules(model) for weight in part.parameters()
    )


@pytest.mark.parametrize("family", MIXTURES)
def test_a_router_that_shall_learn_gets_a_gradient(family):
    model = tuned(family, router=True)
    model(input_ids=IDS).logits.square().mean().backward()
    of_router = {name: weight for name, weight in trained_parameters(model).items() if ".gate." in name}
    assert len(of_router) == 2 * 2
    assert all(weight.grad.abs().max() > 0 for weight in of_router.values())


def test_building_in_rounds_each_stacked_matrix_once():
    model = tuned("mixtral")
    exact = built_in(tuned("mixtral"), torch.float32).model.state_dict()
    rounded = built_in(model, torch.bfloat16).model.state_dict()
    for name, weight in exact.items():
        assert torch.equal(weight.bfloat16(), rounded[name]), name


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"dropout": 0.1}, "cannot forget at random"), ({"dora": True}, "DoRA"), ({"pissa": True}, "PiSSA")],
)
def test_what_does_not_work_in_experts_is_refused_in_one_sentence(changes, words):
    with pytest.raises(JobError, match=words) as error:
        add_lora(model_of("olmoe"), LoraSettings(rank=4, **changes))
    assert "'adapter.targets' to 'attention'" in error.value.advice
    add_lora(model_of("olmoe"), LoraSettings(rank=4, targets="attention", **changes))


@pytest.mark.parametrize("family", MIXTURES)
@pytest.mark.parametrize("part", ["router", "experts", "no-router", "all"])
def test_of_a_whole_model_only_the_part_that_is_asked_for_learns(part, family):
    model = train_all(model_of(family), FullSettings())
    learn_parts(model, part)
    experts = {
        f"{name}.{leaf}" for name, _ in expert_modules(model) for leaf in ("gate_up_proj", "down_proj")
    }
    routers = {f"{name}.weight" for name, _ in router_modules(model)}
    everything = {name for name, _ in model.named_parameters()}
    expected = {
        "router": routers,
        "experts": routers | experts,
        "no-router": everything - routers,
        "all": everything,
    }
    assert set(trained_parameters(model)) == expected[part]


@pytest.mark.parametrize("family", MIXTURES)
def test_noise_in_a_stock_router_changes_training_alone(family):
    model = model_of(family)
    plain = logits(model)
    set_router_noise(model, 5.0)
    assert torch.equal(logits(model), plain)
    model.train()
    with torch.no_grad():
        assert not torch.equal(model(input_ids=IDS).logits, plain)
    set_router_noise(model, 0.0)
    with torch.no_grad():
        assert torch.equal(model(input_ids=IDS).logits, plain)


def test_a_dense_model_has_no_experts():
    assert expert_modules(tiny_model()) == router_modules(tiny_model()) == []
