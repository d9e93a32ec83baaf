import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from engine.job.adapters import FullSettings, LoraSettings
from engine.job.errors import ModelError
from engine.models.adapters import (
    ADAPTER_WEIGHTS,
    adapter_off,
    add_lora,
    load_adapter,
    merge,
    save_adapter,
    train_all,
    trained_parameters,
)
from tests.models.tiny_models import FAMILIES, tiny_model

IDS = torch.arange(3, 19).reshape(2, 8)


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def learned(family="llama", rank=4, **changes):
    """A model whose adapter is not zero any more."""
    torch.manual_seed(1)
    model = add_lora(tiny_model(family, **changes), LoraSettings(rank=rank, alpha=8.0))
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(0.05 * torch.randn_like(weight))
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_adapter_changes_nothing(family):
    before = logits(tiny_model(family))
    assert torch.equal(logits(add_lora(tiny_model(family), LoraSettings())), before)


def test_an_adapter_on_a_16_bit_base_is_held_in_float32():
    model = add_lora(tiny_model().to(torch.bfloat16), LoraSettings(rank=4))
    assert {weight.dtype for weight in trained_parameters(model).values()} == {torch.float32}
    assert all("lora" in name for name in trained_parameters(model))
    assert model.get_base_model().model.embed_tokens.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("family", FAMILIES)
def test_merged_equals_adapter(family):
    model = learned(family)
    expected = logits(model)
    assert (expected - logits(tiny_model(family))).abs().max() > 0.01
    torch.testing.assert_close(logits(merge(model)), expected, atol=1e-5, rtol=1e-5)


def test_merged_equals_adapter_where_weights_stand_the_other_way_round():
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    model = add_lora(GPT2LMHeadModel(config), LoraSettings(rank=4))
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(0.05 * torch.randn_like(weight))
    expected = logits(model)
    torch.testing.assert_close(logits(merge(model)), expected, atol=1e-5, rtol=1e-5)


def test_a_merge_keeps_the_bases_precision_and_its_buffers():
    model = learned().to(torch.bfloat16)
    merged = merge(model)
    assert {weight.dtype for weight in merged.parameters()} == {torch.bfloat16}


def test_adapter_off_is_the_model_before_training():
    model = learned()
    with adapter_off(model):
        assert torch.equal(logits(model), logits(tiny_model()))
    assert not torch.equal(logits(model), logits(tiny_model()))
    assert all(weight.requires_grad for weight in trained_parameters(learned()).values())


def test_saved_and_loaded_again_is_the_same(tmp_path):
    model = learned()
    save_adapter(model, tmp_path)
    assert torch.equal(logits(load_adapter(tiny_model(), tmp_path)), logits(model))


def test_peft_itself_loads_our_folder(tmp_path):
    model = learned("qwen2")
    save_adapter(model, tmp_path)
    assert torch.equal(logits(PeftModel.from_pretrained(tiny_model("qwen2"), tmp_path)), logits(model))


def test_an_adapter_that_peft_saved_is_taken(tmp_path):
    model = learned()
    model.save_pretrained(tmp_path)
    assert torch.equal(logits(load_adapter(tiny_model(), tmp_path)), logits(model))


def test_the_same_adapter_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_adapter(learned(), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize("change", ["unknown", "missing", "shape", "nan"])
def test_an_adapter_that_does_not_fit_is_refused(change, tmp_path):
    save_adapter(learned(), tmp_path)
    tensors = load_file(tmp_path / ADAPTER_WEIGHTS)
    name = sorted(tensors)[0]
    match change:
        case "unknown":
            tensors["base_model.model.model.layers.9.mlp.up_proj.lora_A.weight"] = torch.zeros(4, 32)
        case "missing":
            del tensors[name]
        case "shape":
            tensors[name] = torch.zeros(3, 3)
        case "nan":
            tensors[name].fill_(float("nan"))
    save_file(tensors, tmp_path / ADAPTER_WEIGHTS)
    with pytest.raises(ModelError, match="lora") as error:
        load_adapter(tiny_model(), tmp_path)
    assert str(tmp_path) in error.value.title


def test_an_adapter_for_another_model_says_which(tmp_path):
    model = learned()
    model.peft_config["default"].base_model_name_or_path = "org/small-llama"
    save_adapter(model, tmp_path)
    with pytest.raises(ModelError, match="LlamaForCausalLM") as error:
        load_adapter(tiny_model(hidden_size=64), tmp_path)
    assert "org/small-llama" in error.value.advice


def test_an_adapter_for_other_layers_is_refused(tmp_path):
    save_adapter(learned(), tmp_path)
    with pytest.raises(ModelError):
        load_adapter(GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2)), tmp_path)


def test_an_adapter_without_weights_is_refused(tmp_path):
    save_adapter(learned(), tmp_path)
    (tmp_path / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(ModelError, match=ADAPTER_WEIGHTS):
        load_adapter(tiny_model(), tmp_path)


def test_a_model_trained_whole_is_held_in_float32():
    model = train_all(tiny_model().to(torch.bfloat16), FullSettings())
    assert {weight.dtype for weight in trained_parameters(model).values()} == {torch.float32}
    assert len(trained_parameters(model)) == len(list(model.parameters()))


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_trained_whole_comes_back(tied, tmp_path):
    model = train_all(tiny_model(seed=5, tie_word_embeddings=tied), FullSettings())
    save_adapter(model, tmp_path)
    base = train_all(tiny_model(tie_word_embeddings=tied), FullSettings())
    assert torch.equal(logits(load_adapter(base, tmp_path)), logits(model))


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_trained_whole_is_stored_in_the_precision_asked_for(tied, tmp_path):
    model = train_all(tiny_model(tie_word_embeddings=tied), FullSettings())
    save_adapter(model, tmp_path, torch.bfloat16)
    stored = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert ("lm_head.weight" in stored) is not tied
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
