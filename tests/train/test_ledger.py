"""Numbers that are read one update late. The processor stands in for a device that works by itself."""

import dataclasses
import math

import pytest
import torch
from safetensors.torch import load_file

from engine.job.commands import Evaluate, Pause, Resume, Save, Set, Stop
from engine.job.errors import TrainingError
from engine.job.events import Changed, Evaluated, Paused, Progress, Saved, Step, Trained
from engine.methods.loss import Loss, add_up
from engine.models.adapters import trained_parameters
from engine.train import ledger, loop
from engine.train.ledger import Figures, Ledger, Update, refuse_runaway
from engine.train.loop import accumulate, train_loop
from engine.train.state import State
from tests.train.reading_watch import ReadingWatch
from tests.train.test_loop import training
from tests.train.tiny_runs import newest, once, run, tiny_job, told


@pytest.fixture
def late(monkeypatch):
    monkeypatch.setitem(ledger.LATE, "cpu", 1)


def loss(total, count, **metrics):
    return Loss(torch.tensor(total), count, metrics)


def test_figures_are_the_means_over_all_micro_batches():
    losses = [
        loss(6.0, 2.0, accuracy=(torch.tensor(1.0), 2.0), length=(torch.tensor(9.0), torch.tensor(3))),
        loss(2.0, torch.tensor(2.0), length=(torch.tensor(1.0), torch.tensor(1))),
    ]
    total, norm = Figures(losses, torch.tensor(0.5)).read()
    assert (total.loss, total.count, norm) == (8 / 4, 4.0, 0.5)
    assert total.metrics == {"accuracy": 0.5, "length": 10 / 4}
    assert total == add_up(losses)


@pytest.mark.parametrize(("lost", "norm"), [(math.nan, 1.0), (1.0, math.inf), (math.inf, math.nan)])
def test_numbers_that_run_away_end_the_run(lost, norm):
    with pytest.raises(TrainingError, match="step 7"):
        refuse_runaway(lost, norm, 7, 1e-3)


def book(late, clock, monkeypatch, needs_numbers=False):
    """A ledger, and the (step, seconds) it told; `clock` has the time of each reading."""
    times = iter(clock)
    monkeypatch.setattr(ledger.time, "perf_counter", lambda: next(times))
    state, seen = State(steps=9, learning_rate=1.0), []

    class Plain:
        def read(self, total):
            seen.append("numbers")

    Plain.needs_numbers = needs_numbers
    tell = lambda correction: seen.append((state.step, correction.seconds))  # noqa: E731
    return Ledger(state, Plain(), late, tell), state, seen


def update(step, began):
    return Update(step, Figures([loss(1.0, 1.0)], torch.tensor(1.0)), 1e-3, 0.0, [], began)


def test_seconds_are_those_between_the_ends_of_two_updates(monkeypatch):
    entries, state, seen = book(1, [10.0, 13.0, 25.0], monkeypatch)
    entries.add(update(1, 4.0))
    assert (entries.begun, state.step, seen) == (1, 0, [])
    entries.add(update(2, 5.0))  # the first ends at 10, the second at 13
    entries.catch_up()
    entries.add(update(3, 20.0))  # begun after a pause, ends at 25
    entries.catch_up()
    assert [entry for entry in seen if entry != "numbers"] == [(1, 6.0), (2, 3.0), (3, 5.0)]


def test_an_objective_that_needs_numbers_has_them_before_the_next_update(monkeypatch):
    entries, _, seen = book(1, [10.0], monkeypatch, needs_numbers=True)
    entries.add(update(1, 4.0))
    assert seen == ["numbers", (1, 6.0)]


def outcome(job, folder, script=lambda event: [], resume_from=None):
    """What a run told, without times and bytes in memory, and what it learned."""
    events = run(job, folder, script, resume_from)
    plain = [
        dataclasses.replace(event, time=0.0)
        if not isinstance(event, Step)
        else dataclasses.replace(event, time=0.0, seconds=0.0, tokens_per_second=0.0, memory=0)
        for event in events
        if not isinstance(event, Saved | Trained | Progress)  # the reference is remembered
    ]
    return plain, load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("method", "settings"),
    [("sft", {}), ("dpo", {"reference_update": 2}), ("kto", {}), ("bco", {})],
)
def test_late_or_not_a_run_tells_and_learns_the_same(method, settings, tmp_path, monkeypatch):
    rhythm = {"evaluate_every": 2, "sample_every": 3}
    job = tiny_job(tmp_path, method, settings=settings, watch=rhythm, train={"steps": 5})
    at_once, weights = outcome(job, tmp_path / "at-once")
    monkeypatch.setitem(ledger.LATE, "cpu", 1)
    later, others = outcome(job, tmp_path / "late")
    assert later == at_once
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_an_update_is_told_when_the_next_is_on_its_way(tmp_path, late, monkeypatch):
    begun = spy(monkeypatch)
    seen = []
    job = tiny_job(tmp_path, watch={"evaluate_every": 3, "sample_every": 50}, train={"steps": 6})

    def script(event):
        if isinstance(event, Step):
            seen.append((event.step, begun[-1]))
        return []

    run(job, tmp_path / "run", script)
    # Before the untrained answers (1), a check (3) and at the end (6) nothing is left unread.
    assert seen == [(1, 1), (2, 3), (3, 3), (4, 5), (5, 6), (6, 6)]


def spy(monkeypatch):
    """The steps that were begun so far."""
    begun, original = [], loop.accumulate

    def noted(run, step, *more):
        begun.append(step)
        return original(run, step, *more)

    monkeypatch.setattr(loop, "accumulate", noted)
    return begun


