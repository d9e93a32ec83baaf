"""What a job will need: memory by part, rows at a time, time and disk. Quick enough to follow every edit."""

import math
from dataclasses import dataclass, replace

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard
from engine.job.errors import ModelError
from engine.job.job import Job, with_kind
from engine.library.architectures import SUPPORTED
from engine.library.arithmetic import count_words, memory_words, plural, sum_words
from engine.library.devices import Device, Machine, auto_dtype, choose_device, physical_cores
from engine.library.lora_mixture import is_lora_mixture, lora_mixture_count, refuse_lora_mixture
from engine.library.memory_need import (
    DTYPE_BYTES,
    ENGINE_BYTES,
    GAPS,
    Portion,
    activation_bytes,
    logit_bytes,
    trained_bytes,
    weight_bytes,
)
from engine.library.mixtures import copied_numbers, mixture_count, refuse_mixture, with_experts
from engine.library.model_folder import ModelInfo
from engine.library.room import longest_row
from engine.library.speed import known_speed, pays_to_pack, token_operations
from engine.library.trained_count import trained_count, virtual_positions
from engine.library.word_count import with_new_tokens, words_bytes, words_count, words_written_twice

_HEADROOM = 0.9  # share of the free memory that is used at most
_ENOUGH_TOKENS = 16_384  # on a processor larger portions gain no speed
_ADAMW_ON_DISK = 8  # float32: mean, mean of squares
_LAYER_SECONDS = 0.003  # what one layer costs forward and back however small it is, on a processor


