import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest

from gui import theme
from gui.widgets.token_view import TokenView

TOKENS = [
    ("<|user|>", "special"),
    ("My", "prompt"),
    (" parcel", "prompt"),
    ("<|end|>", "special"),
    ("\n", "prompt"),
    ("I'm", "trained"),
    (" <b>sorry</b>", "trained"),
    ("<|end|>", "special-trained"),
]


@pytest.fixture
def view():
    made = TokenView("What the model sees")
    made.resize(400, 120)
    made.set_tokens(TOKENS)
    made.show()
    return made


def test_the_text_is_exactly_the_tokens(view):
    assert view.text() == "<|user|>My parcel<|end|>\nI'm <b>sorry</b><|end|>"
    assert view.text() in view.accessibleName()


def test_dragging_selects_tokens_and_the_copy_key_takes_them(view):
    pieces = {piece.token: piece for piece in view._pieces}
    row = view._line_height() // 2
    viewport = view.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=QPoint(round(pieces[1].x) + 3, row))
    QTest.mouseMove(viewport, QPoint(round(pieces[2].x) + 3, row))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=QPoint(round(pieces[2].x) + 3, row))
    assert view.selected_text() == "My parcel"
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.Copy))
    assert QGuiApplication.clipboard().text() == "My parcel"


def test_select_all_and_copy_take_everything(view):
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.SelectAll))
    assert view.selected_text() == view.text()
    view.set_tokens(TOKENS[:2])
    assert view.selected_text() == ""
    view.copy()
    assert QGuiApplication.clipboard().text() == "<|user|>My"


def test_each_kind_has_its_ground(view):
    image = view.grab().toImage()
    height = view._line_height()
    grounds = {}
    for piece in view._pieces:
        kind = TOKENS[piece.token][1]
        y = round(piece.line * height + height / 2) - 8
        grounds[kind] = image.pixelColor(round(piece.x + piece.width) - 1, y).name()
    assert grounds["trained"] == theme.LIGHT.accent_soft
    assert grounds["prompt"] == theme.LIGHT.note


def test_four_thousand_tokens_scroll_to_the_last(view):
    view.set_tokens([(f" word{i}", "trained") for i in range(4096)])
    bar = view.verticalScrollBar()
    assert bar.maximum() > 1000
    bar.setValue(bar.maximum())
    last = view._pieces[-1]
    assert last.text == " word4095"
    top = last.line * view._line_height() - bar.value()
    assert 0 <= top < view.viewport().height()


def test_it_flows_anew_when_it_becomes_narrow(view):
    before = view._lines
    view.resize(120, 200)
    assert view._lines > before
