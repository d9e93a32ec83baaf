import dataclasses

import pytest

from engine.job.events import Evaluated, Started, Step
from engine.job.job import with_kind
from engine.job.methods import METHODS
from engine.library.example import example_job
from engine.library.runs import create_run
from gui.pages.train_charts import TrainCharts
from gui.state.live_run import LiveRun


def step(number, rate):
    return Step(
        step=number,
        steps=10,
        epoch=0.1,
        loss=2.0 / number,
        learning_rate=rate,
        gradient_norm=1.0,
        tokens=100 * number,
        tokens_per_second=50.0,
        memory=1,
        seconds=2.0,
    )


def charts_of_a_run(qapp):
    run = LiveRun(create_run(example_job()))
    charts = TrainCharts(run)
    run.apply([Started(task="train", pid=1, versions={}), step(1, 1e-3), step(2, 5e-4)])
    return run, charts


def test_a_tab_that_is_opened_late_shows_the_run_from_its_beginning(qapp):
    run, charts = charts_of_a_run(qapp)
    assert list(charts.grids) == ["main"]
    charts.tabs.set_value("rate")
    charts.tabs.changed.emit("rate")
    rate = charts.grids["rate"].charts[0]
    assert charts.stack.currentWidget() is charts.grids["rate"]
    run.apply([step(3, 2e-4)])
    assert list(rate.series("learning_rate").column("value")) == [1e-3, 5e-4, 2e-4]
    assert list(charts.main.charts[0].series("loss").column("value")) == [2.0, 1.0, 2.0 / 3]


@pytest.mark.parametrize("kind", [kind for kind, card in METHODS.items() if card.family == "preference"])
def test_every_preference_method_charts_its_drift(kind, qapp):
    card = METHODS[kind]
    run = LiveRun(create_run(with_kind(example_job(), "method", kind)))
    charts = TrainCharts(run)
    told = dataclasses.replace(step(1, 1e-3), metrics={"kl": 0.25} if card.needs_reference else {})
    run.apply([Started(task="train", pid=1, versions={}), told, Evaluated(1, 0.5, 3, True, {"kl": 0.5})])
    title = "Drift from the reference" if card.needs_reference else "Drift from the start"
    (chart,) = (chart for chart in charts.main.charts if chart.spec.title == title)
    (key,) = chart.curve_keys()
    assert list(chart.series(key).column("value")) == [0.25 if card.needs_reference else 0.5]


def test_a_tab_that_is_opened_late_has_the_axis_that_was_chosen(qapp):
    _, charts = charts_of_a_run(qapp)
    charts._set_axis("tokens")
    charts._show_tab("norm")
    chart = charts.grids["norm"].charts[0]
    chart.repaint_now()
    assert chart._plot.viewRange()[0][1] > 200  # tokens, not steps
