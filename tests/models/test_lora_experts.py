"""A mixture of LoRA experts: its numbers and gradients, off, saved, and what it cannot stand on."""

import pytest
import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, Phi3Config, Phi3ForCausalLM

from engine.job.errors import ModelError
from engine.job.lora_settings import LoraSettings
from engine.models import lora_experts
from engine.models.adapters import adapter_off, load_adapter, save_adapter, trained_parameters
from engine.models.embeddings import learn_words
from engine.models.expert_products import _is_proved, can_group, routed_swiglu, routes_of
from engine.models.lora import rate_factor
from engine.models.lora_experts import LoraExperts, expert_parts, with_lora_experts
from engine.models.merging import built_in, can_be_built_in, shared_copy
from engine.models.routing import Router, listening, set_router_noise
from tests.models.tiny_models import tiny_model

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
IDS = torch.arange(3, 35).reshape(2, 16)
RANK4 = LoraSettings(rank=4)


def mixture(family="llama", experts=4, top_k=2, settings=RANK4, moved=0.05, **changes):
    """A tiny mixture whose learned part was moved at random, and the base's logits before."""
    model = tiny_model(family, **changes)
    before = logits(model)
    torch.manual_seed(1)
    tuned = with_lora_experts(model, settings, experts, top_k)
    with torch.no_grad():
        for weight in trained_parameters(tuned).values():
            weight.add_(torch.randn_like(weight) * moved)
    return tuned.eval(), before


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


def written_out(part, hidden):
    """Each expert whole, all of them for every token: what the part must compute."""
    flat = hidden.flatten(0, -2)
    _, weights, chosen = part.router(flat)
    rank, out = part.gate_b.shape[1], 0
    for e in range(len(part.gate_b)):
        own = (weights * (chosen == e)).sum(-1, keepdim=True)
        gate = part.dense.gate_proj.weight + part.scale * part.gate_b[e].T @ part.gate_up_a[e, :rank]
        up = part.dense.up_proj.weight + part.scale * part.up_b[e].T @ part.gate_up_a[e, rank:]
        down = part.dense.down_proj.weight + part.scale * part.down_b[e].T @ part.down_a[e]
        out = out + own * ((functional.silu(flat @ gate.T) * (flat @ up.T)) @ down.T)
    return out.reshape(hidden.shape)


@pytest.mark.parametrize("is_grouped", [False, True])
@pytest.mark.parametrize(("experts", "top_k"), [(2, 2), (4, 2), (8, 4)])
def test_it_computes_what_whole_experts_would_and_so_do_its_gradients(
    is_grouped, experts, top_k, monkeypatch
):
    used = []

    def routed(*values):
        used.append(is_grouped)
        return routed_swiglu(*values[:-1], is_grouped)

    monkeypatch.setattr(lora_experts, "routed_swiglu", routed)
    part = expert_parts(mixture(experts=experts, top_k=top_k)[0])[0]
    hidden = torch.randn(2, 9, 32, requires_grad=True)
    weights = [hidden, *trained_parameters(part).values()]
    back = torch.randn(2, 9, 32)
    expected, found = written_out(part, hidden), part(hidden)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)
    wanted = torch.autograd.grad((expected * back).sum(), weights)
    for one, other in zip(torch.autograd.grad((found * back).sum(), weights), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * float(other.abs().max()) + 1e-7, rtol=1e-4)
    assert used


def test_one_product_for_all_experts_takes_a_gradient_that_is_spread_out():
    chosen = torch.tensor([[0, 2], [2, 3], [0, 3]])  # expert 1 gets nothing
    routes = routes_of(chosen, 4)
    torch.manual_seed(0)
    gate, up = torch.randn(2, 3, 8)
    narrow, weights = torch.randn(6, 8), torch.rand(6)
    matrices = tuple(torch.randn(4, 4, 8) for _ in range(3))
    found = []
    for is_grouped in (False, True):
        given = [value.clone().requires_grad_() for value in (gate, up, narrow, weights, *matrices)]
        summed, back = routed_swiglu(*given[:4], tuple(given[4:]), routes, is_grouped)
        found.append(torch.autograd.grad(summed.sum() + back.sum(), given))  # expanded, with strides of zero
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert torch.equal(found[1][4][1], torch.zeros(4, 8))


