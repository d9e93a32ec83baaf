"""Word vectors that learn beside an adapter: all of them, or the rows of new tokens alone.

PEFT carries both: `modules_to_save` is a copy that learns, `trainable_token_indices` are rows that are put in the place
of the model's own. What is learned is held in float32. A model that reads and writes with one matrix keeps one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.utils.other import (
    AuxiliaryTrainingWrapper,
    ModulesToSaveWrapper,
    TrainableTokensWrapper,
    set_additional_trainable_modules,
)
from torch import Tensor
from torch.nn import functional

from engine.models.own_adapter import own_adapter
from engine.models.vocabulary import word_modules

_NAME = "default"


class WordScores(torch.nn.Linear):
    """A head whose float32 weights compute in the numbers of what comes in."""

    def forward(self, input: Tensor) -> Tensor:
        """Scores (..., V) of hidden states (..., D), in their dtype."""
        return functional.linear(input, self.weight.to(input.dtype))


def learn_words(model: Any, everything: bool, tokens: Sequence[int]) -> None:
    """Let word vectors learn beside what learns already: every one, or those of these ids.

    `model` has its adapter (PEFT's that knows how, or last layers), or is trained whole, where all learns anyway.
    """
    own = own_adapter(model)
    if isinstance(model, PeftModel):
        if everything or tokens:
            _configure(model, everything, list(tokens))
            if own is not None:
                own.settings |= {"embeddings": everything, "tokens": list(tokens)}
    elif own is not None and everything:
        own.settings["embeddings"] = True
        for part in word_modules(model):
            part.requires_grad_(True)


def settle(model: PeftModel) -> None:
    """Bring word vectors that PEFT has made to learn into form: float32, fitting the model's own numbers, tied as it is."""
    base: Any = model.get_base_model()
    is_tied, first = base.config.tie_word_embeddings, None
    for wrapper in _wrappers(model, ModulesToSaveWrapper):
        inner, own = wrapper.modules_to_save[_NAME], wrapper.original_module.weight
        shared = first if is_tied and first is not None else _wide(inner.weight)
        if isinstance(inner, torch.nn.Linear):
            wrapper.modules_to_save[_NAME] = inner = _as_scores(inner)
        elif own.dtype != torch.float32 and not hasattr(inner, "base_dtype"):
            inner.base_dtype = own.dtype
            inner.register_forward_hook(_narrow)
        inner.weight = first = shared
    for wrapper in _wrappers(model, TrainableTokensWrapper):
        rows = wrapper.token_adapter.trainable_tokens_delta
        if rows[_NAME].dtype != torch.float32:
            rows[_NAME] = _wide(rows[_NAME])


def word_names(model: torch.nn.Module) -> set[str]:
    """The names of the parameters that are all word vectors, where they learn."""
    modules = word_modules(model.get_base_model() if isinstance(model, PeftModel) else model)
    learning = [part.modules_to_save[_NAME] if _is_copied(part) else part for part in modules]
    weights = [part.weight for part in learning if not isinstance(part, TrainableTokensWrapper)]
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and any(parameter is weight for weight in weights)
    }


def words_state(model: PeftModel) -> dict[str, Tensor]:
    """What of the words learns, under the names that an adapter's file has; the tensors are the model's own."""
    found = {}
    for name, wrapper in model.named_modules():
        if _is_wrapper(wrapper):
            inside: dict[str, Tensor] = wrapper.state_dict()
            for stored, place in wrapper.adapter_state_dict_load_map(_NAME).items():
                found[f"{name}.{stored}"] = inside[place]
    return found


def written_twice(model: torch.nn.Module) -> int:
    """How many numbers an adapter's file holds a second time: a matrix that reads and writes stands in it as two."""
    state = list(words_state(model).values()) if isinstance(model, PeftModel) else []
    places = {weight.data_ptr() for weight in state}
    return sum(weight.numel() for weight in state) // len(state) * (len(state) - len(places)) if state else 0


