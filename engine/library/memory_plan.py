"""How a job is made to fit into memory: how many rows go through the model at a time, and what is computed again."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard
from engine.job.job import Job
from engine.library.arithmetic import plural
from engine.library.compression import optimizer_problem_on
from engine.library.devices import Device
from engine.library.kept_values import Keeping, kind_of
from engine.library.lora_mixture import is_lora_mixture, lora_mixture_copied, lora_mixture_count
from engine.library.memory_need import (
    DTYPE_BYTES,
    ENGINE_BYTES,
    GAPS,
    Portion,
    activation_bytes,
    head_bytes,
    largest_matrix,
    trained_bytes,
    weight_bytes,
)
from engine.library.mixtures import copied_numbers, mixture_count
from engine.library.model_folder import ModelInfo
from engine.library.room import longest_row
from engine.library.speed import pays_to_pack
from engine.library.trained_count import trained_count, virtual_positions
from engine.library.word_count import words_bytes, words_count

_HEADROOM = 0.9  # share of the free memory that is used at most
_ENOUGH_TOKENS = 16_384  # on a processor larger portions gain no speed
_WORTH_TOKENS = (
    2048  # smaller portions cost more time (measured: 40 % at 512) than layers computed again (25 %)
)


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
class Plan:
    """How a run is done: rows at a time, and how many layers, from the first, are computed again on the way back.

    `optimizer` is "adamw" or "adamw-8bit"; `in_backward`: weights are corrected on the way back, one by one.
    """

    micro_batch: int
    recomputed: int = 0
    optimizer: str = "adamw"
    in_backward: bool = False


@dataclass(frozen=True)
class Parts:
    """Bytes of weights, of what is trained with gradients and optimizer, of kept values, and of working space."""

    weights: int
    adapter: int
    activations: int
    working: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.adapter + self.activations + self.working


@dataclass(frozen=True)
class Case:
    """Everything that an estimate follows from."""

    job: Job
    model: ModelInfo
    device: Device
    dtype: str
    rows: RowStats | None
    cores: int

    @property
    def card(self) -> AdapterCard:
        """The card of the adapter."""
        return ADAPTERS[self.job.adapter.kind]

    @property
    def is_adapter(self) -> bool:
        """Whether something beside the model's own weights is trained."""
        return not self.card.holds_float32

    @property
    def offloads(self) -> bool:
        """Whether what is kept for the way back goes to main memory."""
        return self.job.train.offload and self.device.kind == "cuda"

    @property
    def keeping(self) -> Keeping:
        """How its layers are done."""
        is_packed = pays_to_pack(self.job.rows.packing, self.device.kind)
        is_packed = is_packed and not virtual_positions(self.job.adapter.settings)
        rank = getattr(self.job.adapter.settings, "rank", 0)
        experts: Literal["", "beside", "within"] = "within" if copied_numbers(self.job, self.model) else ""
        if is_lora_mixture(self.job):
            experts = "beside"
        return Keeping(kind_of(self.job, self.is_adapter), self.width, rank, is_packed, experts)

    @property
    def copied(self) -> int:
        """Numbers of a layer's own weights that every pass makes anew."""
        return copied_numbers(self.job, self.model) or lora_mixture_copied(self.job, self.model, self.width)

    @property
    def width(self) -> int:
        """Bytes of a number that the model computes with."""
        return DTYPE_BYTES[self.dtype]

    @property
    def sequences(self) -> int:
        """Texts in one row: a preference has two answers."""
        return 2 if self.job.method_card.rows == "preference" else 1

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        limit = longest_row(self.job, self.model)
        longest = min(limit, self.rows.tokens_max) if self.rows and self.rows.tokens_max > 0 else limit
        return longest + virtual_positions(self.job.adapter.settings)

    @property
    def trained(self) -> int:
        """Numbers that learn."""
        words = words_count(self.job, self.model)
        if is_lora_mixture(self.job):
            return lora_mixture_count(self.job, self.model) + words
        adapter = trained_count(self.model, self.job.adapter.settings)
        return mixture_count(self.job, self.model, adapter) + words


def parts_of(case: Case, plan: Plan) -> Parts:
    """What the job needs when it is done by this plan."""
    held = case.width if case.is_adapter else DTYPE_BYTES["float32"]
    tokens = plan.micro_batch * case.sequences * case.longest
    share = case.rows.trained_share if case.rows else 1.0
    portion = Portion(tokens, case.longest, math.ceil(tokens * share))
    activations = activation_bytes(
        case.model,
        portion,
        case.keeping,
        case.device.kind,
        plan.recomputed,
        case.offloads,
        case.copied,
    )
    narrow = case.model.parameters * case.width if not case.is_adapter and case.width < held else 0
    at_once = min(case.trained, largest_matrix(case.model)) if plan.in_backward else case.trained
    gaps = GAPS.get((case.device.kind, case.keeping.kind), 1.0)
    engine = ENGINE_BYTES.get(case.device.kind, ENGINE_BYTES["cpu"])
    return Parts(
        weights=weight_bytes(case.model, held, case.job.model.quantization != "none"),
        adapter=trained_bytes(case.trained, case.card.can_switch_off, plan.optimizer, at_once),
        activations=int(activations * gaps),
        working=head_bytes(case.model, portion, case.device.kind, case.job.train.fast == "auto")
        + engine
        + narrow
        + words_bytes(case.job, case.model, case.width),
    )


