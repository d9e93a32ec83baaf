"""In a column of Compare: colour the answer by expert, choose the layer, read what each token chose."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.state.compare import Column
from gui.state.routes import Routing, counts_of
from gui.widgets.answer_view import AnswerView
from gui.widgets.buttons import Button
from gui.widgets.expert_legend import ALL, REST, ExpertLegend, places_of
from gui.widgets.flow import Flow
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.select import Select
from gui.widgets.switch import Switch

_NAMED = 4  # experts that are named for a token, and tokens for a character


class ExpertPanel(QWidget):
    """`fill` follows a column whose model has experts, and colours `view`; hidden for any other."""

    prompts_asked = Signal()

    def __init__(self, view: AnswerView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._column: Column | None = None
        self._routing: Routing | None = None
        self._has_experts = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        row = Flow(gap=6)
        self.switch = Switch(self.tr("Colour by expert"))
        self.switch.toggled.connect(self._turn)
        row.addWidget(self._labelled())
        self.layer = Select([], "", self.tr("Layer"), compact=True)
        self.layer.setSizeAdjustPolicy(Select.SizeAdjustPolicy.AdjustToContents)
        self.layer.changed.connect(self._choose_layer)
        row.addWidget(self.layer)
        row.add_spring()
        self.prompts_button = Button("", "link", compact=True)
        self.prompts_button.clicked.connect(self.prompts_asked)
        row.addWidget(self.prompts_button)
        layout.addLayout(row)
        self.legend = ExpertLegend()
        self.legend.chosen.connect(lambda _: self._colour())
        layout.addWidget(self.legend)
        self.readout = ElidedLabel("", "small")  # the page puts it below the answer
        view.pointed.connect(self._read_out)
        self.setVisible(False)

    def fill(self, column: Column, routing: Routing | None, is_hidden: bool) -> None:
        """Follow the state; `is_hidden` where nothing may tell which model it is."""
        mixture = None if is_hidden else column.mixture
        self._column, self._routing = column, routing
        self._has_experts = mixture is not None
        self.setVisible(self._has_experts)
        if mixture is None:
            self._clear()
            return
        if self.layer.count() != len(mixture.layers):
            options = [
                (str(place), self.tr("Layer {number}").format(number=layer + 1))
                for place, layer in enumerate(mixture.layers)
            ]
            self.layer.set_options(options)
        column.layer = min(column.layer, len(mixture.layers) - 1)
        self.layer.set_value(str(column.layer))
        self.switch.setChecked(column.is_coloured)
        self.prompts_button.set_label(self.tr("Two prompts…"))
        is_short = len(column.routings) < 2
        self.prompts_button.set_blocked(self.tr("Ask a second prompt") if is_short else "")
        self._colour()

    def describe(self, tokens: tuple[int, ...]) -> str:
        """What the chosen layer did with these tokens: "Layer 6: expert 3 (61 %), expert 1 (39 %)"."""
        if self._column is None or self._column.mixture is None or self._routing is None:
            return ""
        number = self._column.mixture.layers[self._column.layer] + 1
        routes = [self._routing.tokens[n] for n in tokens[:_NAMED] if n < len(self._routing.tokens)]
        choices = [
            self._choices(r.experts[self._column.layer], r.weights[self._column.layer]) for r in routes
        ]
        then = self.tr(", then ")
        return self.tr("Layer {number}: {choices}").format(number=number, choices=then.join(choices))

    def _choices(self, experts: tuple[int, ...], weights: tuple[float, ...]) -> str:
        words = self.tr("expert {number} ({share} %)")
        named = [
            words.format(number=expert + 1, share=round(weight * 100))
            for expert, weight in zip(experts[:_NAMED], weights, strict=False)
        ]
        more = len(experts) - len(named)
        return ", ".join([*named, self.tr("{count} more").format(count=more)] if more else named)

    def _colour(self) -> None:
        column, routing = self._column, self._routing
        is_on = self._has_experts and column is not None and column.is_coloured
        self.layer.setVisible(is_on)
        self.legend.setVisible(is_on and routing is not None)
        self.readout.setVisible(is_on)
        if not is_on or column is None or column.mixture is None or routing is None:
            self._view.set_grounds([])
            self._read_out(())
            return
        counts = counts_of(routing, column.layer, column.mixture.experts, "answer")
        self.legend.set_counts(counts)
        places = places_of(counts)
        grounds = []
        for token in routing.tokens:
            expert = token.experts[column.layer][0]
            grounds.append((token.start, token.end, places[expert] if self._is_shown(expert) else -1))
        self._view.set_grounds(grounds, self.describe)
        self._read_out(())

    def _is_shown(self, expert: int) -> bool:
        if self.legend.alone == REST:
            return expert not in self.legend.chips
        return self.legend.alone in (ALL, expert)

    def _clear(self) -> None:
        self._view.set_grounds([])
        self.readout.setVisible(False)

    def _read_out(self, tokens: tuple[int, ...]) -> None:
        if not tokens or self._routing is None:
            self.readout.setText(self.tr("Point at a word, or move there with the arrow keys."))
            return
        first = self._routing.tokens[tokens[0]]
        shown = self._view.text()[first.start : first.end].replace("\n", "⏎")
        self.readout.setText(f"“{shown}”  {self.describe(tokens)}")

    def _turn(self, is_on: bool) -> None:
        if self._column is not None:
            self._column.is_coloured = is_on
            self._colour()

    def _choose_layer(self, place: str) -> None:
        if self._column is not None:
            self._column.layer = int(place)
            self._colour()

    def _labelled(self) -> QWidget:
        pair = QWidget()
        inner = QHBoxLayout(pair)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addWidget(self.switch)
        words = Label(self.tr("Colour by expert"), "smalltext")
        words.setBuddy(self.switch)
        inner.addWidget(words)
        return pair
