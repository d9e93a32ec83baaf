"""A reader of GGUF files that is nobody's: numbers as the gguf package unpacks them, and a forward pass of its own.

It follows llama.cpp's graphs "llama" and "qwen3moe" step by step: RMS norms, rotation (neighbouring pairs in the first,
halves in the second), grouped attention, and experts by softmax, top k, and weights that add up to one.
"""

import math
from pathlib import Path
from typing import Any

import gguf
import torch
from torch.nn.functional import silu


class File:
    """A file's facts by their names without the architecture, and its tensors in float32, outermost size first."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self.architecture = reader.fields["general.architecture"].contents()
        self.facts: dict[str, Any] = {
            name.removeprefix(f"{self.architecture}."): field.contents()
            for name, field in reader.fields.items()
        }
        self.kinds = {part.name: part.tensor_type.name for part in reader.tensors}
        self.raw = {part.name: part.data for part in reader.tensors}
        self.tensors = {
            part.name: torch.tensor(gguf.dequantize(part.data, part.tensor_type)) for part in reader.tensors
        }

    def weight(self, name: str, layer: int | None = None) -> torch.Tensor:
        return self.tensors[f"{name}.weight" if layer is None else f"blk.{layer}.{name}.weight"]


def logits(path: Path, ids: torch.Tensor, adds_to_one: bool = True) -> torch.Tensor:
    """(B, T, V) for ids (B, T), from the file alone; `adds_to_one`: as llama.cpp does for both architectures."""
    file = File(path)
    states = file.weight("token_embd")[ids]
    for layer in range(file.facts["block_count"]):
        states = states + _attention(file, layer, _norm(file, states, file.weight("attn_norm", layer)))
        states = states + _experts(
            file, layer, _norm(file, states, file.weight("ffn_norm", layer)), adds_to_one
        )
    last = _norm(file, states, file.weight("output_norm"))
    head = file.tensors.get("output.weight", file.weight("token_embd"))
    return last @ head.T


def _norm(file: File, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    scale = states.square().mean(-1, keepdim=True) + file.facts["attention.layer_norm_rms_epsilon"]
    return states * scale.rsqrt() * weight


def _experts(file: File, layer: int, states: torch.Tensor, adds_to_one: bool) -> torch.Tensor:
    shares = (states @ file.weight("ffn_gate_inp", layer).T).softmax(-1)
    weights, chosen = shares.topk(file.facts["expert_used_count"], dim=-1)
    if adds_to_one:
        weights = weights / weights.sum(-1, keepdim=True)
    out = torch.zeros_like(states)
    for number in range(file.facts["expert_count"]):
        up, gate, down = (file.weight(f"ffn_{name}_exps", layer)[number] for name in ("up", "gate", "down"))
        share = (weights * (chosen == number)).sum(-1, keepdim=True)
        out = out + share * ((silu(states @ gate.T) * (states @ up.T)) @ down.T)
    return out


def _attention(file: File, layer: int, states: torch.Tensor) -> torch.Tensor:
    heads, pairs = file.facts["attention.head_count"], file.facts["attention.head_count_kv"]
    query = _heads(file, layer, "attn_q", states, heads)
    key = _heads(file, layer, "attn_k", states, pairs).repeat_interleave(heads // pairs, dim=1)
    value = _split(states @ file.weight("attn_v", layer).T, pairs).repeat_interleave(heads // pairs, dim=1)
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    ahead = torch.ones(scores.shape[-2:]).triu(1).bool()
    mixed = scores.masked_fill(ahead, -math.inf).softmax(-1) @ value
    return mixed.transpose(1, 2).flatten(2) @ file.weight("attn_output", layer).T


def _heads(file: File, layer: int, name: str, states: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, heads, T, D), normalised where the file has a norm for them, and rotated."""
    split = _split(states @ file.weight(name, layer).T, heads)
    norm = file.tensors.get(f"blk.{layer}.{name}_norm.weight")
    return _rotated(file, split if norm is None else _norm(file, split, norm))


def _split(states: torch.Tensor, heads: int) -> torch.Tensor:
    return states.unflatten(-1, (heads, -1)).transpose(1, 2)


def _rotated(file: File, split: torch.Tensor) -> torch.Tensor:
    size = file.facts["rope.dimension_count"]
    slow = file.facts["rope.freq_base"] ** -(torch.arange(0, size, 2) / size)
    slow = (
        slow
        / file.tensors.get("rope_freqs.weight", torch.ones(()))
        / file.facts.get("rope.scaling.factor", 1)
    )
    angles = torch.arange(split.shape[-2])[:, None] * slow
    cos, sin = angles.cos(), angles.sin()
    if file.architecture == "llama":
        one, other = split[..., 0::2], split[..., 1::2]
        return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=-1).flatten(-2)
    one, other = split.chunk(2, dim=-1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1)
