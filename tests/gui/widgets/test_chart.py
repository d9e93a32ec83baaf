import gc
import math

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.chart import Chart
from gui.widgets.chart_markers import Marker
from gui.widgets.chart_spec import ChartSpec, Curve, validation_curve

SPEC = ChartSpec("loss", "Loss", (Curve("loss", "Training"), validation_curve("Validation")))


@pytest.fixture
def chart(qapp):
    made = Chart(SPEC)
    made.resize(600, 400)
    made.show()
    return made


def _fill(chart, count=200):
    for step in range(1, count + 1):
        chart.add("loss", step, 2.0 + math.exp(-step / 50), 100 * step, 0.5 * step)
        if step % 50 == 0:
            chart.add("validation", step, 2.5, 100 * step, 0.5 * step)
    chart.repaint_now()


def _wheel(chart, notches):
    view = chart._view
    centre = QPointF(view.viewport().rect().center())
    where = QPointF(view.viewport().mapToGlobal(centre.toPoint()))
    event = QWheelEvent(
        centre, where, QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view.viewport(), event)


def test_the_view_follows_the_newest_step(chart):
    _fill(chart, 100)
    first = chart._plot.viewRange()[0][1]
    for step in range(101, 401):
        chart.add("loss", step, 2.0)
    chart.repaint_now()
    assert first == pytest.approx(104)
    assert chart._plot.viewRange()[0] == pytest.approx([0, 416])


def test_events_only_mark_it_dirty_and_the_timer_repaints(chart):
    _fill(chart, 10)
    chart.add("loss", 500, 1.0)
    assert chart._plot.viewRange()[0][1] < 20
    QTest.qWait(250)
    assert chart._plot.viewRange()[0][1] == pytest.approx(520)


def test_a_hidden_chart_does_not_repaint(chart):
    _fill(chart, 10)
    chart.hide()
    chart.add("loss", 500, 1.0)
    QTest.qWait(200)
    assert chart._plot.viewRange()[0][1] < 20


