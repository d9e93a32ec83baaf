"""Exactly what the model sees: each token on its own ground, special tokens as chips. Plain text, selectable."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QWidget

from gui import theme
from gui.widgets.token_layout import Piece, flow

SPOKEN_LIMIT = 2000
"""Characters that a screen reader gets at once."""


class TokenView(QAbstractScrollArea):
    """`set_tokens([(text, kind), ...])`.

    kind: prompt, added, trained, rejected, cut, special, special-trained or special-rejected.
    Trained and chosen tokens have the accent, rejected ones the second series, cut ones are struck through, and
    what a template added to a prompt has a dotted line below.
    """

    def __init__(self, name: str = "", lines: int = 6, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._shown_lines = lines
        self._tokens: list[tuple[str, str]] = []
        self._pieces: list[Piece] = []
        self._tops: list[int] = []
        self._lines = 0
        self._selection: tuple[int, int] | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        theme.changed.connect(self._relayout)
        self.set_tokens([])

    def set_tokens(self, tokens: Sequence[tuple[str, str]]) -> None:
        """Show these (text, kind) tokens from the beginning."""
        self._tokens = list(tokens)
        self._selection = None
        self.setAccessibleName(f"{self._name}: {self.text()[:SPOKEN_LIMIT]}")
        self.verticalScrollBar().setValue(0)
        self._relayout()

    def text(self) -> str:
        """All tokens' text, joined."""
        return "".join(text for text, _ in self._tokens)

    def selected_text(self) -> str:
        """The text of the selected tokens, "" when none is selected."""
        if self._selection is None:
            return ""
        low, high = sorted(self._selection)
        return "".join(text for text, _ in self._tokens[low : high + 1])

    def select_all(self) -> None:
        """Select every token."""
        if self._tokens:
            self._selection = (0, len(self._tokens) - 1)
            self.viewport().update()

    def copy(self) -> None:
        """Put the selected text, or all of it when nothing is selected, on the clipboard."""
        QGuiApplication.clipboard().setText(self.selected_text() or self.text())

    def sizeHint(self) -> QSize:
        lines = max(1, min(self._lines, self._shown_lines))
        return QSize(320, lines * self._line_height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, min(2, max(1, self._lines)) * self._line_height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._relayout()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Copy"), self.copy)
        menu.addAction(self.tr("Select all"), self.select_all)
        menu.exec(event.globalPos())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            token = self._token_at(event.position())
            self._selection = None if token is None else (token, token)
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        token = self._token_at(event.position())
        if self._selection is not None and token is not None:
            self._selection = (self._selection[0], token)
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self._line_height()
        offset = self.verticalScrollBar().value()
        first = bisect_left(self._tops, max(0, offset // height))
        last = bisect_right(self._tops, (offset + self.viewport().height()) // height)
        low, high = sorted(self._selection) if self._selection else (1, 0)
        for piece in self._pieces[first:last]:
            area = QRectF(piece.x + 1, piece.line * height - offset + 2, piece.width, height - 5)
            paint_piece(painter, piece, area, self._tokens[piece.token][1], low <= piece.token <= high)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour(theme.current().accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)

    def _relayout(self) -> None:
        plain = QFontMetricsF(theme.font(13, "medium"))
        chip = QFontMetricsF(theme.font(11, "medium"))
        known: dict[tuple[str, bool], float] = {}

        def measure(text: str, is_chip: bool) -> float:
            key = (text, is_chip)
            if key not in known:
                known[key] = (chip if is_chip else plain).horizontalAdvance(text)
            return known[key]

        self._pieces, self._lines = flow(self._tokens, self.viewport().width() - 4, measure)
        self._tops = [piece.line for piece in self._pieces]
        height = self._lines * self._line_height()
        self.verticalScrollBar().setPageStep(self.viewport().height())
        self.verticalScrollBar().setSingleStep(self._line_height())
        self.verticalScrollBar().setRange(0, max(0, height - self.viewport().height()))
        self.updateGeometry()
        self.viewport().update()

    def _token_at(self, point: QPointF) -> int | None:
        line = int((point.y() + self.verticalScrollBar().value()) // self._line_height())
        on_line = self._pieces[bisect_left(self._tops, line) : bisect_right(self._tops, line)]
        if not on_line:
            return None
        hit = next((piece for piece in on_line if point.x() <= piece.x + piece.width), on_line[-1])
        return hit.token

    @staticmethod
    def _line_height() -> int:
        return theme.scaled(25)


def paint_piece(painter: QPainter, piece: Piece, area: QRectF, kind: str, is_selected: bool) -> None:
    """Draw one piece of a token of that kind into `area`."""
    tokens = theme.current()
    colour, ground = {
        "trained": (tokens.accent, tokens.accent_soft),
        "rejected": (tokens.series2, tokens.series2_soft),
        "cut": (tokens.muted, tokens.card),
        "added": (tokens.muted, tokens.card),
    }.get(kind.removeprefix("special-"), (tokens.muted, tokens.note))
    if is_selected:
        colour, ground = tokens.on_accent, tokens.accent
    if piece.is_chip:
        edge = tokens.dashed if kind == "special" else colour
        painter.setPen(QPen(theme.colour(edge), 1))
        painter.setBrush(theme.colour(ground if is_selected else tokens.card))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(theme.font(11, "medium"))
        painter.setPen(theme.colour(colour))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, piece.text)
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(ground))
    painter.drawRoundedRect(area, 2, 2)
    painter.setFont(theme.font(13, "medium" if kind in ("trained", "rejected") else "regular"))
    painter.setPen(theme.colour(colour))
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip, piece.text)
    if kind == "cut":
        middle = area.center().y() + 1
        painter.drawLine(QPointF(area.left(), middle), QPointF(area.right() + 1, middle))
    elif kind == "added":
        painter.setPen(QPen(theme.colour(tokens.dashed), 1, Qt.PenStyle.DotLine))
        painter.drawLine(area.bottomLeft(), QPointF(area.right() + 1, area.bottom()))