def test_routes_lead_each_pair_to_its_expert_and_back():
    routes = routes_of(torch.tensor([[3, 0], [1, 3]]), 4)
    assert routes.ends.tolist() == [1, 2, 2, 4]
    assert routes.token.tolist() == [0, 1, 0, 1]
    assert routes.slot.tolist() == [0, 1 * 4 + 1, 3, 1 * 4 + 3]
    assert routes.order[routes.place.flatten()].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("rank", "can"), [(4, True), (3, False)])
def test_rows_that_are_not_whole_16_bytes_go_expert_by_expert(rank, can):
    assert can_group(torch.zeros(6, 2 * rank), torch.zeros(2, rank, 8)) == can


def test_where_one_product_for_all_computes_otherwise_each_expert_has_its_own(monkeypatch):
    _is_proved.cache_clear()
    right = functional.grouped_mm
    monkeypatch.setattr(functional, "grouped_mm", lambda *values, **named: 2 * right(*values, **named))
    assert not can_group(torch.zeros(6, 8), torch.zeros(2, 4, 8))

    def refuse(*values, **named):
        raise RuntimeError("Invalid strides")

    _is_proved.cache_clear()
    monkeypatch.setattr(functional, "grouped_mm", refuse)
    assert not can_group(torch.zeros(6, 8), torch.zeros(2, 4, 8))
    _is_proved.cache_clear()


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_it_starts_as_the_base_and_off_it_is_the_base(family):
    fresh, before = mixture(family, moved=0.0)
    torch.testing.assert_close(logits(fresh), before, atol=1e-5, rtol=0)
    tuned, before = mixture(family)
    assert (logits(tuned) - before).abs().max() > 0.1
    with adapter_off(tuned):
        assert torch.equal(logits(tuned), before)
    assert (logits(tuned) - before).abs().max() > 0.1


def test_learned_numbers_are_held_in_32_bits_and_the_base_is_frozen():
    model = with_lora_experts(tiny_model().bfloat16(), RANK4, 4, 2)
    learned = trained_parameters(model)
    assert {weight.dtype for weight in learned.values()} == {torch.float32}
    assert all("router" in name or "lora_" in name or ".mlp." in name for name in learned)
    assert not any(".dense." in name for name in learned)
    assert logits(model).dtype == torch.bfloat16


def test_saved_and_loaded_it_is_the_same(tmp_path):
    tuned, _ = mixture()
    save_adapter(tuned, tmp_path)
    base = tiny_model()
    again = load_adapter(base, tmp_path).eval()
    assert torch.equal(logits(again), logits(tuned))
    assert len(expert_parts(again)) == 2


def test_it_learns_new_words_too_and_keeps_them(tmp_path):
    tuned = with_lora_experts(tiny_model(), RANK4, 2, 2)
    learn_words(tuned, False, [5, 9])
    with torch.no_grad():
        for weight in trained_parameters(tuned).values():
            weight.add_(torch.randn_like(weight) * 0.05)
    save_adapter(tuned, tmp_path)
    again = load_adapter(tiny_model(), tmp_path)
    assert torch.equal(logits(again), logits(tuned))


def test_a_file_for_another_model_is_refused_naming_the_tensor(tmp_path):
    save_adapter(mixture()[0], tmp_path)
    with pytest.raises(ModelError, match="made for another model"):
        load_adapter(tiny_model(intermediate_size=64), tmp_path)


def test_a_shared_base_stays_dense(tmp_path):
    save_adapter(mixture()[0], tmp_path)
    base = tiny_model()
    before = logits(base)
    load_adapter(shared_copy(base), tmp_path)
    assert torch.equal(logits(base), before)
    assert not expert_parts(base)


def test_experts_are_not_built_into_a_dense_model():
    tuned, _ = mixture()
    assert not can_be_built_in(tuned)
    with pytest.raises(ModelError, match="cannot be built into"):
        built_in(tuned, torch.float32)


OTHERS = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=60, n_embd=16, n_layer=1, n_head=2)),
    "phi3": lambda: Phi3ForCausalLM(Phi3Config(**SMALL, pad_token_id=0)),
    "gemma2": lambda: tiny_model("gemma2"),
    "biases": lambda: tiny_model("llama", mlp_bias=True),
    "gelu": lambda: tiny_model("llama", hidden_act="gelu"),
}


