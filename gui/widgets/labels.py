"""Labels of one role each; always plain text, so that no data is ever read as markup."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.widgets.look import set_look


class Label(QLabel):
    """Plain text. `role`: title, hero, heading, strong, medium, value, muted, small, smalltext, smallstrong or "" for body text.

    `tone`: good, warn, bad, accent, muted or "". With `wrap` it breaks lines.
    """

    def __init__(
        self,
        text: str = "",
        role: str = "",
        tone: str = "",
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)
        self.setWordWrap(wrap)
        if wrap:
            self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        set_look(self, role=role, tone=tone)

    def set_tone(self, tone: str) -> None:
        """Colour the text: good, warn, bad, accent, muted or "" for the usual colour."""
        set_look(self, tone=tone)


class ElidedLabel(Label):
    """One line that ends in an ellipsis when room is short; the tool tip then holds the whole text."""

    def __init__(
        self,
        text: str = "",
        role: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, role, parent=parent)
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("abc…"), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        tip = "" if shown == self.text() else self.text()
        if self.toolTip() != tip:
            self.setToolTip(tip)
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            self.rect(),
            int(self.alignment()),
            self.palette(),
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )


class TermLabel(QWidget):
    """Plain words with the field's own term behind them: "How strongly  (learning rate)"."""

    def __init__(
        self, text: str, term: str = "", role: str = "strong", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.label = Label(text, role)
        self.term = Label(f"({term})" if term else "", "small")
        layout.addWidget(self.label)
        layout.addWidget(self.term)
        layout.addStretch(1)

    def set_texts(self, text: str, term: str = "") -> None:
        """Change the words and the term."""
        self.label.setText(text)
        self.term.setText(f"({term})" if term else "")

    def set_buddy(self, widget: QWidget) -> None:
        """Name `widget` after this label, for the keyboard and for screen readers."""
        self.label.setBuddy(widget)
        widget.setAccessibleName(f"{self.label.text()} {self.term.text()}".strip())


class Line(QFrame):
    """A thin line across, or down with `upright`."""

    def __init__(self, upright: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_look(self, role="column-line" if upright else "line")
