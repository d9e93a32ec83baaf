"""A step of a mixture of LoRA experts beside one of a plain LoRA of the same total size, and beside a plain loop."""

import time
from statistics import median
from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.table import Row, Table, spread
from engine.job.lora_settings import LoraSettings
from engine.methods.balance import balance_loss, choices_of
from engine.models.lean import take_lean
from engine.models.lora import add_lora
from engine.models.lora_experts import LoraExperts, with_lora_experts
from engine.models.placement import has_bfloat16
from engine.models.routing import listening
from engine.models.targets import decoder_layers

EXPERTS, TOP_K, RANK = 4, 2, 16
AIM = 1.6  # times the plain LoRA's step
VOCABULARY = 2000


class PlainLoop(torch.nn.Module):
    """The same mixture as it is usually written: each expert a whole feed-forward part on its own tokens."""

    def __init__(self, part: LoraExperts) -> None:
        super().__init__()
        self.part = part

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states (..., D)."""
        part, flat = self.part, hidden.flatten(0, -2)
        _, weights, chosen = part.router(flat)
        out = torch.zeros_like(flat)
        for expert in range(EXPERTS):
            token, place = torch.where(chosen == expert)
            found = self._whole(expert, flat[token]) * weights[token, place, None].to(flat.dtype)
            out = out.index_add(0, token, found)
        return out.reshape(hidden.shape)

    def _whole(self, expert: int, x: torch.Tensor) -> torch.Tensor:
        part, dense = self.part, self.part.dense

        def added(value: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return part.scale * (value @ a.to(x.dtype).T) @ b.to(x.dtype)

        first = part.gate_up_a[expert]
        gate = dense.gate_proj(x) + added(x, first[:RANK], part.gate_b[expert])
        up = dense.up_proj(x) + added(x, first[RANK:], part.up_b[expert])
        bent = functional.silu(gate) * up
        down: torch.Tensor = dense.down_proj(bent) + added(bent, part.down_a[expert], part.down_b[expert])
        return down


def measure(quick: bool) -> Table:
    """Steps of all three in turn, so that a busy moment meets all of them; in processor seconds of one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        numbers = [torch.float32, *([torch.bfloat16] if has_bfloat16("cpu") else [])]
        rows = [row for dtype in numbers for row in _rows(dtype, quick)]
    finally:
        torch.set_num_threads(threads)
    how = (
        f"A random Llama, forward and backward over one row of tokens, on one processor thread. {EXPERTS} experts of size "
        f"{RANK}, {TOP_K} for each token, LoRA of size {RANK} on attention; the plain LoRA has size {RANK * EXPERTS} on "
        "the feed-forward parts; all have the lean layers that training takes; the loop computes each expert whole. "
        "Kept is what autograd holds between forward and backward. Ratios are of steps that followed each other."
    )
    return Table("A mixture of LoRA experts", how, tuple(rows))


def _rows(dtype: torch.dtype, quick: bool) -> list[Row]:
    tokens, rounds = (128, 2) if quick else (1024, 7)
    ids = torch.randint(0, VOCABULARY, (1, tokens), generator=torch.Generator().manual_seed(0))
    models = {"plain LoRA": _plain(dtype, quick), "mixture": _mixture(dtype, quick)}
    models["mixture, plain loop"] = _looped(_mixture(dtype, quick))
    times: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):
        for name, model in models.items():
            started = time.process_time()
            _step(model, ids)
            if number:  # the first one of each prepares what later ones use again
                times[name].append(time.process_time() - started)
    word = str(dtype).removeprefix("torch.")
    rows = []
    for name, model in models.items():
        rows.append(Row(f"{name}, {word}: a second", spread([tokens / t for t in times[name]], "tokens")))
        rows.append(Row(f"{name}, {word}: kept", f"{_kept(model, ids) / 2**20:.0f} MiB"))
    for name in ("plain LoRA", "mixture, plain loop"):
        ratios = [ours / theirs for ours, theirs in zip(times["mixture"], times[name], strict=True)]
        is_aimed = name == "plain LoRA"
        rows.append(
            Row(
                f"mixture against {name}, {word}: time",
                spread(ratios, "times", 2),
                f"< {AIM}" if is_aimed else "",
                median(ratios) < AIM if is_aimed else None,
            )
        )
    return rows


def _base(dtype: torch.dtype, quick: bool) -> Any:  # Any: a transformers model
    torch.manual_seed(0)
    hidden = 64 if quick else 512
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=2 if quick else 4,
        num_attention_heads=8,
        num_key_value_heads=4,
    )
    return LlamaForCausalLM(config).to(dtype)


def _plain(dtype: torch.dtype, quick: bool) -> Any:
    lora = LoraSettings(rank=RANK * EXPERTS, attention_rank=RANK)
    return _as_trained(add_lora(_base(dtype, quick), lora))


def _mixture(dtype: torch.dtype, quick: bool) -> Any:
    return _as_trained(with_lora_experts(_base(dtype, quick), LoraSettings(rank=RANK), EXPERTS, TOP_K))


def _as_trained(model: Any) -> Any:
    """With the lean layers that training takes."""
    if not take_lean(model):
        raise RuntimeError("the model takes no lean layers")
    return model.train()


def _looped(model: Any) -> Any:
    for layer in decoder_layers(model):
        part: Any = layer
        part.mlp = PlainLoop(part.mlp)
    return model


def _step(model: Any, ids: torch.Tensor) -> None:
    """Forward, the loss with its balance, and backward."""
    model.zero_grad(set_to_none=True)
    _loss(model, ids).backward()


def _loss(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with listening(model) as heard:
        logits = model(input_ids=ids, use_cache=False).logits
    loss = functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:])
    scores = [layer for each in heard for layer in each.scores]
    if scores:
        choices_of(torch.stack(scores), TOP_K)
        loss = loss + 0.01 * balance_loss(torch.stack(scores), TOP_K).mean()
    return loss


def _kept(model: Any, ids: torch.Tensor) -> int:
    """Bytes that autograd holds for the way back, the model's own weights left out."""
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _loss(model, ids)
    return sum(storage.nbytes() for storage in held.values())
