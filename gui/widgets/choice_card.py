"""A choice as a card: ring, title, the field's own term, one sentence; blocked ones say why."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui import theme
from gui.widgets.radio_paint import WRAP, paint_frame, paint_mark, text_height

_PAD = 14
_TITLE_LEFT = 39
_BADGE_PAD = 8


class ChoiceCard(QAbstractButton):
    """Checkable; put several in one `ChoiceGroup`. A blocked card stays readable and focusable but cannot be chosen."""

    def __init__(
        self, title: str, term: str = "", sentence: str = "", badge: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._term = term
        self._sentence = sentence
        self._badge = badge
        self._reason = ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._describe()

    def set_blocked(self, reason: str) -> None:
        """Refuse to be chosen and show why; an empty reason frees the card."""
        self._reason = reason
        self._describe()

    @property
    def blocked_reason(self) -> str:
        """Why it cannot be chosen, or ""."""
        return self._reason

    def set_texts(self, title: str, term: str, sentence: str, badge: str = "") -> None:
        """Change every word of the card."""
        self._title, self._term, self._sentence, self._badge = title, term, sentence, badge
        self._describe()

    def nextCheckState(self) -> None:
        if not self._reason:
            super().nextCheckState()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        line = QFontMetrics(theme.font(13, "semibold")).height()
        small = theme.font(12)
        inner = width - 2 * _PAD
        term = text_height(self._term, small, inner) if self._term else 0
        below = text_height(self._below(), self._below_font(), inner)
        return _PAD + max(line, self._title_height(width)) + 8 + term + 4 + below + _PAD

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(200))

    def minimumSizeHint(self) -> QSize:
        return QSize(130, self.heightForWidth(170))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_blocked = bool(self._reason)
        paint_frame(painter, QRectF(self.rect()), self.isChecked(), is_blocked, self.hasFocus())
        line = QFontMetrics(theme.font(13, "semibold")).height()
        paint_mark(painter, QPointF(_PAD + 8.5, _PAD + line / 2 + 1), self.isChecked(), is_blocked)
        self._paint_title(painter, line, tokens.muted if is_blocked else tokens.text)
        inner = self.width() - 2 * _PAD
        top = _PAD + max(line, self._title_height(self.width())) + 8
        if self._term:
            painter.setFont(theme.font(12))
            painter.setPen(theme.colour(tokens.muted))
            height = text_height(self._term, theme.font(12), inner)
            painter.drawText(QRectF(_PAD, top, inner, height), WRAP, self._term)
            top += height + 4
        painter.setFont(self._below_font())
        painter.setPen(theme.colour(tokens.warn if is_blocked else tokens.text))
        painter.drawText(QRectF(_PAD, top, inner, self.height() - top), WRAP, self._below())

    def _paint_title(self, painter: QPainter, line: int, colour: str) -> None:
        font = self._title_font()
        room = self.width() - _TITLE_LEFT - _PAD
        title_width = QFontMetrics(font).horizontalAdvance(self._title) + 6
        if self._badge and title_width + self._badge_width() <= room:  # the title comes first
            room -= self._paint_badge(painter, line)
        painter.setFont(font)
        painter.setPen(theme.colour(colour))
        height = max(line, self._title_height(self.width()))
        painter.drawText(QRectF(_TITLE_LEFT, _PAD + 1, room, height), WRAP, self._title)

    def _title_font(self) -> QFont:
        return theme.font(13, "medium" if self._reason else "semibold")

    def _title_height(self, width: int) -> int:
        """A long title goes on in a second line."""
        return text_height(self._title, self._title_font(), width - _TITLE_LEFT - _PAD)

    def _paint_badge(self, painter: QPainter, line: int) -> int:
        text, ground = theme.current().tone("accent")
        font = theme.font(11, "semibold")
        metrics = QFontMetrics(font)
        width = self._badge_width()
        height = metrics.height() + 5
        area = QRectF(self.width() - _PAD - width, _PAD + 1 + (line - height) / 2, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(ground))
        painter.drawRoundedRect(area, 5, 5)
        painter.setPen(theme.colour(text))
        painter.setFont(font)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._badge)
        return width + 6

    def _badge_width(self) -> int:
        return QFontMetrics(theme.font(11, "semibold")).horizontalAdvance(self._badge) + 2 * _BADGE_PAD

    def _below(self) -> str:
        return self._reason or self._sentence

    def _below_font(self) -> QFont:
        return theme.font(12, "semibold" if self._reason else "regular")

    def _describe(self) -> None:
        self.setAccessibleName(f"{self._title} ({self._term})" if self._term else self._title)
        self.setAccessibleDescription(" ".join(part for part in (self._badge, self._below()) if part))
        self.updateGeometry()
        self.update()
