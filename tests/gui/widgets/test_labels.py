from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from gui.widgets.labels import ElidedLabel, Label, Line, TermLabel


def test_a_label_never_reads_markup():
    label = Label("<b>bold</b>")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == "<b>bold</b>"


def test_a_role_changes_the_size():
    title, body = Label("x", "title"), Label("x")
    title.show()
    body.show()
    assert (title.font().pixelSize(), body.font().pixelSize()) == (21, 13)


def test_a_tone_can_come_and_go():
    label = Label("x")
    label.show()
    usual = label.palette().windowText().color().name()
    label.set_tone("bad")
    label.ensurePolished()
    assert label.palette().windowText().color().name() != usual
    label.set_tone("")
    assert label.palette().windowText().color().name() == usual


def test_a_line_that_does_not_fit_is_told_whole_in_its_tool_tip():
    label = ElidedLabel("a rather long path /home/someone/models/small-chat")
    label.resize(60, 20)
    label.grab()
    assert label.toolTip() == label.text()
    label.resize(600, 20)
    label.grab()
    assert label.toolTip() == ""


def test_a_term_stands_in_brackets_and_names_its_editor():
    label, editor = TermLabel("How strongly", "learning rate"), QLineEdit()
    label.set_buddy(editor)
    assert label.term.text() == "(learning rate)"
    assert editor.accessibleName() == "How strongly (learning rate)"


def test_a_line_is_one_pixel_thin():
    across, down = Line(), Line(upright=True)
    across.show()
    down.show()
    assert across.maximumHeight() == 1
    assert down.maximumWidth() == 1
