import dataclasses

import pytest
from PySide6.QtWidgets import QApplication

from gui.widgets.chart_grid import ChartGrid
from gui.widgets.chart_markers import Marker
from gui.widgets.chart_spec import ChartSpec, Curve

SPECS = [
    ChartSpec("r", "Rewards", (Curve("chosen", "Chosen"), Curve("rejected", "Rejected", "series2"))),
    ChartSpec("a", "Picks the chosen answer", (Curve("accuracy", "Accuracy"),), is_share=True, guide=0.5),
]


@pytest.fixture
def grid(qapp):
    made = ChartGrid(SPECS)
    made.resize(800, 300)
    made.show()
    for step in range(1, 101):
        made.add("chosen", step, 0.5)
        made.add("rejected", step, -0.5)
        made.add("accuracy", step, 0.8)
        made.add("nobody's", step, 1.0)
    for chart in made.charts:
        chart.repaint_now()
    return made


def test_hovering_one_chart_reads_out_all(grid):
    rewards, accuracy = grid.charts
    rewards.read_out(40)
    rewards.hovered.emit(40.0)
    assert accuracy.readout_text().splitlines() == ["Step 40", "Accuracy 80 %"]
    assert rewards.readout_text().splitlines() == ["Step 40", "Chosen 0.500", "Rejected −0.500"]


def test_charts_zoom_together_and_rest_together(grid):
    rewards, accuracy = grid.charts
    rewards._plot.setXRange(10, 20, padding=0)
    rewards._moved_by_hand()
    QApplication.processEvents()
    assert accuracy._plot.viewRange()[0] == pytest.approx([10, 20], abs=0.5)
    assert not accuracy.is_following
    grid.show_all()
    assert rewards.is_following


def test_the_guide_has_room_in_the_view(grid):
    low, high = grid.charts[1]._plot.viewRange()[1]
    assert low < 0.5 < high


def test_a_guide_that_the_run_tells_is_drawn_when_it_is_told(qapp):
    told_later = ChartSpec(
        "b", "Balance", (Curve("balance", "Training"),), guide_from="uniform", guide_label="even"
    )
    grid = ChartGrid([told_later, SPECS[1]])
    balance, accuracy = grid.charts
    balance.add("balance", 1, 3.0)
    balance.repaint_now()
    assert balance._guide.value is None
    grid.set_guide("uniform", 2.0)
    balance.repaint_now()
    assert balance._guide.value == balance._guide._line.value() == 2.0
    assert balance._plot.viewRange()[1][0] < 2.0
    grid.set_guide("uniform", 4.0)  # stands elsewhere, and only once
    balance.repaint_now()
    assert balance._guide._line.value() == 4.0
    assert balance._plot.items.count(balance._guide._line) == 1
    assert accuracy._guide.value == 0.5


def test_the_words_of_a_guide_stand_where_they_can_be_read(qapp):
    spec = ChartSpec("b", "Busiest", (Curve("load", "Training"),), guide=1.0, guide_label="even")
    grid = ChartGrid([spec])
    (chart,) = grid.charts
    chart.add("load", 1, 1.0)
    chart.add("load", 2, 4.0)
    chart.repaint_now()
    assert tuple(chart._guide._label.anchor) == (1, 1)  # the line is at the lower edge: the words stand above
    chart.clear()
    chart.add("load", 1, -2.0)
    chart.repaint_now()
    assert tuple(chart._guide._label.anchor) == (1, 0)


def test_charts_side_by_side_are_equally_wide_whatever_their_titles_say(qapp):
    specs = [
        dataclasses.replace(SPECS[0], hint="a hint that is far too long for half of the room there is"),
        SPECS[1],
    ]
    grid = ChartGrid(specs)
    grid.resize(460, 300)
    grid.show()
    QApplication.processEvents()
    assert abs(grid.charts[0].width() - grid.charts[1].width()) <= 1
    assert grid.minimumSizeHint().width() <= 460


def test_the_table_has_every_curve(grid, tmp_path):
    grid.add_marker(Marker(50, "Saved"))
    grid.export(tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,tokens,seconds,chosen,rejected,accuracy"
    assert lines[1] == "1,0,0,0.5,-0.5,0.8"
