from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.widgets.fit_scroll import FitScroll
from gui.widgets.labels import Label
from tests.gui.waiting import rest


def content(least):
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    inner = QWidget()
    inner.setMinimumHeight(least)
    layout.addWidget(inner)
    return widget


def test_the_content_fills_the_room_and_scrolls_only_below_its_least_height(qapp):
    area = FitScroll(content(300))
    area.resize(400, 500)
    area.show()
    rest()
    assert area.widget().height() == area.viewport().height()
    assert area.verticalScrollBar().maximum() == 0
    area.resize(400, 200)
    rest()
    assert area.widget().height() == 300
    assert area.verticalScrollBar().maximum() > 0
    area.widget().layout().itemAt(0).widget().setMinimumHeight(100)
    rest()
    assert area.verticalScrollBar().maximum() == 0


def test_what_the_bar_takes_of_the_width_is_given_back_in_height(qapp):
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    label = Label("word " * 60, wrap=True)
    layout.addWidget(label)
    area = FitScroll(widget)
    widths = range(200, 260)  # somewhere among them a line breaks only beside the bar
    area.resize(200, 60)
    area.show()
    for width in widths:
        area.resize(width, 60)
        rest(0.01)
        assert widget.width() < area.maximumViewportSize().width()
        assert widget.height() >= label.heightForWidth(widget.width())
    rooms = [label.heightForWidth(width) != label.heightForWidth(width - 10) for width in widths]
    assert any(rooms)
