from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.search_field import SearchField


def test_escape_empties_it_and_the_cross_goes_with_the_words():
    field = SearchField("Find a setting")
    QTest.keyClicks(field, "rate")
    assert field._cross.isVisible()
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    assert not field._cross.isVisible()


def test_it_is_named_after_its_placeholder():
    assert SearchField("Find a setting").accessibleName() == "Find a setting"
