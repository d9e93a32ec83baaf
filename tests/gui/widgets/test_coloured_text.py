"""Grounds behind tokens: at exactly their characters, over plain text that can still be selected and copied."""

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from gui import theme
from gui.theme.experts import DARK_GROUNDS, LIGHT_GROUNDS
from gui.widgets.coloured_text import ColouredText, document_places
from tests.gui.waiting import rest, until

FACE = "\U0001f600"


@pytest.fixture
def view(qapp):
    shown = ColouredText("")
    shown.resize(400, 200)
    shown.show()
    shown.setFocus()
    return shown


def colours_of(view):
    """The grounds that can be seen."""
    image = view.viewport().grab().toImage()
    return {
        image.pixelColor(x, y).name() for x in range(image.width()) for y in range(min(60, image.height()))
    }


def middle_of(view, character):
    """The middle of a character of the text, in the viewport."""
    places = document_places(view.text())
    cursor = QTextCursor(view.document())
    cursor.setPosition(places[character])
    left = view.cursorRect(cursor)
    cursor.setPosition(places[character + 1])
    return QPoint((left.left() + view.cursorRect(cursor).left()) // 2, left.center().y())


def test_places_are_counted_as_the_document_counts_them(view):
    text = f"a{FACE}b\r\nc\nd"
    view.set_text(text)
    places = document_places(text)
    assert places == [0, 1, 3, 4, 4, 5, 6, 7, 8]
    for character, place in zip(text, places, strict=False):
        cursor = QTextCursor(view.document())
        cursor.setPosition(place)
        cursor.setPosition(place + (2 if character == FACE else 1), QTextCursor.MoveMode.KeepAnchor)
        if character not in "\r\n":
            assert cursor.selectedText() == character
    assert places[-1] == view.document().characterCount() - 1


def test_each_token_is_found_under_its_own_characters(view):
    view.set_text(f"a{FACE}b\r\ncd")
    view.set_grounds([(0, 1, 0), (1, 2, 1), (1, 2, 2), (2, 3, 3), (3, 5, 0), (5, 7, 1)])
    rest()
    under = [view.tokens_under(middle_of(view, place)) for place in (0, 1, 2, 5, 6)]
    assert under == [(0,), (1, 2), (3,), (5,), (5,)]  # a character that two tokens write is both ones'
    assert view.tokens_under(QPoint(390, 5)) == ()
    assert view.tokens_under(QPoint(5, 190)) == ()


def test_the_grounds_are_painted_in_the_themes_colours_and_go_again(view, qapp):
    view.set_text("one two three")
    view.set_grounds([(0, 3, 0), (3, 7, 1), (7, 13, -1)])
    assert {LIGHT_GROUNDS[0], LIGHT_GROUNDS[1]} <= colours_of(view)
    assert LIGHT_GROUNDS[2] not in colours_of(view)
    theme.apply_theme(qapp, "dark")
    assert {DARK_GROUNDS[0], DARK_GROUNDS[1]} <= colours_of(view)
    view.set_grounds([])
    assert not {*DARK_GROUNDS} & colours_of(view)


def test_a_character_that_tokens_share_has_the_first_ones_ground(view):
    view.set_text("mm")
    view.set_grounds([(0, 1, 0), (0, 1, 1), (0, 2, 2)])
    seen = colours_of(view)
    assert {LIGHT_GROUNDS[0], LIGHT_GROUNDS[2]} <= seen
    assert LIGHT_GROUNDS[1] not in seen


def test_grounds_told_before_their_text_wait_for_it(view):
    view.set_text("one")
    view.set_grounds([(0, 3, 0), (3, 7, 1)])
    assert LIGHT_GROUNDS[1] not in colours_of(view)
    view.append_text(" two")
    assert LIGHT_GROUNDS[1] in colours_of(view)


def test_a_long_wrapped_text_and_one_that_is_scrolled_are_coloured_where_they_show(view):
    words = [f"w{n:03d} " for n in range(400)]
    view.set_text("".join(words))
    view.set_grounds([(5 * n, 5 * n + 5, 0 if n < 200 else 1) for n in range(400)])
    assert LIGHT_GROUNDS[0] in colours_of(view)
    assert LIGHT_GROUNDS[1] not in colours_of(view)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    assert LIGHT_GROUNDS[1] in colours_of(view)
    assert view.tokens_under(QPoint(3, 60))[0] > 200


def test_the_text_is_selected_and_copied_as_it_is(view):
    text = f"<b>one</b> {FACE} two"
    view.set_text(text)
    view.set_grounds([(0, 3, 0), (3, len(text), 1)])
    view.selectAll()
    view.copy()
    assert QApplication.clipboard().text() == text
    assert view.document().toHtml().count("background-color") == 0


def test_a_line_end_that_comes_in_two_parts_is_one(view):
    for piece in ("a\r", "\nb", "c"):
        view.append_text(piece)
    assert view.text() == "a\r\nbc"
    assert view.toPlainText() == "a\nbc"
    assert document_places(view.text())[-1] == view.document().characterCount() - 1


def test_streamed_text_keeps_the_caret(view):
    view.set_text("one")
    view.set_grounds([(0, 3, 0)])
    cursor = view.textCursor()
    cursor.setPosition(1)
    view.setTextCursor(cursor)
    view.append_text(" two")
    assert view.textCursor().position() == 1


def test_the_arrow_keys_go_from_token_to_token_and_a_screen_reader_hears_them(view):
    pointed = []
    view.set_text("one two")
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.textCursor().position() == 0  # without colours the keys scroll
    view.set_grounds([(0, 3, 0), (3, 7, 1)], lambda tokens: f"expert of {tokens}")
    view.pointed.connect(pointed.append)
    for _ in range(4):
        QTest.keyClick(view, Qt.Key.Key_Right)
    assert pointed[0] == (0,)
    assert pointed[-1] == (1,)
    assert view.accessibleDescription() == "expert of (1,)"
    assert view.isReadOnly()


def test_the_pointer_tells_its_token_and_a_tool_tip_says_more(view):
    pointed = []
    view.set_text("one two")
    view.set_grounds([(0, 3, 0), (3, 7, 1)], lambda tokens: f"expert of {tokens}")
    view.pointed.connect(pointed.append)
    rest()
    point = middle_of(view, 5)
    QTest.mouseMove(view.viewport(), point)
    until(lambda: pointed and pointed[-1] == (1,), 3, "the token is told")
    tip = QHelpEvent(QEvent.Type.ToolTip, point, view.viewport().mapToGlobal(point))
    QApplication.sendEvent(view.viewport(), tip)
    assert QToolTip.text() == "expert of (1,)"
    QToolTip.hideText()
