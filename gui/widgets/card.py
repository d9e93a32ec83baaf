"""The white card that holds a group of things, and the quiet note inside one."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.look import set_look


class Card(QFrame):
    """A card with an optional heading. Add widgets to `body`; `add_to_header` puts one right of the heading."""

    def __init__(
        self,
        title: str = "",
        subtle: str = "",
        icon: str = "",
        padding: int = 16,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        set_look(self, role="card", tone="")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(padding, padding - 2, padding, padding - 2)
        self.body.setSpacing(10)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        self._title = Label(title, "heading")
        self._subtle = ElidedLabel(subtle, "small")
        if icon:
            self.header.addWidget(IconLabel(icon, "accent"))
        self.header.addWidget(self._title)
        self.header.addWidget(self._subtle)
        self.header.addStretch(1)
        # First into the card, then shown or not: a widget that is shown without a parent is a window of its own.
        self.body.addLayout(self.header)
        self._subtle.setVisible(bool(subtle))
        self._title.setVisible(bool(title))
        if title:
            self.setAccessibleName(title)

    def set_title(self, title: str) -> None:
        """Change the heading; the card must have been made with one."""
        self._title.setText(title)
        self.setAccessibleName(title)

    def set_subtle(self, text: str) -> None:
        """Change the quiet words beside the heading."""
        self._subtle.setText(text)
        self._subtle.setVisible(bool(text))

    def add_to_header(self, widget: QWidget) -> None:
        """Put a widget at the right end of the heading's line."""
        self.header.addWidget(widget)

    def set_bare(self, is_titled: bool = True) -> None:
        """Without ground, edge and margins: for a card in another one, whose tab may say its title already."""
        set_look(self, role="bare")
        self.body.setContentsMargins(0, 0, 0, 0)
        self._title.setVisible(is_titled)

    def set_tone(self, tone: str) -> None:
        """Edge of the card: "selected" (accent), "bad" or "" for the usual line."""
        set_look(self, tone=tone)


class Note(QFrame):
    """A quiet block inside a card; `tinted` gives it the accent's ground. Add widgets to `body`."""

    def __init__(self, tinted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_look(self, role="tinted" if tinted else "note")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(12, 10, 12, 10)
        self.body.setSpacing(4)
