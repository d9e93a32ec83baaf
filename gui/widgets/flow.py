"""A row that goes on in a second line where there is no room: controls are never squeezed until their words are cut."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

GAP = 8


class Flow(QLayout):
    """Add widgets as to any layout. What follows `add_spring()` stands at the right end of its line."""

    def __init__(self, parent: QWidget | None = None, gap: int = GAP) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self._gap = gap
        self._items: list[QLayoutItem] = []
        self._spring: int | None = None

    def add_spring(self) -> None:
        """Push what is added from now on to the right."""
        self._spring = len(self._items)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = self._lines(width)
        return sum(self._height(line) for line in lines) + self._gap * max(0, len(lines) - 1)

    def sizeHint(self) -> QSize:
        shown = self._shown()
        return QSize(self._width(shown), self._height(shown))

    def minimumSize(self) -> QSize:
        shown = [item.sizeHint() for _, item in self._shown()]
        return QSize(
            max((size.width() for size in shown), default=0),
            max((size.height() for size in shown), default=0),
        )

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        top = rect.top()
        for line in self._lines(rect.width()):
            height = self._height(line)
            left, spare = rect.left(), max(0, rect.width() - self._width(line))
            is_pushed = False
            for place, item in line:
                if self._spring is not None and place >= self._spring and not is_pushed:
                    left, is_pushed = left + spare, True
                size = item.sizeHint().boundedTo(QSize(rect.width(), height))
                item.setGeometry(QRect(QPoint(left, top + (height - size.height()) // 2), size))
                left += size.width() + self._gap
            top += height + self._gap

    def _shown(self) -> list[tuple[int, QLayoutItem]]:
        return [(place, item) for place, item in enumerate(self._items) if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[tuple[int, QLayoutItem]]]:
        lines: list[list[tuple[int, QLayoutItem]]] = []
        for place, item in self._shown():
            if lines and self._width([*lines[-1], (place, item)]) <= width:
                lines[-1].append((place, item))
            else:
                lines.append([(place, item)])
        return lines

    def _width(self, line: list[tuple[int, QLayoutItem]]) -> int:
        return sum(item.sizeHint().width() for _, item in line) + self._gap * max(0, len(line) - 1)

    def _height(self, line: list[tuple[int, QLayoutItem]]) -> int:
        return max((item.sizeHint().height() for _, item in line), default=0)
