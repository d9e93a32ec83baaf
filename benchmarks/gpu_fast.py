"""The checks of the fast paths on a device: each beside the plain pass, for several families, in wide and narrow numbers."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_training import synchronize
from benchmarks.gpu_work import Bench, Outcome, job_for
from engine.job.adapters import ADAPTERS
from engine.job.cards import resolve
from engine.job.channel import Desk, events_of
from engine.job.events import Event, Prepared, Step
from engine.library.folders import starter_folder
from engine.models.adapters import trained_parameters
from engine.models.attention import Scoring, Segment, attend
from engine.models.load import load_model, load_tokenizer
from engine.models.varlen import attend_varlen, varlen
from engine.train.batches import Example, collate, micro_batches
from engine.train.fast_paths import HEAD, LAST, LEAN, PACKED, SHARED
from engine.train.forward import Policy
from engine.train.rows import prepare_rows
from engine.train.session import train

PAIRS = 3
NEAR = {"float32": (1e-4, 1e-3), "bfloat16": (0.05, 0.2)}
"""How far a path may be from the plain pass: in nats a token on average, and as a share of the gradient's length."""
FAMILIES: dict[str, tuple[str, dict[str, object]]] = {
    "llama": ("Llama", {}),
    "qwen3": ("Qwen3", {"head_dim": 64}),
    "mistral, window 24": ("Mistral", {"sliding_window": 24}),
    "gemma2, window 24": ("Gemma2", {"sliding_window": 24, "head_dim": 64}),
}


