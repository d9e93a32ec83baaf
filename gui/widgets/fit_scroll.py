"""A place that fills the room there is, and scrolls only where that is less than its content needs at the least.

Qt's own resizable scroll area scrolls as soon as the preferred height of wrapped texts does not fit.
"""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from gui.widgets.look import set_look


class FitScroll(QScrollArea):
    """`content` has a layout; it is as wide as the area and at least as high."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_look(content, role="scrolled")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)
        content.installEventFilter(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        content = self.widget()
        layout = content.layout() if content is not None else None
        if content is None or layout is None:
            return
        room = self.maximumViewportSize()
        width = room.width()
        needed = _lowest(layout.minimumHeightForWidth(width), layout.minimumSize().height())
        if needed > room.height():  # beside the bar there is less room, and texts may need another line
            width -= self.verticalScrollBar().sizeHint().width()
            needed = _lowest(layout.minimumHeightForWidth(width), layout.minimumSize().height())
        content.resize(width, max(room.height(), needed))


def _lowest(for_width: int, least: int) -> int:
    """A layout without wrapped texts has no height for a width (-1)."""
    return for_width if for_width > 0 else least
