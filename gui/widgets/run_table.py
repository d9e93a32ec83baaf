"""The table of runs: a check box, figures, a small curve and a coloured status; keyboard and mouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from gui import theme
from gui.theme import icons
from gui.widgets.sparkline import paint_sparkline

ROW_HEIGHT = 33
SERIES = ("accent", "series2", "series3", "series4")
VALUE_ROLE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class TableRow:
    """One run: texts of the columns, points of the curve, the status with its tone."""

    key: str
    name: str
    model: str
    method: str
    when: str
    points: tuple[float, ...]
    best: str
    status: str
    tone: str
    votes: str


class RunTableModel(QAbstractTableModel):
    """Rows and which of them are checked; `checked_changed` after each change."""

    checked_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[TableRow] = []
        self.checked: list[str] = []

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Replace all rows; checks of runs that are gone go too."""
        self.beginResetModel()
        self.rows = list(rows)
        keys = {row.key for row in rows}
        self.checked = [key for key in self.checked if key in keys]
        self.endResetModel()
        self.checked_changed.emit()

    def toggle(self, row: int) -> None:
        """Check or uncheck one run; at most as many as there are colours."""
        key = self.rows[row].key
        if key in self.checked:
            self.checked.remove(key)
        elif len(self.checked) < len(SERIES):
            self.checked.append(key)
        self._tell()

    def set_checked(self, keys: Sequence[str]) -> None:
        """Check exactly these."""
        self.checked = list(keys)[: len(SERIES)]
        self._tell()

    def headers(self) -> list[str]:
        """The columns' names; the first is the check box."""
        tr = self.tr
        return ["", tr("Name"), tr("Model"), tr("Method"), tr("When"), tr("Loss curve"), tr("Best validation"),
                tr("Status"), tr("Votes")]  # fmt: skip

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own signature
        return 0 if parent.isValid() else len(self.headers())

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = 0
    ) -> Any:  # Any: Qt's variant
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headers()[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # Any: Qt's variant
        row = self.rows[index.row()]
        texts = ("", row.name, row.model, row.method, row.when, "", row.best, row.status, row.votes)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return texts[index.column()]
        if role == VALUE_ROLE:
            return row
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0:
            is_checked = row.key in self.checked
            return Qt.CheckState.Checked if is_checked else Qt.CheckState.Unchecked
        return None

    def _tell(self) -> None:
        if self.rows:
            corner = self.index(len(self.rows) - 1, len(self.headers()) - 1)
            self.dataChanged.emit(self.index(0, 0), corner)
        self.checked_changed.emit()


class _Filter(QSortFilterProxyModel):
    """Every word must stand in the name, model, method or status."""

    words: tuple[str, ...] = ()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        model = self.sourceModel()
        assert isinstance(model, RunTableModel)
        row = model.rows[source_row]
        text = f"{row.name} {row.model} {row.method} {row.status}".lower()
        return all(word in text for word in self.words)


class RunTable(QTableView):
    """`rows_model` holds runs and checks; `set_filter` searches; `current_key` is the run under the cursor."""

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows_model = RunTableModel(self)
        self._filter = _Filter(self)
        self._filter.setSourceModel(self.rows_model)
        self.setModel(self._filter)
        self.setItemDelegate(_RunDelegate(self.rows_model, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Runs"))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.scaled(ROW_HEIGHT))
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column, width in {0: 36, 2: 110, 3: 130, 4: 110, 5: 104, 6: 112, 7: 96, 8: 56}.items():
            self.setColumnWidth(column, width)
        self.clicked.connect(self._toggle)
        self.doubleClicked.connect(lambda index: self.opened.emit(self._key(index)))
        self.activated.connect(self._toggle)

    def set_filter(self, text: str) -> None:
        """Show the runs that have all these words."""
        self._filter.words = tuple(text.lower().split())
        self._filter.invalidate()

    def current_key(self) -> str:
        """The run under the cursor, "" when there is none."""
        index = self.currentIndex()
        return self._key(index) if index.isValid() else ""

    def shown_count(self) -> int:
        """How many rows the filter lets through."""
        return self._filter.rowCount()

    def _key(self, index: QModelIndex) -> str:
        row = self._filter.data(index, VALUE_ROLE)
        return row.key if isinstance(row, TableRow) else ""

    def _toggle(self, index: QModelIndex) -> None:
        self.rows_model.toggle(self._filter.mapToSource(index).row())


class _RunDelegate(QStyledItemDelegate):
    """Paints a row in the theme's colours."""

    def __init__(self, model: RunTableModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, theme.scaled(ROW_HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: TableRow = index.data(VALUE_ROLE)
        tokens = theme.current()
        area: QRect = option.rect
        is_checked = row.key in self._model.checked
        colour = getattr(tokens, SERIES[self._model.checked.index(row.key)]) if is_checked else tokens.muted
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_checked:
            painter.fillRect(area.adjusted(0, 1, 0, -1), QColor(tokens.accent_soft))
        if option.state & option.state.State_HasFocus:
            painter.setPen(QColor(tokens.accent))
            painter.drawRect(area.adjusted(0, 1, -1, -2))
        if index.column() == 0:
            self._paint_box(painter, area, is_checked)
        elif index.column() == 5:
            paint_sparkline(painter, QRectF(area).adjusted(0, 8, -16, -8), row.points, colour)
        elif index.column() == 7:
            self._paint_badge(painter, area, row)
        else:
            self._paint_text(painter, area, index, is_checked, colour)
        painter.restore()

    def _paint_box(self, painter: QPainter, area: QRect, is_checked: bool) -> None:
        tokens = theme.current()
        box = QRectF(0, 0, 18, 18)
        box.moveCenter(QRectF(area).center())
        painter.setPen(QColor(tokens.accent if is_checked else tokens.dashed))
        painter.setBrush(QColor(tokens.accent if is_checked else tokens.card))
        painter.drawRoundedRect(box, 5, 5)
        if is_checked:
            icons.paint(painter, box.adjusted(2, 2, -2, -2), "check", tokens.on_accent)

    def _paint_badge(self, painter: QPainter, area: QRect, row: TableRow) -> None:
        tokens = theme.current()
        painter.setFont(theme.font(12, "semibold"))
        width = painter.fontMetrics().horizontalAdvance(row.status) + 18
        badge = QRectF(area.left(), area.center().y() - 10, width, 21)
        ground = {"good": tokens.good_soft, "warn": tokens.warn_soft, "bad": tokens.bad_soft}
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground.get(row.tone, tokens.accent_soft)))
        painter.drawRoundedRect(badge, 6, 6)
        painter.setPen(QColor(getattr(tokens, row.tone or "accent")))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, row.status)

    def _paint_text(
        self, painter: QPainter, area: QRect, index: Index, is_checked: bool, colour: str
    ) -> None:
        tokens = theme.current()
        room = area.adjusted(2, 0, -8, 0)
        is_name = index.column() == 1
        painter.setFont(theme.font(13, "semibold" if is_name and is_checked else "regular"))
        if is_name and is_checked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawEllipse(QRectF(room.left(), area.center().y() - 4, 9, 9))
            room = room.adjusted(18, 0, 0, 0)
        painter.setPen(QColor(tokens.text))
        text = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
