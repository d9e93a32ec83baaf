"""Where the small networks stand, and what they compute."""

import pytest
import torch

from engine.job.adapter_settings import BottleneckSettings
from engine.models.bottleneck import Bottleneck, add_bottlenecks
from tests.models.tiny_models import FAMILIES, tiny_model


def places(model):
    return [name for name, part in model.named_modules() if isinstance(part, Bottleneck)]


@pytest.mark.parametrize("family", FAMILIES)
def test_houlsby_follows_attention_and_feed_forward_and_pfeiffer_the_latter_alone(family):
    both = places(add_bottlenecks(tiny_model(family), BottleneckSettings(width=4)))
    one = places(add_bottlenecks(tiny_model(family), BottleneckSettings(width=4, placement="pfeiffer")))
    layers = [f"model.layers.{number}" for number in (0, 1)]
    assert one == [f"{layer}.mlp.bottleneck" for layer in layers]
    assert both == [f"{layer}.{part}.bottleneck" for layer in layers for part in ("self_attn", "mlp")]


def test_a_network_worked_out_by_hand():
    network = Bottleneck(2, 1, "relu")
    network.down.weight.data = torch.tensor([[1.0, -2.0]])
    network.down.bias.data = torch.tensor([0.5])
    network.up.weight.data = torch.tensor([[3.0], [4.0]])
    network.up.bias.data = torch.tensor([0.0, 1.0])
    hidden = torch.tensor([[2.0, 1.0], [0.0, 1.0]])
    # down: 2 - 2 + 0.5 = 0.5, and -1.5, which ReLU makes 0
    with torch.no_grad():
        assert network(hidden).tolist() == [[2 + 1.5, 1 + 2 + 1], [0.0, 1 + 1.0]]
        network.is_on = False
        assert torch.equal(network(hidden), hidden)


def test_a_new_network_changes_nothing():
    hidden = torch.randn(3, 8)
    assert torch.equal(Bottleneck(8, 4, "gelu")(hidden), hidden)