def words_off(model: PeftModel, is_off: bool) -> None:
    """Have the model use its own word vectors, or the learned ones again."""
    for wrapper in _wrappers(model, AuxiliaryTrainingWrapper):
        wrapper.enable_adapters(not is_off)


def build_in_words(model: PeftModel, dtype: torch.dtype) -> list[tuple[str, bool, float, float]]:
    """Put what words learned into the base's own matrices, rounded to `dtype`, by new tensors; takes PEFT's parts off.

    For each module: its name, whether its rounded weight changed, and the squares of what rounding moved and of the
    whole change.
    """
    done: dict[int, tuple[torch.nn.Parameter, bool, float, float]] = {}
    found = []
    base: Any = model.get_base_model()
    for name, wrapper in [pair for pair in base.named_modules() if _is_wrapper(pair[1])]:
        own: Any = wrapper.original_module
        key = id(own.weight)
        if key not in done:
            done[key] = _rounded(own.weight.detach(), _learned(wrapper), dtype)
        weight, *numbers = done[key]
        own.weight = weight
        base.set_submodule(name, own)
        found.append((name, *numbers))
    return found


def _configure(model: PeftModel, everything: bool, tokens: list[int]) -> None:
    base: Any = model.get_base_model()
    config: Any = model.peft_config[_NAME]
    reads, writes = _last_names(base)
    is_tied = base.config.tie_word_embeddings
    if everything:
        config.modules_to_save = [reads, writes]
        if is_tied and isinstance(config, LoraConfig):
            config.ensure_weight_tying = True  # so that PEFT itself, too, keeps one matrix
    else:
        config.trainable_token_indices = {reads: tokens} if is_tied else {reads: tokens, writes: tokens}
    set_additional_trainable_modules(base, config, base.config.to_dict(), _NAME)
    settle(model)


def _last_names(base: Any) -> tuple[str, str]:
    names = {id(part): name.rpartition(".")[2] for name, part in base.named_modules()}
    reads, writes = (names[id(part)] for part in word_modules(base))
    return reads, writes


def _wrappers(model: PeftModel, kind: type) -> Iterator[Any]:
    yield from (part for part in model.modules() if isinstance(part, kind))


def _is_wrapper(part: object) -> bool:
    return isinstance(part, AuxiliaryTrainingWrapper)


def _is_copied(part: Any) -> bool:
    return isinstance(part, ModulesToSaveWrapper)


def _wide(weight: torch.nn.Parameter) -> torch.nn.Parameter:
    return torch.nn.Parameter(weight.detach().float(), requires_grad=weight.requires_grad)


def _as_scores(head: torch.nn.Linear) -> WordScores:
    with torch.device("meta"):
        return WordScores(head.in_features, head.out_features, bias=False)


def _narrow(module: Any, inputs: object, vectors: Tensor) -> Tensor:
    """After the embedding: in the model's own numbers. A plain function, so that a copied model calls its own."""
    return vectors.to(module.base_dtype)


def _learned(wrapper: Any) -> Tensor:
    """The whole matrix (V, D) as learned, in float32."""
    if isinstance(wrapper, ModulesToSaveWrapper):
        copied: Any = wrapper.modules_to_save[_NAME].weight
        weight: Tensor = copied.detach().float()
        return weight
    adapter = wrapper.token_adapter
    rows = torch.tensor(adapter.token_indices[_NAME], device=adapter.base_layer.weight.device)
    delta: Any = adapter.trainable_tokens_delta[_NAME]
    return adapter.base_layer.weight.detach().float().index_copy(0, rows, delta.detach().float())


def _rounded(old: Tensor, exact: Tensor, dtype: torch.dtype) -> tuple[torch.nn.Parameter, bool, float, float]:
    rounded = exact.to(dtype)
    moved = float((rounded.float() - exact).square().sum())
    change = float((exact - old.float()).square().sum())
    weight = torch.nn.Parameter(rounded, requires_grad=False)
    is_changed = not torch.equal(rounded, old.to(dtype))
    return weight, is_changed, moved, change
