"""Dense models that grow experts: the start is the dense model's, and the result is a stock model."""

import subprocess
import sys

import pytest
import torch

from engine.job.errors import ModelError
from engine.library.mixtures import GROWN
from engine.models.mixtures import expert_modules, router_modules
from engine.models.upcycle import Growth, mixture_config, start_difference, upcycled
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_model

IDS = torch.arange(3, 35).reshape(2, 16)
SIZES = [(2, 2), (4, 2), (4, 4), (8, 2), (8, 4)]
PUNCTUAL = 1e-5
READS_IT = """
import sys, torch
from transformers import AutoModelForCausalLM
model, report = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
assert not report["missing_keys"] and not report["unexpected_keys"], report
assert not any(name.startswith("engine") for name in sys.modules)
ids = torch.arange(3, 35).reshape(2, 16)
with torch.no_grad():
    torch.save((type(model).__name__, model.eval()(input_ids=ids).logits), sys.argv[2])
"""


def dense_of(family, **changes):
    """Logits of a size as real models have them, so that a difference of 1e-5 means something."""
    return tiny_model(family, initializer_range=0.1, **changes)


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


@pytest.mark.parametrize(("experts", "top_k"), SIZES)
@pytest.mark.parametrize("family", GROWN)
def test_the_start_equals_the_dense_model(family, experts, top_k):
    dense = dense_of(family)
    before = logits(dense)
    mixture = upcycled(dense, Growth(experts, top_k, seed=3))
    assert before.std() > 0.1
    assert (logits(mixture) - before).abs().max() < PUNCTUAL
    assert {module.num_experts for _, module in router_modules(mixture)} == {experts}
    found, allowed = start_difference(dense, mixture, IDS)
    assert found < PUNCTUAL <= allowed


@pytest.mark.parametrize("family", GROWN)
def test_stock_transformers_opens_it_in_a_fresh_process_without_us(family, tmp_path):
    mixture = upcycled(dense_of(family), Growth(4, 2, seed=3))
    mixture.save_pretrained(tmp_path / "model")
    command = [sys.executable, "-P", "-c", READS_IT, str(tmp_path / "model"), str(tmp_path / "out.pt")]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    name, found = torch.load(tmp_path / "out.pt")
    assert name == type(mixture).__name__
    assert (found - logits(mixture)).abs().max() < PUNCTUAL


@pytest.mark.parametrize("family", GROWN)
def test_the_config_says_all_that_the_dense_one_said(family):
    more = {"attention_bias": True} if family == "qwen3" else {}
    rope = {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}
    dense = dense_of(family, rope_parameters=rope, rms_norm_eps=1e-4, tie_word_embeddings=True, **more)
    config = mixture_config(dense.config, 4, 2)
    for name in (
        "rope_parameters",
        "rms_norm_eps",
        "tie_word_embeddings",
        "max_position_embeddings",
        "vocab_size",
    ):
        assert getattr(config, name) == getattr(dense.config, name), name
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "num_key_value_heads", "hidden_act"):
        assert getattr(config, name) == getattr(dense.config, name), name
    assert getattr(config, "attention_bias", False) == more.get("attention_bias", False)
    assert getattr(config, "norm_topk_prob", True) is True
    assert config.output_router_logits is False
    assert (logits(upcycled(dense, Growth(4, 2, 0))) - logits(dense)).abs().max() < PUNCTUAL


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("mistral", {"sliding_window": 4}),
        ("mistral", {"head_dim": 16}),
        ("llama", {"head_dim": 16}),
        ("qwen3", {"head_dim": 16}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}),
        (
            "qwen2",
            {
                "use_sliding_window": True,
                "sliding_window": 4,
                "layer_types": ["sliding_attention", "full_attention"],
            },
        ),
    ],
)
def test_windows_and_heads_of_another_size_are_carried_over(family, changes):
    dense = dense_of(family, **changes)
    assert (logits(upcycled(dense, Growth(4, 2, 0))) - logits(dense)).abs().max() < PUNCTUAL


