"""Several fine-tuned models of one base put together: each gives one expert to every layer.

A token's expert is chosen by likeness: a router's row is the mean direction of what stood before the router while
the base read prompts of that expert's topic, padding left out. (The idea of initialising routers from prompts is
mergekit's, which takes the residual stream; what the router itself will see was measured to choose better.) Sources
trained apart and joined so are the start of Branch-Train-MiX (Sukhbaatar et al. 2024), which trains on from there.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.job.errors import ModelError
from engine.job.moe_settings import AssembleSettings
from engine.library.assembling import read_prompts
from engine.library.lineage import lineage
from engine.library.mixtures import mixture_problem
from engine.models.beginning import load_beginning, reads_alike
from engine.models.generate import encode_prompt
from engine.models.load import LoadedModel
from engine.models.targets import decoder_layers
from engine.models.upcycle import mixture_of

_FEED_FORWARD = ".mlp."
_SHARPNESS = 8.0  # length of a router's rows: how sure it is of the better expert before it has learned


def assemble(loaded: LoadedModel, settings: AssembleSettings, seed: int) -> Any:  # Any: see `mixture_of`
    """The mixture whose experts are the feed-forward parts of `settings.sources`; all else is the base's, `loaded`.

    `seed` is not used where a stock family needs no numbers of its own. Raises ModelError, naming the tensor, for a
    source that differs from the base elsewhere or reads text differently, DataError for prompts that cannot be read.
    """
    title, advice = mixture_problem(loaded.model.config.to_dict())
    if title:
        raise ModelError(title, advice)
    topics = [read_prompts(path) for path in settings.prompts]
    routers = routers_from(loaded, topics)
    parts = [_feed_forward(source, loaded) for source in settings.sources]
    layers = [list(experts) for experts in zip(*parts, strict=True)]
    chance = torch.Generator().manual_seed(seed)
    return mixture_of(loaded.model, layers, routers, settings.top_k, chance)


def routers_from(base: LoadedModel, topics: Sequence[Sequence[str]]) -> list[Tensor]:
    """A router (E, D) for each layer, from the prompts of each expert's topic.

    A row is the direction of the topic's mean router input, measured with `base` over the tokens of its prompts, less
    what all topics have in common: that would only prefer one expert for every text.
    """
    means = torch.stack([_mean_inputs(base, prompts) for prompts in topics])  # (E, layers, D)
    common = functional.normalize(means.mean(dim=0), dim=-1)
    own = means - (means * common).sum(dim=-1, keepdim=True) * common
    length = torch.linalg.vector_norm(means, dim=-1).mean(dim=0)[:, None]  # of a layer's inputs
    rows = functional.normalize(own, dim=-1) * (_SHARPNESS / length.clamp_min(1e-6))
    return list(rows.transpose(0, 1))


@torch.no_grad()
def _mean_inputs(base: LoadedModel, prompts: Sequence[str]) -> Tensor:
    """The mean of what comes into each layer's feed-forward part (layers, D), over all tokens of the prompts."""
    layers = decoder_layers(base.model)
    sums = torch.zeros(len(layers), base.model.config.hidden_size)
    count = 0
    blocks: list[Any] = [layer.mlp for layer in layers]
    hooks = [block.register_forward_pre_hook(_adding_to(sums, at)) for at, block in enumerate(blocks)]
    try:
        for prompt in prompts:  # one by one: no padding, so none to leave out
            ids = encode_prompt(base.tokenizer, prompt)
            count += len(ids)
            base.model(input_ids=torch.tensor([ids], device=base.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return sums / count


def _adding_to(sums: Tensor, at: int) -> Any:  # Any: torch's type of a hook
    def add(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sums[at] += inputs[0].detach().flatten(0, -2).float().sum(dim=0).cpu()

    return add


def _feed_forward(source: str, base: LoadedModel) -> list[Any]:
    """The feed-forward parts of a source, layer by layer, in the base's numbers; what is not the base's is refused."""
    found = lineage(source)
    if not reads_alike(base, found):
        title = f"{source} ('moe.sources') divides text into other tokens than the base."
        raise ModelError(title, "Take models that were trained from the same base.")
    other = load_beginning(found, base.dtype, base.device)
    check_alike(base.model, other.model, source)
    return [layer.mlp for layer in decoder_layers(other.model)]


def check_alike(base: torch.nn.Module, other: torch.nn.Module, source: str) -> None:
    """Raise ModelError, naming the tensor, where two models differ outside the values of their feed-forward parts."""
    ours, theirs = base.state_dict(), other.state_dict()
    advice = "Take models that were trained from the same base, with only their feed-forward parts changed."
    strangers = sorted(ours.keys() ^ theirs.keys())
    if strangers:
        whose = "lacks" if strangers[0] in ours else "has"
        raise ModelError(
            f"{source} ('moe.sources') {whose} the tensor '{strangers[0]}', unlike the base.", advice
        )
    misshapen = [name for name, weight in ours.items() if weight.shape != theirs[name].shape]
    if misshapen:
        title = f"The tensor '{misshapen[0]}' of {source} ('moe.sources') has another shape than the base's."
        raise ModelError(title, advice)
    for name, weight in ours.items():
        if _FEED_FORWARD not in name and not torch.equal(weight, theirs[name]):
            title = f"The tensor '{name}' of {source} ('moe.sources') is not the base's, so it would be lost."
            raise ModelError(title, advice)
