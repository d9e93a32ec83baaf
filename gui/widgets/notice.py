"""A coloured bar that says what happened and offers what to do, and the place where a page stacks them."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.buttons import Button, IconButton
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label
from gui.widgets.look import set_look

_TONES = {
    "info": ("accent", "info"),
    "success": ("good", "circle-check"),
    "warn": ("warn", "triangle-alert"),
    "error": ("bad", "circle-alert"),
}


class Notice(QFrame):
    """`kind`: info, success, warn or error. `actions` are (label, what to call) pairs, shown as compact buttons."""

    dismissed = Signal()

    def __init__(
        self,
        kind: str,
        title: str,
        text: str = "",
        actions: Sequence[tuple[str, Callable[[], object]]] = (),
        *,
        dismissible: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        tone, icon = _TONES[kind]
        set_look(self, role="notice", tone=tone)
        self.setAccessibleName(f"{title} {text}".strip())
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(10)
        row.addWidget(IconLabel(icon, tone, 18))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(Label(title, "strong" if text else "medium", wrap=True))
        if text:
            words.addWidget(Label(text, "smalltext", wrap=True))
        row.addLayout(words, 1)
        for label, call in actions:
            row.addWidget(_action(label, call), 0, Qt.AlignmentFlag.AlignVCenter)
        if dismissible:
            cross = IconButton("x", self.tr("Dismiss"), compact=True)
            cross.clicked.connect(self.dismissed)
            row.addWidget(cross)


class NoticeHost(QWidget):
    """Stacks notices; one per key, so that a repeated event replaces its notice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._notices: dict[str, Notice] = {}
        self.hide()

    def show_notice(self, key: str, notice: Notice) -> None:
        """Show a notice, in the place of the one with the same key."""
        self.clear(key)
        self._notices[key] = notice
        notice.dismissed.connect(self._dismissed)
        self._layout.addWidget(notice)
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(notice, QAccessible.Event.Alert))

    def clear(self, key: str = "") -> None:
        """Take one notice away, or all of them."""
        for name in [key] if key else list(self._notices):
            notice = self._notices.pop(name, None)
            if notice is not None:
                self._layout.removeWidget(notice)
                notice.hide()
                notice.deleteLater()
        self.setVisible(bool(self._notices))

    def notice(self, key: str) -> Notice | None:
        """The notice of a key, while it is shown."""
        return self._notices.get(key)

    def _dismissed(self) -> None:
        sender = self.sender()
        for key in [key for key, notice in self._notices.items() if notice is sender]:
            self.clear(key)


def _action(label: str, call: Callable[[], object]) -> Button:
    button = Button(label, compact=True)
    button.clicked.connect(lambda _checked=False: call())
    return button
