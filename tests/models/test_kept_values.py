"""What the estimate says a layer keeps, against what autograd keeps."""

import pytest
import torch

from engine.job.adapters import FullSettings
from engine.job.lora_settings import LoraSettings
from engine.library.kept_values import Keeping, layer_bytes
from engine.library.memory_need import layer_linears
from engine.library.model_folder import ModelInfo
from engine.models.adapters import add_lora, train_all
from engine.models.lean import take_lean
from engine.models.segments import segment_mask, take_segments
from tests.models.tiny_models import tiny_model

TOKENS = 60
RANK = 4


def layer_kept(family, kind, dtype):
    """Bytes that autograd keeps for one token in one more layer, what belongs to the weights left out."""
    three, two = (total_kept(family, kind, dtype, layers) for layers in (3, 2))
    return (three - two) / TOKENS


def total_kept(family, kind, dtype, layers):
    model = tiny_model(family, num_hidden_layers=layers, hidden_size=64, intermediate_size=160).to(dtype)
    model = train_all(model, FullSettings()) if kind == "full" else add_lora(model, LoraSettings(rank=RANK))
    if kind == "lean":
        assert take_lean(model)
    assert take_segments(model)
    model.train()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    found, held = {}, []

    def keep(value):
        storage = value.untyped_storage()
        held.append(value)
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return value

    inner = model if kind == "full" else model.get_base_model()
    half = torch.arange(TOKENS // 2)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        inner.model(
            input_ids=torch.arange(TOKENS).unsqueeze(0),
            attention_mask=segment_mask([len(half), len(half)]),
            position_ids=torch.cat([half, half]).unsqueeze(0),
            use_cache=False,
        )
    return sum(found.values())


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("lean", torch.float32),
        ("lean", torch.bfloat16),
        ("adapter", torch.float32),
        ("adapter", torch.bfloat16),
        ("full", torch.float32),
    ],
)
def test_a_layer_keeps_what_the_estimate_says(family, kind, dtype):
    model = ModelInfo(
        name="tiny",
        folder=None,
        model_type=family,
        parameters=0,
        layers=3,
        hidden=64,
        intermediate=160,
        heads=4,
        kv_heads=2,
        head_dim=8 if family == "qwen3" else 16,
        vocab=400,
        context=64,
    )
    keeping = Keeping(kind, dtype.itemsize, 0 if kind == "full" else RANK)
    expected = layer_bytes(model, len(layer_linears(model)), TOKENS // 2, keeping)
    assert 0.8 < expected / layer_kept(family, kind, dtype) < 1.3
