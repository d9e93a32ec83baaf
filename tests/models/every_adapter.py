"""Every adapter of the cards on a tiny model, with settings small enough for it."""

import torch

from engine.job.adapters import ADAPTERS
from engine.job.cards import resolve
from engine.job.settings import read_section
from engine.models.adapters import trained_parameters
from tests.models.tiny_models import tiny_model

IDS = torch.arange(3, 19).reshape(2, 8)

CASES = {
    "lora": ("lora", {"rank": 4}),
    "rslora": ("lora", {"rank": 4, "rslora": True}),
    "ranks": ("lora", {"rank": 4, "attention_rank": 2, "mlp_rank": 6}),
    "pissa": ("lora", {"rank": 4, "pissa": True}),
    "pissa-rslora": ("lora", {"rank": 4, "pissa": True, "rslora": True, "mlp_rank": 3}),
    "dora": ("dora", {"rank": 4}),
    "lora-dora": ("lora", {"rank": 4, "dora": True}),
    "loha": ("loha", {"rank": 3}),
    "lokr": ("lokr", {"rank": 3}),
    "oft": ("oft", {"block_size": 16}),
    "vera": ("vera", {"shared_rank": 8}),
    "ia3": ("ia3", {}),
    "bottleneck": ("bottleneck", {"width": 6}),
    "pfeiffer": ("bottleneck", {"width": 6, "placement": "pfeiffer", "activation": "gelu"}),
    "prefix": ("prefix", {"virtual_tokens": 3}),
    "prefix-projection": ("prefix", {"virtual_tokens": 3, "projection": True}),
    "prompt": ("prompt", {"virtual_tokens": 3}),
    "p-tuning": ("p-tuning", {"virtual_tokens": 3, "encoder_width": 8}),
    "layernorm": ("layernorm", {}),
    "freeze": ("freeze", {"trained_layers": 1}),
    "full": ("full", {}),
}
MERGING = [name for name, (kind, _) in CASES.items() if ADAPTERS[kind].can_merge and kind != "full"]
BESIDE = [name for name, (kind, _) in CASES.items() if not ADAPTERS[kind].can_merge]
OF_PEFT = [name for name, (kind, _) in CASES.items() if ADAPTERS[kind].saves == "peft"]


def adapted(case, model=None, seed=1, **changes):
    """A model with the adapter of that case, as it is before training."""
    kind, values = CASES[case]
    card = ADAPTERS[kind]
    settings = read_section(card.settings, values | changes, "adapter")
    torch.manual_seed(seed)
    return resolve(card.code)(tiny_model() if model is None else model, settings).eval()


def moved(model, strength=0.05):
    """The same model after something like training: everything that learns is elsewhere."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(strength * torch.randn(weight.shape, generator=generator).to(weight.dtype))
    return model


def logits(model, ids=IDS):
    """Of the text alone: learned positions before it are left out."""
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits[:, -ids.shape[1] :]
