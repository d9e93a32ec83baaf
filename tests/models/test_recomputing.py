import pytest
import torch

from engine.models.recomputing import recompute_layers
from engine.models.targets import decoder_layers
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.models.every_adapter import adapted, moved
from tests.models.tiny_models import tiny_model

IDS = torch.arange(3, 27).reshape(2, 12)


def step(model):
    """Loss, and gradients by name, of one pass with the same chance each time."""
    model.train()
    model.zero_grad()
    torch.manual_seed(3)
    loss = model(input_ids=IDS, labels=IDS).loss
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def counted(model):
    """How often each layer's own parts go forward, from now on."""
    passes = [0] * len(decoder_layers(model))

    def count(number):
        def note(module, inputs):
            passes[number] += 1

        return note

    for number, layer in enumerate(decoder_layers(model)):
        next(layer.children()).register_forward_pre_hook(count(number))
    return passes


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_first_layers_alone_go_forward_a_second_time(count):
    model = adapted("lora")
    passes = counted(model)
    assert recompute_layers(model, count) == count
    step(model)
    assert passes == [2] * count + [1] * (2 - count)


def test_fewer_can_be_chosen_later():
    model = tiny_model()
    passes = counted(model)
    recompute_layers(model, 2)
    recompute_layers(model, 1)
    step(model)
    assert passes == [2, 1]


@pytest.mark.parametrize("case", ["lora", "lora-dora", "bottleneck", "vera", "layernorm", "freeze", "full"])
@pytest.mark.parametrize("count", [1, 2])
def test_loss_and_gradients_are_the_same_to_the_last_bit(case, count):
    model = moved(adapted(case, **({"dropout": 0.3} if case == "lora" else {})))
    kept = step(model)
    recompute_layers(model, count)
    again = step(model)
    assert kept[0] == again[0]
    assert set(kept[1]) == set(again[1])
    assert any(gradient.abs().max() > 0 for gradient in kept[1].values())
    assert all(torch.equal(gradient, again[1][name]) for name, gradient in kept[1].items())


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_every_family_can_compute_a_layer_again(family):
    model = model_of(family)
    passes = counted(model)
    kept = step(model)
    assert recompute_layers(model, 1) == 1
    again = step(model)
    assert kept[0] == again[0]
    assert all(torch.equal(gradient, again[1][name]) for name, gradient in kept[1].items())
    assert passes[0] == passes[1] + 1