def family_model(bench: Bench, family: str) -> Path:
    """A small random model of a family, with the starter's tokenizer."""
    import transformers

    name, own = FAMILIES[family]
    place = bench.folder / f"family-{name}"
    if place.exists():
        return place
    tokenizer = load_tokenizer(starter_folder())
    settings = {
        "vocab_size": 2000,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.05,
        "bos_token_id": None,
        "pad_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = getattr(transformers, f"{name}Config")(**(settings | own))
    torch.manual_seed(0)
    getattr(transformers, f"{name}ForCausalLM")(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def paths(bench: Bench) -> Iterator[Outcome]:
    """Every fast path alone gives the plain pass's log-probabilities and gradients."""
    for dtype in NEAR:
        for name, folder in _models(bench):
            yield _beside_plain(bench, name, folder, dtype)


def _models(bench: Bench) -> list[tuple[str, Path]]:
    return [
        ("starter", starter_folder()),
        *((family, family_model(bench, family)) for family in FAMILIES),
    ]


@dataclass(frozen=True)
class _Numbers:
    """What a pass gave: log-probabilities (N,) and the trained tensors' gradients, one after another."""

    scores: Tensor
    gradient: Tensor

    def off(self, other: "_Numbers") -> tuple[float, float]:
        """Mean difference of a score, and that of the gradient as a share of the other's length."""
        length = other.gradient.norm().item()
        gradient = (self.gradient - other.gradient).norm().item() / length
        return (self.scores - other.scores).abs().mean().item(), gradient


def _beside_plain(bench: Bench, name: str, folder: Path, dtype: str) -> Outcome:
    policy, pairs = _policy(bench, folder, dtype), _pairs(bench)
    alone = [collate([replace(pair, parts=(pair.parts[side],))]) for side in (0, 1) for pair in pairs]
    plain = truth = _numbers(policy, alone)
    if dtype != "float32":
        truth = _numbers(replace(policy, model=copy.deepcopy(policy.model).float()), alone)
    words, is_near = [], True
    for path in (LEAN, HEAD, PACKED, SHARED, LAST):
        below = PACKED.take(policy) if path is SHARED else policy
        fast = None if below is None else path.take(below)
        if fast is None:
            words.append(f"{path.name} cannot be taken")
            continue
        try:
            found = _numbers(fast, micro_batches(pairs, len(pairs), fast.way))
            scores, gradient = found.off(plain)
            is_near = is_near and scores <= NEAR[dtype][0] and gradient <= NEAR[dtype][1]
            exact = "" if truth is plain else f" (exact {found.off(truth)[0]:.0e}/{found.off(truth)[1]:.0e})"
            words.append(f"{path.name} {scores:.0e}/{gradient:.0e}{exact}")
        finally:
            for each in (path, PACKED):
                each.leave(policy.model)
    own = "" if truth is plain else f"; plain to exact {plain.off(truth)[0]:.0e}/{plain.off(truth)[1]:.0e}"
    return Outcome(f"paths as plain: {name} in {dtype}", is_near, ", ".join(words) + own)


def _policy(bench: Bench, folder: Path, dtype: str) -> Policy:
    """The model with LoRA on everything, whose B is not zero, as after some updates."""
    torch.manual_seed(0)
    job = job_for(bench, "dpo", dtype=dtype, steps=1)
    model = load_model(folder, dtype, bench.device).model
    tuned = resolve(ADAPTERS["lora"].code)(model, job.adapter.settings)
    generator = torch.Generator().manual_seed(1)
    for name, weight in trained_parameters(tuned).items():
        if "lora_B" in name:
            weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.02)
    return Policy(tuned.eval(), bench.device, way="grouped")


def _pairs(bench: Bench) -> list[Example]:
    """Some pairs of the sample, longest first, as batches have them."""
    job = job_for(bench, "dpo", dtype="float32", steps=1, model=starter_folder())
    rows = prepare_rows(job, load_tokenizer(starter_folder()), Desk(bench.fresh())).train
    return sorted((rows[at] for at in range(PAIRS)), key=lambda pair: -pair.length)


def _numbers(policy: Policy, batches: "Iterator[Any] | Sequence[Any]") -> _Numbers:  # Any: batches
    trained = trained_parameters(policy.model)
    for weight in trained.values():
        weight.grad = None
    scores: list[Tensor] = []
    for batch in batches:
        found = policy.score(batch.to(policy.device)).target.float()
        places = torch.arange(len(found), device=found.device) + sum(map(len, scores))
        (found * (0.5 + places % 5 / 5)).sum().backward()
        scores.append(found.detach())
    gradient = torch.cat(
        [weight.grad.flatten().float() for weight in trained.values() if weight.grad is not None]
    )
    return _Numbers(torch.cat(scores), gradient)


def proven(bench: Bench) -> Iterator[Outcome]:
    """Which paths a real run takes, asked for rows one after another."""
    wanted = {path.name for path in (LEAN, HEAD, PACKED, SHARED, LAST)}
    for dtype in NEAR:
        for name, folder in _models(bench):
            run = bench.fresh()
            job = job_for(bench, "dpo", dtype=dtype, steps=1, model=folder, rows={"packing": "on"})
            train(job, Desk(run))
            taken = next(event.fast_paths for event in events_of(run) if isinstance(event, Prepared))
            lacking = ", ".join(sorted(wanted - set(taken)))
            words = f"{', '.join(taken) or 'none'}{f'; not taken: {lacking}' if lacking else ''}"
            yield Outcome(f"paths taken: {name} in {dtype}", not lacking, words)


SEGMENTS = {
    "rows": [Segment(0, 250), Segment(250, 3), Segment(253, 400), Segment(653, 120)],
    "shared": [Segment(0, 300), Segment(300, 200), Segment(500, 90, 0, 180), Segment(590, 60, 300, 150)],
}


def rows_at_once(bench: Bench) -> Iterator[Outcome]:
    """Attention over whole rows in one call beside each sequence by itself in float32, and how long both take."""
    for name, segments in SEGMENTS.items():
        for window in (None, 64):
            yield _at_once(
                bench, f"attention of whole rows, {name}, window {window or 'none'}", segments, window
            )


def _at_once(bench: Bench, title: str, segments: Sequence[Segment], window: int | None) -> Outcome:
    torch.manual_seed(0)
    total, scoring = segments[-1].start + segments[-1].length, Scoring(0.125, window)
    dtype = torch.bfloat16 if bench.device == "cuda" else torch.float32
    exact = [torch.randn(1, heads, total, 64).to(dtype).to(bench.device).float() for heads in (8, 2, 2)]
    states = [each.to(dtype).requires_grad_() for each in exact]
    exact = [each.detach().clone().requires_grad_() for each in exact]
    query, key, value = states

    def at_once() -> Tensor:
        if bench.device == "cpu":
            return attend(query[0], key[0], value[0], segments, scoring).unsqueeze(0)
        function = varlen((query, key, value), scoring)
        assert function is not None
        return attend_varlen(function, (query, key, value), segments, scoring)

    if bench.device != "cpu" and varlen((query, key, value), scoring) is None:
        return Outcome(title, None, f"torch {torch.__version__} has no varlen_attn with scale and window")
    asked = torch.randn(1, total, 8, 64, device=bench.device)
    found, wanted = at_once(), _dense(exact, segments, scoring)
    found.backward(asked.to(dtype))
    wanted.backward(asked)
    pairs = [(found, wanted), *((one.grad, other.grad) for one, other in zip(states, exact, strict=True))]
    off = [((one.float() - other).norm() / other.norm()).item() for one, other in pairs]
    bound = 0.02 if dtype == torch.bfloat16 else 1e-5
    once, apart = (
        _milliseconds(bench, way, asked.to(dtype))
        for way in (at_once, lambda: _dense(states, segments, scoring))
    )
    words = f"off by {off[0]:.0e}, gradients {max(off[1:]):.0e} (at most {bound:.0e}); {once:.2f} ms, by itself {apart:.2f} ms"
    return Outcome(title, max(off) <= bound, words)


def _dense(states: Sequence[Tensor], segments: Sequence[Segment], scoring: Scoring) -> Tensor:
    """Each sequence by itself (1, T, H, D), with torch's attention and a mask over all that it sees."""
    query, key, value = states
    found = []
    for part in segments:
        own, shared = (
            slice(start, start + length)
            for start, length in ((part.start, part.length), (part.shared_start, part.shared))
        )
        keys, values = (torch.cat((each[:, :, shared], each[:, :, own]), 2) for each in (key, value))
        times = query.shape[1] // key.shape[1]
        mixed = torch.nn.functional.scaled_dot_product_attention(
            query[:, :, own],
            keys.repeat_interleave(times, 1),
            values.repeat_interleave(times, 1),
            attn_mask=_seen(part, scoring.window, query.device),
            scale=scoring.scale,
        )
        found.append(mixed.transpose(1, 2))
    return torch.cat(found, 1)


@lru_cache(maxsize=32)
def _seen(part: Segment, window: int | None, device: torch.device) -> Tensor:
    """Where a sequence's tokens (T, S) may look."""
    seen = part.shared + part.length
    before = torch.arange(part.shared, seen)[:, None] - torch.arange(seen)
    return ((before >= 0) & (before < (window or seen + 1))).to(device)


def _milliseconds(bench: Bench, way: Any, asked: Tensor, times: int = 5) -> float:  # Any: a function
    """Of one way forward and back, after the first."""
    way().backward(asked)
    synchronize(bench.device)
    started = perf_counter()
    for _ in range(times):
        way().backward(asked)
    synchronize(bench.device)
    return 1000 * (perf_counter() - started) / times


class WatchedDesk(Desk):
    """Has torch tell wherever the program waits for the GPU, from one update's telling to another's."""

    def __init__(self, folder: Path, first: int, last: int) -> None:
        super().__init__(folder)
        self._first, self._last = first, last

    def tell(self, event: Event) -> None:
        """Tell it, then begin or end watching."""
        super().tell(event)
        if isinstance(event, Step) and event.step in (self._first, self._last):
            torch.cuda.set_sync_debug_mode("warn" if event.step == self._first else "default")


def silent(bench: Bench) -> Iterator[Outcome]:
    """Ten updates of packed rows ask the GPU for no number: nowhere does the program wait for it."""
    if bench.device != "cuda":
        yield Outcome("updates wait for nothing", None, "needs CUDA")
        return
    for method in ("sft", "dpo"):
        packed, places = _waits(bench, method, "on")
        padded, _ = _waits(bench, method, "off")
        words = f"waits in ten updates: packed {packed}{f' ({places})' if places else ''}, padded {padded}"
        yield Outcome(f"{method}: updates of packed rows wait for nothing", packed == 0, words)


def _waits(bench: Bench, method: str, packing: str) -> tuple[int, str]:
    """How often the program waited, and the three places where it did most."""
    sections = {"rows": {"packing": packing}, "watch": {"sample_every": 100}}
    job = job_for(bench, method, dtype="bfloat16", steps=16, sections=sections)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            train(job, WatchedDesk(bench.fresh(), 3, 13))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    found = [each for each in caught if "synchronizing CUDA operation" in str(each.message)]
    at = [f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno}" for each in found]
    most = sorted(set(at), key=lambda place: -at.count(place))[:3]
    return len(found), ", ".join(f"{place} {at.count(place)} times" for place in most)
