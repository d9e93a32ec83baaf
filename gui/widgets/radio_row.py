"""A choice as a row: ring, title with its term, a sentence below, a figure on the right; framed on request."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui import theme
from gui.widgets.radio_paint import WRAP, paint_frame, paint_mark, text_height

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class RadioRow(QAbstractButton):
    """Checkable; put several in one `ChoiceGroup`. `side` is a figure at the right end, as a size."""

    def __init__(
        self,
        title: str,
        sentence: str = "",
        term: str = "",
        side: str = "",
        *,
        framed: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._sentence = sentence
        self._term = term
        self._side = side
        self._framed = framed
        self._reason = ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._describe()

    def set_blocked(self, reason: str) -> None:
        """Refuse to be chosen and show why; an empty reason frees the row."""
        self._reason = reason
        self._describe()

    @property
    def blocked_reason(self) -> str:
        """Why it cannot be chosen, or ""."""
        return self._reason

    def set_side(self, text: str) -> None:
        """Change the figure at the right end."""
        self._side = text
        self._describe()

    def set_sentence(self, text: str) -> None:
        """Change the line below the title."""
        self._sentence = text
        self._describe()

    def nextCheckState(self) -> None:
        if not self._reason:
            super().nextCheckState()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        title = QFontMetrics(theme.font(13, "semibold")).height()
        below = text_height(self._below(), self._below_font(), width - self._text_left() - self._pad())
        return 2 * self._pad() + title + 1 + below

    def sizeHint(self) -> QSize:
        return QSize(260, self.heightForWidth(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(220))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_blocked = bool(self._reason)
        if self._framed:
            paint_frame(painter, QRectF(self.rect()), self.isChecked(), is_blocked, self.hasFocus())
        elif self.hasFocus():
            painter.setPen(theme.colour(tokens.accent))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        title = QFontMetrics(theme.font(13, "semibold")).height()
        mark_y = self._pad() + title / 2 if self._framed else self.height() / 2
        mark_x = self._text_left() - 18.0
        paint_mark(painter, QPointF(mark_x, mark_y), self.isChecked(), is_blocked)
        self._paint_title(painter, title)
        painter.setFont(self._below_font())
        painter.setPen(theme.colour(tokens.warn if is_blocked else tokens.muted))
        top = self._pad() + title + 1
        width = self.width() - self._text_left() - self._pad()
        painter.drawText(QRectF(self._text_left(), top, width, self.height() - top), WRAP, self._below())

    def _paint_title(self, painter: QPainter, height: int) -> None:
        tokens = theme.current()
        is_strong = not self._reason and (self._framed or self.isChecked())
        font = theme.font(13, "semibold" if is_strong else "medium")
        painter.setFont(font)
        painter.setPen(theme.colour(tokens.muted if self._reason else tokens.text))
        room = QRectF(self._text_left(), self._pad(), self.width() - self._text_left() - self._pad(), height)
        painter.drawText(room, _LEFT, self._title)
        painter.setPen(theme.colour(tokens.muted))
        side_font = theme.font(13, "medium")
        if self._side:
            painter.setFont(side_font)
            painter.drawText(room, _RIGHT, self._side)
        if self._term:
            painter.setFont(theme.font(12))
            after = QFontMetrics(font).horizontalAdvance(self._title) + 9
            taken = QFontMetrics(side_font).horizontalAdvance(self._side) + 9 if self._side else 0
            left = room.adjusted(after, 0, -taken, 0)
            elide = Qt.TextElideMode.ElideRight
            painter.drawText(
                left, _LEFT, painter.fontMetrics().elidedText(f"({self._term})", elide, int(left.width()))
            )

    def _pad(self) -> int:
        return 12 if self._framed else 3

    def _text_left(self) -> int:
        return 42 if self._framed else 28

    def _below(self) -> str:
        return self._reason or self._sentence

    def _below_font(self) -> QFont:
        return theme.font(12, "semibold" if self._reason else "regular")

    def _describe(self) -> None:
        self.setAccessibleName(f"{self._title} ({self._term})" if self._term else self._title)
        self.setAccessibleDescription(" ".join(part for part in (self._side, self._below()) if part))
        self.updateGeometry()
        self.update()
