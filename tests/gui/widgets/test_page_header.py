from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.buttons import Button
from gui.widgets.labels import Label
from gui.widgets.page_header import PageHeader


def _shown(header):
    return [label.text() for label in header.findChildren(Label) if label.isVisible()]


def test_what_is_this_reveals_the_help_and_hides_it_again():
    header = PageHeader("Data", "480 rows", "The examples that the model learns from.")
    header.show()
    assert "The examples that the model learns from." not in _shown(header)
    QTest.keyClick(header.help_link, Qt.Key.Key_Space)
    assert "The examples that the model learns from." in _shown(header)
    QTest.mouseClick(header.help_link, Qt.MouseButton.LeftButton)
    assert "The examples that the model learns from." not in _shown(header)


def test_a_page_without_help_has_no_link():
    header = PageHeader("Settings", "Changes apply at once.")
    assert header.findChildren(Button) == []


def test_title_and_subtitle_change():
    header = PageHeader("Train")
    header.set_title("Customer replies")
    header.set_subtitle("LoRA rank 16")
    header.show()
    assert _shown(header) == ["Customer replies", "LoRA rank 16"]
