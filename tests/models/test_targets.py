import pytest
from transformers import (
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

from engine.job.adapters import ADAPTERS
from engine.job.errors import JobError, ModelError
from engine.job.settings import setting_fields
from engine.models.adapters import trained_parameters
from engine.models.targets import target_names
from tests.models.every_adapter import CASES, adapted
from tests.models.tiny_models import FAMILIES, tiny_model

ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]
MLP = ["down_proj", "gate_proj", "up_proj"]
SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_are_found_in_every_family(family):
    model = tiny_model(family)
    assert target_names(model, "attention") == ATTENTION
    assert target_names(model, "mlp") == MLP
    assert target_names(model, "all-linear") == sorted(ATTENTION + MLP)


def test_fused_matrices_are_found():
    model = Phi3ForCausalLM(Phi3Config(**SMALL, pad_token_id=0, eos_token_id=1, bos_token_id=2))
    assert target_names(model, "all-linear") == ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"]


def test_a_name_that_means_two_things_is_written_as_a_path():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2))
    assert target_names(model, "attention") == ["transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj"]
    assert target_names(model, "all-linear") == ["c_attn", "c_fc", "c_proj"]


EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1}
MIXTURES = {
    "mixtral": lambda: MixtralForCausalLM(MixtralConfig(**SMALL, num_key_value_heads=1, num_local_experts=2)),
    "qwen3-moe": lambda: Qwen3MoeForCausalLM(
        Qwen3MoeConfig(**SMALL, **EXPERTS, num_key_value_heads=1, moe_intermediate_size=8)
    ),
    "olmoe": lambda: OlmoeForCausalLM(
        OlmoeConfig(**SMALL, **EXPERTS, num_key_value_heads=1, pad_token_id=0, eos_token_id=1)
    ),
}
WITH_TARGETS = [
    case
    for case, (kind, _) in CASES.items()
    if "targets" in {field.name for field in setting_fields(ADAPTERS[kind].settings)}
]


@pytest.mark.parametrize("family", MIXTURES)
def test_a_router_is_never_a_target(family):
    model = MIXTURES[family]()
    assert target_names(model, "all-linear") == target_names(model, "attention") == ATTENTION
    with pytest.raises(ModelError, match="no mlp layers"):  # the experts are no matrices of their own
        target_names(model, "mlp")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("case", WITH_TARGETS)
def test_no_set_of_targets_reaches_the_head_or_the_embeddings(case, tied):
    learned = trained_parameters(adapted(case, tiny_model(tie_word_embeddings=tied)))
    assert learned
    assert not any("lm_head" in name or "embed" in name for name in learned)


@pytest.mark.parametrize("case", WITH_TARGETS)
def test_the_head_of_a_tied_model_is_refused_even_when_it_is_asked_for(case):
    with pytest.raises(JobError, match="reads and writes words with the same matrix"):
        adapted(case, tiny_model(tie_word_embeddings=True), names=("lm_head",))
    with pytest.raises(JobError, match="no matrix of this model"):
        adapted(case, tiny_model(tie_word_embeddings=True), names=("embed_tokens",))
    assert target_names(tiny_model(), "all-linear", ("lm_head",)) == ["lm_head"]


def test_attention_and_feed_forward_have_sizes_of_their_own():
    sizes = {
        name: weight.shape[0] for name, weight in adapted("ranks").named_parameters() if "lora_A" in name
    }
    assert {size for name, size in sizes.items() if "self_attn" in name} == {2}
    assert {size for name, size in sizes.items() if "mlp" in name} == {6}
