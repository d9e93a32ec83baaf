import pytest
from PySide6.QtWidgets import QWidget

from gui.widgets.flow import Flow


@pytest.fixture
def row(qapp):
    widget = QWidget()
    flow = Flow(widget)
    boxes = [QWidget() for _ in range(4)]
    for place, box in enumerate(boxes):
        box.setFixedSize(100, 20)
        if place == 3:
            flow.add_spring()
        flow.addWidget(box)
    widget.show()
    yield widget, boxes
    widget.hide()


def places(widget, boxes, width):
    widget.resize(width, widget.layout().heightForWidth(width))
    widget.layout().activate()
    return [(box.x(), box.y()) for box in boxes]


def test_what_fits_stands_in_one_line_with_the_rest_at_the_right(row):
    assert places(*row, 600) == [(0, 0), (108, 0), (216, 0), (500, 0)]


def test_what_does_not_fit_goes_to_the_next_line(row):
    widget, boxes = row
    assert widget.layout().heightForWidth(330) == 48
    assert places(widget, boxes, 330) == [(0, 0), (108, 0), (216, 0), (230, 28)]
    assert widget.layout().minimumSize().width() == 100


def test_hidden_things_take_no_room(row):
    widget, boxes = row
    boxes[0].hide()
    assert places(widget, boxes, 600)[1:] == [(0, 0), (108, 0), (500, 0)]
