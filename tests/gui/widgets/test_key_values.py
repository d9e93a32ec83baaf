from PySide6.QtWidgets import QApplication

from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label


def test_facts_are_replaced_and_stand_in_columns():
    facts = KeyValues(2, [("Parameters", "494 million"), ("Layers", "24"), ("Licence", "Free")])
    facts.resize(400, 100)
    facts.show()
    facts.set_pairs([("Size", "45 MB"), ("Files", "6")])
    QApplication.processEvents()
    shown = [label.text() for label in facts.findChildren(Label) if label.isVisible()]
    assert shown == ["Size", "45 MB", "Files", "6"]
    size, files = (
        label.parentWidget() for label in facts.findChildren(Label) if label.text() in ("45 MB", "6")
    )
    facts.layout().activate()
    assert size.y() == files.y()
    assert size.x() < files.x()