@dataclass(frozen=True)
class RowStats:
    """What is known of the data: usable rows (those kept back included) and their tokens.

    Tokens are those of one answer's row, template included, not yet cut; a preference row has two such.
    `trained_share` is the share of the tokens that is learned from.
    """

    rows: int
    tokens_mean: float
    tokens_max: int
    trained_share: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """Bytes on the device that computes, the time and the disk.

    `adapter` is what is trained with gradients and optimizer, `working` the vocabulary's scores and the engine
    itself. `seconds` is a range, low and high; None while the number of updates is unknown (`updates` 0).
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


@dataclass(frozen=True)
class _Case:
    """Everything that an estimate follows from."""

    job: Job
    model: ModelInfo
    device: Device
    dtype: str
    rows: RowStats | None
    cores: int

    @property
    def card(self) -> AdapterCard:
        return ADAPTERS[self.job.adapter.kind]

    @property
    def is_adapter(self) -> bool:
        return not self.card.holds_float32

    @property
    def width(self) -> int:
        return DTYPE_BYTES[self.dtype]

    @property
    def sequences(self) -> int:
        """Texts in one row: a preference has two answers."""
        return 2 if self.job.method_card.rows == "preference" else 1

    @property
    def longest(self) -> int:
        limit = longest_row(self.job, self.model)
        longest = min(limit, self.rows.tokens_max) if self.rows and self.rows.tokens_max > 0 else limit
        return longest + virtual_positions(self.job.adapter.settings)

    @property
    def trained(self) -> int:
        if is_lora_mixture(self.job):
            return lora_mixture_count(self.job, self.model) + words_count(self.job, self.model)
        adapter = trained_count(self.model, self.job.adapter.settings)
        return mixture_count(self.job, self.model, adapter) + words_count(self.job, self.model)


def estimate(job: Job, model: ModelInfo, rows: RowStats | None, machine: Machine) -> Estimate:
    """The needs of `job` with `model` on `machine`; `rows` is None while the data is not read yet.

    Raises ModelError when the model is not one that can be trained, JobError when its positions leave no room.
    """
    if model.model_type not in SUPPORTED:
        raise ModelError(model.problem or f"{model.name} cannot be trained.", model.advice)
    refuse_mixture(job, model)
    refuse_lora_mixture(job, model)
    case = _case(job, with_experts(job, model), rows, machine)
    micro_batch = _micro_batch(case)
    parts = _parts(case, micro_batch)
    updates = _updates(case)
    return Estimate(
        *parts,
        total=sum(parts),
        free=case.device.memory_free,
        fits=sum(parts) <= case.device.memory_free,
        micro_batch=micro_batch,
        parameters_trained=case.trained,
        updates=updates,
        seconds=_seconds(case, updates, micro_batch) if updates else None,
        disk=_disk(case),
        arithmetic=_arithmetic(case, parts, micro_batch),
    )


def _case(job: Job, model: ModelInfo, rows: RowStats | None, machine: Machine) -> _Case:
    absent = Device(job.device.kind, "", 0, 0)
    device = choose_device(machine, job.device.kind) or absent
    dtype = job.model.dtype if job.model.dtype != "auto" else auto_dtype(device, model.parameters)
    cores = min(job.device.threads or machine.cores, machine.cores, physical_cores())
    return _Case(job, with_new_tokens(job, model), device, dtype, rows, cores)


def _parts(case: _Case, micro_batch: int) -> tuple[int, int, int, int]:
    """Bytes of weights, of what is trained, of activations, and of working space."""
    held = case.width if case.is_adapter else DTYPE_BYTES["float32"]
    weights = weight_bytes(case.model, held, case.job.model.quantization != "none")
    tokens = micro_batch * case.sequences * case.longest
    share = case.rows.trained_share if case.rows else 1.0
    portion = Portion(tokens, case.longest, math.ceil(tokens * share))
    recompute = case.job.train.checkpointing and case.card.can_recompute
    copied = copied_numbers(case.job, case.model, is_narrow=case.width == 2)
    activations = activation_bytes(case.model, portion, case.width, case.is_adapter, recompute, copied)
    gaps = GAPS.get((case.device.kind, case.is_adapter), 1.0)
    engine = ENGINE_BYTES.get(case.device.kind, ENGINE_BYTES["cpu"])
    return (
        weights,
        trained_bytes(case.trained, case.card.can_switch_off),
        int(activations * gaps),
        logit_bytes(case.model, portion) + engine + words_bytes(case.job, case.model, case.width),
    )


def _micro_batch(case: _Case) -> int:
    """As asked; else the largest power of two (or the whole batch) that fits with headroom."""
    batch = case.job.train.batch_size
    if case.job.train.micro_batch:
        return min(case.job.train.micro_batch, batch)
    powers = [2**n for n in range(batch.bit_length()) if 2**n < batch]
    for rows in [batch, *reversed(powers)]:
        is_enough = case.device.kind == "cpu" and rows * case.sequences * case.longest > _ENOUGH_TOKENS
        if not is_enough and sum(_parts(case, rows)) <= _HEADROOM * case.device.memory_free:
            return rows
    return 1


def _updates(case: _Case) -> int:
    train = case.job.train
    if train.steps:
        return train.steps
    if case.rows is None or case.rows.rows == 0:
        return 0
    learned = case.rows.rows - round(case.rows.rows * case.job.rows.validation)
    return max(1, math.ceil(learned * train.epochs / train.batch_size))


def _seconds(case: _Case, updates: int, micro_batch: int) -> tuple[float, float]:
    mean = min(case.rows.tokens_mean, case.longest) if case.rows else case.longest / 2
    batch = case.job.train.batch_size
    tokens = updates * batch * case.sequences * mean
    speed = known_speed(case.device.kind, case.dtype, case.cores)
    portions = updates * _portions(case, micro_batch, mean)
    seconds = tokens * token_operations(case.job, case.model) / speed.rate
    seconds += portions * case.model.layers * _LAYER_SECONDS
    return seconds / speed.spread, seconds * speed.spread


def _portions(case: _Case, micro_batch: int, mean: float) -> int:
    """How often an update goes through the model: packed rows fill each portion, padded ones count as the longest."""
    train, asked = case.job.train, case.job.rows.packing
    if virtual_positions(case.job.adapter.settings) or not pays_to_pack(asked, case.device.kind):
        return math.ceil(train.batch_size / micro_batch)
    return math.ceil(train.batch_size * mean / (micro_batch * case.longest))


def _disk(case: _Case) -> int:
    """The checkpoints that are kept, each with its optimizer, and the result."""
    saving = case.job.saving
    kept = saving.keep + (1 if saving.best and case.job.rows.validation > 0 else 0)
    weights = DTYPE_BYTES["float32"]
    twice = words_written_twice(case.job, case.model) * weights * (kept + 1)
    written = case.model.parameters if case.card.saves == "model" else case.trained
    return written * weights * (kept + 1) + case.trained * kept * _ADAMW_ON_DISK + twice


def _arithmetic(case: _Case, parts: tuple[int, int, int, int], micro_batch: int) -> str:
    lines = [sum_words(parts, case.device.memory_free)]
    width = case.width if case.is_adapter else DTYPE_BYTES["float32"]
    row, text = ("pair", "answer") if case.sequences == 2 else ("row", "row")
    active = f", {count_words(case.model.active)} of them for each token," if case.model.experts else ""
    lines.append(
        f"{count_words(case.model.parameters)} weights{active} at {width} bytes each, "
        f"{plural(micro_batch, row)} at a time, up to {case.longest:,} tokens per {text}."
    )
    if case.card.saves != "model":
        dense = with_kind(case.job, "moe", "none") if is_lora_mixture(case.job) else case.job
        full = replace(case, job=with_kind(dense, "adapter", "full"))
        need = sum(_parts(full, _micro_batch(full)))
        verdict = "which would fit too" if need <= case.device.memory_free else "which is more than is free"
        lines.append(f"Training every weight would need {memory_words(need)}, {verdict}.")
    return "\n".join(lines)
