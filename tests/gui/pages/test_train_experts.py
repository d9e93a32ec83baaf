"""Who does the work: the panel of a run whose routers learn, from what the engine tells."""

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog

from engine.job.channel import events_of
from engine.job.commands import Set
from engine.job.events import Changed, Finished, Paused, Phase, Started, Step
from engine.job.expert_events import Routing
from engine.job.job import with_kind
from gui import theme
from gui.pages.train_experts import ExpertsCard
from gui.pages.train_live import SIDE_WIDTH
from gui.widgets.buttons import Button
from gui.widgets.stat import Stat
from tests.gui.waiting import rest, until
from tests.gui.windows import ended_run, opened, quick_job, still_state

EVEN = (0.15, 0.07, 0.13, 0.10, 0.12, 0.16, 0.07, 0.20)
IDLE = (0.10, 0.18, 0.17, 0.16, 0.16, 0.14, 0.0, 0.09)


@pytest.fixture
def window(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        yield window


def expert_job(kind="lora-experts", **values):
    job = with_kind(quick_job(), "moe", kind)
    settings = dataclasses.replace(job.moe.settings, **values)
    return dataclasses.replace(job, moe=dataclasses.replace(job.moe, settings=settings))


def step(number, balance=2.06):
    metrics = {"balance": balance, "max_load": 1.4, "router_entropy": 0.9}
    return Step(number, 100, 0.1, 2.0, 1e-3, 1.0, 100, 50.0, 10**6, 1.0, (), metrics)


def routing(number, *layers, dead=(), weight=0.01):
    layers = layers or (EVEN, IDLE)
    return Routing(number, layers, 0.96, 1.6, 0.9, 0.4, 2.06, 2.0, dead, weight, (0.98, 0.94))


def updates(first, last, **more):
    found = []
    for number in range(first, last + 1):
        found += [routing(number, **more), step(number)]
    return found


def watched(window, job, *events):
    """A run on the Train page that has told these."""
    folder = ended_run(job, status="running")
    run = window.state.watch_run(folder)
    window.go("train")
    window.state.engine.tell(folder, Started("train", 1, {}), Phase("training", "Training"), *events)
    live = window.pages["train"].live
    until(lambda: live.experts is None or not live.experts._is_stale, 5, "the newest shares are drawn")
    return run, live


def tell(window, run, *events):
    window.state.engine.tell(run.folder, *events)
    run.changed.emit()
    window.pages["train"].live.experts._draw()


def test_each_layers_shares_stand_in_a_heat_map(window):
    _, live = watched(window, expert_job(experts=8), *updates(1, 60))
    heat = live.experts.heat_map.heat()
    assert heat.rows == ("Layer 1", "Layer 2")
    assert heat.columns == tuple("12345678")
    assert heat.values[0] == pytest.approx(EVEN)
    assert (
        live.experts.caption.text()
        == "Share of the tokens each expert took in the last 50 steps, in percent."
    )
    assert live.experts.scale.words() == ("0", "21 % or more", "an even share is 12.5 %")
    live.experts.heat_map.choose((0, 7))
    assert live.experts.heat_map.readout_text() == "Layer 1, expert 8\ntakes 20 % of the tokens"


def test_before_the_first_step_the_panel_says_what_is_to_come(window):
    _, live = watched(window, expert_job())
    assert live.experts.caption.text() == "The shares come with the first step."
    assert not live.experts.scale.isVisible()
    assert not live.experts.save_button.isEnabled()


@pytest.mark.parametrize("kind", ["lora-experts", "upcycle", "assemble"])
def test_every_way_to_grow_experts_has_the_panel(window, kind):
    _, live = watched(window, expert_job(kind))
    assert isinstance(live.experts, ExpertsCard)
    assert [live.charts.tabs.button(tab).text() for tab in ("main", "experts")] == ["Loss", "Experts"]


def test_a_model_that_has_experts_has_it_where_its_router_learns(window):
    assert watched(window, expert_job("none", train_router=True))[1].experts is not None


def test_a_run_without_experts_looks_as_before(window):
    _, live = watched(window, quick_job(), *(event for event in updates(1, 3) if isinstance(event, Step)))
    assert live.experts is None
    assert not hasattr(live, "side_tabs")
    assert live.sample.parentWidget().width() == SIDE_WIDTH
    assert live.events.isVisible()
    assert sorted(live.charts.tabs._buttons) == ["main", "norm", "rate"]
    visible = [stat._label.text() for stat in live.figures.stats if stat.isVisible()]
    assert visible == ["Training loss", "Validation loss", "Speed", "Learning rate", "Memory"]


def test_sample_and_events_stand_behind_tabs(window):
    _, live = watched(window, expert_job(), *updates(1, 3))
    assert live.experts.isVisible()
    for tab, card in (("sample", live.sample), ("events", live.events), ("experts", live.experts)):
        QTest.mouseClick(live.side_tabs.button(tab), Qt.MouseButton.LeftButton)
        rest()
        assert card.isVisible()
        assert live.side_stack.currentWidget() is card


def test_the_figures_say_how_evenly_experts_are_shared(window):
    _, live = watched(window, expert_job(experts=8), *updates(1, 60, dead=((1, 6),)))
    shared = live.figures.shared
    assert shared.accessibleName() == "How evenly shared: 2.06, balance loss, 2.00 is even"
    assert shared.toolTip()
    figures = live.experts.figures
    assert [f.value.text() for f in (figures.even, figures.busiest, figures.idle, figures.unsure)] == [
        "96 %",
        "1.6 times",
        "1 of 16",
        "90 %",
    ]
    for figure in (figures.even, figures.busiest, figures.idle, figures.unsure):
        assert figure.accessibleDescription() == figure.toolTip() != ""


def test_a_preference_run_keeps_its_own_figures_beside_it(window):
    job = with_kind(expert_job(), "method", "dpo")
    _, live = watched(window, job, *updates(1, 3))
    assert [
        stat.accessibleName().partition(":")[0]
        for stat in live.figures.findChildren(Stat)
        if stat.isVisible()
    ] == [
        "Picks the chosen answer",
        "Reward margin",
        "How evenly shared",
        "Loss",
        "Memory",
    ]


def test_balance_is_good_near_its_even_value_and_a_warning_far_from_it(window):
    run, live = watched(window, expert_job(), *updates(1, 20))
    assert live.figures.shared._small.property("tone") == "good"
    tell(window, run, *(step(number, balance=3.5) for number in range(21, 41)))
    assert live.figures.shared._small.property("tone") == "warn"


def test_the_charts_of_the_card_have_the_even_value_drawn_in(window):
    run, live = watched(window, expert_job(), *updates(1, 5))
    live.charts.tabs.button("experts").click()
    grid = live.charts.grids["experts"]
    assert len(grid.charts) == 1  # the others come one by one, so that the window goes on meanwhile
    until(lambda: len(grid.charts) == len(run.job.expert_charts), 5, "all charts are there")
    charts = {chart.spec.title: chart for chart in grid.charts}
    assert list(charts) == [chart.title for chart in run.job.expert_charts]
    assert list(charts["Balance loss"].series("balance").column("value")) == [2.06] * 5
    assert charts["Balance loss"]._guide.value == 2.0
    charts["Balance loss"].repaint_now()
    low, high = charts["Balance loss"]._plot.viewRange()[1]
    assert low < 2.0 < high
    tell(window, run, dataclasses.replace(routing(6), uniform=4.0))
    assert charts["Balance loss"]._guide.value == 4.0


def test_an_idle_expert_is_outlined_and_can_be_helped(window):
    run, live = watched(window, expert_job(), *updates(1, 60, dead=((1, 6),)))
    experts = live.experts
    assert experts.heat_map.heat().outlined == {(1, 6)}
    experts.heat_map.choose((1, 6))
    assert experts.heat_map.readout_text().endswith("nearly idle: under 1 % in 50 steps")
    assert experts.idle.text() == "Layer 2, expert 7 is nearly idle. Balance more strongly?"
    button = next(found for found in experts.idle.findChildren(Button) if found.text() == "Raise it")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    folder, command = window.state.engine.sent[-1]
    assert folder == run.folder
    assert (command.name, command.value) == ("balance", 0.02)
    assert isinstance(command, Set)
    assert experts.idle.text().endswith("Balance is raised with the next step.")
    tell(window, run, Changed(60, "balance", 0.02), *updates(61, 70, dead=((1, 6),), weight=0.02))
    assert experts.idle.text().endswith("Balance is now 0.02; whether it helps shows in about 40 steps.")
    assert not experts.idle.has_button()
    tell(window, run, *updates(71, 110, dead=((1, 6),), weight=0.02))
    assert experts.idle.has_button()  # it did not help: raise it again
    tell(window, run, *updates(111, 112, weight=0.02))
    assert experts.idle.text() == ""
    assert not experts.idle.isVisible()


def test_what_cannot_be_raised_has_no_button(window):
    run, live = watched(window, expert_job(), *updates(1, 60, dead=((0, 0), (1, 6)), weight=1.0))
    assert (
        live.experts.idle.text()
        == "2 experts are nearly idle. Balance cannot be raised further; use fewer experts."
    )
    tell(window, run, Paused(60))
    assert not live.experts.idle.has_button()
    tell(window, run, Finished("done", 3.0))
    assert live.experts.idle.text() == "2 experts are nearly idle. Balance more strongly in the next run."


def test_a_paused_run_can_be_balanced_more_strongly(window):
    run, live = watched(window, expert_job(), *updates(1, 60, dead=((1, 6),)))
    tell(window, run, Paused(60))
    assert live.experts.idle.has_button()


def test_over_time_every_layer_shows_how_even_it_was(window):
    _, live = watched(window, expert_job(), *updates(1, 4))
    live.experts.view.button("course").click()
    heat = live.experts.heat_map.heat()
    assert (heat.rows, heat.columns) == (("Layer 1", "Layer 2"), ("1", "2", "3", "4"))
    assert heat.values == ((0.98,) * 4, (0.94,) * 4)
    live.experts.heat_map.choose((1, 2))
    assert live.experts.heat_map.readout_text() == "Layer 2, step 3\n94 % even"


def test_over_time_one_layer_shows_each_expert(window):
    run, live = watched(window, expert_job(), *updates(1, 4))
    experts = live.experts
    experts.view.button("course").click()
    experts.layer.setFocus()
    QTest.keyClick(experts.layer, Qt.Key.Key_Down)
    QTest.keyClick(experts.layer, Qt.Key.Key_Down)
    heat = experts.heat_map.heat()
    assert heat.rows == tuple(f"Expert {number}" for number in range(1, 9))
    assert [row[0] for row in heat.values] == list(IDLE)
    experts.heat_map.choose((1, 0))
    assert experts.heat_map.readout_text() == "Expert 2, step 1\ntakes 18 % of the tokens"
    tell(window, run, *updates(5, 6))
    assert len(experts.heat_map.heat().columns) == 6
    assert experts.layer.value() == "1"  # what was chosen stays


def test_going_on_from_a_checkpoint_drops_what_was_told_after_it(window):
    run, live = watched(window, expert_job(), *updates(1, 10))
    live.experts.view.button("course").click()
    tell(window, run, Started("train", 2, {}, 4))
    assert len(live.experts.heat_map.heat().columns) == 4
    tell(window, run, *updates(5, 6))
    assert live.experts.heat_map.heat().columns == ("1", "2", "3", "4", "5", "6")


def test_a_run_that_is_opened_again_from_its_folder_shows_the_same(window):
    events = [Started("train", 1, {}), *updates(1, 60, dead=((1, 6),)), Finished("done", 3.0)]
    folder = ended_run(expert_job(experts=8), *events)
    window.go("runs")
    window.pages["runs"].table.opened.emit(str(folder))
    window.state.engine.tell(folder, *events_of(folder))
    live = window.pages["train"].live
    until(lambda: window.state.run.routing and not live.experts._is_stale, 5, "the shares are drawn")
    assert window.page == "train"
    assert live.experts.heat_map.heat().values[0] == pytest.approx(EVEN)
    assert live.experts.heat_map.heat().outlined == {(1, 6)}
    assert live.figures.shared.accessibleName() == "How evenly shared: 2.06, balance loss, 2.00 is even"
    assert not live.experts.idle.has_button()  # it has ended


def test_everything_that_was_told_can_be_taken_away(window, tmp_path):
    _, live = watched(window, expert_job(), *updates(1, 4))
    live.experts.save(tmp_path / "experts.csv")
    until((tmp_path / "experts.csv").exists, 5, "the table is written")
    rest()
    assert len((tmp_path / "experts.csv").read_text(encoding="utf-8").splitlines()) == 5
    live.experts.save(tmp_path / "experts.png")
    live.experts.save(tmp_path / "experts.svg")
    assert (tmp_path / "experts.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "experts.svg").read_text(encoding="utf-8")


def test_a_table_that_cannot_be_written_is_said(window, tmp_path):
    _, live = watched(window, expert_job(), *updates(1, 4))
    said = []
    window.state.notice.connect(lambda *words: said.append(words))
    live.experts.save(tmp_path / "missing" / "experts.csv")
    until(lambda: said, 5, "it is said")
    assert "experts.csv" in said[0][1]


@pytest.mark.parametrize(("text", "sent"), [("0.05", 0.05), ("0,1", 0.1), ("2", None), ("much", None)])
def test_the_balance_can_be_set_from_the_menu(window, monkeypatch, text, sent):
    watched(window, expert_job(), *updates(1, 4))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_args, **_named: (text, True))
    said = []
    window.state.notice.connect(lambda *words: said.append(words))
    window.pages["train"]._change_balance()
    commands = [command.value for _, command in window.state.engine.sent]
    assert commands == ([] if sent is None else [sent])
    assert bool(said) == (sent is None)


@pytest.mark.parametrize("size", [(1280, 800), (1024, 700)])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_fits_the_window_in_both_themes(window, qapp, size, look):
    theme.apply_theme(qapp, look)
    _, live = watched(window, expert_job(), *updates(1, 60, dead=((1, 6),)))
    window.resize(*size)
    rest(0.2)
    assert (window.width(), window.height()) == size
    area = live.experts.rect()
    for part in (
        live.experts.view,
        live.experts.heat_map,
        live.experts.scale,
        live.experts.figures,
        live.experts.idle,
    ):
        placed = part.rect().translated(part.mapTo(live.experts, part.rect().topLeft()))
        assert area.contains(placed)
    assert live.experts.heat_map.height() >= 84
    assert live.experts.view.width() >= live.experts.view.sizeHint().width()


def test_a_large_model_is_drawn_a_part_at_a_time(window):
    shares = tuple((1 / 64,) * 64 for _ in range(48))
    event = dataclasses.replace(routing(1), shares=shares, evenness=(1.0,) * 48)
    _, live = watched(window, expert_job("none", train_router=True), event, step(1))
    heat_map = live.experts.heat_map
    assert heat_map.verticalScrollBar().maximum() > 0
    rows, _ = heat_map._cells().in_view()
    assert len(rows) < 48
    assert not heat_map._cells().has_numbers
    heat_map.choose((47, 63))
    assert heat_map.readout_text() == "Layer 48, expert 64\ntakes 1.6 % of the tokens"
