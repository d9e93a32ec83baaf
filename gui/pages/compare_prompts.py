"""Which experts differ between two of the prompts that a column was asked: in words, and layer by layer."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from gui.state.compare import Column
from gui.state.routes import Difference, Mixture, differences, largest
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.expert_legend import places_of
from gui.widgets.fit_scroll import FitScroll
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.segmented import Segmented
from gui.widgets.select import Select
from gui.widgets.share_bars import ShareBars, ShareWords, sides_of

_SHOWN = 60  # letters of a prompt in the lists
_NAMED = 28  # in a sentence


class PromptsDialog(QDialog):
    """Two prompts, chosen among those that `column` was asked while its model was there."""

    def __init__(self, column: Column, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = column
        self.setWindowTitle(self.tr("Which experts differ"))
        self.resize(780, 620)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(Label(self.tr("Which experts differ between two prompts"), "heading"))
        layout.addWidget(ElidedLabel(column.title, "small"))
        self.first, self.second = self._choice(layout, "A"), self._choice(layout, "B")
        layout.addLayout(self._parts_row())
        self.summary = Card(padding=14)
        self.sentences = Label("", wrap=True)
        self.summary.body.addWidget(self.sentences)
        layout.addWidget(self.summary)
        self.content = QWidget()
        self.rows = QVBoxLayout(self.content)
        self.rows.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(FitScroll(self.content), 1)
        layout.addLayout(self._foot())
        self._offer()
        self.show_differences()

    def show_differences(self) -> None:
        """Compare the prompts that are chosen."""
        routings, mixture = self._column.routings, self._column.mixture
        if mixture is None:
            return
        first, second = (routings[int(choice.value())] for choice in (self.first, self.second))
        found = differences(first, second, mixture, self.part.value())
        self.sentences.setText("\n".join(self._words(found, mixture, first.prompt, second.prompt)))
        table = Card(padding=14)
        words = [self._beside(difference, mixture) for difference in found]
        sides = sides_of(words)
        for difference, told in zip(found, words, strict=True):
            both = [round(1e6 * (a + b)) for a, b in zip(difference.first, difference.second, strict=True)]
            shares = (difference.first, difference.second)
            table.body.addWidget(ShareBars(shares, places_of(both), told, sides))
        while item := self.rows.takeAt(0):
            if widget := item.widget():
                widget.hide()  # it goes only when the dialog's own loop comes round
                widget.deleteLater()
        self.rows.addWidget(table)
        self.rows.addStretch(1)

    # Building

    def _choice(self, layout: QVBoxLayout, letter: str) -> Select:
        row = QHBoxLayout()
        row.setSpacing(10)
        words = Label(letter, "strong")
        words.setFixedWidth(14)
        choice = Select([], "", self.tr("Prompt {letter}").format(letter=letter))
        choice.setSizeAdjustPolicy(Select.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choice.changed.connect(lambda _: self.show_differences())
        words.setBuddy(choice)
        row.addWidget(words)
        row.addWidget(choice, 1)
        layout.addLayout(row)
        return choice

    def _parts_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(Label(self.tr("Tokens of the"), "small"))
        options = [("answer", self.tr("Answer")), ("prompt", self.tr("Prompt")), ("both", self.tr("Both"))]
        self.part = Segmented(options, "answer", self.tr("Which tokens count"))
        self.part.changed.connect(lambda _: self.show_differences())
        row.addWidget(self.part)
        row.addStretch(1)
        return row

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        words = self.tr(
            "Each token counts for the expert with the highest weight. On the right stands the part of the tokens that "
            "go to another expert (total variation distance), and how much so many tokens differ by chance."
        )
        row.addWidget(Label(words, "small", wrap=True), 1)
        row.addSpacing(16)
        close = Button(self.tr("Close"))
        close.clicked.connect(self.accept)
        close.setDefault(True)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignBottom)
        return row

    def _offer(self) -> None:
        asked = list(self._column.routings.items())
        options = [
            (str(number), f"{place}.  {_short(routing.prompt, _SHOWN)}")
            for place, (number, routing) in enumerate(asked, 1)
        ]
        self.first.set_options(options, options[-2][0])
        self.second.set_options(options, options[-1][0])

    # Words

    def _words(self, found: list[Difference], mixture: Mixture, first: str, second: str) -> list[str]:
        """What a person should take away: the largest differences, or that there are none."""
        if not found:
            return [
                self.tr("One of the two has no token to count here. Choose other prompts or other tokens.")
            ]
        telling = [difference for difference in found if difference.is_telling]
        if telling:
            lines = [self._sentence(*one, mixture, first, second) for one in largest(telling)]
            if rest := len(found) - len(telling):
                words = self.tr("{count} of {all} layers show no difference beyond chance.")
                lines.append(words.format(count=rest, all=len(found)))
            return lines
        if all(difference.is_alike for difference in found):
            most = max(difference.distance for difference in found)
            words = self.tr(
                "Both prompts route alike: in no layer do more than {share} of the tokens go elsewhere."
            )
            return [words.format(share=_percent(most))]
        words = self.tr(
            "Both prompts route alike as far as so few tokens tell: chance alone gives such differences."
        )
        return [
            words,
            self.tr("The largest: ") + self._sentence(*largest(found, 1)[0], mixture, first, second),
        ]

    def _sentence(
        self, difference: Difference, expert: int, mixture: Mixture, first: str, second: str
    ) -> str:
        words = self.tr("Layer {layer}: expert {expert} takes {one} for “{first}”, {other} for “{second}”.")
        return words.format(
            layer=mixture.layers[difference.layer] + 1,
            expert=expert + 1,
            one=_percent(difference.first[expert]),
            other=_percent(difference.second[expert]),
            first=_short(first, _NAMED),
            second=_short(second, _NAMED),
        )

    def _beside(self, difference: Difference, mixture: Mixture) -> ShareWords:
        layer = self.tr("Layer {number}").format(number=mixture.layers[difference.layer] + 1)
        chance = self.tr("by chance {share}").format(share=_percent(difference.chance))
        note = self.tr("alike") if difference.is_alike else chance
        return ShareWords(layer, _percent(difference.distance), note, difference.is_telling)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _short(text: str, letters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "…"
