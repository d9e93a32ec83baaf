"""What the data is, with the evidence; another shape can be chosen; a method that does not fit is mended."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from engine.job.cards import MethodCard
from engine.job.events import Inspected
from engine.job.methods import METHODS
from engine.job.sections import DataSource
from engine.job.settings import setting_fields
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label, TermLabel

_KINDS = {
    "conversation": ("message-square", "Questions with answers", "instruction tuning"),
    "preference": ("git-compare", "Two answers, one preferred", "preference pairs"),
    "feedback": ("thumbs-up", "Answers with thumbs up or down", "feedback"),
    "text": ("file-text", "Plain text", "continued pretraining"),
    "": ("columns-2", "What is in these columns?", ""),
}


class ShapeCard(Card):
    """`shape_chosen(kind)` when it is something else; `method_asked(kind)` to switch to a method that fits."""

    shape_chosen = Signal(str)
    method_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(padding=14, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._fitting = ""
        row = QHBoxLayout()
        row.setSpacing(14)
        self.icon = IconLabel("message-square", "accent", 20)
        row.addWidget(self.icon)
        words = QVBoxLayout()
        words.setSpacing(1)
        self.title = TermLabel("", "")
        self.evidence = Label("", "muted", wrap=True)
        words.addWidget(self.title)
        words.addWidget(self.evidence)
        row.addLayout(words, 1)
        self.fix_button = Button("", "secondary", compact=True)
        self.fix_button.clicked.connect(lambda: self.method_asked.emit(self._fitting))
        self.other_button = Button(self.tr("It is something else…"), "secondary", compact=True)
        self.other_button.clicked.connect(self._menu)
        row.addWidget(self.fix_button)
        row.addWidget(self.other_button)
        self.body.addLayout(row)

    def fill(self, found: Inspected | None, method: MethodCard, phase: str, has_failed: bool) -> None:
        """Say what was found, or what is going on."""
        self.setVisible(found is not None or bool(phase) or has_failed)
        self.fix_button.hide()
        if found is None:
            self.icon.set_icon("circle-alert" if has_failed else "loader", "bad" if has_failed else "muted")
            waiting = f"{phase}…" if phase else ""
            self.title.set_texts(self.tr("This data cannot be used as it is") if has_failed else waiting, "")
            self.evidence.setText("")
            return
        icon, title, term = _KINDS[found.rows_kind]
        self.icon.set_icon(icon, "accent")
        self.title.set_texts(title, term)
        self.evidence.setText(found.evidence)
        if not found.rows_kind:
            self.evidence.setText(
                self.tr("Choose above each column what it holds, such as Prompt and Answer.")
            )
            return
        if method.rows != found.rows_kind:
            fitting = next((card for card in METHODS.values() if card.rows == found.rows_kind), None)
            needs = _KINDS[method.rows][1][:1].lower() + _KINDS[method.rows][1][1:]
            text = self.tr("{evidence} The chosen method, {method}, needs {needs}.")
            self.evidence.setText(text.format(evidence=found.evidence, method=method.subtitle, needs=needs))
            if fitting is not None:
                self._fitting = fitting.kind
                self.fix_button.set_label(self.tr("Use {method}").format(method=fitting.subtitle))
                self.fix_button.show()

    def _menu(self) -> None:
        menu = QMenu(self)
        field = next(field for field in setting_fields(DataSource) if field.name == "shape")
        for value, label in field.setting.choices.items():
            menu.addAction(label, partial(self.shape_chosen.emit, value))
        menu.exec(self.other_button.mapToGlobal(self.other_button.rect().bottomLeft()))