@pytest.mark.parametrize("family", OTHERS)
def test_other_feed_forward_parts_are_refused(family):
    with pytest.raises(ModelError, match="no feed-forward part"):
        with_lora_experts(OTHERS[family](), RANK4, 2, 2)


def test_lora_plus_reaches_the_experts_b():
    settings = LoraSettings(b_rate=16.0)
    names = trained_parameters(with_lora_experts(tiny_model(), settings, 2, 2))
    faster = {name.rpartition(".")[2] for name in names if rate_factor(name, settings, 1e-3) == 16.0}
    assert {"gate_b", "up_b", "down_b"} <= faster
    assert not {"gate_up_a", "down_a"} & faster


def test_the_router_learns_no_faster_than_it_can_and_a_stock_one_at_the_whole_rate():
    settings = LoraSettings()
    names = trained_parameters(with_lora_experts(tiny_model(), settings, 2, 2))
    slower = {name for name in names if rate_factor(name, settings, 5e-3) == pytest.approx(0.1)}
    assert len(slower) == 2  # one in each layer
    assert slower == {name for name in names if "router" in name}
    assert not any(rate_factor(name, settings, 2e-4) != 1.0 for name in names)
    assert rate_factor("model.layers.0.mlp.gate.weight", settings, 5e-3) == 1.0


def test_padding_is_not_listened_to():
    tuned, _ = mixture()
    mask = torch.ones(2, 16, dtype=torch.long)
    mask[1, 10:] = 0
    with listening(tuned) as heard:
        tuned(input_ids=IDS, attention_mask=mask)
    assert [len(layer) for layer in heard[0].scores] == [32, 32]
    assert heard[0].is_real.tolist() == [True] * 26 + [False] * 6


def test_a_pass_without_gradient_is_not_listened_to():
    tuned, _ = mixture()
    with listening(tuned) as heard:
        with torch.no_grad():
            tuned(input_ids=IDS)
        assert heard == []
        tuned(input_ids=IDS)
    assert len(heard) == 1
    tuned(input_ids=IDS)
    assert len(heard) == 1


def test_noise_is_for_training_alone_and_follows_from_the_seed():
    tuned, _ = mixture()
    quiet = logits(tuned)
    set_router_noise(tuned, 2.0)
    assert torch.equal(logits(tuned), quiet)
    tuned.train()
    torch.manual_seed(7)
    one = logits(tuned)
    torch.manual_seed(7)
    assert torch.equal(logits(tuned), one)
    assert not torch.equal(one, quiet)


def test_weights_of_a_token_sum_to_one_and_no_two_tokens_are_bound_to_the_same_experts():
    torch.manual_seed(0)
    scores, weights, chosen = Router(32, 4, 2)(torch.randn(200, 32))
    torch.testing.assert_close(weights.sum(-1), torch.ones(200))
    assert len({tuple(sorted(pair)) for pair in chosen.tolist()}) > 3
    assert scores.shape == (200, 4)


def test_recomputed_activations_give_the_same_gradients():
    found = []
    for recompute in (False, True):
        tuned, _ = mixture()
        tuned.train()
        if recompute:
            tuned.enable_input_require_grads()
            tuned.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        with listening(tuned) as heard:
            out = tuned(input_ids=IDS, use_cache=False).logits
        (out.square().mean() + heard[0].scores[0].square().mean()).backward()
        found.append({name: weight.grad for name, weight in trained_parameters(tuned).items()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-5)


def test_generating_with_a_cache_gives_what_it_gives_without():
    tuned, _ = mixture()
    options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    asked = {"input_ids": IDS[:1, :5], "attention_mask": torch.ones(1, 5, dtype=torch.long)}
    one = tuned.generate(**asked, **options, use_cache=True)
    assert torch.equal(one, tuned.generate(**asked, **options, use_cache=False))


def test_parts_of_16_bits_compute_in_16_bits():
    part = LoraExperts(tiny_model().bfloat16().model.layers[0].mlp, 4, 2, 4, 1.0)
    assert part(torch.randn(1, 5, 32).bfloat16()).dtype == torch.bfloat16