def test_the_same_seed_gives_the_same_router_in_any_numbers():
    wide = upcycled(tiny_model(), Growth(4, 2, seed=9))
    narrow = upcycled(tiny_model().bfloat16(), Growth(4, 2, seed=9))
    other = upcycled(tiny_model(), Growth(4, 2, seed=10))
    for (_, one), (_, two), (_, three) in zip(*map(router_modules, (wide, narrow, other)), strict=True):
        assert torch.equal(one.weight, two.weight.float())
        assert not torch.equal(one.weight, three.weight)
        assert 0.01 < one.weight.std() < 0.03


def test_every_expert_is_a_copy_of_its_own_layer():
    dense = tiny_model()
    for (_, experts), layer in zip(
        expert_modules(upcycled(dense, Growth(4, 2, 0))), dense.model.layers, strict=True
    ):
        for number in range(4):
            gate, up = experts.gate_up_proj[number].chunk(2)
            assert torch.equal(gate, layer.mlp.gate_proj.weight)
            assert torch.equal(up, layer.mlp.up_proj.weight)
            assert torch.equal(experts.down_proj[number], layer.mlp.down_proj.weight)


def test_all_else_is_the_dense_models_own_memory():
    dense = tiny_model()
    theirs = {name: weight.data_ptr() for name, weight in upcycled(dense, Growth(2, 2, 0)).named_parameters()}
    for name, weight in dense.named_parameters():
        if ".mlp." not in name:
            assert theirs[name] == weight.data_ptr()


def test_noise_changes_each_copy_by_its_share_and_the_start_with_it():
    dense = tiny_model()
    mixture = upcycled(dense, Growth(4, 2, seed=0, noise=0.01))
    _, experts = expert_modules(mixture)[0]
    own = dense.model.layers[0].mlp.down_proj.weight
    for number in range(4):
        assert ((experts.down_proj[number] - own).std() / own.std()).item() == pytest.approx(0.01, rel=0.1)
    assert not torch.equal(experts.down_proj[0], experts.down_proj[1])
    found, allowed = start_difference(dense, mixture, IDS)
    assert found > allowed


def test_qwen2s_shared_expert_adds_nothing_but_its_gate_is_not_zero():
    block = upcycled(tiny_model("qwen2"), Growth(4, 2, 0)).model.layers[0].mlp
    assert not block.shared_expert.down_proj.weight.any()
    assert block.shared_expert_gate.weight.abs().min() > 0


def test_a_model_in_16_bits_is_compared_layer_by_layer_in_32():
    dense = tiny_model().bfloat16()
    found, allowed = start_difference(dense, upcycled(dense, Growth(4, 2, 0)), IDS)
    assert found <= allowed
    broken = upcycled(dense, Growth(4, 2, 0))
    expert_modules(broken)[1][1].down_proj.data[0] += 0.01
    found, allowed = start_difference(dense, broken, IDS)
    assert found > allowed


@pytest.mark.parametrize("family", ["gemma2", "gemma3", "phi3", "gpt2", "gemma", "olmo2", "starcoder2"])
def test_a_family_without_a_like_among_experts_is_refused(family):
    with pytest.raises(ModelError, match="no stock model of experts"):
        upcycled(model_of(family), Growth(4, 2, 0))


@pytest.mark.parametrize("name", ["attention_bias", "mlp_bias"])
def test_llama_with_biases_is_refused_by_the_name_of_the_bias(name):
    with pytest.raises(ModelError, match=f"biases \\('{name}'\\)"):
        upcycled(tiny_model(**{name: True}), Growth(4, 2, 0))


def test_a_model_that_has_experts_is_refused():
    with pytest.raises(ModelError, match="has experts already"):
        upcycled(model_of("mixtral"), Growth(4, 2, 0))


def test_qwen3_with_a_window_in_some_layers_alone_is_refused():
    mixed = {"layer_types": ["full_attention", "sliding_attention"]}
    dense = tiny_model("qwen3", use_sliding_window=True, sliding_window=4, **mixed)
    with pytest.raises(ModelError, match="look back further"):
        upcycled(dense, Growth(4, 2, 0))
