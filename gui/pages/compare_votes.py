"""The bar below the answers of Compare: which is better, answers or differences, the votes so far."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from gui.state.compare import MOST_COLUMNS, SAME, CompareState
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.flow import Flow
from gui.widgets.labels import Label
from gui.widgets.segmented import Segmented


class VoteBar(Card):
    """`voted(place)` with the column's place, -1 for "same"; keys 1, 2, 3 press the buttons in their order."""

    voted = Signal(int)
    view_changed = Signal()
    save_votes = Signal()

    def __init__(self, compare: CompareState, parent: QWidget | None = None) -> None:
        super().__init__(padding=14, parent=parent)
        self._compare = compare
        row = Flow()
        row.addWidget(Label(self.tr("Which is better?"), "heading"))
        self.buttons = [Button("", "secondary", "thumbs-up") for _ in range(MOST_COLUMNS)]
        self.same_button = Button("", "secondary", "equal")
        self._places: list[int] = []
        for place, button in enumerate(self.buttons):
            button.clicked.connect(lambda _checked=False, place=place: self.voted.emit(place))
        self.same_button.clicked.connect(lambda: self.voted.emit(-1))
        row.addWidget(self.buttons[0])
        row.addWidget(self.same_button)
        for button in self.buttons[1:]:
            row.addWidget(button)
        views = [("answers", self.tr("Answers")), ("differences", self.tr("Differences"))]
        self.view = Segmented(views, "answers", self.tr("Show"))
        self.view.changed.connect(lambda _: self.view_changed.emit())
        row.addWidget(self.view)
        row.add_spring()
        self.tally = Label("", "small")
        row.addWidget(self.tally)
        self.save_button = Button(self.tr("Save votes…"), "secondary", compact=True)
        self.save_button.clicked.connect(self.save_votes)
        row.addWidget(self.save_button)
        self.body.addLayout(row)

    @property
    def shows_differences(self) -> bool:
        """Whether every difference is marked, not only the first."""
        return self.view.value() == "differences"

    def press(self, key: int) -> None:
        """Key 1 is the first button, 2 is "same", 3 and further the other columns."""
        shown = [self.buttons[0], self.same_button, *self.buttons[1 : len(self._compare.columns)]]
        if key <= len(shown) and shown[key - 1].isEnabled():
            shown[key - 1].click()

    def refresh(self, order: list[int], hides_names: bool) -> None:
        """Follow the state; `order` tells which column stands at which place."""
        count = len(order)
        names = [self.tr("Before"), self.tr("After")]
        can_vote = self._compare.is_complete and count > 1
        key = 1
        for place, button in enumerate(self.buttons):
            letter = chr(ord("A") + place)
            name = letter if hides_names or place >= len(names) else names[place]
            button.set_label(f"{name}  ({key})")
            button.setVisible(place < count)
            button.setEnabled(can_vote)
            is_voted = place < count and self._compare.current_vote == str(order[place])
            button.set_kind("primary" if is_voted else "secondary")
            key += 2 if place == 0 else 1
        self.same_button.set_label(self.tr("Same") + "  (2)")
        self.same_button.setEnabled(can_vote)
        self.same_button.set_kind("primary" if self._compare.current_vote == SAME else "secondary")
        tally = self._compare.tally()
        self.save_button.setVisible(any(tally.values()))
        self.tally.setText(self._tally_words(tally, names) if any(tally.values()) and not hides_names else "")

    def _tally_words(self, tally: dict[str, int], names: list[str]) -> str:
        parts = []
        for number in range(len(self._compare.columns)):
            name = names[number].lower() if number < len(names) else chr(ord("A") + number)
            parts.append(f"{tally[str(number)]} {name}")
        parts.insert(1, f"{tally[SAME]} {self.tr('same')}")
        return self.tr("So far:") + "  " + " · ".join(parts)
