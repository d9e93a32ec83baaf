"""One model in a list: icon, name, a quiet line, a badge; what cannot be trained says why."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui import theme
from gui.theme import icons

_LEFT = 38
_PAD = 7
_BADGE = 18


class ModelRow(QAbstractButton):
    """Checkable. `problem` makes it impossible to choose and is shown in the warn colour with a ban sign."""

    def __init__(
        self,
        name: str,
        line: str,
        icon: str = "box",
        *,
        badge: tuple[str, str] = ("", ""),
        problem: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name, self._line, self._icon = name, line, icon
        self._badge, self._problem = badge, problem
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{name}, {line}. {badge[0]} {problem}".strip())
        self.setToolTip(problem or name)

    @property
    def problem(self) -> str:
        """Why it cannot be chosen, or ""."""
        return self._problem

    def nextCheckState(self) -> None:
        if not self._problem:
            self.setChecked(True)

    def sizeHint(self) -> QSize:
        lines = 3 if self._problem else 2
        return QSize(300, theme.scaled(2 * _PAD + 17 * lines))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(tokens.accent_soft if self.isChecked() else tokens.note))
            painter.drawRoundedRect(area, 8, 8)
        if self.hasFocus():
            painter.setPen(theme.colour(tokens.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, 8, 8)
        icon_colour = tokens.accent if self.isChecked() else tokens.muted
        icons.paint(painter, QRectF(11, _PAD + 3, 18, 18), self._icon, icon_colour)
        badge_width = self._paint_badge(painter)
        self._paint_words(painter, self.width() - _LEFT - badge_width - 12)

    def _paint_words(self, painter: QPainter, width: int) -> None:
        tokens = theme.current()
        step = theme.scaled(17)
        name = theme.font(13, "medium" if self._problem else "semibold")
        lines = [
            (self._name, name, tokens.muted if self._problem else tokens.text, 0),
            (self._line, theme.font(12), tokens.muted, 0),
        ]
        if self._problem:
            lines.append((self._problem, theme.font(12, "medium"), tokens.warn, 18))
        for row, (text, font, colour, indent) in enumerate(lines):
            room = QRectF(_LEFT + indent, _PAD + row * step, width - indent, step)
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.setFont(font)
            painter.setPen(theme.colour(colour))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
            if indent:
                icons.paint(painter, QRectF(_LEFT, room.top() + 1, 14, 14), "ban", tokens.warn)

    def _paint_badge(self, painter: QPainter) -> int:
        words, tone = self._badge
        if not words:
            return 0
        tokens = theme.current()
        font = theme.font(12, "semibold")
        width = QFontMetrics(font).horizontalAdvance(words) + _BADGE
        badge = QRectF(self.width() - width - 10, (self.height() - 20) / 2, width, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(getattr(tokens, f"{tone}_soft")))
        painter.drawRoundedRect(badge, 6, 6)
        painter.setFont(font)
        painter.setPen(theme.colour(getattr(tokens, tone)))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, words)
        return width + 10
