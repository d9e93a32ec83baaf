"""The subject `topics`: a mixture of LoRA experts and one LoRA on two topics, each at the best of the same rates."""

import itertools
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import mean
from typing import Any

from benchmarks.table import Row, Table, spread
from benchmarks.topics.learning import Learned, learn
from benchmarks.topics.texts import Topic, nearness, topics
from benchmarks.training.asked import Asked, tell
from engine.library.devices import physical_cores

EXPERTS, TOP_K, RANK, ATTENTION_RANK = 4, 2, 2, 2
MIXTURE, ACTIVE, TOTAL = "mixture", "one LoRA of the active size", "one LoRA of the whole size"
ARMS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {  # Any: a job's values
    MIXTURE: {
        "moe": {"kind": "lora-experts", "experts": EXPERTS, "top_k": TOP_K},
        "adapter": {"rank": RANK},
    },
    ACTIVE: {"adapter": {"rank": RANK * TOP_K}},
    TOTAL: {"adapter": {"rank": RANK * EXPERTS}},
}


@dataclass(frozen=True)
class Study:
    """Rows of each topic, updates, and what is searched: every way at every rate from every seed."""

    train: int
    kept: int
    updates: int
    rates: tuple[float, ...]
    seeds: tuple[int, ...]


FULL = Study(320, 90, 200, (2.5e-3, 5e-3, 1e-2), (0, 1, 2))
QUICK = Study(16, 4, 2, (5e-3,), (0,))


def measure(asked: Asked) -> Table:
    """All runs, and the losses of each way at its best rate."""
    study = QUICK if asked.quick else FULL
    both = topics(study.train, study.kept)
    found = _learned(study, both)
    rows = [Row("rows kept back, nearest trained row", _nearness(both)), *rows_of(study, both, found)]
    return Table("Two topics: a mixture of LoRA experts and one LoRA", _how(study), tuple(rows))


def rows_of(
    study: Study, both: Sequence[Topic], found: Mapping[tuple[str, float, int], Learned]
) -> list[Row]:
    """By way, rate and seed what was learned, as rows; the mixture is aimed to be lower than the active size."""
    rows, best = [], {}
    for arm in ARMS:
        rate = min(study.rates, key=lambda rate, arm=arm: mean(_together(found, study, arm, rate)))
        runs = [found[arm, rate, seed] for seed in study.seeds]
        best[arm] = _together(found, study, arm, rate)
        by_topic = [[run.losses[at] for run in runs] for at in range(len(both))]
        words = ", ".join(f"{topic.name} {mean(own):.4f}" for topic, own in zip(both, by_topic, strict=True))
        tried = ", ".join(
            f"{mean(_together(found, study, arm, other)):.4f} at {other:g}" for other in study.rates
        )
        rows.append(Row(f"{arm}: loss of all rows kept back", f"{spread(best[arm], 'nats', 4)} at {rate:g}"))
        rows.append(Row(f"{arm}: by topic; all rates tried", f"{words}; {tried}"))
        rows.append(Row(f"{arm}: what learns", f"{runs[0].parameters:,} numbers"))
    for arm, aim in ((ACTIVE, "< 1"), (TOTAL, "")):
        ratios = [ours / theirs for ours, theirs in zip(best[MIXTURE], best[arm], strict=True)]
        is_met = mean(best[MIXTURE]) < mean(best[arm]) if aim else None
        rows.append(Row(f"**mixture against {arm}**", spread(ratios, "times the loss", 3), aim, is_met))
    return rows


def values_of(
    study: Study, arm: str, rate: float, seed: int
) -> dict[str, dict[str, Any]]:  # Any: a job's values
    """The sections of a run's job."""
    own = ARMS[arm]
    values = {
        "adapter": {"kind": "lora", "attention_rank": ATTENTION_RANK, **own["adapter"]},
        "train": {
            "steps": study.updates,
            "batch_size": 16,
            "learning_rate": rate,
            "seed": seed,
            "warmup": 0.05,
        },
    }
    return values | ({"moe": dict(own["moe"])} if "moe" in own else {})


def _learned(study: Study, both: Sequence[Topic]) -> dict[tuple[str, float, int], Learned]:
    """Every way at every rate from every seed, in as many processes of one thread as there are cores."""
    asked = list(itertools.product(ARMS, study.rates, study.seeds))
    context = multiprocessing.get_context("spawn")
    found = {}
    with ProcessPoolExecutor(min(physical_cores(), len(asked)), mp_context=context) as pool:
        runs = {key: pool.submit(learn, both, values_of(study, *key)) for key in asked}
        for number, (key, run) in enumerate(runs.items(), 1):
            found[key] = run.result()
            tell(
                f"{number} of {len(asked)}: {key[0]}, rate {key[1]:g}, seed {key[2]}: {found[key].together:.4f}"
            )
    return found


def _together(
    found: Mapping[tuple[str, float, int], Learned], study: Study, arm: str, rate: float
) -> list[float]:
    return [found[arm, rate, seed].together for seed in study.seeds]


def _nearness(both: Sequence[Topic]) -> str:
    """The share of runs of four words that a kept row has in common with the nearest row that is trained on."""
    return "; ".join(
        f"{topic.name} {spread([nearness(row, topic.train) for row in topic.kept], 'of its runs of four words', 2)}"
        for topic in both
    )


def _how(study: Study) -> str:
    return "\n".join(
        [
            f"- The bundled starter, {study.updates} updates of 16 rows from two topics of {study.train} rows each: two "
            "animals at a time (where they live, whose legs are more), and sums of four numbers. Kept back are "
            f"{study.kept} rows of each, which ask for two animals that no trained row has one after the other, or for "
            "numbers that follow each other in no trained sum.",
            f"- The mixture has {EXPERTS} experts of size {RANK} on each feed-forward part, {TOP_K} for each token; one "
            f"LoRA has size {RANK * TOP_K} (as much is active) or {RANK * EXPERTS} (as much learns) there. All have "
            f"LoRA of size {ATTENTION_RANK} on attention, the same rows in the same order, the same updates, and each "
            f"its best of the rates {', '.join(f'{rate:g}' for rate in study.rates)}, by the mean of "
            f"{len(study.seeds)} seeds.",
            "- Loss in nats a learned token, in float32.",
        ]
    )
