from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest

from gui.widgets.drop_zone import DropZone

COPY, LEFT, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def _drop(zone, mime):
    enter = QDragEnterEvent(QPoint(5, 5), COPY, mime, LEFT, NONE)
    zone.dragEnterEvent(enter)
    if enter.isAccepted():
        zone.dropEvent(QDropEvent(QPointF(5, 5), COPY, mime, LEFT, NONE))
    return enter.isAccepted()


def test_dropped_files_come_as_paths(tmp_path):
    zone = DropZone("Drop a file anywhere")
    heard = []
    zone.dropped.connect(heard.append)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "my rows.jsonl"))])
    assert _drop(zone, mime)
    assert heard == [[tmp_path / "my rows.jsonl"]]
    assert isinstance(heard[0][0], Path)


def test_a_web_address_is_no_file():
    zone = DropZone("Drop a file anywhere")
    heard = []
    zone.dropped.connect(heard.append)
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/rows.jsonl")])
    _drop(zone, mime)
    assert heard == []


def test_text_is_refused():
    mime = QMimeData()
    mime.setText("hello")
    assert not _drop(DropZone("Drop"), mime)


def test_the_keyboard_asks_for_a_file_too():
    zone = DropZone("Drop a file anywhere")
    zone.show()
    heard = []
    zone.clicked.connect(lambda: heard.append("clicked"))
    QTest.keyClick(zone, Qt.Key.Key_Space)
    assert heard == ["clicked"]


def test_words_change():
    zone = DropZone("Drop")
    zone.set_texts("Let go", "JSON Lines")
    assert (zone.accessibleName(), zone.accessibleDescription()) == ("Let go", "JSON Lines")
