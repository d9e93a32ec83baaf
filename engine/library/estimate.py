"""What a job will need: memory by part, rows at a time, time and disk. Quick enough to follow every edit."""

import math
from dataclasses import dataclass, replace

from engine.job.errors import ModelError
from engine.job.job import Job, with_kind
from engine.library.architectures import SUPPORTED
from engine.library.arithmetic import count_words, memory_words, plural, sum_words
from engine.library.devices import Device, Machine, auto_dtype, choose_device, physical_cores
from engine.library.lora_mixture import is_lora_mixture, refuse_lora_mixture
from engine.library.memory_need import DTYPE_BYTES, optimizer_disk_bytes
from engine.library.memory_plan import Case, Parts, Plan, RowStats, choose_plan, parts_of, plan_words
from engine.library.mixtures import refuse_mixture, with_experts
from engine.library.model_folder import ModelInfo
from engine.library.speed import known_speed, pays_to_pack, token_operations
from engine.library.trained_count import virtual_positions
from engine.library.word_count import with_new_tokens, words_written_twice

_LAYER_SECONDS = 0.003  # what one layer costs forward and back however small it is, on a processor


@dataclass(frozen=True)
class Estimate:
    """Bytes on the device that computes, the time and the disk.

    `adapter` is what is trained with gradients and optimizer, `working` the vocabulary's scores and the engine
    itself. `seconds` is a range, low and high; None while the number of updates is unknown (`updates` 0).
    `recomputed` is the number of layers that are computed again on the way back, `optimizer` "adamw" or "adamw-8bit";
    `step_in_backward` tells that weights are corrected on the way back, one by one.
    """

    weights: int
    adapter: int
    activations: int
    working: int
    total: int
    free: int
    fits: bool
    micro_batch: int
    parameters_trained: int
    updates: int
    seconds: tuple[float, float] | None
    disk: int
    arithmetic: str
    recomputed: int = 0
    optimizer: str = "adamw"
    step_in_backward: bool = False


def estimate(job: Job, model: ModelInfo, rows: RowStats | None, machine: Machine) -> Estimate:
    """The needs of `job` with `model` on `machine`; `rows` is None while the data is not read yet.

    Raises ModelError when the model is not one that can be trained, JobError when its positions leave no room.
    """
    if model.model_type not in SUPPORTED:
        raise ModelError(model.problem or f"{model.name} cannot be trained.", model.advice)
    refuse_mixture(job, model)
    refuse_lora_mixture(job, model)
    case = case_of(job, model, rows, machine)
    plan = choose_plan(case)
    parts = parts_of(case, plan)
    updates = _updates(case)
    return Estimate(
        weights=parts.weights,
        adapter=parts.adapter,
        activations=parts.activations,
        working=parts.working,
        total=parts.total,
        free=case.device.memory_free,
        fits=parts.total <= case.device.memory_free,
        micro_batch=plan.micro_batch,
        parameters_trained=case.trained,
        updates=updates,
        seconds=_seconds(case, updates, plan) if updates else None,
        disk=_disk(case, plan),
        arithmetic=_arithmetic(case, parts, plan),
        recomputed=plan.recomputed,
        optimizer=plan.optimizer,
        step_in_backward=plan.in_backward,
    )


def case_of(job: Job, model: ModelInfo, rows: RowStats | None, machine: Machine) -> Case:
    """The job with `model` on `machine`, as plans are made for it."""
    absent = Device(job.device.kind, "", 0, 0)
    device = choose_device(machine, job.device.kind) or absent
    dtype = job.model.dtype if job.model.dtype != "auto" else auto_dtype(device, model.parameters)
    cores = min(job.device.threads or machine.cores, machine.cores, physical_cores())
    return Case(job, with_new_tokens(job, with_experts(job, model)), device, dtype, rows, cores)


def _updates(case: Case) -> int:
    train = case.job.train
    if train.steps:
        return train.steps
    if case.rows is None or case.rows.rows == 0:
        return 0
    learned = case.rows.rows - round(case.rows.rows * case.job.rows.validation)
    return max(1, math.ceil(learned * train.epochs / train.batch_size))


def _seconds(case: Case, updates: int, plan: Plan) -> tuple[float, float]:
    mean = min(case.rows.tokens_mean, case.longest) if case.rows else case.longest / 2
    batch = case.job.train.batch_size
    tokens = updates * batch * case.sequences * mean
    speed = known_speed(case.device.kind, case.dtype, case.cores)
    portions = updates * _portions(case, plan.micro_batch, mean)
    scored = case.rows.trained_share if case.rows else 1.0
    share = plan.recomputed / case.model.layers
    seconds = tokens * token_operations(case.job, case.model, scored, share) / speed.rate
    seconds += portions * case.model.layers * _LAYER_SECONDS
    return seconds / speed.spread, seconds * speed.spread


def _portions(case: Case, micro_batch: int, mean: float) -> int:
    """How often an update goes through the model: packed rows fill each portion, padded ones count as the longest."""
    train, asked = case.job.train, case.job.rows.packing
    if virtual_positions(case.job.adapter.settings) or not pays_to_pack(asked, case.device.kind):
        return math.ceil(train.batch_size / micro_batch)
    return math.ceil(train.batch_size * mean / (micro_batch * case.longest))


def _disk(case: Case, plan: Plan) -> int:
    """The checkpoints that are kept, each with its optimizer, and the result."""
    saving = case.job.saving
    kept = saving.keep + (1 if saving.best and case.job.rows.validation > 0 else 0)
    weights = DTYPE_BYTES["float32"]
    twice = words_written_twice(case.job, case.model) * weights * (kept + 1)
    optimizer = kept * optimizer_disk_bytes(case.trained, plan.optimizer)
    written = case.model.parameters if case.card.saves == "model" else case.trained
    return written * (kept + 1) * weights + optimizer + twice


def _arithmetic(case: Case, parts: Parts, plan: Plan) -> str:
    free = case.device.memory_free
    lines = [sum_words((parts.weights, parts.adapter, parts.activations, parts.working), free)]
    width = case.width if case.is_adapter else DTYPE_BYTES["float32"]
    row, text = ("pair", "answer") if case.sequences == 2 else ("row", "row")
    active = f", {count_words(case.model.active)} of them for each token," if case.model.experts else ""
    lines.append(
        f"{count_words(case.model.parameters)} weights{active} at {width} bytes each, "
        f"{plural(plan.micro_batch, row)} at a time, up to {case.longest:,} tokens per {text}."
    )
    lines.extend(plan_words(plan, case.model.layers))
    if case.card.saves != "model":
        dense = with_kind(case.job, "moe", "none") if is_lora_mixture(case.job) else case.job
        full = replace(case, job=with_kind(dense, "adapter", "full"))
        need = parts_of(full, choose_plan(full)).total
        verdict = "which would fit too" if need <= free else "which is more than is free"
        lines.append(f"Training every weight would need {memory_words(need)}, {verdict}.")
    return "\n".join(lines)