def choose_plan(case: Case) -> Plan:
    """The fastest plan that fits with headroom; where none does, the one that needs least.

    First as many rows at a time as fit, down to what a portion is worth keeping; then as many layers computed again
    as that takes; then smaller portions: all of these give the same result. Only where none of them fits, and the whole
    model is trained, weights are corrected on the way back, and then the optimizer remembers in 8 bits.
    """

    def needs(plan: Plan) -> int:
        return parts_of(case, plan).total

    def fits(plan: Plan) -> bool:
        return needs(plan) <= _HEADROOM * case.device.memory_free

    found = [_plan_of(case, way, fits) for way in _ways(case)]
    return next(filter(fits, found), min(found, key=needs))


def _ways(case: Case) -> list[Plan]:
    """What may be done with optimizer and gradients, the ordinary before what changes the result a little."""
    train, batch = case.job.train, case.job.train.batch_size
    has_8bit = not case.is_adapter and not optimizer_problem_on(case.device.kind)
    optimizers = [train.optimizer] if train.optimizer != "auto" else ["adamw", "adamw-8bit"][: 1 + has_8bit]
    is_whole = (train.micro_batch or batch) >= batch
    may = is_whole and (train.step_in_backward == "on" or not case.is_adapter)
    choices = {"off": [False], "on": [True, False], "auto": [False, True]}[train.step_in_backward]
    ways = [Plan(batch, 0, optimizer, in_backward) for optimizer in optimizers for in_backward in choices]
    return [way for way in ways if may or not way.in_backward]


def _plan_of(case: Case, way: Plan, fits: Callable[[Plan], bool]) -> Plan:
    """The fastest plan of this way that fits, else the one that needs least."""
    sizes, most = [case.job.train.batch_size] if way.in_backward else _sizes(case), most_layers(case)
    first = most if case.job.train.checkpointing == "on" else 0
    least = _least_worth(case, sizes)
    for rows in (size for size in sizes if size >= least):
        if fits(plan := replace(way, micro_batch=rows, recomputed=first)):
            return plan
    for rows in (size for size in sizes if size <= least):
        plans = [replace(way, micro_batch=rows, recomputed=layers) for layers in range(first, most + 1)]
        if fits(plans[-1]):
            return plans[bisect_left(plans, True, key=fits)]
    return replace(way, micro_batch=sizes[-1], recomputed=most)


def least_rows(case: Case) -> int:
    """The fewest rows at a time that are worth keeping before layers are computed again."""
    return _least_worth(case, _sizes(case))


def _least_worth(case: Case, sizes: Sequence[int]) -> int:
    return min((rows for rows in sizes if _tokens(case, rows) >= _WORTH_TOKENS), default=sizes[0])


def most_layers(case: Case) -> int:
    """How many layers may be computed again."""
    is_possible = case.card.can_recompute and case.job.train.checkpointing != "off"
    return case.model.layers if is_possible else 0


def plan_words(plan: Plan, layers: int) -> list[str]:
    """Sentences about what the plan does to save memory; none where it does nothing."""
    found = [recomputing_words(plan, layers)]
    if plan.optimizer == "adamw-8bit":
        found.append("The optimizer remembers in 8 bits.")
    if plan.in_backward:
        found.append("Each weight is corrected on the way back, as soon as its gradient is known.")
    return [words for words in found if words]


def recomputing_words(plan: Plan, layers: int) -> str:
    """A sentence about the layers that are computed again; "" for none."""
    if not plan.recomputed:
        return ""
    verb = "is" if plan.recomputed == 1 else "are"
    return f"{plan.recomputed} of {plural(layers, 'layer')} {verb} computed again on the way back."


def _sizes(case: Case) -> list[int]:
    """Rows at a time to choose from, largest first: as asked; else the whole batch and powers of two."""
    batch = case.job.train.batch_size
    if case.job.train.micro_batch:
        return [min(case.job.train.micro_batch, batch)]
    powers = [2**n for n in reversed(range(batch.bit_length())) if 2**n < batch]
    sizes = [batch, *powers]
    if case.device.kind != "cpu":
        return sizes
    return [rows for rows in sizes if _tokens(case, rows) <= _ENOUGH_TOKENS] or [1]


def _tokens(case: Case, rows: int) -> int:
    return rows * case.sequences * case.longest
