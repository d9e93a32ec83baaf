"""The checks of what a run takes on a device: the estimate, and each way to take less, with its losses beside the ordinary way's."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import time
from unittest import mock

import torch

from benchmarks.gpu_training import forget_memory, most_memory, random_model
from benchmarks.gpu_work import Bench, Outcome, Scripted, apart, job_for, losses_of, trained
from engine.job.channel import Desk, events_of
from engine.job.commands import Save, Stop
from engine.job.errors import TrainingError
from engine.job.events import Remark
from engine.job.job import Job
from engine.job.sections import TrainSection
from engine.library.compression import optimizer_problem_on
from engine.library.devices import machine
from engine.library.estimate import RowStats, estimate
from engine.library.memory_need import ENGINE_BYTES
from engine.library.models import check_model
from engine.models.adapters import trained_parameters
from engine.models.load import load_tokenizer
from engine.train.between import Between
from engine.train.checkpoints import checkpoint_folder
from engine.train.loop import Training, train_loop
from engine.train.optimizer import Optimizer
from engine.train.rows import prepare_rows
from engine.train.session import train

_ROOT = Path(__file__).resolve().parents[1]
_ALLOCATOR = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
_STEPS, _CUT = 8, 4


def memory(bench: Bench) -> Iterator[Outcome]:
    """What the estimate says is what is taken, and too little memory makes portions smaller, not the run fail."""
    if bench.device != "cuda":
        yield Outcome("estimate and memory", None, "needs CUDA")
        return
    model = random_model("40M", bench.folder, bench.device)
    wanted = [("lora", "bfloat16"), ("lora", "float32"), ("full", "bfloat16")]
    for adapter, dtype in wanted:
        job = _large(bench, model, adapter, dtype)
        taken, _ = _peak(bench, job)
        predicted = _predicted(bench, job)
        words = (
            f"predicted {predicted / 1e6:.0f} MB, taken {taken / 1e6:.0f} MB, ratio {predicted / taken:.2f}"
        )
        yield Outcome(f"estimate, {adapter} in {dtype} (0.8 to 2)", 0.8 <= predicted / taken <= 2.0, words)
    yield _short_of_memory(bench, _large(bench, model, "lora", "bfloat16"))


def _large(bench: Bench, model: Path, adapter: str, dtype: str) -> Job:
    return job_for(bench, "sft", adapter=adapter, dtype=dtype, steps=3, model=model, batch=32, rate=1e-4)


def _peak(bench: Bench, job: Job) -> tuple[int, Path]:
    """Bytes that a run's tensors held at most, and its folder."""
    forget_memory()
    torch.cuda.reset_peak_memory_stats()
    folder = trained(bench, job)
    return torch.cuda.max_memory_allocated(), folder


def _predicted(bench: Bench, job: Job) -> int:
    """Bytes by the estimate, for the very rows; without the engine's own, which torch does not count."""
    model = Path(job.model.source)
    examples = prepare_rows(job, load_tokenizer(model), Desk(bench.fresh())).train
    tokens = sum(example.tokens for example in examples)
    stats = RowStats(
        rows=len(examples),
        tokens_mean=tokens / len(examples),
        tokens_max=max(example.length for example in examples),
        trained_share=sum(example.trained for example in examples) / tokens,
    )
    return estimate(job, check_model(model), stats, machine()).total - ENGINE_BYTES["cuda"]


def _short_of_memory(bench: Bench, job: Job) -> Outcome:
    taken, folder = _peak(bench, job)
    total = torch.cuda.get_device_properties(0).total_memory
    forget_memory()
    torch.cuda.set_per_process_memory_fraction(0.6 * taken / total)
    try:
        short = trained(bench, job)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    told = [event.title for event in events_of(short) if isinstance(event, Remark)]
    halved = [title for title in told if title.startswith("Memory ran out;")]
    off = apart(losses_of(folder), losses_of(short))
    words = f"{halved[-1] if halved else 'Not provoked.'} Losses off by {off:.1e} (at most 2e-2)"
    return Outcome("memory runs out at 0.6 of what is needed", bool(halved) and off <= 2e-2, words)


def smaller(bench: Bench) -> Iterator[Outcome]:
    """Ways to take less memory give the ordinary way's losses, and take less."""
    for title, adapter, off, on in (
        ("layers computed again", "lora", {"checkpointing": "off"}, {"checkpointing": "on"}),
        (
            "values in main memory",
            "lora",
            {"checkpointing": "off"},
            {"checkpointing": "off", "offload": True},
        ),
        ("corrected on the way back", "full", {"step_in_backward": "off"}, {"step_in_backward": "on"}),
    ):
        if title == "values in main memory" and bench.device != "cuda":
            yield Outcome(title, None, "needs CUDA")
            continue
        yield _compared(bench, title, adapter, off, on)


def _compared(
    bench: Bench, title: str, adapter: str, off: Mapping[str, object], on: Mapping[str, object]
) -> Outcome:
    """Without clipping, as each weight by itself would be cut otherwise."""
    model = random_model("40M" if bench.device == "cuda" else "tiny", bench.folder, bench.device)
    figures = []
    # Few rows where every weight is trained: else what layers keep, which is the same, would be the most there ever is.
    batch = 2 if adapter == "full" else 16
    for settings in (off, off, on):
        job = job_for(
            bench, "sft", adapter=adapter, dtype=bench.dtype, steps=4, model=model, batch=batch, rate=1e-4,
            sections={"train": {"clip": 0.0, "optimizer": "adamw", **settings}},
        )  # fmt: skip
        forget_memory()
        losses = losses_of(trained(bench, job))
        figures.append((losses, most_memory()))
    (losses, memory), (again, _), (others, less) = figures
    repeated, distance = apart(losses, again), apart(losses, others)
    is_same = distance <= max(10 * repeated, 1e-6 if bench.dtype == "float32" else 2e-3)
    is_less = bench.device != "cuda" or less < memory
    words = f"losses off by {distance:.1e} (a repeated run by {repeated:.1e}); {memory / 1e6:.0f} MB without, {less / 1e6:.0f} MB with"
    return Outcome(title, is_same and is_less, words)


