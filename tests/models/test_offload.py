import pytest
import torch

from engine.job.lora_settings import LoraSettings
from engine.models import offload
from engine.models.adapters import add_lora
from engine.models.offload import offload_layers
from engine.models.recomputing import recompute_layers
from tests.models.all_families import model_of
from tests.models.every_adapter import adapted, moved
from tests.models.test_lora_experts import mixture
from tests.models.test_recomputing import step


@pytest.fixture
def copied(monkeypatch):
    """Every value counts as large; the sizes of those that are copied, and of those brought back."""
    found = {"away": [], "back": []}
    away, back = offload._Outside._put_away, offload._bring_back

    def put_away(outside, value):
        device, kept = away(outside, value)
        if kept is not value:
            found["away"].append((value, kept))
        return device, kept

    def bring_back(kept):
        found["back"].append(kept[1].numel())
        return back(kept)

    monkeypatch.setattr(offload, "_SMALLEST", 0)
    monkeypatch.setattr(offload._Outside, "_put_away", put_away)
    monkeypatch.setattr(offload, "_bring_back", bring_back)
    return found


@pytest.mark.parametrize("case", ["lora", "bottleneck", "full"])
@pytest.mark.parametrize("recomputed", [0, 1])
def test_the_gradients_are_the_same_when_all_that_is_kept_was_elsewhere(case, recomputed, copied):
    model = moved(adapted(case))
    kept = step(model)
    assert not copied["away"]
    recompute_layers(model, recomputed)
    offload_layers(model, "cpu")  # stands for a graphics card
    again = step(model)
    assert copied["away"]
    assert len(copied["back"]) >= len(copied["away"])
    assert kept[0] == again[0]
    assert all(torch.equal(gradient, again[1][name]) for name, gradient in kept[1].items())


@pytest.mark.parametrize("kind", ["beside", "within"])
@pytest.mark.parametrize("recomputed", [0, 1])
def test_experts_gradients_are_the_same_too(kind, recomputed, copied):
    model = mixture()[0] if kind == "beside" else moved(add_lora(model_of("mixtral"), LoraSettings(rank=4)))
    kept = step(model)
    recompute_layers(model, recomputed)
    offload_layers(model, "cpu")
    again = step(model)
    assert copied["away"]
    assert kept[0] == again[0]
    for name, gradient in kept[1].items():
        if kind == "beside":
            assert torch.equal(gradient, again[1][name]), name
        else:  # transformers keeps halves of tensors: copied without gaps, their products round otherwise
            assert torch.allclose(gradient, again[1][name], rtol=1e-5, atol=1e-6), name


def test_weights_stay_and_what_several_operations_keep_is_copied_once(copied):
    model = adapted("full")
    offload_layers(model, "cpu")
    step(model)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    assert not weights & {value.untyped_storage().data_ptr() for value, _ in copied["away"]}
    copies = {id(kept) for _, kept in copied["away"]}
    assert len(copies) < len(copied["away"])


def test_small_values_and_those_elsewhere_stay(copied, monkeypatch):
    model = adapted("lora")
    offload_layers(model, "cuda")  # nothing of this model is there
    step(model)
    monkeypatch.setattr(offload, "_SMALLEST", 1 << 20)
    offload_layers(model, "cpu")
    step(model)
    assert not copied["away"]


def test_an_error_in_a_layer_leaves_no_hook_behind(copied):
    model = adapted("full")
    offload_layers(model, "cpu")
    handle = model.model.layers[0].mlp.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        step(model)
    handle.remove()
    copied["away"].clear()
    weight = torch.ones(9, requires_grad=True)
    (weight * weight).sum().backward()
    assert not copied["away"]
