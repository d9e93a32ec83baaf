from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.buttons import Button, IconButton
from gui.widgets.notice import Notice, NoticeHost


def test_an_action_is_called_when_its_button_is_pressed():
    called = []
    notice = Notice("warn", "12 rows appear twice.", actions=[("Remove", lambda: called.append("remove"))])
    button = notice.findChild(Button)
    assert button.text() == "Remove"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert called == ["remove"]


def test_a_dismissed_notice_leaves_its_host():
    host = NoticeHost()
    host.show_notice("gguf", Notice("info", "GGUF files can be run but not trained.", dismissible=True))
    assert host.isVisible()
    QTest.mouseClick(host.notice("gguf").findChild(IconButton), Qt.MouseButton.LeftButton)
    assert host.notice("gguf") is None
    assert host.isHidden()


def test_the_same_key_replaces_its_notice_and_others_stay():
    host = NoticeHost()
    host.show_notice("a", Notice("error", "First"))
    host.show_notice("b", Notice("error", "Other"))
    second = Notice("success", "Second")
    host.show_notice("a", second)
    assert host.notice("a") is second
    host.clear("a")
    assert host.notice("b") is not None
    host.clear()
    assert host.isHidden()


def test_title_and_text_are_spoken():
    assert Notice("error", "config.json is missing.", "Choose another folder.").accessibleName() == (
        "config.json is missing. Choose another folder."
    )
