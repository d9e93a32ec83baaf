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


def test_the_table_has_every_curve(grid, tmp_path):
    grid.add_marker(Marker(50, "Saved"))
    grid.export(tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,tokens,seconds,chosen,rejected,accuracy"
    assert lines[1] == "1,0,0,0.5,-0.5,0.8"
