from engine.job.events import Started, Step
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


def test_a_tab_that_is_opened_late_has_the_axis_that_was_chosen(qapp):
    _, charts = charts_of_a_run(qapp)
    charts._set_axis("tokens")
    charts._show_tab("norm")
    chart = charts.grids["norm"].charts[0]
    chart.repaint_now()
    assert chart._plot.viewRange()[0][1] > 200  # tokens, not steps
