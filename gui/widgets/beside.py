"""Two widgets beside each other where there is room, else below each other."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from gui import theme


class Beside(QWidget):
    """`shares` of the width while they stand beside each other; `least` pixels each must have for that, unscaled."""

    def __init__(
        self,
        first: QWidget,
        second: QWidget,
        shares: tuple[int, int],
        least: tuple[int, int],
        gap: int = 12,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pair = (first, second)
        self._least, self._gap = least, gap
        self._is_apart = False
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(gap)
        self._layout.addWidget(first)
        self._layout.addWidget(second)
        self._shares = shares

    @property
    def is_beside(self) -> bool:
        """Whether they stand beside each other now."""
        return self._layout.direction() == QBoxLayout.Direction.LeftToRight

    def set_apart(self, is_apart: bool) -> None:
        """Put them below each other even where there is room, as for a first one that needs the whole width."""
        if is_apart != self._is_apart:
            self._is_apart = is_apart
            self._arrange()

    def minimumSizeHint(self) -> QSize:
        # As narrow as below each other, however they stand: else the window could not become narrow again.
        widest = max(widget.minimumSizeHint().width() for widget in self._pair)
        return QSize(widest, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        least = sum(map(theme.scaled, self._least)) + self._gap
        is_beside = not self._is_apart and self.width() >= least
        if is_beside != self.is_beside:
            directions = (QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight)
            self._layout.setDirection(directions[is_beside])
            for place, share in enumerate(self._shares):
                self._layout.setStretch(place, share if is_beside else 0)
