"""What choice cards and radio rows share: the ring, the ban sign, and text in a box."""

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen

from gui import theme
from gui.theme import icons

WRAP = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop)


def paint_mark(painter: QPainter, centre: QPointF, is_on: bool, is_blocked: bool) -> None:
    """The sign before a choice: a filled or empty ring, or a ban sign."""
    tokens = theme.current()
    if is_blocked:
        icons.paint(painter, QRectF(centre.x() - 8.5, centre.y() - 8.5, 17, 17), "ban", tokens.muted)
        return
    if is_on:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(tokens.accent))
        painter.drawEllipse(centre, 8.5, 8.5)
        painter.setBrush(theme.colour(tokens.on_accent))
        painter.drawEllipse(centre, 3.2, 3.2)
        return
    painter.setPen(QPen(theme.colour(tokens.muted), 1.4))
    painter.setBrush(theme.colour(tokens.card))
    painter.drawEllipse(centre, 7.4, 7.4)


def paint_frame(painter: QPainter, area: QRectF, is_on: bool, is_blocked: bool, has_focus: bool) -> None:
    """The edge of a choice: line, accent when chosen or focused, dashed on the page's colour when blocked."""
    tokens = theme.current()
    width = 2.0 if is_on or has_focus else 1.0
    pen = QPen(theme.colour(tokens.accent if is_on or has_focus else tokens.line), width)
    if is_blocked and not has_focus:
        pen = QPen(theme.colour(tokens.dashed), 1.0, Qt.PenStyle.DotLine)
    painter.setPen(pen)
    painter.setBrush(theme.colour(tokens.background if is_blocked else tokens.card))
    inset = width / 2
    painter.drawRoundedRect(area.adjusted(inset, inset, -inset, -inset), 10, 10)


def text_height(text: str, font: QFont, width: int) -> int:
    """How many pixels the text takes when broken at `width`."""
    if not text:
        return 0
    return QFontMetrics(font).boundingRect(QRect(0, 0, max(1, width), 10_000), WRAP, text).height()