def test_the_wheel_zooms_along_x_and_a_double_click_follows_again(chart):
    _fill(chart)
    heard = []
    chart.following_changed.connect(heard.append)
    before = chart._plot.viewRange()
    _wheel(chart, 3)
    low, high = chart._plot.viewRange()[0]
    assert high - low < before[0][1] - before[0][0]
    assert not chart.is_following
    chart.add("loss", 1000, 2.0)
    chart.repaint_now()
    assert chart._plot.viewRange()[0][1] == pytest.approx(high)
    centre = chart._view.viewport().rect().center()
    QTest.mouseClick(chart._view.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    QTest.mouseDClick(chart._view.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    QTest.mouseRelease(chart._view.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    chart.repaint_now()
    assert chart.is_following
    assert heard == [False, True]
    assert chart._plot.viewRange()[0][1] == pytest.approx(1040)


def test_the_values_fit_into_the_view(chart):
    _fill(chart)
    low, high = chart._plot.viewRange()[1]
    assert low < 2.0
    assert high > 2.9


def test_one_wild_step_does_not_press_the_curve_flat(chart):
    _fill(chart, 400)
    chart.set_smoothing(0.99)
    chart.add("loss", 401, 1e6)
    chart.repaint_now()
    assert chart._plot.viewRange()[1][1] < 1e6


def test_hovering_reads_out_the_average_and_the_step(chart):
    for step in range(1, 101):
        chart.add("loss", step, 2.0)
    chart.add("validation", 50, 1.25)
    chart.repaint_now()
    chart.read_out(50.2)
    assert chart.readout_text().splitlines() == [
        "Step 50",
        "Training 2.000 (this step 2.000)",
        "Validation 1.250",
    ]
    chart.read_out(-1)
    assert chart.readout_text() == ""


def test_the_mouse_over_the_plot_reads_out_its_step(chart):
    _fill(chart)
    box = chart._plot.getViewBox()
    chart._mouse_moved(box.mapViewToScene(QPointF(120.3, 2.2)))
    assert chart.readout_text().startswith("Step 120")


def test_arrow_keys_read_out_and_enter_chooses_a_step(chart):
    _fill(chart, 30)
    chosen = []
    chart.step_clicked.connect(chosen.append)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.readout_text().startswith("Step 28")
    QTest.keyClick(chart, Qt.Key.Key_Return)
    assert chosen == [28]


def test_a_click_chooses_the_step_below_the_mouse(chart):
    _fill(chart)
    chosen = []
    chart.step_clicked.connect(chosen.append)
    box = chart._plot.getViewBox()
    point = chart._view.mapFromScene(box.mapViewToScene(QPointF(80, 2.2)))
    QTest.mouseClick(chart._view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert chosen == [pytest.approx(80, abs=1)]


def test_a_logarithmic_axis_shows_the_logarithm_of_what_is_positive(chart):
    for step in range(1, 51):
        chart.add("loss", step, 100.0)
    chart.add("loss", 51, -1.0)
    chart.set_logarithmic(True)
    chart.repaint_now()
    _, y = chart._curves["loss"]._raw.getData()
    assert y[0] == pytest.approx(2.0)
    assert np.isnan(y[-1])
    assert chart._values.tickStrings([2.0, 3.0], 1, 1) == ["100", "1,000"]


def test_the_x_axis_can_be_tokens_or_time(chart):
    _fill(chart)
    chart.set_axis("tokens")
    chart.repaint_now()
    assert chart._plot.viewRange()[0][1] == pytest.approx(20_800)
    chart.set_axis("seconds")
    chart.repaint_now()
    assert chart._plot.viewRange()[0][1] == pytest.approx(104)
    chart.read_out(100)
    assert chart.readout_text().startswith("Step 100")


def test_a_marker_is_named_where_it_is_hovered(chart):
    _fill(chart)
    chart.add_marker(Marker(100, "Saved", "good"))
    chart.repaint_now()
    chart.read_out(100)
    assert chart.readout_text().endswith("Saved")


def test_words_of_crowded_markers_wait(chart):
    _fill(chart)
    for step in (100, 101, 190):
        chart.add_marker(Marker(step, "Checkpoint saved"))
    chart.repaint_now()
    shown = [step for step, (_, _, words) in chart._markers._items.items() if words.isVisible()]
    assert shown == [100, 190]


def test_smoothing_is_recomputed_for_all_values(chart):
    _fill(chart, 50)
    chart.set_smoothing(0.0)
    chart.repaint_now()
    series = chart.series("loss")
    np.testing.assert_allclose(series.smoothed(), series.column("value"))


def test_clear_forgets_everything(chart):
    _fill(chart)
    chart.add_marker(Marker(100, "Saved"))
    chart.clear()
    chart.repaint_now()
    assert len(chart.series("loss")) == 0
    assert chart._markers.steps() == []
    assert chart._empty.isVisible()


def test_it_is_saved_as_picture_drawing_and_table(chart, tmp_path):
    _fill(chart, 60)
    for ending in ("png", "svg", "csv"):
        chart.export(tmp_path / f"chart.{ending}")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "chart.svg").read_text(encoding="utf-8")
    lines = (tmp_path / "chart.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,tokens,seconds,loss,validation"
    assert len(lines) == 61
    assert lines[50].startswith("50,5000,25,")
    assert lines[50].endswith(",2.5")
    assert lines[1].endswith(",")


def test_a_folder_that_is_not_there_is_an_os_error(chart, tmp_path):
    _fill(chart, 5)
    for ending in ("png", "svg", "csv"):
        with pytest.raises(OSError, match="nowhere"):
            chart.export(tmp_path / "nowhere" / f"chart.{ending}")


def test_charts_can_be_replaced_while_they_are_shown(qapp):
    page = QWidget()
    layout = QVBoxLayout(page)
    page.resize(400, 300)
    page.show()
    for _ in range(10):
        chart = Chart(SPEC)
        layout.addWidget(chart)
        _fill(chart, 60)
        chart.add_marker(Marker(10, "Saved"))
        QApplication.processEvents()
        layout.removeWidget(chart)
        chart.hide()
        chart.deleteLater()
        del chart
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
    theme.apply_theme(qapp, "dark")
    assert layout.count() == 0
