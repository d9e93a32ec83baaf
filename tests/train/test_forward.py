import dataclasses

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    MixtralConfig,
    MixtralForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from engine.job.adapters import LoraSettings
from engine.models.adapters import add_lora
from engine.train.batches import Example, collate
from engine.train.forward import Policy, scored_logits
from tests.models.tiny_models import FAMILIES, tiny_model
from tests.train.tiny_runs import example

SIZE = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
MORE = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    ),
    "phi3": lambda: Phi3ForCausalLM(Phi3Config(**SIZE, **ENDS)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SIZE, **ENDS, head_dim=8, sliding_window=4)),
    "mixtral": lambda: MixtralForCausalLM(MixtralConfig(**SIZE, num_local_experts=4)),
    "qwen3-moe": lambda: Qwen3MoeForCausalLM(
        Qwen3MoeConfig(
            **SIZE,
            **ENDS,
            head_dim=8,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=24,
            norm_topk_prob=True,
        )
    ),
    "olmoe": lambda: OlmoeForCausalLM(OlmoeConfig(**SIZE, **ENDS, num_experts=4, num_experts_per_tok=2)),
    "sliding mistral": lambda: tiny_model("mistral", sliding_window=4),
}


def model_of(family):
    torch.manual_seed(0)
    return (MORE[family]() if family in MORE else tiny_model(family)).eval()


def logp_alone(model, part):
    """One sequence through the plain model, every number written out."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([part.ids])).logits[0].double()
    logps = logits.log_softmax(-1)
    return sum(
        logps[place - 1, token].item()
        for place, token in enumerate(part.ids)
        if place and part.trained[place]
    )


@pytest.mark.parametrize("family", [*FAMILIES, *MORE])
def test_a_rows_log_probability_is_the_same_alone_and_padded(family):
    model = model_of(family)
    examples = [example(0, 12, parts=2), example(1, 5, parts=2), example(2, 8, prompt=5, parts=2)]
    expected = [[logp_alone(model, e.parts[side]) for e in examples] for side in (0, 1)]
    with torch.no_grad():
        pairs = Policy(model, "cpu").score_pairs(collate(examples))
    torch.testing.assert_close(pairs.chosen, torch.tensor(expected[0]), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(pairs.rejected, torch.tensor(expected[1]), atol=1e-4, rtol=1e-5)
    assert pairs.chosen_tokens.tolist() == [10, 3, 3]
    assert pairs.rejected_tokens.tolist() == [11, 4, 4]


def test_the_common_length_of_a_pair_is_summed_apart():
    model, examples = model_of("llama"), [example(0, 12, parts=2), example(1, 5, parts=2)]
    examples.append(Example(2, 3, (examples[0].parts[0], examples[1].parts[0])))  # 10 and 3 tokens
    with torch.no_grad():
        pairs = Policy(model, "cpu").score_pairs(collate(examples))
    shortened = [dataclasses.replace(part, trained=first(part.trained, 3)) for part in examples[2].parts]
    expected = [logp_alone(model, part) for part in shortened]
    assert pairs.chosen_shared[2].item() == pytest.approx(expected[0], abs=1e-4)
    assert pairs.rejected_shared[2].item() == pytest.approx(expected[1], abs=1e-4)
    assert torch.equal(pairs.rejected_shared[2], pairs.rejected[2])
    assert torch.equal(
        pairs.chosen_shared[:2], pairs.chosen[:2]
    )  # one token shorter than the rejected answers


def first(trained, count):
    """Only the first so many learned tokens stay learned."""
    places = [place for place, is_learned in enumerate(trained) if is_learned][:count]
    return [place in places for place in range(len(trained))]


def test_the_head_sees_scored_positions_only():
    model = add_lora(model_of("gemma2"), LoraSettings(rank=2))
    batch, seen = collate([example(0, 12), example(1, 5, prompt=4)]), []
    model.get_output_embeddings().register_forward_hook(lambda module, inputs, out: seen.append(out.shape))
    logits = scored_logits(model, batch)
    assert seen == [(1, 11, 400)]
    assert logits.shape == (11, 400)
    full = model(input_ids=batch.ids, attention_mask=batch.mask).logits.flatten(0, 1)[batch.positions]
    torch.testing.assert_close(logits, full, atol=1e-5, rtol=1e-5)


def test_a_model_held_in_float32_can_compute_in_bfloat16():
    model, batch = model_of("llama"), collate([example(0, 12)])
    exact = Policy(model, "cpu").score(batch).target
    narrow = Policy(model, "cpu", torch.bfloat16).score(batch).target
    assert narrow.dtype == torch.float32
    assert 0 < (exact - narrow).abs().max() < 0.5
