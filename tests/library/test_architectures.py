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
from engine.library.architectures import SUPPORTED, linears, shape_of, stored_shape
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
WITH_HEAD_DIM = ("qwen3", "gemma", "gemma2", "gemma3_text")


def config_of(family: str) -> Any:
    sizes = GPT2 if family == "gpt2" else {**SIZES, **({"head_dim": 16} if family in WITH_HEAD_DIM else {})}
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
        if ".0." in name and weight.dim() == 2
    }
    shape = shape_of(config.to_dict())
    assert {linear.name: stored_shape(family, linear) for linear in linears(family, shape)} == first


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
    assert ours.head_dim == (getattr(theirs, "head_dim", None) or 256 // 32)
