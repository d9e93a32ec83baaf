"""Push buttons: one primary a page, secondary, quiet, danger and link; icon buttons. A blocked one says why."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QPushButton, QWidget

from gui import theme
from gui.theme import icons
from gui.widgets.labels import Label
from gui.widgets.look import set_look

_ROLES = {"primary": "on_accent", "danger": "bad", "link": "accent"}


class Button(QPushButton):
    """`kind`: primary, secondary, quiet, danger or link; `icon` a Lucide name; `compact` for use inside cards.

    `icon_last` puts the icon behind the words, as next-step arrows have it. A blocked button shows its reason
    instead of its words, or in the label that `reason_label()` gave out, if one was asked for.
    """

    def __init__(
        self,
        text: str = "",
        kind: str = "secondary",
        icon: str = "",
        *,
        compact: bool = False,
        icon_last: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._kind = kind
        self._icon = icon
        self._text = text
        self._reason = ""
        self._reason_label: Label | None = None
        set_look(self, kind=kind, compact=compact)
        self._gap = -4 if icon_last else 4
        if icon_last:
            self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        if kind == "link":
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._refresh)
        self._refresh()

    def set_label(self, text: str, icon: str | None = None) -> None:
        """Change the words, and the icon where one is given."""
        self._text = text
        if icon is not None:
            self._icon = icon
        self._refresh()

    def set_kind(self, kind: str) -> None:
        """Make it primary, secondary, quiet, danger or link."""
        self._kind = kind
        set_look(self, kind=kind)
        self._refresh()

    def set_blocked(self, reason: str) -> None:
        """Disable with a reason that is shown; an empty reason frees the button."""
        self._reason = reason
        self.setEnabled(not reason)
        self._refresh()

    @property
    def blocked_reason(self) -> str:
        """Why it cannot be pressed, or ""."""
        return self._reason

    def reason_label(self) -> Label:
        """A label to place beside the button; it then carries the reason and the button keeps its words."""
        if self._reason_label is None:
            self._reason_label = Label(self._reason, "smalltext", tone="warn", wrap=True)
            self._reason_label.setVisible(bool(self._reason))
            self._refresh()
        return self._reason_label

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._refresh()

    def _refresh(self) -> None:
        shows_reason = bool(self._reason) and self._reason_label is None and self._kind != "icon"
        self.setText(self._reason if shows_reason else self._text)
        self.setAccessibleDescription(self._reason)
        if self._reason_label is not None:
            self._reason_label.setText(self._reason)
            self._reason_label.setVisible(bool(self._reason))
        if self._icon:
            gap = self._gap if self.text() else 0
            self.setIcon(icons.icon(self._icon, _ROLES.get(self._kind, "text"), gap=gap))
            self.setIconSize(QSize(16 + abs(gap), 16))


class IconButton(Button):
    """A square button with an icon only; `name` is its tool tip and its name for screen readers."""

    def __init__(self, icon: str, name: str, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__("", "icon", icon, compact=compact, parent=parent)
        self.setToolTip(name)
        self.setAccessibleName(name)
