from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QWidget

from gui.widgets.readout import Readout, ReadoutLine

LINES = [
    ReadoutLine("Step 300", is_strong=True),
    ReadoutLine("Training 1.314", "(this step 1.320)", "accent"),
]


def test_it_stands_right_of_the_line_or_left_where_there_is_no_room():
    parent = QWidget()
    parent.resize(500, 300)
    parent.show()
    readout = Readout(parent)
    area = QRectF(50, 10, 440, 280)
    readout.show_at(LINES, 100, area)
    assert readout.x() == 108
    readout.show_at(LINES, 450, area)
    assert readout.geometry().right() < 450
    assert readout.geometry().left() >= 50


def test_what_it_reads_out_is_spoken():
    parent = QWidget()
    readout = Readout(parent)
    readout.show_at(LINES, 0, QRectF(0, 0, 400, 200))
    assert readout.accessibleName() == "Step 300\nTraining 1.314 (this step 1.320)"