def eight_bit(bench: Bench) -> Iterator[Outcome]:
    """The optimizer of 8 bits learns, and goes on from a checkpoint as if nothing had happened."""
    reason = optimizer_problem_on(bench.device)
    if reason:
        yield Outcome("optimizer of 8 bits", None, reason)
        return
    train_section = {"optimizer": "adamw-8bit", "step_in_backward": "off"}
    job = job_for(
        bench,
        "sft",
        adapter="full",
        dtype=bench.dtype,
        steps=_STEPS,
        rate=1e-4,
        sections={"train": train_section},
    )
    whole, again = losses_of(trained(bench, job)), losses_of(trained(bench, job))
    folder = bench.fresh()
    train(job, Scripted(folder, {_CUT: [Save(), Stop(keep=True)]}))
    train(job, Scripted(folder, {}, since=time()), checkpoint_folder(folder, _CUT))
    off, repeat = apart(whole, losses_of(folder)), apart(whole, again)
    is_good = off <= 10 * repeat and whole[-1] < whole[0]
    words = f"{whole[0]:.3f} to {whole[-1]:.3f}; resumed off by {off:.1e}, a repeated run by {repeat:.1e}"
    yield Outcome("optimizer of 8 bits, resumed", is_good, words)


def fused(bench: Bench) -> Iterator[Outcome]:
    """Five corrections with clipping are AdamW's by hand in float64; one after a runaway changes nothing."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(64, 32, device=bench.device))
    exact = weight.detach().double()
    first, second = torch.zeros_like(exact), torch.zeros_like(exact)
    optimizer = Optimizer({"weight": weight}, TrainSection(clip=1.0, weight_decay=0.1))
    for step in range(1, 6):
        gradient = torch.randn_like(weight)
        weight.grad = gradient.clone()
        optimizer.correct(1e-2, optimizer.norm())
        cut = gradient.double() / max(1.0, gradient.double().norm().item())
        first, second = 0.9 * first + 0.1 * cut, 0.999 * second + 0.001 * cut**2
        exact = exact * (1 - 1e-2 * 0.1)
        exact = exact - 1e-2 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    off = (weight.detach().double() - exact).abs().max().item()
    yield Outcome("AdamW is as by hand", off <= 1e-5, f"off by {off:.1e} (at most 1e-5)")
    before = weight.detach().clone()
    for value in (math.nan, 1.0):  # the second is on its way before anybody has read the first
        weight.grad = torch.full_like(weight, value)
        norm = optimizer.norm()
        optimizer.halt_unless_finite(norm)
        optimizer.correct(1e-2, norm)
    yield Outcome("no correction after a runaway", torch.equal(weight, before), "not a number, then one")


def runaway(bench: Bench) -> Iterator[Outcome]:
    """In a run whose gradient is no number at update 4, the weights stay those of update 3, and the update is named."""
    kept: dict[str, torch.Tensor] = {}
    found: list[bool] = []

    def poisoned(training: Training, between: Between) -> None:
        optimizer, named = training.optimizer, trained_parameters(training.policy.model)
        divide, calls = optimizer.divide_gradients, iter(range(1, 1000))

        def divided(count: torch.Tensor | float) -> None:
            divide(count)
            if next(calls) == 4:
                kept.update({name: weight.detach().clone() for name, weight in named.items()})
                next(iter(named.values())).grad.fill_(math.nan)  # type: ignore[union-attr]

        with mock.patch.object(optimizer, "divide_gradients", divided):
            try:
                train_loop(training, between)
            finally:
                found.append(all(torch.equal(kept[name], weight) for name, weight in named.items()))

    job = job_for(bench, "sft", dtype=bench.dtype, steps=8, rows={"packing": "on"})
    folder, told = bench.fresh(), "nothing was raised"
    with mock.patch("engine.train.session.train_loop", poisoned):
        try:
            train(job, Desk(folder))
        except TrainingError as error:
            told = error.title
    is_good = found == [True] and "at step 4" in told and len(losses_of(folder)) == 3
    yield Outcome(
        "a runaway update changes nothing", is_good, f"{told} Told before: {len(losses_of(folder))} updates"
    )


def segments(bench: Bench) -> Iterator[Outcome]:
    """What torch reserves with segments that can grow, as the worker asks for, and without: a process each."""
    if bench.device != "cuda":
        yield Outcome("segments that grow", None, "needs CUDA")
        return
    found = {}
    for word in ("True", "False"):
        allocator = dict.fromkeys(_ALLOCATOR, f"expandable_segments:{word}")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu_reserved", str(bench.folder / f"reserved-{word}")],
            cwd=_ROOT, env={**os.environ, **allocator}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            yield Outcome(
                "segments that grow", False, (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
            )
            return
        found[word] = [int(number) for number in done.stdout.split()[-2:]]
    (grown, used), (fixed, _) = found["True"], found["False"]
    words = (
        f"reserved {grown / 1e6:.0f} MB with, {fixed / 1e6:.0f} MB without; tensors held {used / 1e6:.0f} MB"
    )
    yield Outcome("segments that grow", grown <= 1.02 * fixed, words)
