"""Both sides that train a model with grown experts do the same work."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.grown import measuring, sides, subject
from benchmarks.grown.making import GATE, QUICK, SEED, files_from, make_files
from benchmarks.grown.measuring import DEFAULT, LOOP, OURS, SIDES, difference, measured
from benchmarks.grown.sides import Theirs, tokens_of_updates
from benchmarks.table import Row
from benchmarks.training.asked import Asked
from benchmarks.training.process import Cost
from benchmarks.training.texts import dumped, parts_of, read_rows
from engine.models.load import load_model
from engine.models.upcycle import Growth, upcycled


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(GATE, tmp_path_factory.mktemp("grown"))


@pytest.mark.parametrize("learns", ["full", "lora"])
def test_loss_and_gradients_are_those_of_transformers_whatever_computes_its_experts(learns, files, tmp_path):
    found = difference(files, learns, tmp_path)
    assert found["passed"], found
    assert (
        found["compared"] == {"full": 12, "lora": 14}[learns]
    )  # every tensor; A and B of q, k, v, o and 3 stacks


def test_a_side_that_trains_otherwise_is_noticed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(sides, "BALANCE", 0.02)
    theirs = Theirs.__init__

    def other(side, *given):
        theirs(side, *given)
        side._model.router_aux_loss_coef = 0.05

    monkeypatch.setattr(Theirs, "__init__", other)
    assert not difference(files, "full", tmp_path)["passed"]


def test_the_stock_files_are_the_model_that_our_run_grows(files):
    ours = upcycled(load_model(files.dense, "float32", "cpu").model, Growth(4, 2, SEED)).state_dict()
    stock = Theirs(files, "full", "float32", "grouped_mm")._model.state_dict()
    assert ours.keys() == stock.keys()
    assert all(torch.equal(weight, stock[name]) for name, weight in ours.items())


def test_only_real_tokens_are_counted(files):
    rows = read_rows(files.data)
    expected = [sum(parts_of(rows[number - 1])[0].tokens for number in update) for update in files.updates]
    assert tokens_of_updates(files) == expected


def test_sides_take_turns_forwards_and_backwards(files, monkeypatch, tmp_path):
    turns = []

    class Side:
        def __init__(self, name):
            self.name = name

        def update(self):
            turns.append(self.name)

    monkeypatch.setattr(measuring, "opened", lambda name, *given: Side(name))
    monkeypatch.setattr(measuring, "tokens_of_updates", lambda files: [5, 6, 7])
    quick = files_from({**files.plain(), "updates": [[1], [2], [3]]})
    found = measured(
        {"files": quick.plain(), "what": "speed", "learns": "full", "dtype": "float32"}, tmp_path
    )
    assert turns == [*reversed(SIDES), *SIDES, *reversed(SIDES)]
    assert found["tokens"] == [6, 7]
    assert all(len(seconds) == 2 for seconds in found["seconds"].values())


def test_speed_is_compared_within_an_update():
    seconds = {OURS: [1.0, 2.0], DEFAULT: [2.0, 3.0], LOOP: [0.5, 1.0]}
    rows = {row.what: row for row in subject.speed_rows("all", seconds, [10, 40])}
    assert rows[f"all: {OURS}, a second"].figure.startswith("15 tokens (10 to 20")
    assert rows[f"all: **{OURS} against {DEFAULT}**"].figure.startswith("1.75 times as fast (1.50 to 2.00")
    assert rows[f"all: **{OURS} against {DEFAULT}**"].is_met
    assert not rows[f"all: **{OURS} against {LOOP}**"].is_met


def test_no_speed_is_measured_where_the_gate_does_not_hold(monkeypatch):
    monkeypatch.setattr(subject, "gate_rows", lambda *given: [Row("gate", "far apart", "", False)])
    monkeypatch.setattr(subject, "rows_of", lambda *given: pytest.fail("it was measured"))
    assert [row.is_met for row in subject.measure(Asked(quick=True)).rows] == [False]


def test_a_quick_look_tells_speed_and_memory(tmp_path, monkeypatch):
    def here(command, folder, environment):
        plan, result = map(Path, command[-2:])
        asked = json.loads(plan.read_text())
        dumped(measured(asked, folder), result)
        return Cost(0.0, 1.0, 1.0, 300_000_000 if asked.get("side") == OURS else 400_000_000)

    monkeypatch.setattr(subject, "run_measured", here)
    rows = subject.rows_of(make_files(QUICK, tmp_path / "files"), "lora", "float32", tmp_path)
    assert [row.aim for row in rows] == ["", "", "", "≥ 1", "≥ 1", ""]
    assert rows[-1].figure.startswith(f"{OURS} 300 MB; {DEFAULT} 400 MB")
    assert rows[-1].figure.endswith(f"**0.75** of {DEFAULT}")


@pytest.mark.slow  # a fresh process imports torch and transformers
def test_memory_is_that_of_a_process_of_its_own(files, tmp_path):
    asked = {"what": "memory", "learns": "lora", "dtype": "float32", "side": DEFAULT}
    _, cost = subject._measured(files, tmp_path, **asked)
    assert cost.memory > 50_000_000
