"""What the estimate says a layer keeps, against what autograd keeps."""

import pytest
import torch

from engine.job.adapters import FullSettings
from engine.job.lora_settings import LoraSettings
from engine.library.kept_values import Keeping, layer_bytes
from engine.library.memory_need import layer_linears
from engine.library.mixtures import GROWN
from engine.library.model_folder import ModelInfo
from engine.models.adapters import add_lora, train_all
from engine.models.lean import take_lean
from engine.models.lora_experts import with_lora_experts
from engine.models.segments import segment_mask, take_segments
from engine.models.upcycle import Growth, upcycled
from tests.models.tiny_models import tiny_model

TOKENS = 60
RANK = 4


def layer_kept(family, kind, dtype, experts=""):
    """Bytes that autograd keeps for one token in one more layer, what belongs to the weights left out."""
    three, two = (total_kept(family, kind, dtype, layers, experts) for layers in (3, 2))
    return (three - two) / TOKENS


def made(family, kind, dtype, layers, experts):
    """A model of such layers with what learns; `experts` LoRA ones, or grown ones that LoRA is within or not."""
    model = tiny_model(family, num_hidden_layers=layers, hidden_size=64, intermediate_size=160).to(dtype)
    if experts == "beside":
        return with_lora_experts(model, LoraSettings(rank=RANK), 4, 2)
    if experts:
        model = upcycled(model, Growth(4, 2, seed=0))
    targets = "attention" if experts == "frozen" else "all-linear"
    lora = LoraSettings(rank=RANK, targets=targets)
    return train_all(model, FullSettings()) if kind == "full" else add_lora(model, lora)


def total_kept(family, kind, dtype, layers, experts):
    model = made(family, kind, dtype, layers, experts)
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
    keeping = Keeping(kind, dtype.itemsize, 0 if kind == "full" else RANK)
    assert 0.8 < said(family, keeping) / layer_kept(family, kind, dtype) < 1.3


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize(
    ("experts", "kind", "dtype"),
    [
        ("beside", "lean", torch.float32),
        ("beside", "lean", torch.bfloat16),
        ("frozen", "lean", torch.float32),
        ("frozen", "lean", torch.bfloat16),
        ("frozen", "adapter", torch.float32),
        ("frozen", "adapter", torch.bfloat16),
        ("within", "lean", torch.float32),
        ("within", "lean", torch.bfloat16),
        ("whole", "full", torch.float32),
    ],
)
def test_a_layer_with_experts_keeps_what_the_estimate_says(family, experts, kind, dtype):
    own = experts if experts in ("beside", "within") else ""
    keeping = Keeping(kind, dtype.itemsize, 0 if kind == "full" else RANK, experts=own)
    copies = 4 * 3 * 64 * 160 * dtype.itemsize if experts == "within" else 0
    if experts == "beside" and dtype == torch.bfloat16:
        copies = 4 * 3 * RANK * (64 + 160) * dtype.itemsize
    expected = copies + TOKENS * said(family if experts == "beside" else GROWN[family], keeping)
    assert 0.8 < expected / TOKENS / layer_kept(family, kind, dtype, experts) < 1.3


def said(family, keeping):
    """What the estimate says of one token in one layer; four experts, two for each token, where there are some."""
    has_experts = family in GROWN.values()
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
        head_dim=8 if family.startswith("qwen3") else 16,
        vocab=400,
        context=64,
        experts=4 * has_experts,
        top_k=2 * has_experts,
        shared=64 if family == "qwen2_moe" else 0,
    )
    return layer_bytes(model, len(layer_linears(model)), TOKENS // 2, keeping)
