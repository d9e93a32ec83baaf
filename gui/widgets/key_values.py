"""Facts as small labels with strong values below, in columns."""

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from gui.widgets.labels import ElidedLabel


class KeyValues(QWidget):
    """`set_pairs([("Parameters", "494 million"), ...])` replaces all facts."""

    def __init__(
        self, columns: int = 3, pairs: Sequence[tuple[str, str]] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._cells: list[QWidget] = []
        self.set_pairs(pairs)

    def set_pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Show these (label, value) facts, row by row."""
        for cell in self._cells:
            self._grid.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        self._cells = [_cell(label, value) for label, value in pairs]
        for place, cell in enumerate(self._cells):
            self._grid.addWidget(cell, place // self._columns, place % self._columns)
        for column in range(self._columns):
            self._grid.setColumnStretch(column, 1)


def _cell(label: str, value: str) -> QWidget:
    cell = QWidget()
    layout = QVBoxLayout(cell)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(1)
    shown = ElidedLabel(value, "strong")
    shown.setAccessibleName(f"{label}: {value}")
    layout.addWidget(ElidedLabel(label, "small"))
    layout.addWidget(shown)
    return cell
