"""A heat map: one hue, numbers where they fit, rows and columns named at its edges, read out by mouse and keys.

    heat_map = HeatMap("Load of each expert", say)       # say(row, column) -> lines of the box beside a cell
    heat_map.set_heat(Heat(("Layer 1",), ("1", "2"), ((0.4, 0.6),), high=0.85, in_percent=True))

Arrow keys move from cell to cell, Home and End along a row, Page up and down along a column; Escape closes the box.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from gui import theme
from gui.theme.ramp import STEPS, ink_on, ramp
from gui.widgets.heat import Cells, Heat, cells_in, named_columns
from gui.widgets.readout import Readout, ReadoutLine

Say = Callable[[int, int], Sequence[ReadoutLine]]
_MOVES = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_PageUp: (-8, 0),
    Qt.Key.Key_PageDown: (8, 0),
    Qt.Key.Key_Home: (0, -1_000_000),
    Qt.Key.Key_End: (0, 1_000_000),
}


class HeatMap(QAbstractScrollArea):
    """`say(row, column)` gives the words of a cell. Names stay in view while the cells scroll."""

    def __init__(self, name: str, say: Say, corner: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._say, self._corner = say, corner
        self._heat = Heat()
        self._cell: tuple[int, int] | None = None
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._readout = Readout(self.viewport())
        self._dress()
        theme.changed.connect(self._dress)

    def set_heat(self, heat: Heat, corner: str = "") -> None:
        """Show these values; the cell that is read out stays, where it still exists."""
        self._heat, self._corner = heat, corner
        if self._cell is not None and not self._exists(self._cell):
            self._cell = None
        self._fit()
        self._read_out()
        self.viewport().update()

    def heat(self) -> Heat:
        """What is shown."""
        return self._heat

    def choose(self, cell: tuple[int, int] | None) -> None:
        """Read a cell (row, column) out and bring it into view; None closes the box."""
        self._cell = cell if cell is not None and self._exists(cell) else None
        if self._cell is not None:
            self._bring_into_view(self._cell)
        self._read_out()
        self.viewport().update()

    def readout_text(self) -> str:
        """What the box says, "" while it is closed."""
        return "" if self._readout.isHidden() else self._readout.text()

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Where a cell stands in the viewport now, its gap included."""
        cells, edge = self._cells(), self._edge()
        x = edge.x() + column * cells.width - self.horizontalScrollBar().value()
        y = edge.y() + row * cells.height - self.verticalScrollBar().value()
        return QRectF(x, y, cells.width, cells.height)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 84)

    def sizeHint(self) -> QSize:
        return QSize(320, 220)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._read_out()
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place, edge = event.position(), self._edge()
        cell = None
        if place.x() >= edge.x() and place.y() >= edge.y():
            x = place.x() - edge.x() + self.horizontalScrollBar().value()
            y = place.y() - edge.y() + self.verticalScrollBar().value()
            cell = self._cells().at(x, y)
        if cell != self._cell:
            self._cell = cell
            self._read_out()
            self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and not self.hasFocus():
            self.choose(None)
        return super().viewportEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._cell is None and event.reason() != Qt.FocusReason.MouseFocusReason:
            self.choose((0, 0))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        move = _MOVES.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Escape and self._cell is not None:
            self.choose(None)
        elif move is not None and self._heat.rows:
            row, column = self._cell or (0, 0)
            if self._cell is not None:
                row = min(len(self._heat.rows) - 1, max(0, row + move[0]))
                column = min(len(self._heat.columns) - 1, max(0, column + move[1]))
            self.choose((row, column))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        edge = self._edge()
        painter.save()
        painter.setClipRect(QRectF(edge, QPointF(self.viewport().width(), self.viewport().height())))
        self._paint_cells(painter)
        painter.restore()
        self._paint_names(painter)

    def _paint_cells(self, painter: QPainter) -> None:
        heat, cells = self._heat, self._cells()
        rows, columns = self._in_view()
        gap, row_gap = cells.gap, cells.row_gap
        is_round = gap > 1
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, is_round)
        painter.setFont(theme.font(11))
        writes = heat.in_percent and cells.has_numbers
        top_of = [round(self.cell_rect(row, 0).y()) for row in (*rows, rows.stop)]
        left_of = [round(self.cell_rect(0, column).x()) for column in (*columns, columns.stop)]
        painter.setPen(Qt.PenStyle.NoPen)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                step = round(min(1.0, max(0.0, heat.strength(row, column))) * (STEPS - 1))
                left, top = left_of[j], top_of[i]
                wide, tall = left_of[j + 1] - left - gap, top_of[i + 1] - top - row_gap
                if not is_round:
                    painter.fillRect(left, top, wide, tall, self._colours[step])
                    continue
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._colours[step])
                painter.drawRoundedRect(QRectF(left, top, wide, tall), 3, 3)
                if writes:
                    painter.setPen(self._inks[step])
                    words = f"{100 * heat.values[row][column]:.0f}"
                    painter.drawText(QRectF(left, top, wide, tall), Qt.AlignmentFlag.AlignCenter, words)
        self._paint_outlines(painter, cells)

    def _paint_outlines(self, painter: QPainter, cells: Cells) -> None:
        tokens = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        marked = [(cell, tokens.warn) for cell in self._heat.outlined if self._exists(cell)]
        marked += [(self._cell, tokens.text)] if self._cell is not None else []
        for (row, column), colour in marked:
            rect = self.cell_rect(row, column).adjusted(0, 0, -cells.gap, -cells.row_gap)
            painter.setPen(QPen(theme.colour(colour), 2))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)

    def _paint_names(self, painter: QPainter) -> None:
        """Row names at the left and column names above, over whatever has scrolled beneath them."""
        heat, cells, edge = self._heat, self._cells(), self._edge()
        rows, columns = self._in_view()
        painter.setPen(theme.colour(theme.current().muted))
        painter.setFont(theme.font(11))
        metrics = QFontMetrics(painter.font())
        beside = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setClipRect(QRectF(0, edge.y(), edge.x(), self.viewport().height()))
        step = max(1, -int(-metrics.height() // cells.height))
        for row in rows:
            if row % step == 0:
                rect = self.cell_rect(row, 0)
                painter.drawText(
                    QRectF(0, rect.y(), edge.x() - 6, rect.height() - cells.row_gap), beside, heat.rows[row]
                )
        painter.setClipRect(QRectF(edge.x(), 0, self.viewport().width(), edge.y()))
        widest = max((metrics.horizontalAdvance(name) for name in heat.columns), default=0)
        above = Qt.AlignmentFlag.AlignVCenter | (
            Qt.AlignmentFlag.AlignLeft if heat.is_time else Qt.AlignmentFlag.AlignHCenter
        )
        for column in named_columns(heat.columns, cells.width, widest):
            if column in columns:
                rect = self.cell_rect(0, column)
                room = max(rect.width() - cells.gap, widest + 4)
                middle = rect.x() if heat.is_time else rect.center().x() - cells.gap / 2 - room / 2
                painter.drawText(QRectF(middle, 0, room, edge.y() - 2), above, heat.columns[column])
        painter.setClipping(False)
        painter.drawText(QRectF(0, 0, edge.x() - 6, edge.y() - 2), beside, self._corner)

    def _dress(self) -> None:
        tokens = theme.current()
        self._colours = [QColor(colour) for colour in ramp(tokens)]
        self._inks = [QColor(ink_on(colour)) for colour in ramp(tokens)]
        self._fit()
        self.viewport().update()

    def _fit(self) -> None:
        """Scroll as far as the cells reach beyond the room that there is."""
        cells, edge = self._cells(), self._edge()
        room = self.viewport().size()
        for bar, needed, page in (
            (self.verticalScrollBar(), edge.y() + cells.rows * cells.height, room.height()),
            (self.horizontalScrollBar(), edge.x() + cells.columns * cells.width, room.width()),
        ):
            bar.setPageStep(page)
            bar.setSingleStep(round(cells.height))
            bar.setRange(0, max(0, round(needed) - page))

    def _edge(self) -> QPointF:
        """Where the cells begin: right of the row names, below the column names."""
        metrics = QFontMetrics(theme.font(11))
        names = (*self._heat.rows, self._corner)
        return QPointF(max(metrics.horizontalAdvance(name) for name in names) + 10, metrics.height() + 5)

    def _cells(self) -> Cells:
        edge, room = self._edge(), self.viewport().size()
        return cells_in(self._heat, room.width() - edge.x(), room.height() - edge.y())

    def _in_view(self) -> tuple[range, range]:
        """The rows and columns of which something can be seen."""
        cells, edge, room = self._cells(), self._edge(), self.viewport().size()
        down, across = self.verticalScrollBar().value(), self.horizontalScrollBar().value()
        return (
            range(
                int(down / cells.height),
                min(cells.rows, int((down + room.height() - edge.y()) / cells.height) + 1),
            ),
            range(
                int(across / cells.width),
                min(cells.columns, int((across + room.width() - edge.x()) / cells.width) + 1),
            ),
        )

    def _exists(self, cell: tuple[int, int]) -> bool:
        return cell[0] < len(self._heat.rows) and cell[1] < len(self._heat.columns)

    def _bring_into_view(self, cell: tuple[int, int]) -> None:
        rect, edge, room = self.cell_rect(*cell), self._edge(), self.viewport().size()
        for bar, low, high, first, last in (
            (self.verticalScrollBar(), rect.top(), rect.bottom(), edge.y(), room.height()),
            (self.horizontalScrollBar(), rect.left(), rect.right(), edge.x(), room.width()),
        ):
            if low < first:
                bar.setValue(bar.value() - round(first - low))
            elif high > last:
                bar.setValue(bar.value() + round(high - last))

    def _read_out(self) -> None:
        """The box beside the cell, and the same words for screen readers."""
        if self._cell is None:
            self._readout.hide()
            return
        lines = self._say(*self._cell)
        self.setAccessibleDescription(", ".join(f"{line.text} {line.quiet}".strip() for line in lines))
        rect, room = self.cell_rect(*self._cell), self.viewport().size()
        self._readout.show_at(lines, rect.left() - 10, QRectF(0, rect.bottom() - 4, room.width(), 1))
        if self._readout.geometry().bottom() > room.height():
            above = rect.top() - self._readout.height() - 14
            self._readout.show_at(lines, rect.left() - 10, QRectF(0, max(-6.0, above), room.width(), 1))
