"""Models with a LoRA adapter that has learned something, and what they give: logits, gradients, bytes kept."""

import torch

from engine.job.lora_settings import LoraSettings
from engine.models.lora import add_lora
from tests.models.all_families import model_of
from tests.models.every_adapter import moved

IDS = torch.randint(3, 400, (2, 9), generator=torch.Generator().manual_seed(3))


def low_rank(family="llama", dtype=torch.float32, model=None, **settings):
    """The family's tiny model with LoRA on every matrix, A and B away from where they start."""
    torch.manual_seed(1)
    model = (model_of(family) if model is None else model).to(dtype)
    return moved(add_lora(model, LoraSettings(rank=4, alpha=8.0, **settings)).eval())


def outcome(model, ids=IDS):
    """Logits, and the gradient of every parameter that learns, by name."""
    logits = model(input_ids=ids, use_cache=False).logits
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).reshape(logits.shape)
    learning = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    grads = torch.autograd.grad((logits.float().log_softmax(-1) * weights).sum(), list(learning.values()))
    return logits.detach(), dict(zip(learning, grads, strict=True))


def distance(found, truth):
    """The error relative to the truth's own size."""
    return float((found.double() - truth.double()).norm() / truth.double().norm().clamp_min(1e-12))


def errors(found, truth):
    """How far logits, and all gradients as one vector, are from the true ones; both as `outcome` gave them."""
    whole = [torch.cat([grad.flatten().float() for grad in grads.values()]) for _, grads in (found, truth)]
    return distance(found[0], truth[0]), distance(*whole)


def bytes_kept(model, ids=IDS):
    """Bytes of the storages, apart from the model's own, that a forward pass keeps for the way back."""
    own = {weight.untyped_storage().data_ptr() for weight in [*model.parameters(), *model.buffers()]}
    kept, alive = {}, []

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # so that no other takes its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model.get_base_model().model(input_ids=ids, use_cache=False)
    del hidden
    return sum(kept.values())
