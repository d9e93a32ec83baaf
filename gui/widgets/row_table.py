"""Rows of a data file: role menus above the columns, rows fetched as they come into view."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from engine.job.events import RowView
from gui import theme
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.select import Select

ROW_HEIGHT = 31
NUMBER_WIDTH = 46
HEAD_HEIGHT = 58
CELL_CHARACTERS = 300
LEAST_ROWS = 3
Index = QModelIndex | QPersistentModelIndex


class RowTableModel(QAbstractTableModel):
    """`fetch(index)` gives a row or None while it is on its way."""

    def __init__(self, fetch: Callable[[int], RowView | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._columns: tuple[str, ...] = ()
        self._count = 0

    def reset(self, columns: Sequence[str], count: int) -> None:
        """Show `count` rows with these columns."""
        self.beginResetModel()
        self._columns, self._count = tuple(columns), count
        self.endResetModel()

    def refresh(self) -> None:
        """Rows that were missing may be here now."""
        if self._count:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, len(self._columns)))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own signature
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own signature
        return 0 if parent.isValid() else len(self._columns) + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # Any: Qt's variant
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ForegroundRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return None
        row = self._fetch(index.row())
        if role == Qt.ItemDataRole.ForegroundRole:
            tokens = theme.current()
            is_problem = row is not None and bool(row.problem)
            return QColor(tokens.warn if is_problem else tokens.muted if index.column() == 0 else tokens.text)
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.problem or None if row is not None else None
        if index.column() == 0:
            return str(row.number if row is not None else index.row() + 1)
        if row is None:
            return "…"
        return row.cells.get(self._columns[index.column() - 1], "")[:CELL_CHARACTERS].replace("\n", " ⏎ ")


class RowTable(QWidget):
    """`role_chosen(column, role)` from a column's menu; `row_chosen(index)` when the cursor moves."""

    role_chosen = Signal(str, str)
    row_chosen = Signal(int)

    def __init__(self, fetch: Callable[[int], RowView | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._head = QWidget()
        self._head.setFixedHeight(theme.scaled(HEAD_HEIGHT))
        self._row_label = Label(self.tr("Row"), "small", parent=self._head)
        self._heads: list[tuple[ElidedLabel, Select]] = []
        self.model = RowTableModel(fetch)
        self.table = QTableView()
        self.table.setModel(self.model)
        self._set_up_table()
        layout.addWidget(self._head)
        layout.addWidget(self.table, 1)

    def set_columns(
        self, columns: Sequence[str], roles: Mapping[str, str], options: Sequence[tuple[str, str]], count: int
    ) -> None:
        """Columns, the role of each that has one, the (role, words) that may be chosen, and how many rows there are."""
        for old_label, old_select in self._heads:
            old_label.deleteLater()
            old_select.deleteLater()
        self._heads = []
        for column in columns:
            role = roles.get(column, "")
            label = ElidedLabel(column, "small", parent=self._head)
            name = self.tr("Role of column {name}").format(name=column)
            select = Select(
                options, role, name, compact=True, tone="accent" if role else "", parent=self._head
            )
            select.set_value(role)
            select.changed.connect(lambda role, column=column: self.role_chosen.emit(column, role))
            label.show()
            select.show()
            self._heads.append((label, select))
        self.model.reset(columns, count)
        self._size_columns()

    def set_count(self, count: int) -> None:
        """Another number of rows, as after a search."""
        if count != self.model.rowCount():
            self.model.reset(self.model._columns, count)
            self._size_columns()
        else:
            self.model.refresh()

    def go_to(self, index: int) -> None:
        """Put the cursor on a row and show it."""
        place = self.model.index(index, 0)
        if place.isValid():
            self.table.setCurrentIndex(place)
            self.table.scrollTo(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.table.viewport() and event.type() == QEvent.Type.Resize:
            self._size_columns()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_columns()

    def sizeHint(self) -> QSize:
        return QSize(600, 300)

    def _set_up_table(self) -> None:
        table = self.table
        table.setAccessibleName(self.tr("Rows of the data"))
        table.horizontalHeader().hide()
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(theme.scaled(ROW_HEIGHT))
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.selectionModel().currentRowChanged.connect(self._moved)
        table.horizontalScrollBar().valueChanged.connect(lambda _: self._place_heads())
        table.setMinimumHeight(theme.scaled(LEAST_ROWS * ROW_HEIGHT))
        table.viewport().installEventFilter(self)  # narrower with a scroll bar, too

    def _moved(self, current: QModelIndex) -> None:
        if current.isValid():
            self.row_chosen.emit(current.row())

    def _size_columns(self) -> None:
        count = len(self._heads)
        if not count:
            return
        room = self.table.viewport().width() - NUMBER_WIDTH - 2
        self.table.setColumnWidth(0, NUMBER_WIDTH)
        for column in range(count):
            self.table.setColumnWidth(column + 1, max(130, room // count))
        self._place_heads()

    def _place_heads(self) -> None:
        self._row_label.move(6, 20)
        for column, (label, select) in enumerate(self._heads, 1):
            left = self.table.columnViewportPosition(column)
            width = self.table.columnWidth(column) - 10
            label.setGeometry(left + 2, 0, width, 20)
            select.setGeometry(left, 22, width, 28)
