"""The prompt of Compare: text, where prompts come from, how answers are drawn, Generate."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from gui.state.compare import CompareState, Sampling
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.flow import Flow
from gui.widgets.labels import Label
from gui.widgets.number_box import NumberBox
from gui.widgets.select import Select


class PromptCard(Card):
    """`generate` when the answers are wanted. Ctrl+Enter in the text does the same."""

    generate = Signal()

    def __init__(self, compare: CompareState, parent: QWidget | None = None) -> None:
        super().__init__(padding=16, parent=parent)
        self._compare = compare
        self._groups: dict[str, list[str]] = {}
        self.edit = QPlainTextEdit()
        self.edit.setPlaceholderText(self.tr("Ask something…"))
        self.edit.setAccessibleName(self.tr("Prompt"))
        self.edit.setTabChangesFocus(True)
        self.edit.setFixedHeight(58)
        self.edit.installEventFilter(self)
        self.body.addWidget(self.edit)
        row = Flow()
        self.source = Select([], "", self.tr("Where prompts come from"))
        self.source.changed.connect(self._choose_group)
        row.addWidget(self.source)
        self.temperature = self._box(row, self.tr("Freedom (temperature)"), 0.0, 0.0, 2.0)
        self.tokens = self._box(row, self.tr("up to tokens"), 128, 1, 4096, whole=True)
        self.seed = self._box(row, self.tr("seed"), 42, 0, 2**31 - 1, whole=True)
        row.add_spring()
        self.next_button = Button(self.tr("Next prompt"), "secondary", "refresh-cw")
        self.next_button.clicked.connect(self.next_prompt)
        self.generate_button = Button(self.tr("Generate both"), "primary", "send")
        self.generate_button.clicked.connect(self._press)
        row.addWidget(self.next_button)
        row.addWidget(self.generate_button)
        self.body.addLayout(row)
        self.set_prompts([], [])

    def prompt(self) -> str:
        """What is asked."""
        return self.edit.toPlainText().strip()

    def sampling(self) -> Sampling:
        """How answers are to be drawn."""
        return Sampling(
            int(self.seed.value() or 0),
            float(self.temperature.value() or 0.0),
            int(self.tokens.value() or 128),
        )

    def set_prompts(self, watched: list[str], held_out: list[str]) -> None:
        """Offer the run's watched prompts and its held-out rows."""
        asked = [question.prompt for question in self._compare.history]
        self._groups = {"watched": watched, "held": held_out, "asked": asked}
        labels = {
            "watched": self.tr("Watched prompts"),
            "held": self.tr("Held-out rows"),
            "asked": self.tr("Asked before"),
        }
        chosen = self.source.value()
        options = [(key, f"{labels[key]} ({len(self._groups[key])})") for key in labels if self._groups[key]]
        self.source.set_options(options, chosen if self._groups.get(chosen) else "")
        self.source.setVisible(bool(options))
        self.next_button.setVisible(bool(options))
        if not self.prompt() and options:
            self.next_prompt()

    def next_prompt(self) -> None:
        """Take the next prompt of the chosen group."""
        group = self._groups.get(self.source.value(), [])
        if group:
            place = group.index(self.prompt()) + 1 if self.prompt() in group else 0
            self.edit.setPlainText(group[place % len(group)])

    def refresh(self) -> None:
        """Follow the state: busy shows Stop."""
        self._groups["asked"] = [question.prompt for question in self._compare.history]
        if self._compare.is_busy:
            self.generate_button.set_label(self.tr("Stop"))
            return
        both = len(self._compare.columns) == 2
        self.generate_button.set_label(self.tr("Generate both") if both else self.tr("Generate"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Enter generates."""
        is_enter = isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._press()
                return True
        return super().eventFilter(watched, event)

    def _press(self) -> None:
        if self._compare.is_busy:
            self._compare.stop()
        else:
            self.generate.emit()

    def _choose_group(self, _: str) -> None:
        self.edit.clear()
        self.next_prompt()

    def _box(
        self, row: Flow, label: str, value: float, low: float, high: float, *, whole: bool = False
    ) -> NumberBox:
        box = NumberBox(value, low, high, whole=whole, name=label)
        box.setFixedWidth(62)
        words = Label(label, "small")
        words.setBuddy(box)
        pair = QWidget()  # words and box stay together in one line
        inner = QHBoxLayout(pair)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(words)
        inner.addWidget(box)
        row.addWidget(pair)
        return box
