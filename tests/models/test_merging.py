import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from engine.job.errors import ModelError
from engine.models.merging import built_in, cast_parameters, shared_copy
from tests.models.tiny_models import FAMILIES, tiny_model

IDS = torch.tensor([[5, 9, 33, 120, 7]])


def adapted(base, **changes):
    torch.manual_seed(5)
    settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, **changes)
    return get_peft_model(base, settings).eval()


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_the_merged_model_equals_the_adapter_to_five_digits(family):
    model = adapted(tiny_model(family, initializer_range=0.05))
    expected = logits(model)
    merged = built_in(model, torch.float32)
    torch.testing.assert_close(logits(merged.model), expected, atol=1e-5, rtol=0)
    assert merged.layers_changed == merged.layers == 2
    assert merged.rounding == 0


def test_the_base_keeps_its_weights_and_shares_the_untouched_ones():
    base = tiny_model(tie_word_embeddings=True)
    before = copy.deepcopy(base.state_dict())
    merged = built_in(adapted(shared_copy(base)), torch.float32).model
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.state_dict().items())
    assert merged.model.embed_tokens.weight is base.model.embed_tokens.weight
    assert merged.lm_head.weight is base.lm_head.weight
    assert not torch.equal(logits(merged), logits(base))


def test_a_16_bit_base_is_merged_in_float32_and_rounded_once():
    base = tiny_model().to(torch.bfloat16)
    model = adapted(shared_copy(base))
    layer = model.base_model.model.model.layers[0].mlp.up_proj
    exact = base.model.layers[0].mlp.up_proj.weight.float() + layer.get_delta_weight("default").float()
    merged = built_in(model, torch.bfloat16)
    assert torch.equal(merged.model.model.layers[0].mlp.up_proj.weight, exact.bfloat16())
    assert merged.rounding > 0


def test_a_change_that_rounds_away_is_told():
    base = tiny_model().to(torch.bfloat16)
    model = adapted(base)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data *= 1e-9
    merged = built_in(model, torch.bfloat16)
    assert (merged.layers, merged.layers_changed) == (2, 0)
    assert merged.rounding == pytest.approx(1, abs=1e-3)  # rounding took all of the change


def test_an_adapter_on_tied_embeddings_is_refused():
    base = tiny_model(tie_word_embeddings=True)
    settings = LoraConfig(r=4, target_modules=["lm_head"])
    with pytest.warns(UserWarning, match="tie_word_embeddings"):
        model = get_peft_model(base, settings)
    with pytest.raises(ModelError, match="lm_head"):
        built_in(model, torch.float32)


def test_casting_keeps_tied_matrices_one():
    model = tiny_model(tie_word_embeddings=True)
    cast_parameters(model, torch.float16)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert {weight.dtype for weight in model.parameters()} == {torch.float16}
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
