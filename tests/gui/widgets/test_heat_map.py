import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from gui import theme
from gui.theme.ramp import heat as colour_of
from gui.widgets.heat import Heat
from gui.widgets.heat_map import HeatMap
from gui.widgets.readout import ReadoutLine
from tests.gui.waiting import rest


def shown(rows=3, columns=4, width=400, height=200, **more):
    values = tuple(tuple((row * columns + column) / 100 for column in range(columns)) for row in range(rows))
    made = HeatMap("Load", lambda row, column: [ReadoutLine(f"row {row}", f"column {column}")])
    made.resize(width, height)
    made.show()
    names = (
        tuple(f"Layer {row + 1}" for row in range(rows)),
        tuple(str(column + 1) for column in range(columns)),
    )
    made.set_heat(Heat(*names, values, high=0.1, **more), "Expert")
    rest()
    return made


@pytest.fixture
def heat_map(qapp):
    return shown(in_percent=True)


def pixel(heat_map, place):
    return heat_map.viewport().grab().toImage().pixelColor(place).name()


def corner_of(heat_map, row, column):
    """A place in a cell beside its number."""
    return heat_map.cell_rect(row, column).topLeft().toPoint() + QPoint(6, 6)


def test_a_cell_is_as_strong_as_its_value(heat_map):
    tokens = theme.current()
    assert pixel(heat_map, corner_of(heat_map, 0, 0)) == tokens.track
    assert pixel(heat_map, corner_of(heat_map, 1, 1)) == colour_of(tokens, 0.5)
    assert pixel(heat_map, corner_of(heat_map, 2, 2)) == tokens.accent  # at the end of the scale


def test_the_mouse_reads_a_cell_out_and_leaves_it(heat_map):
    QTest.mouseMove(heat_map.viewport(), heat_map.cell_rect(1, 2).center().toPoint())
    assert heat_map.readout_text() == "row 1 column 2"
    QTest.mouseMove(heat_map.viewport(), QPoint(2, 2))
    assert heat_map.readout_text() == ""


def test_the_box_stays_within_the_map(heat_map):
    for cell in ((0, 0), (2, 3)):
        heat_map.choose(cell)
        box = heat_map._readout.geometry()
        assert heat_map.viewport().rect().contains(box)
        assert not box.intersects(heat_map.cell_rect(*cell).toRect().adjusted(4, 4, -4, -4))


def test_keys_go_from_cell_to_cell_and_tell_screen_readers(heat_map):
    heat_map.clearFocus()
    heat_map.setFocus(Qt.FocusReason.TabFocusReason)
    assert heat_map.readout_text() == "row 0 column 0"
    for key, cell in (
        (Qt.Key.Key_Right, "row 0 column 1"),
        (Qt.Key.Key_Down, "row 1 column 1"),
        (Qt.Key.Key_End, "row 1 column 3"),
        (Qt.Key.Key_Right, "row 1 column 3"),
        (Qt.Key.Key_PageDown, "row 2 column 3"),
        (Qt.Key.Key_Home, "row 2 column 0"),
        (Qt.Key.Key_Up, "row 1 column 0"),
    ):
        QTest.keyClick(heat_map, key)
        assert heat_map.readout_text() == cell
        assert heat_map.accessibleDescription() == cell
    QTest.keyClick(heat_map, Qt.Key.Key_Escape)
    assert heat_map.readout_text() == ""


def test_screen_readers_hear_how_large_it_is(heat_map):
    assert heat_map.accessibleName() == "Load: 3 rows, 4 columns, arrow keys read them out"


def test_what_needs_attention_is_outlined(qapp):
    marked = shown(outlined=frozenset({(0, 1)}))
    edge = marked.cell_rect(0, 1)
    place = QPoint(round(edge.x() + edge.width() / 2), round(edge.y()) + 1)
    assert pixel(marked, place) == theme.current().warn
    place = QPoint(round(marked.cell_rect(0, 2).center().x()), place.y())
    assert pixel(marked, place) != theme.current().warn


def test_many_layers_scroll_and_keys_bring_them_into_view(qapp):
    tall = shown(rows=48, columns=8)
    assert tall.verticalScrollBar().maximum() > 0
    assert tall.horizontalScrollBar().maximum() == 0
    tall.choose((47, 0))
    assert tall.verticalScrollBar().value() == tall.verticalScrollBar().maximum()
    rect = tall.cell_rect(47, 0)
    assert rect.bottom() <= tall.viewport().height() + 1
    tall.choose((0, 0))
    assert tall.verticalScrollBar().value() == 0


def test_many_experts_scroll_across(qapp):
    wide = shown(rows=4, columns=128)
    assert wide.horizontalScrollBar().maximum() > 0
    wide.choose((0, 127))
    assert wide.cell_rect(0, 127).right() <= wide.viewport().width() + 1


def test_the_cell_that_is_read_out_stays_while_values_change(heat_map):
    heat_map.choose((2, 3))
    heat_map.set_heat(heat_map.heat())
    assert heat_map.readout_text() == "row 2 column 3"
    heat_map.set_heat(Heat(("Layer 1",), ("1",), ((0.5,),)))
    assert heat_map.readout_text() == ""


def test_it_changes_clothes_with_the_theme(heat_map, qapp):
    theme.apply_theme(qapp, "dark")
    rest()
    assert pixel(heat_map, corner_of(heat_map, 2, 2)) == theme.DARK.accent


def test_nothing_yet_is_drawn_without_complaint(qapp):
    empty = HeatMap("Load", lambda row, column: [])
    empty.resize(300, 200)
    empty.show()
    rest()
    QTest.keyClick(empty, Qt.Key.Key_Right)
    assert empty.readout_text() == ""
