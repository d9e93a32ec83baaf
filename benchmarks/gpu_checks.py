"""What must hold on a GPU, tried with real runs of the starter model: `python benchmarks/gpu.py --checks`.

Each check is a function here or in `gpu_flow.py`, `gpu_fast.py` (fast paths) and `gpu_memory.py`, and a line in `CHECKS`; it tells outcomes, one a line of the table.
Where a figure has a bound, the bound stands beside it.
"""

import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, perf_counter, time

import torch

from benchmarks import gpu_fast, gpu_memory
from benchmarks.gpu_flow import flow, worker
from benchmarks.gpu_work import Bench, Outcome, Scripted, apart, job_for, losses_of, trained
from engine.job.adapters import ADAPTERS
from engine.job.channel import ADAPTER
from engine.job.commands import Pause, Resume, Save, Stop
from engine.library.compression import problem_on
from engine.library.devices import choose_device, machine
from engine.library.example import watched_prompts
from engine.library.folders import starter_folder
from engine.models.adapters import load_adapter
from engine.models.generate import answer_ends, generate
from engine.models.load import load_model, load_tokenizer
from engine.train.checkpoints import checkpoint_folder
from engine.train.session import train

SAME_FIRST = 1e-4
SAME_LATER = 5e-3
"""Bounds for a loss in float32 beside the processor's: before the first correction, and after two."""
METHODS = ("sft", "dpo", "dpo-reference-free", "kto", "orpo")
STEPS, CUT = 10, 4


def devices(bench: Bench) -> Iterator[Outcome]:
    """The engine finds the GPU without torch, with the name and memory that torch knows."""
    found = choose_device(machine(), bench.device)
    words = "none" if found is None else f"{found.name}, {found.memory_total / 2**30:.1f} GiB"
    if bench.device == "cpu" or found is None:
        yield Outcome("device found", found is not None, words)
        return
    seen = torch.cuda.get_device_properties(0)
    is_same = found.name == seen.name and math.isclose(found.memory_total, seen.total_memory, rel_tol=0.05)
    yield Outcome(
        "device found", is_same, f"{words}; torch: {seen.name}, {seen.total_memory / 2**30:.1f} GiB"
    )


def methods(bench: Bench) -> Iterator[Outcome]:
    """In float32 the losses are the processor's."""
    for method in METHODS:
        job = job_for(bench, method, dtype="float32", steps=3)
        here = losses_of(trained(bench, job))
        there = losses_of(trained(bench, job_for(bench, method, dtype="float32", steps=3, device="cpu")))
        off = [abs(one - other) for one, other in zip(here, there, strict=True)]
        is_same = off[0] <= SAME_FIRST and max(off) <= SAME_LATER
        figure = f"first {here[0]:.5f}, off by {off[0]:.1e} (at most {SAME_FIRST:.0e}), later {max(off):.1e}"
        yield Outcome(f"{method}: losses as on the processor", is_same, f"{figure} ({SAME_LATER:.0e})")


def answers(bench: Bench) -> Iterator[Outcome]:
    """Greedy answers in float32 are the processor's, word for word."""
    run = trained(bench, job_for(bench, "sft", dtype="float32", steps=10))
    texts = {}
    for device in ("cpu", bench.device):
        model, tokenizer = load_model(starter_folder(), "float32", device), load_tokenizer(starter_folder())
        tuned = load_adapter(model.model, run / ADAPTER).eval()
        ends = answer_ends(tuned, tokenizer)
        asked = {"seed": 0, "temperature": 0.0, "max_new_tokens": 48, "end_ids": ends}
        texts[device] = [generate(tuned, tokenizer, prompt, **asked).text for prompt in watched_prompts()]
    equal = sum(one == other for one, other in zip(texts["cpu"], texts[bench.device], strict=True))
    yield Outcome(
        "answers as on the processor", equal == len(texts["cpu"]), f"{equal} of {len(texts['cpu'])}"
    )


def adapters(bench: Bench) -> Iterator[Outcome]:
    """Every adapter learns the same few rows in bfloat16; then compressed weights under LoRA."""
    for kind in ADAPTERS:
        yield from _learning(bench, f"{kind} in {bench.dtype}", kind, {"dtype": bench.dtype})
    if bench.device == "cuda":
        yield from _learning(bench, "lora in float16", "lora", {"dtype": "float16"})
        yield from _learning(bench, "full in float16", "full", {"dtype": "float16"})
    reason = problem_on(bench.device)
    if reason:
        yield Outcome("lora over 4-bit weights", None, reason)
        return
    # Widths must be multiples of 64, which the starter's are.
    yield from _learning(
        bench, "lora over 4-bit weights", "lora", {"dtype": bench.dtype, "quantization": "nf4"}
    )


