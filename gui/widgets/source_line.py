"""One source of data in a list: icon, name, how many rows, which part, how often and how much of it is used."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.job.sections import DataSource
from engine.job.settings import setting_fields
from gui import theme
from gui.widgets.buttons import IconButton
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.look import set_look
from gui.widgets.number_box import NumberBox
from gui.widgets.select import Select

_HEIGHT = 32


class SourceLine(QWidget):
    """`part_chosen(value)`, `weight_chosen(float)`, `limit_chosen(int or None)` and `removed` by a person."""

    part_chosen = Signal(str)
    weight_chosen = Signal(object)
    limit_chosen = Signal(object)
    removed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        fields = {field.name: field.setting for field in setting_fields(DataSource)}
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 0, 0)
        row.setSpacing(8)
        self.icon = IconLabel("file-text", "muted", 16)
        self.name = ElidedLabel("", "medium")
        self.rows = Label("", "small")
        self.part = Select([], "", self.tr("Part of the dataset"), compact=True)
        self.part.changed.connect(self.part_chosen)
        self.weight = NumberBox(1.0, 0.01, 100.0, name=fields["weight"].label)
        self.weight.changed.connect(self.weight_chosen)
        self.limit = NumberBox(None, 1, None, whole=True, name=fields["limit"].label, auto=self.tr("all"))
        self.limit.changed.connect(self.limit_chosen)
        self.remove_button = IconButton("x", self.tr("Take it out"), compact=True)
        self.remove_button.clicked.connect(self.removed)
        for widget in (self.icon, self.name, self.rows):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.part)
        self._weight_words = self._add_number(row, self.weight, self.tr("Weight"), fields["weight"].help)
        self._add_number(row, self.limit, self.tr("Rows used"), fields["limit"].help)
        row.addWidget(self.remove_button)
        self._size()

    def show_source(self, name: str, rows: str, icon: str) -> None:
        """What it is called and how many rows it has, "" while that is not known."""
        self.name.setText(name)
        self.rows.setText(rows)
        self.icon.set_icon(icon)
        self.remove_button.setAccessibleName(self.tr("Take {name} out").format(name=name))

    def show_part(self, options: Sequence[tuple[str, str]], value: str) -> None:
        """The parts that can be chosen; without any there is no menu."""
        self.part.setVisible(bool(options))
        self.part.set_options(options)
        self.part.set_value(value)

    def show_numbers(self, weight: float, limit: int | None, *, has_others: bool) -> None:
        """How often and how much; the weight is shown where it means something, which is beside others."""
        self.weight.set_value(weight)
        self.limit.set_value(limit)
        for widget in (self.weight, self._weight_words):
            widget.setVisible(has_others or weight != 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size()

    def _add_number(self, row: QHBoxLayout, box: NumberBox, words: str, help: str) -> Label:
        label = Label(words, "small")
        label.setBuddy(box)
        for widget in (label, box):
            widget.setToolTip(help)
        set_look(box, compact=True)
        row.addWidget(label)
        row.addWidget(box)
        return label

    def _size(self) -> None:
        self.setFixedHeight(theme.scaled(_HEIGHT))
        for widget, width in ((self.part, 150), (self.weight, 58), (self.limit, 68)):
            widget.setFixedWidth(theme.scaled(width))
