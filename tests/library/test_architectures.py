"""The families' shapes against what transformers and peft really build."""

import json
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from engine.job.adapters import LoraSettings
from engine.job.errors import ModelError
from engine.library.architectures import SUPPORTED, expert_tensors, linears, shape_of, stacked, stored_shape
from engine.library.models import check_model
from engine.library.trained_count import trained_count
from tests.library.model_files import tokenizer_values

SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2: dict[str, Any] = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
WITH_HEAD_DIM = ("qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text")
EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
MIXTURES: dict[str, dict[str, Any]] = {
    "mixtral": EXPERTS,
    "qwen2_moe": {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 40,
    },
    "qwen3_moe": EXPERTS | {"moe_intermediate_size": 24},
    "olmoe": EXPERTS,
}


def config_of(family: str) -> Any:
    sizes = GPT2 if family == "gpt2" else {**SIZES, **({"head_dim": 16} if family in WITH_HEAD_DIM else {})}
    sizes = {**sizes, **MIXTURES.get(family, {})}
    marks = {"bos_token_id": 1, "eos_token_id": 2}
    return CONFIG_MAPPING[family](**{**sizes, **marks})


@pytest.mark.parametrize("family", SUPPORTED)
def test_a_saved_model_is_described_as_transformers_built_it(family: str, tmp_path) -> None:
    model = AutoModelForCausalLM.from_config(config_of(family))
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_values()))
    info = check_model(tmp_path)
    assert info.architecture == type(model).__name__
    assert info.parameters == sum(weight.numel() for weight in model.parameters())
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        stored = sum(torch.Size(file.get_slice(name).get_shape()).numel() for name in file.keys())  # noqa: SIM118
    assert info.parameters == stored
    assert info.tied == model.config.tie_word_embeddings
    assert info.dtype == "float32"
    assert (info.experts, info.top_k) == ((4, 2) if family in MIXTURES else (0, 0))
    if (
        family in MIXTURES
    ):  # PEFT's "all-linear" means something else there: see tests/models/test_mixtures.py
        return
    peft = get_peft_model(model, LoraConfig(r=3, target_modules="all-linear", task_type="CAUSAL_LM"))
    trained = sum(weight.numel() for weight in peft.parameters() if weight.requires_grad)
    assert trained_count(info, LoraSettings(rank=3)) == trained


@pytest.mark.parametrize("family", SUPPORTED)
def test_every_matrix_of_a_layer_is_named_and_shaped(family: str) -> None:
    config = config_of(family)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    first = {
        name.split(".0.", 1)[1].removesuffix(".weight"): tuple(weight.shape)
        for name, weight in model.named_parameters()
        if ".0." in name and weight.dim() > 1
    }
    shape = shape_of(config.to_dict())
    ours = {linear.name: stored_shape(family, linear) for linear in linears(family, shape)}
    if family in MIXTURES:
        ours |= {linear.name: (4, linear.outputs, linear.inputs) for linear in stacked(shape)}
        ours["mlp.gate"] = (4, 32)
    if shape.shared:
        ours["mlp.shared_expert_gate"] = (1, 32)
    assert ours == first


@pytest.mark.parametrize("family", MIXTURES)
def test_the_weights_file_holds_every_expert_under_its_name(family: str, tmp_path) -> None:
    model = AutoModelForCausalLM.from_config(config_of(family))
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    ours = dict(expert_tensors(family, shape_of(model.config.to_dict())))
    assert (
        ours.items() <= {name.removeprefix("model.layers.1."): size for name, size in stored.items()}.items()
    )
    assert len([name for name in stored if "layers.1." in name and "experts." in name]) == 4 * 3


@pytest.mark.parametrize("family", MIXTURES)
def test_of_the_experts_only_those_chosen_count_as_active(family: str, tmp_path) -> None:
    config = config_of(family)
    config.num_experts_per_tok = 1
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_values()))
    # Two layers, each with three of its four experts idle: 3 matrices of 32 x width.
    width = 24 if "qwen" in family else 48
    info = check_model(tmp_path)
    assert info.active == info.parameters - 2 * 3 * 3 * 32 * width


@pytest.mark.parametrize("changes", [{"mlp_only_layers": [0]}, {"decoder_sparse_step": 2}])
def test_experts_in_some_layers_alone_are_refused(changes: dict[str, Any], tmp_path) -> None:
    config = config_of("qwen3_moe")
    config.update(changes)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="experts in some of its layers alone"):
        check_model(tmp_path)


def test_a_missing_expert_is_named(tmp_path) -> None:
    config = config_of("mixtral")
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | {"num_local_experts": 5}))
    with pytest.raises(ModelError, match=r"lack the tensor 'layers\.0\.block_sparse_moe\.experts\.4\.w1"):
        check_model(tmp_path)


@pytest.mark.parametrize("family", SUPPORTED)
def test_what_a_config_leaves_out_is_taken_as_transformers_takes_it(family: str) -> None:
    if family == "gpt2":
        assert shape_of({"model_type": "gpt2"}).vocab == CONFIG_MAPPING["gpt2"]().vocab_size
        return
    sizes = {key: value for key, value in SIZES.items() if key not in ("num_key_value_heads", "pad_token_id")}
    sizes |= {"num_attention_heads": 32, "hidden_size": 256}
    theirs = CONFIG_MAPPING[family](**sizes)
    ours = shape_of({"model_type": family, **sizes})
    assert ours.kv_heads == theirs.num_key_value_heads
    if family in MIXTURES:
        assert (ours.experts, ours.top_k) == (theirs.num_experts, theirs.num_experts_per_tok)
        assert ours.intermediate == getattr(theirs, "moe_intermediate_size", theirs.intermediate_size)
        assert ours.shared == getattr(theirs, "shared_expert_intermediate_size", 0)
    assert ours.head_dim == (getattr(theirs, "head_dim", None) or 256 // 32)
