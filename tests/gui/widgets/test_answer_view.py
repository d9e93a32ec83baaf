"""Marks of differences, with and without experts' colours."""

from PySide6.QtGui import QTextCharFormat

from gui.widgets.answer_view import AnswerView, differing_ranges


def looks(view):
    return [(s.cursor.selectedText(), QTextCharFormat(s.format)) for s in view.extraSelections()]


def test_the_words_that_differ_are_marked_behind_wide_characters_and_line_ends_too(qapp):
    view = AnswerView("answer")
    view.set_text("\U0001f600 a\r\nred fox")
    view.compare_with("\U0001f600 a\r\nblue fox", everything=True)
    assert view.marked_texts() == ["red"]
    assert [text for text, _ in looks(view)] == ["red"]


def test_colours_and_marks_stand_together_the_marks_as_lines(qapp):
    view = AnswerView("answer")
    view.set_text("one two")
    view.compare_with("one three", everything=True)
    ((_, plain),) = looks(view)
    assert plain.background().color().alpha() > 0
    view.set_grounds([(0, 3, 0), (3, 7, 1)])
    ((text, lined),) = looks(view)
    assert text == "two"
    assert lined.underlineStyle() == QTextCharFormat.UnderlineStyle.SingleUnderline
    assert not lined.hasProperty(QTextCharFormat.Property.BackgroundBrush)
    view.set_grounds([])
    assert looks(view)[0][1].hasProperty(QTextCharFormat.Property.BackgroundBrush)


def test_ranges_count_characters():
    assert differing_ranges("a bb c", "a dd c") == [(2, 4)]
