from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from gui.widgets.plain_text import PlainText


def test_markup_stays_text():
    box = PlainText('<img src="file:///etc/passwd"> **bold**')
    assert box.toPlainText() == '<img src="file:///etc/passwd"> **bold**'
    assert box.isReadOnly()


def test_it_grows_with_its_text_up_to_its_limit():
    box = PlainText("one", lines=4)
    box.resize(300, 40)
    one = box.sizeHint().height()
    box.set_text("one\ntwo\nthree")
    three = box.sizeHint().height()
    box.set_text("\n".join("many" for _ in range(50)))
    assert one < three < box.sizeHint().height() <= 4 * box.fontMetrics().lineSpacing() + 4


def test_a_wrapped_line_gets_the_room_it_needs():
    page = QWidget()
    layout = QVBoxLayout(page)
    box = PlainText("word " * 40, lines=30)
    layout.addWidget(box)
    page.resize(200, 600)
    page.show()
    QApplication.processEvents()
    lines = box.document().size().height()
    assert lines > 3
    assert box.height() >= lines * box.fontMetrics().lineSpacing()


def test_streamed_text_keeps_the_selection():
    box = PlainText("Hello there")
    cursor = box.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(5, cursor.MoveMode.KeepAnchor)
    box.setTextCursor(cursor)
    box.append_text(", you")
    assert box.toPlainText() == "Hello there, you"
    assert box.textCursor().selectedText() == "Hello"


def test_streamed_text_stays_at_the_end_only_if_it_was_there():
    box = PlainText("\n".join(str(i) for i in range(100)), lines=5)
    box.resize(200, 80)
    box.show()
    bar = box.verticalScrollBar()
    bar.setValue(bar.maximum())
    box.append_text("\nnew\nnewer")
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    box.append_text("\nnewest")
    assert bar.value() == 0
