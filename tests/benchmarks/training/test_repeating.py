import json
from pathlib import Path

import pytest

from benchmarks.training import repeating
from benchmarks.training.cases import CASES, DEFAULT, ONCE, OURS, Case, Texts, Variant
from benchmarks.training.raw import Raw
from benchmarks.training.repeating import Prepared, prepare, repeat, turn_of

TEXTS = Texts(64, 16)


def case_of(*variants, method="sft"):
    return Case("case", "tiny", method, 2, 2, TEXTS, variants)


def names(case, turn, **more):
    return [way.name for way in turn_of(case, turn, **more)]


def test_repetitions_go_forwards_and_backwards():
    case = case_of(*(Variant(name, "trl") for name in "ABCD"))
    assert [names(case, turn) for turn in (1, 2, 3)] == [list("ABCD"), list("DCBA"), list("ABCD")]


def test_some_ways_are_taken_less_often():
    case = case_of(Variant("A", "trl"), Variant("B", "trl", every=2), Variant("C", "ours", every=ONCE))
    assert [names(case, turn) for turn in (1, 2, 3)] == [["A", "B", "C"], ["A"], ["A", "B"]]


def test_without_trl_ours_is_measured_alone():
    assert names(case_of(Variant("A", "trl"), Variant("B", "ours")), 1, has_trl=False) == ["B"]


def test_the_products_are_timed_right_beside_ours():
    (case,) = [case for case in CASES if case.aims.products]
    for turn in (1, 2):
        order = names(case, turn)
        assert abs(order.index("products") - order.index(OURS)) == 1


RUN = {
    "tokens": [10, 20],
    "ends": [1.0, 2.0],
    "begun": 0.5,
    "rows": [[1, 2], [3, 4]],
    "learned": 4,
    "reference": 0.0,
    "wall": 3.0,
    "processor": 3.0,
    "memory": 5,
}


def test_what_broke_off_goes_on_where_it_was(monkeypatch, tmp_path):
    case = case_of(Variant("A", "trl"), Variant("B", "ours"))
    prepared = Prepared(case, Path(), Path(), [[1, 2], [3, 4]], tmp_path)
    done = []

    def run(prepared, way):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(way.name)
        return RUN

    monkeypatch.setattr(repeating, "_run", run)
    monkeypatch.setattr(repeating, "_rate", lambda prepared: 1e9)
    monkeypatch.setattr(repeating, "is_there", lambda: True)
    path = tmp_path / "raw.jsonl"
    with pytest.raises(KeyboardInterrupt):
        repeat(prepared, 2, Raw(path, "abc"))
    assert done == ["A", "B", "B"]
    kept = [json.loads(line)["key"] for line in path.read_text().splitlines()]
    assert [key[2:] for key in kept if key[0] == "run"] == [["A", "1"], ["B", "1"], ["B", "2"]]

    monkeypatch.setattr(repeating, "_run", lambda prepared, way: done.append(way.name) or RUN)
    measured = repeat(prepared, 2, Raw(path, "abc"))
    assert done == ["A", "B", "B", "A"]  # nothing twice
    assert {name: sorted(runs) for name, runs in measured.runs.items()} == {"A": [1, 2], "B": [1, 2]}
    assert sorted(measured.rates) == [1, 2]


# Real processes of both sides: about twenty seconds where nothing else runs.
@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_both_sides_count_the_same_tokens_in_the_same_rows(monkeypatch, tmp_path, method):
    monkeypatch.setattr(repeating, "_rate", lambda prepared: 1e9)
    case = case_of(Variant(DEFAULT, "trl"), Variant(OURS, "ours", {"train": {"epochs": 2}}), method=method)
    prepared = prepare(case, tmp_path / "models", tmp_path / "work")
    measured = repeat(prepared, 1, Raw(tmp_path / "raw.jsonl", "abc"))
    (theirs,), (ours,) = (list(measured.of(name).values()) for name in (DEFAULT, OURS))
    assert ours.tokens[:2] == theirs.tokens
    assert ours.learned == theirs.learned
    assert [sorted(rows) for rows in ours.rows[:2]] == [sorted(rows) for rows in prepared.updates]
    assert 0 < ours.begun < ours.ends[0] < ours.ends[-1] < ours.wall
    assert 0 < theirs.begun < theirs.ends[0] < theirs.ends[-1] < theirs.wall
    assert ours.memory > 50e6  # bytes: torch alone is more


def test_rows_that_a_side_should_not_have_had_are_refused(monkeypatch, tmp_path):
    from benchmarks.training.taken import taken_from

    case = case_of(Variant("B", "ours"))
    data = repeating.write_rows(case, 2000, tmp_path / "rows.jsonl")
    prepared = Prepared(case, Path(), data, [[1, 2], [3, 4]], tmp_path)
    monkeypatch.setattr(repeating, "run_ours", lambda *_: taken_from(RUN))
    with pytest.raises(RuntimeError, match="case, B had"):
        repeating._run(prepared, case.variants[0])
