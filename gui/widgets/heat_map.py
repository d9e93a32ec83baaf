"""A heat map: one hue, numbers where they fit, rows and columns named at its edges, read out by mouse and keys.

    heat_map = HeatMap("Load of each expert", say)       # say(row, column) -> lines of the box beside a cell
    heat_map.set_heat(Heat(("Layer 1",), ("1", "2"), ((0.4, 0.6),), high=0.85, in_percent=True))

Arrow keys move from cell to cell, Home and End along a row, Page up and down along a column; Escape closes the box.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from gui import theme
from gui.widgets.heat import Cells, Heat, cells_in
from gui.widgets.heat_paint import NAME_SIZE, paint_cells, paint_names, paint_outlines
from gui.widgets.readout import Readout, ReadoutLine

Say = Callable[[int, int], Sequence[ReadoutLine]]
_BY_KEYS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
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
        self._name, self._say, self._corner = name, say, corner
        self._heat = Heat()
        self._cell: tuple[int, int] | None = None
        self._edge = (0.0, 0.0)  # where the cells begin: right of the row names, below the column names
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setCornerWidget(QWidget())
        self._readout = Readout(self.viewport())
        self._fit()
        theme.changed.connect(self._fit)

    def set_heat(self, heat: Heat, corner: str = "") -> None:
        """Show these values; the cell that is read out stays, where it still exists."""
        self._heat, self._corner = heat, corner
        if self._cell is not None and not self._exists(self._cell):
            self._cell = None
        size = self.tr("{rows} rows, {columns} columns, arrow keys read them out")
        name = f"{self._name}: {size.format(rows=len(heat.rows), columns=len(heat.columns))}"
        if name != self.accessibleName():
            self.setAccessibleName(name)
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
        cells = self._cells()
        return QRectF(cells.x(column), cells.y(row), cells.width, cells.height)

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
        cell = self._cells().at(event.position().x(), event.position().y())
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
        if self._cell is None and event.reason() in _BY_KEYS:
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
        heat, cells = self._heat, self._cells()
        painter.setClipRect(QRectF(cells.left, cells.top, *cells.room))
        paint_cells(painter, heat, cells)
        paint_outlines(painter, heat, cells, self._cell)
        paint_names(painter, heat, cells, self._corner)

    def _fit(self) -> None:
        """Measure the names, and scroll as far as the cells reach beyond the room that there is."""
        metrics = QFontMetrics(theme.font(NAME_SIZE))
        widest = max(metrics.horizontalAdvance(name) for name in (*self._heat.rows, self._corner))
        self._edge = (widest + 10, metrics.height() + 5)
        cells = self._cells()
        for bar, needed, page in (
            (self.horizontalScrollBar(), cells.needed[0], cells.room[0]),
            (self.verticalScrollBar(), cells.needed[1], cells.room[1]),
        ):
            bar.setPageStep(round(page))
            bar.setSingleStep(round(cells.height))
            bar.setRange(0, max(0, round(needed - page)))
        self.viewport().update()

    def _cells(self) -> Cells:
        size = self.viewport().size()
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        return cells_in(self._heat, *self._edge, (size.width(), size.height()), across, down)

    def _exists(self, cell: tuple[int, int]) -> bool:
        return cell[0] < len(self._heat.rows) and cell[1] < len(self._heat.columns)

    def _bring_into_view(self, cell: tuple[int, int]) -> None:
        rect, room = self.cell_rect(*cell), self.viewport().size()
        for bar, low, high, first, last in (
            (self.verticalScrollBar(), rect.top(), rect.bottom(), self._edge[1], room.height()),
            (self.horizontalScrollBar(), rect.left(), rect.right(), self._edge[0], room.width()),
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
        words = ", ".join(f"{line.text} {line.quiet}".strip() for line in lines)
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)
        rect, room = self.cell_rect(*self._cell), self.viewport().size()
        self._readout.show_at(lines, rect.left() - 10, QRectF(0, rect.bottom() - 4, room.width(), 1))
        if self._readout.geometry().bottom() > room.height():
            above = rect.top() - self._readout.height() - 14
            self._readout.show_at(lines, rect.left() - 10, QRectF(0, max(-6.0, above), room.width(), 1))
