"""A mixture of LoRA experts as a stock model: each expert's matrices whole, W_e = W + s B_e A_e, computed in float32."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor

from engine.models.lora_experts import LoraExperts, expert_parts
from engine.models.merging import Merged, built_in
from engine.models.targets import decoder_layers
from engine.models.upcycle import mixture_of


@dataclass(frozen=True)
class _Matrix:
    """One matrix of an expert: the base's (O, I), and what the expert adds."""

    base: Tensor
    added: Tensor
    dtype: torch.dtype

    @property
    def weight(self) -> Tensor:
        """The whole matrix, rounded once."""
        return self.exact.to(self.dtype)

    @property
    def exact(self) -> Tensor:
        """The whole matrix in float32."""
        return self.base.float() + self.added


@dataclass(frozen=True)
class _Expert:
    """A feed-forward part as `mixture_of` wants it; its matrices are made when they are asked for."""

    part: LoraExperts
    number: int
    bases: tuple[Tensor, Tensor, Tensor]
    dtype: torch.dtype

    @property
    def gate_proj(self) -> _Matrix:
        """(I, D)."""
        part, rank = self.part, self.part.gate_b.shape[1]
        return self._matrix(0, part.gate_up_a[self.number, :rank], part.gate_b[self.number])

    @property
    def up_proj(self) -> _Matrix:
        """(I, D)."""
        part, rank = self.part, self.part.gate_b.shape[1]
        return self._matrix(1, part.gate_up_a[self.number, rank:], part.up_b[self.number])

    @property
    def down_proj(self) -> _Matrix:
        """(D, I)."""
        return self._matrix(2, self.part.down_a[self.number], self.part.down_b[self.number])

    def _matrix(self, which: int, a: Tensor, b: Tensor) -> _Matrix:
        """`a` (r, in) and `b` (r, out)."""
        added = self.part.scale * (b.detach().float().T @ a.detach().float())
        return _Matrix(self.bases[which], added, self.dtype)


def as_stock(model: PeftModel, dtype: torch.dtype) -> Merged:
    """Mixtral, Qwen2-MoE or Qwen3-MoE in `dtype` that computes what this mixture of LoRA experts does.

    Attention's LoRA is built in once, routers are copied. `model` is used up; tensors that it shares with others stay
    as they are.
    """
    parts = expert_parts(model)
    base: Any = model.get_base_model()
    layers = []
    for layer, part in zip(decoder_layers(base), parts, strict=True):
        bases = tuple(
            getattr(part.dense, name).weight.detach() for name in ("gate_proj", "up_proj", "down_proj")
        )
        layers.append([_Expert(part, number, bases, dtype) for number in range(len(part.gate_b))])
        layer.mlp = part.dense
    owner: Any = model
    owner.own_adapter = None  # what is left is a plain LoRA on attention
    dense = built_in(model, dtype)
    sums = [_sums(layer) for layer in layers]
    routers = [part.router.weight.detach() for part in parts]
    stock = mixture_of(dense.model, layers, routers, parts[0].router.top_k, torch.Generator().manual_seed(0))
    moved, change = (math.fsum(column) for column in zip(*(pair[1:] for pair in sums), strict=True))
    changed = max(dense.layers_changed, sum(is_changed for is_changed, _, _ in sums))
    return Merged(stock.eval(), len(parts), changed, math.sqrt(moved / change) if change else dense.rounding)


def _sums(experts: list[_Expert]) -> tuple[bool, float, float]:
    """Whether an expert of the layer differs from the base, and the squares of rounding and of the whole change."""
    is_changed, moved, change = False, 0.0, 0.0
    for expert in experts:
        for matrix in (expert.gate_proj, expert.up_proj, expert.down_proj):
            exact = matrix.exact
            rounded = exact.to(matrix.dtype)
            is_changed = is_changed or not torch.equal(rounded, matrix.base.to(matrix.dtype))
            moved += float((rounded.float() - exact).square().sum())
            change += float(matrix.added.square().sum())
    return is_changed, moved, change
