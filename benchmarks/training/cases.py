"""What is trained by whom: sizes of models, cases, and the ways in which either side does its part. Tables alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT, TUNED, PACKED, GROUPED = "TRL default", "TRL tuned", "TRL packed", "TRL grouped"
OURS, PRODUCTS = "Tunewright", "products"
OURS_CHECKPOINTED, TUNED_CHECKPOINTED = "Tunewright, recomputing", "TRL tuned, recomputing"


@dataclass(frozen=True)
class Size:
    """A model of random weights in bfloat16, with one matrix for reading and writing words."""

    family: Literal["llama", "qwen3"]
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    positions: int = 2048


SIZES = {
    "40M": Size("llama", 8, 512, 1536, 8, 8, 32_000),
    "0.5B": Size("qwen3", 24, 896, 4864, 14, 2, 151_936),
    "tiny": Size("llama", 2, 64, 128, 4, 4, 2_000),
    "32k words": Size("llama", 8, 512, 1536, 8, 8, 32_000, positions=8192),
    "152k words": Size("llama", 8, 512, 1536, 8, 8, 151_936, positions=8192),
}


@dataclass(frozen=True)
class Texts:
    """How long rows are, in words (each is one token). Medians of lognormal lengths, or every row just so long."""

    prompt: int
    answer: int
    is_fixed: bool = False
    longest: int = 1024  # tokens of a row at most, the template's included


QUESTIONS = Texts(prompt=170, answer=80)
LONG_PAIRS = Texts(prompt=420, answer=110)


@dataclass(frozen=True)
class Variant:
    """One way to do a case.

    `settings` are arguments of TRL's configuration, or a job's values by section. It takes part in the first and then
    in every `every`-th repetition. `lacks` names what our own default has and this way has not; `aim` is how many
    times faster the default should be.
    """

    name: str
    side: Literal["trl", "ours", "products"]
    settings: Mapping[str, Any] = field(default_factory=dict)  # Any: values of many types
    environment: Mapping[str, str] = field(default_factory=dict)
    every: int = 1
    is_tuned: bool = False
    lacks: str = ""
    aim: float | None = None


@dataclass(frozen=True)
class Aims:
    """At least so many times as fast; at most such a share of the memory or, for `products`, at least of the time."""

    default: float | None = None
    tuned: float | None = None
    second_epoch: float | None = None
    memory: float | None = None
    memory_recomputing: float | None = None
    products: float | None = None


@dataclass(frozen=True)
class Case:
    """A model, a method and an epoch of so many updates, the first of which warms up and is not timed."""

    name: str
    size: str
    method: Literal["sft", "dpo"]
    rows: int
    updates: int
    texts: Texts
    variants: tuple[Variant, ...]
    aims: Aims = Aims()


REPETITIONS = 5  # of each case, unless it is said otherwise
ONCE = 1_000
_NO_MMAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34)}  # glibc keeps what it has
_LEAN = {"model_init_kwargs": {"dtype": "bfloat16"}, "gradient_checkpointing": False}


def _tuned(name: str, every: int = 1, **settings: Any) -> Variant:  # Any: arguments of TRL's configuration
    return Variant(name, "trl", {**_LEAN, **settings}, _NO_MMAP, every, is_tuned=True)


def _sft_peers(every: int = 2) -> tuple[Variant, ...]:
    return (
        Variant(DEFAULT, "trl"),
        _tuned(TUNED),
        _tuned(PACKED, every, packing=True),
        _tuned(GROUPED, every, train_sampling_strategy="group_by_length"),
    )


def _dpo(every: int) -> tuple[Variant, ...]:
    """Ours goes on for a second epoch, whose updates find the reference known."""
    return (
        Variant(DEFAULT, "trl"),
        _tuned(TUNED, every, precompute_ref_log_probs=True),
        Variant(OURS, "ours", {"train": {"epochs": 2}}),
    )


_PADDED = Variant(
    "Tunewright, rows padded",
    "ours",
    {"rows": {"packing": "off"}},
    every=ONCE,
    lacks="rows one after another",
)
_PLAIN = Variant(
    "Tunewright, PEFT's layers and all scores",
    "ours",
    {"train": {"fast": "off"}},
    every=ONCE,
    lacks="lean layers, the tiled head and the last layer where it counts",
)
_TWICE = Variant(
    "Tunewright, prompts read twice",
    "ours",
    {"rows": {"prefix_sharing": "off"}},
    every=ONCE,
    lacks="prefix sharing",
    aim=1.4,
)
_RECOMPUTING = (
    Variant(OURS_CHECKPOINTED, "ours", {"train": {"checkpointing": True}}, every=ONCE),
    Variant(TUNED_CHECKPOINTED, "trl", {**_LEAN, "gradient_checkpointing": True}, _NO_MMAP, every=ONCE),
)

CASES = (
    Case(
        "40M SFT", "40M", "sft", 8, 3, QUESTIONS,
        (*_sft_peers(), Variant(OURS, "ours"), _PADDED, _PLAIN),
        Aims(default=4.5, tuned=2.3, memory=0.3),
    ),
    Case(
        "40M DPO", "40M", "dpo", 4, 2, LONG_PAIRS,
        (*_dpo(every=2), _TWICE),
        Aims(default=8.0, second_epoch=10.0, memory=0.3),
    ),
    Case(
        "0.5B SFT", "0.5B", "sft", 4, 2, QUESTIONS,
        (*_sft_peers(), Variant(OURS, "ours"), Variant(PRODUCTS, "products"), *_RECOMPUTING),
        Aims(default=3.5, tuned=2.2, memory=0.55, memory_recomputing=0.4, products=0.45),
    ),
    Case(
        "0.5B DPO", "0.5B", "dpo", 2, 2, LONG_PAIRS,
        _dpo(every=ONCE),
        Aims(default=5.0, second_epoch=6.0, memory=0.55),
    ),
)  # fmt: skip

QUICK = (
    Case(
        "tiny SFT", "tiny", "sft", 4, 3, Texts(64, 24),
        (*_sft_peers(ONCE)[:3], Variant(OURS, "ours"), Variant(PRODUCTS, "products")),
    ),
    Case("tiny DPO", "tiny", "dpo", 2, 3, Texts(64, 24), _dpo(every=ONCE)),
)  # fmt: skip


def _grown(size: str, length: int, rows: int, updates: int) -> Case:
    """Rows of one length, a quarter of which is learned."""
    answer = length // 4
    texts = Texts(length - answer - 4, answer, is_fixed=True, longest=length)
    name = f"{size}, {rows} row{'s' if rows > 1 else ''} of {length} tokens"
    return Case(name, size, "sft", rows, updates, texts, (Variant(DEFAULT, "trl"), Variant(OURS, "ours")))


_TOKENS = 2048  # in an update, where rows are not longer
GROWTH = (
    *(
        _grown(size, length, max(1, _TOKENS // length), 2)
        for size in ("32k words", "152k words")
        for length in (256, 512, 1024, 2048, 4096)
    ),
    *(_grown("32k words", 256, rows, 2 + 4 // rows) for rows in (1, 2, 4, 16, 32)),
)
QUICK_GROWTH = (_grown("tiny", 64, 2, 2), _grown("tiny", 64, 4, 2))
