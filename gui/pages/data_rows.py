"""The rows of the data: a table that scrolls through the whole file, role menus above its columns, search."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.job.events import Inspected
from gui.state.inspection import InspectionState, roles_by_column
from gui.state.words import count_words
from gui.widgets.card import Card
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.number_box import NumberBox
from gui.widgets.row_table import RowTable
from gui.widgets.search_field import SearchField

ROLE_WORDS = {
    "prompt": "Prompt",
    "answer": "Answer",
    "input": "Input",
    "system": "System",
    "history": "History",
    "messages": "Messages",
    "chosen": "Chosen answer",
    "rejected": "Rejected answer",
    "label": "Thumb (up or down)",
    "text": "Text",
}
SEARCH_MILLISECONDS = 250


class RowsCard(Card):
    """`role_chosen(column, role)`; the role "" means that the column is ignored."""

    role_chosen = Signal(str, str)

    def __init__(self, inspection: InspectionState, parent: QWidget | None = None) -> None:
        super().__init__(padding=14, parent=parent)
        self._inspection = inspection
        self._shown: tuple[object, ...] = ()
        self.table = RowTable(inspection.row)
        self.table.role_chosen.connect(self.role_chosen)
        self.table.row_chosen.connect(inspection.select)
        self.body.addWidget(self.table, 1)
        self._timer = QTimer(self, singleShot=True, interval=SEARCH_MILLISECONDS)
        foot = QHBoxLayout()
        self.words = ElidedLabel("", "small")
        self.search = SearchField(self.tr("Search the rows"))
        self.search.setFixedWidth(170)
        self.search.textChanged.connect(lambda _: self._timer.start())
        self._timer.timeout.connect(lambda: inspection.set_search(self.search.text()))
        self.go_box = NumberBox(1, 1, None, whole=True, name=self.tr("Go to row"))
        self.go_box.setFixedWidth(64)
        self.go_box.changed.connect(self._go)
        go = Label(self.tr("Go to row"), "small")
        go.setBuddy(self.go_box)
        foot.addWidget(self.words, 1)
        for widget in (self.search, go, self.go_box):
            foot.addWidget(widget)
        self.body.addLayout(foot)

    def show_columns(self, found: Inspected) -> None:
        """Columns and roles as they were found; an unchanged table keeps its place."""
        roles = roles_by_column(found)
        key = (found.columns, tuple(roles.items()), found.rows, found.shape)
        if key == self._shown:
            return
        self._shown = key
        options = [("", self.tr("Ignore")), *ROLE_WORDS.items()]
        self.table.set_columns(found.columns, roles, options, self._inspection.total)
        self.table.go_to(0)

    def refresh(self) -> None:
        """Rows came, or there are other ones."""
        self.table.set_count(self._inspection.total)
        total = count_words(self._inspection.total)
        if self._inspection.is_searching:
            self.words.setText(self.tr("Searching…"))
        elif self._inspection.search:
            self.words.setText(self.tr("{total} rows hold this text.").format(total=total))
        else:
            self.words.setText(self.tr("{total} rows. Scroll to see the whole file.").format(total=total))

    def _go(self, number: object) -> None:
        if isinstance(number, int | float):
            self.table.go_to(int(number) - 1)
