"""A model's head where only log-probabilities of given words are wanted: which head it is, and what follows it.

How the sums over the vocabulary are made is in engine.models.tiles.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peft.utils.other import AuxiliaryTrainingWrapper, ModulesToSaveWrapper, TrainableTokensWrapper
from torch import Tensor

from engine.models.embeddings import WordScores
from engine.models.generate import evaluating
from engine.models.tiles import Bend, Plan
from engine.models.word_sums import word_sums

# Settings of a model that may say what follows its head. What they mean differs: Granite divides by `logits_scaling`,
# HyperCLOVA X multiplies by it, and MiniCPM3 applies it before the head.
_MAY_FOLLOW = re.compile(r"logit|soft_?cap|lm_head|output_mult")


@dataclass(frozen=True)
class Head:
    """The head `module` of a model, and what the model does to its scores."""

    module: torch.nn.Module
    bend: Bend

    def logps(self, hidden: Tensor, targets: Tensor, average: bool = False) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (N,) of `targets` (N,) after hidden states (N, D), and their mean over the vocabulary.

        In float32 or wider; the mean is None unless `average` asks for it. The head is taken as it is at the moment,
        with its adapter on or off, and computes in the numbers that the model's own would.
        """
        words = _words(self.module)
        if words is None:
            raise RuntimeError("the head has been replaced since it was looked at")
        numbers = hidden.dtype
        if torch.is_autocast_enabled(hidden.device.type):
            numbers = torch.get_autocast_dtype(hidden.device.type)
        plan = Plan(self.bend, numbers, words.ids, average)
        with torch.autocast(hidden.device.type, enabled=False):
            target, normalizer, total = word_sums(hidden, words.weight, words.bias, targets, plan)
            if words.ids is not None and words.rows is not None:
                own = self._own_scores(hidden, words.rows, numbers)
                is_own = targets.unsqueeze(1) == words.ids.to(targets.device)
                target = torch.where(is_own.any(1), torch.where(is_own, own, 0).sum(1), target)
                normalizer = torch.logaddexp(normalizer, own.logsumexp(1))
                total = None if total is None else total + own.sum(1)
        mean = None if total is None else total / len(words.weight) - normalizer
        return target - normalizer, mean

    def _own_scores(self, hidden: Tensor, rows: Tensor, numbers: torch.dtype) -> Tensor:
        """Scores (N, K) of the words whose own rows (K, D) learn."""
        wide = torch.promote_types(numbers, torch.float32)
        return self.bend.scores(hidden.to(numbers).to(wide) @ rows.to(numbers).to(wide).T)


def head_of(model: Any) -> Head | None:  # Any: a transformers model or a PeftModel
    """The model's head as it can be taken here; None where its own must be used.

    That is where it is anything but a plain matrix (an adapter on the head itself, compressed weights, hooks), or where
    what follows it is neither a scale nor a soft cap: one token goes through the model to see.
    """
    module = model.get_output_embeddings()
    words = None if module is None else _words(module)
    if words is None or words.weight.is_meta:
        return None
    bend = _bend(model.get_base_model() if hasattr(model, "get_base_model") else model, module, words)
    return None if bend is None else Head(module, bend)


@dataclass(frozen=True)
class _Words:
    """A head's matrix (V, D) and bias (V,). The words `ids` (K,), on the processor, have other `rows` (K, D) instead."""

    weight: Tensor
    bias: Tensor | None
    ids: Tensor | None = None
    rows: Tensor | None = None


def _words(module: Any) -> _Words | None:  # Any: see head_of
    """What a head multiplies by at the moment; None where it does something else."""
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if isinstance(module, AuxiliaryTrainingWrapper):
        return _wrapped_words(module)
    if type(module) not in (torch.nn.Linear, WordScores) or not module.weight.is_floating_point():
        return None
    return _Words(module.weight, module.bias)


def _wrapped_words(wrapper: Any) -> _Words | None:  # Any: PEFT's wrappers are untyped
    """What PEFT lets learn in the place of the model's own, where it is switched on."""
    own = _words(wrapper.original_module)
    if wrapper.disable_adapters or not wrapper.active_adapters:
        return own
    if len(wrapper.active_adapters) > 1:
        return None
    (name,) = wrapper.active_adapters
    if isinstance(wrapper, ModulesToSaveWrapper):
        return _words(wrapper.modules_to_save[name])
    if own is None or own.bias is not None or not isinstance(wrapper, TrainableTokensWrapper):
        return None  # PEFT forgets a bias beside learned rows
    adapter = wrapper.token_adapter
    if adapter.merged:
        return own
    ids = torch.tensor(adapter.token_indices[name])
    rows = adapter.trainable_tokens_delta[name].to(own.weight.dtype)
    return _Words(own.weight, None, ids, rows)


def _bend(model: Any, module: torch.nn.Module, words: _Words) -> Bend | None:  # Any: see head_of
    """What the model does to its head's scores, found by handing it known ones; None when it is nothing known here."""
    weight = words.weight
    known = torch.linspace(-90, 90, len(weight), device=weight.device).view(1, 1, -1)
    found = []

    def put(part: torch.nn.Module, inputs: object, scores: Tensor) -> Tensor:
        found.append(scores.shape)
        return known.clone()

    hook = module.register_forward_hook(put)
    try:
        with evaluating(model), torch.no_grad():
            token = torch.zeros(1, 1, dtype=torch.long, device=weight.device)
            logits = model(input_ids=token, use_cache=False).logits
    finally:
        hook.remove()
    if found != [known.shape] or logits.shape != known.shape:
        return None
    fitting = (
        bend for bend in _bends(model.config.get_text_config()) if _is_same(bend.scores(known), logits)
    )
    return next(fitting, None)


def _bends(config: Any) -> Iterator[Bend]:  # Any: transformers' configs are untyped
    """Nothing, then all that the numbers in a model's settings could mean."""
    values = [float(v) for k, v in config.to_dict().items() if _MAY_FOLLOW.search(k) and _is_number(v) and v]
    for cap in (None, *values):
        for scale in (1.0, *values, *(1 / value for value in values)):
            yield Bend(scale, cap)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_same(ours: Tensor, theirs: Tensor) -> bool:
    return torch.allclose(ours, theirs.to(ours.dtype), rtol=1e-5, atol=1e-6)
