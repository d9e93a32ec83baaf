"""The study of two topics gives all ways the same chances."""

import math

import pytest

from benchmarks.topics import subject
from benchmarks.topics.learning import Learned, learn
from benchmarks.topics.subject import ACTIVE, ARMS, MIXTURE, QUICK, TOTAL, Study, rows_of, values_of
from benchmarks.topics.texts import topics
from engine.job.job import job_from_values

TINY = Study(4, 2, 2, (1e-3,), (0,))


def test_all_ways_have_the_same_updates_and_attention():
    jobs = {arm: job_from_values(values_of(TINY, arm, 1e-3, 7)) for arm in ARMS}
    assert len({job.train for job in jobs.values()}) == 1
    assert {job.adapter.settings.attention_rank for job in jobs.values()} == {subject.ATTENTION_RANK}
    moe = jobs[MIXTURE].moe.settings
    ranks = {arm: job.adapter.settings.rank for arm, job in jobs.items()}
    assert ranks[ACTIVE] == moe.top_k * ranks[MIXTURE]
    assert ranks[TOTAL] == moe.experts * ranks[MIXTURE]
    assert jobs[ACTIVE].moe.kind == jobs[TOTAL].moe.kind == "none"


def test_what_learns_is_as_large_as_the_table_says():
    both = topics(TINY.train, TINY.kept)
    found = {arm: learn(both, values_of(TINY, arm, 1e-3, 0)) for arm in ARMS}
    routers = 4 * 4 * 192  # layers, experts, width
    assert found[MIXTURE].parameters == found[TOTAL].parameters + routers
    for one in found.values():
        assert all(math.isfinite(loss) and loss > 0 for loss in (*one.losses, one.together))
        assert min(one.losses) <= one.together <= max(one.losses)


def test_each_way_is_shown_at_its_best_rate():
    study = Study(4, 2, 2, (1e-3, 2e-3), (0, 1))
    losses = {(ACTIVE, 1e-3): (4, 6), (ACTIVE, 2e-3): (1, 3), (TOTAL, 1e-3): (4, 4), (TOTAL, 2e-3): (5, 5)}
    losses |= {(MIXTURE, 1e-3): (1, 1.5), (MIXTURE, 2e-3): (9, 0.1)}
    found = {
        (arm, rate, seed): Learned((loss, loss), loss, 5)
        for (arm, rate), both in losses.items()
        for seed, loss in enumerate(both)
    }
    rows = {row.what: row for row in rows_of(study, topics(4, 2), found)}
    assert rows[f"{MIXTURE}: loss of all rows kept back"].figure.startswith("1.2500 nats (1.0000 to 1.5000")
    assert rows[f"{ACTIVE}: loss of all rows kept back"].figure.endswith("at 0.002")
    against = rows[f"**mixture against {ACTIVE}**"]
    assert against.figure.startswith("0.750 times the loss (0.500 to 1.000")  # 1 of 1, 1.5 of 3
    assert against.is_met
    assert rows[f"**mixture against {TOTAL}**"].is_met is None


@pytest.mark.slow
def test_a_quick_look_fills_the_table(monkeypatch):
    monkeypatch.setattr(subject, "QUICK", Study(4, 2, 1, QUICK.rates, QUICK.seeds))
    monkeypatch.setattr(subject, "physical_cores", lambda: 1)
    from benchmarks.training.asked import Asked

    table = subject.measure(Asked(quick=True))
    assert [row.what for row in table.rows][-1] == f"**mixture against {TOTAL}**"