class Quiet:
    """Stands for what happens between two updates: nothing."""

    def __init__(self):
        self.steps = []

    def begin(self):
        pass

    def may_go_on(self, catch_up):
        return True

    def is_due(self, step):
        return False

    def told(self, correction):
        self.steps.append(correction.total.loss)


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_a_runaway_update_changes_nothing_nor_does_the_one_after_it(poison, tmp_path, late, monkeypatch):
    monkeypatch.setattr("engine.train.loop.rate_at", lambda *about: 1e-3)
    good = training(tmp_path)
    good = dataclasses.replace(good, state=State(2, 1e-3), order=dataclasses.replace(good.order, draws=16))
    train_loop(good, quiet_until_end(good))
    bad = training(tmp_path)
    bad = dataclasses.replace(bad, state=State(9, 1e-3), order=dataclasses.replace(bad.order, draws=72))
    begun = poisoned(bad, poison, monkeypatch)
    between = Quiet()
    with pytest.raises(TrainingError, match=rf"The {poison} .* step 3 ") as error:
        train_loop(bad, between)
    assert "lower learning rate" in error.value.advice
    assert begun == [1, 2, 3, 4]
    assert (bad.state.step, len(between.steps)) == (2, 2)
    expected, found = trained_parameters(good.policy.model), trained_parameters(bad.policy.model)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert moments(good).keys() == moments(bad).keys()
    assert all(torch.equal(moments(good)[name], moments(bad)[name]) for name in moments(good))


def moments(run):
    return run.optimizer.state()


def quiet_until_end(run):
    """Reads the last update as the end of a run does."""
    between = Quiet()
    between.is_due = lambda step: step == run.state.steps
    between.look = lambda: None
    return between


def poisoned(bad, what, monkeypatch):
    """The third update's loss or gradient is no number; the steps that were begun."""
    begun, original = [], loop.accumulate

    def broken(run, step, *more):
        begun.append(step)
        losses = original(run, step, *more)
        if step == 3 and what == "loss":
            losses = [Loss(each.sum * math.nan, each.count) for each in losses]
        if step == 3 and what == "gradient":
            next(iter(trained_parameters(run.policy.model).values())).grad.view(-1)[0] = math.inf
        return losses

    monkeypatch.setattr(loop, "accumulate", broken)
    return begun


def test_without_a_kernel_that_skips_a_runaway_update_changes_nothing_either(tmp_path):
    run = training(tmp_path)
    run.optimizer._is_fused = False
    before = {name: weight.clone() for name, weight in trained_parameters(run.policy.model).items()}
    accumulate(run, 1, run.examples, 8)
    norm = run.optimizer.norm()
    run.optimizer.halt_unless_finite(torch.tensor(math.nan), norm)
    run.optimizer.correct(1e-3, norm)
    assert all(torch.equal(before[n], w) for n, w in trained_parameters(run.policy.model).items())


def test_a_stop_loses_nothing_and_a_resumed_run_ends_as_if_never_stopped(tmp_path, late):
    watch = {"evaluate_every": 50, "sample_every": 50}
    job = tiny_job(tmp_path, dropout=0.2, watch=watch, train={"steps": 5})
    _, whole = outcome(job, tmp_path / "whole")
    events = run(job, tmp_path / "run", once(Step, 2, Stop()))
    assert [step.step for step in told(events, Step)] == [1, 2, 3]  # the third was on its way
    assert newest(tmp_path / "run").name == "step-000003"
    assert told(events, Trained)[0].step == 3
    (tmp_path / "run" / "commands.jsonl").unlink()  # a worker passes over the commands of an earlier one
    run(job, tmp_path / "run", resume_from=newest(tmp_path / "run"))
    resumed = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_pause_a_checkpoint_and_a_look_see_the_last_update_begun(tmp_path, late):
    def script(event):
        if isinstance(event, Step) and event.step == 2:
            return [Pause(), Save(), Evaluate(), Set("learning_rate", 5e-4)]
        return [Resume()] if isinstance(event, Changed) else []

    watch = {"evaluate_every": 50, "sample_every": 50}
    train = {"steps": 5, "schedule": "constant", "warmup": 0.0}
    job = tiny_job(tmp_path, watch=watch, train=train, saving={"best": False})
    events = run(job, tmp_path / "run", script)
    seen = [event for event in events if isinstance(event, Step | Paused | Saved | Evaluated | Changed)]
    names = [(type(event).__name__, event.step) for event in seen]
    assert names[2:7] == [("Step", 3), ("Paused", 3), ("Saved", 3), ("Evaluated", 3), ("Changed", 3)]
    assert [step.learning_rate for step in told(events, Step)] == [1e-3, 1e-3, 1e-3, 5e-4, 5e-4]


def test_an_update_of_packed_rows_asks_for_no_number(tmp_path, monkeypatch):
    run = training(tmp_path, way="packed")
    accumulate(run, 1, run.examples, 8)  # what a model looks up once
    ready = list(run.policy.batches(run.examples, 4))
    monkeypatch.setattr(type(run.policy), "batches", lambda policy, examples, size: iter(ready))
    with ReadingWatch() as watch:
        losses = accumulate(run, 2, run.examples, 4)
        run.optimizer.divide_gradients(sum(each.count for each in losses))
        norm = run.optimizer.norm()
        run.optimizer.halt_unless_finite(norm, *(each.sum for each in losses))
        run.optimizer.correct(1e-3, norm)
        figures = Figures(losses, norm)
        assert watch.seen == []
        figures.read()
        assert watch.seen  # the watch does see what asks
