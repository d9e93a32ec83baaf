"""One column of Compare: which weights answer, the answer as it streams, and what it took."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from gui.pages.compare_experts import ExpertPanel
from gui.state.compare import Column
from gui.state.routes import Routing
from gui.widgets.answer_view import AnswerView
from gui.widgets.badge import Badge
from gui.widgets.buttons import IconButton
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import ElidedLabel, Label, Line


class CompareColumn(Card):
    """`fill` follows the state; with `hides_names` (a blind test) nothing tells which model it is."""

    menu_asked = Signal(int)
    prompts_asked = Signal(int)

    def __init__(self, place: int, parent: QWidget | None = None) -> None:
        super().__init__(padding=18, parent=parent)
        self.place = place
        top = QHBoxLayout()
        top.setSpacing(8)
        self.badge = Badge("", "neutral" if place == 0 else "accent")
        self.title = ElidedLabel("", "heading")
        self.menu_button = IconButton("ellipsis", self.tr("Choose this column's model"), compact=True)
        self.menu_button.clicked.connect(lambda _checked=False: self.menu_asked.emit(self.place))
        top.addWidget(self.badge)
        top.addWidget(self.title, 1)
        top.addWidget(self.menu_button)
        self.body.addLayout(top)
        proof = QHBoxLayout()
        proof.setSpacing(6)
        self.proof_icon = IconLabel("fingerprint", "muted", 16)
        self.proof = ElidedLabel("", "small")
        proof.addWidget(self.proof_icon)
        proof.addWidget(self.proof, 1)
        self.body.addLayout(proof)
        self.view = AnswerView(self.tr("Answer {number}").format(number=place + 1))
        self.experts = ExpertPanel(self.view)
        self.experts.prompts_asked.connect(lambda: self.prompts_asked.emit(self.place))
        self.body.addWidget(self.experts)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.experts.readout)
        self.body.addWidget(Line())
        self.figures = Label("", "small")
        self.body.addWidget(self.figures)

    def fill(self, column: Column, routing: Routing | None, hides_names: bool, status: str) -> None:
        """Follow the state's column; `routing` tells the experts of the answer that is shown."""
        names = (self.tr("Before"), self.tr("After"))
        letter = chr(ord("A") + self.place)
        named = names[self.place] if self.place < len(names) else letter
        self.badge.set(letter if hides_names else named, "neutral" if self.place == 0 else "accent")
        self.title.setText(self.tr("Hidden until you vote") if hides_names else column.title)
        self.proof.setText(self._proof(column, hides_names, status))
        self.show_text(column.text)
        self.experts.fill(column, routing, hides_names)
        self._show_figures(column)

    def show_text(self, text: str) -> None:
        """Show the answer so far; only what is new is added."""
        shown = self.view.text()
        if text.startswith(shown) and shown:
            if len(text) > len(shown):
                self.view.append_text(text[len(shown) :])
        elif text != shown:
            self.view.set_text(text)

    def _proof(self, column: Column, hides_names: bool, status: str) -> str:
        if column.loaded is None:
            return self.tr("Loading…") if status else self.tr("Not loaded yet")
        if hides_names:
            return self.tr("Weights are hidden")
        return f"{column.loaded.weights} · {column.loaded.fingerprint}"

    def _show_figures(self, column: Column) -> None:
        answered = column.answered
        if answered is None:
            self.figures.setText(self.tr("Writing…") if column.text else "")
            return
        rate = answered.tokens / answered.seconds if answered.seconds else 0.0
        parts = [
            self.tr("{count} tokens").format(count=answered.tokens),
            f"{answered.seconds:.1f} s",
            self.tr("{rate} tokens per second").format(rate=round(rate)),
        ]
        if not answered.ended:
            parts.append(self.tr("cut at the limit"))
        self.figures.setText(" · ".join(parts))