def _learning(bench: Bench, title: str, kind: str, model: dict[str, str]) -> Iterator[Outcome]:
    """Eight steps on the same eight rows: the loss stays finite and falls."""
    started = perf_counter()
    job = job_for(
        bench, "sft", adapter=kind, steps=8, limit=8, rate=5 * ADAPTERS[kind].learning_rate, **model
    )
    losses = losses_of(trained(bench, job))
    is_falling = all(math.isfinite(loss) for loss in losses) and losses[-1] < losses[0]
    figure = f"{losses[0]:.3f} to {losses[-1]:.3f}, {perf_counter() - started:.1f} s"
    yield Outcome(title, is_falling, figure)


def packing(bench: Bench) -> Iterator[Outcome]:
    """Rows one after another give the losses of rows alone, in float32."""
    for method in ("sft", "dpo"):
        found = {}
        for way in ("on", "off"):
            job = job_for(bench, method, dtype="float32", steps=3, rows={"packing": way})
            found[way] = losses_of(trained(bench, job))
        off = apart(found["on"], found["off"])
        yield Outcome(
            f"{method}: packed as padded", off <= SAME_LATER, f"off by {off:.1e} (at most {SAME_LATER:.0e})"
        )


def words(bench: Bench) -> Iterator[Outcome]:
    """New tokens learn beside an adapter, and every word vector in continued pretraining."""
    job = job_for(bench, "sft", dtype=bench.dtype, steps=3, new_tokens=["<tool>", "</tool>"])
    losses = losses_of(trained(bench, job))
    yield Outcome("new tokens", all(map(math.isfinite, losses)), f"{losses[0]:.3f} to {losses[-1]:.3f}")
    job = job_for(bench, "pretrain", dtype=bench.dtype, steps=8, limit=8, embeddings=True)
    losses = losses_of(trained(bench, job))
    is_falling = all(map(math.isfinite, losses)) and losses[-1] < losses[0]
    yield Outcome("word vectors in pretraining", is_falling, f"{losses[0]:.3f} to {losses[-1]:.3f}")


def resume(bench: Bench) -> Iterator[Outcome]:
    """A run that was paused, saved, stopped and resumed has the losses of one that was not."""
    for method in ("sft", "dpo"):
        job = job_for(bench, method, dtype=bench.dtype, steps=STEPS)
        whole, again = losses_of(trained(bench, job)), losses_of(trained(bench, job))
        folder = bench.fresh()
        train(job, Scripted(folder, {CUT - 1: [Pause(), Resume()], CUT: [Save(), Stop(keep=True)]}))
        train(job, Scripted(folder, {}, since=time()), checkpoint_folder(folder, CUT))
        parts = losses_of(folder)
        repeat, off = apart(whole, again), apart(whole, parts)
        is_same = off == 0 if repeat == 0 else off <= 10 * repeat
        words = "bit by bit" if off == 0 else f"off by {off:.1e}, a repeated run by {repeat:.1e}"
        yield Outcome(f"{method}: paused, saved, stopped at {CUT}, resumed", is_same, words)


Check = Callable[[Bench], Iterator[Outcome]]
CHECKS: dict[str, Check] = {
    "devices": devices,
    "paths": gpu_fast.paths,
    "proven": gpu_fast.proven,
    "attention": gpu_fast.rows_at_once,
    "silent": gpu_fast.silent,
    "optimizer": gpu_memory.fused,
    "runaway": gpu_memory.runaway,
    "eight-bit": gpu_memory.eight_bit,
    "smaller": gpu_memory.smaller,
    "memory": gpu_memory.memory,
    "packing": packing,
    "methods": methods,
    "resume": resume,
    "answers": answers,
    "words": words,
    "adapters": adapters,
    "segments": gpu_memory.segments,
    "flow": flow,
    "worker": worker,
}
"""In this order: should time run out, the last ones are left out."""
BESIDE = ("segments", "flow", "worker")
"""Those that start processes and compute nothing here: they run beside the others."""


def outcomes(name: str, bench: Bench) -> list[Outcome]:
    """All that a check found; one that breaks off has failed, and hides none of those after it."""
    found: list[Outcome] = []
    started = perf_counter()
    if monotonic() > bench.deadline:
        return [Outcome(name, None, "time was up")]
    try:
        for outcome in CHECKS[name](bench):
            found.append(outcome)  # noqa: PERF402  # what came before a fault stays
    except Exception as error:  # noqa: BLE001  # see above
        traceback.print_exc()
        words = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        found.append(Outcome(name, False, words[:200]))
    print(f"{name}: {perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return found


def all_outcomes(names: Sequence[str], bench: Bench) -> Iterator[Outcome]:
    """The outcomes of these checks, in their order."""
    with ThreadPoolExecutor() as pool:
        beside = {name: pool.submit(outcomes, name, bench) for name in names if name in BESIDE}
        for name in names:
            yield from beside[name].result() if name in beside else outcomes(name, bench)
