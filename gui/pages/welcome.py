"""Welcome: the first minute. An example to try, a place to drop data, a model folder to open."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from gui.state.app_state import AppState
from gui.state.example import example_facts
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.drop_zone import DropZone
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label

WIDTH = 964
CARD_HEIGHT = 276


class WelcomePage(QWidget):
    """Three cards and the four steps below them."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        outer = QHBoxLayout(self)
        outer.setContentsMargins(24, 20, 24, 20)
        column = QWidget()
        column.setMaximumWidth(WIDTH)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        layout.addStretch(2)
        self._add_heading(layout)
        layout.addSpacing(18)
        layout.addLayout(self._cards())
        layout.addSpacing(12)
        layout.addWidget(self._steps())
        note = Label(
            self.tr("The example works without a network. This pane comes back from Settings."), "small"
        )
        layout.addWidget(note, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        outer.addStretch(1)
        outer.addWidget(column, 1000)
        outer.addStretch(1)

    def entered(self) -> None:
        """The example's button is the default."""
        self.example_button.setFocus()

    def left(self) -> None:
        """Nothing to do."""

    def _add_heading(self, layout: QVBoxLayout) -> None:
        layout.addWidget(IconLabel("mark", "accent", 40), 0, Qt.AlignmentFlag.AlignHCenter)
        heading = Label(self.tr("Teach a small model something new, on this computer."), "hero")
        layout.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addStretch(1)
        line.addWidget(IconLabel("shield-check", "good", 16))
        promise = self.tr("Nothing is uploaded. You can stop at any time and keep what was learned.")
        line.addWidget(Label(promise, "muted"))
        line.addStretch(1)
        layout.addLayout(line)

    def _cards(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(14)
        for card in (self._example_card(), self._data_card(), self._model_card()):
            card.setMinimumHeight(CARD_HEIGHT)
            row.addWidget(card, 1)
        return row

    def _example_card(self) -> Card:
        card = Card(padding=20)
        card.set_tone("selected")
        badge = Badge(self.tr("About 2 minutes"), "accent")
        self._add_top(card, "play", self.tr("Try the two-minute example"), badge)
        facts = example_facts()
        text = self.tr(
            "A bundled model with {parameters} million parameters learns a polite tone from {rows} sample "
            "replies. You watch it change while it trains."
        ).format(parameters=round(facts.parameters / 1e6), rows=facts.rows)
        card.body.addWidget(Label(text, "muted", wrap=True))
        card.body.addStretch(1)
        self.example_button = Button(self.tr("Start the example"), "primary", "play")
        self.example_button.setDefault(True)
        self.example_button.clicked.connect(self._start_example)
        card.body.addWidget(self.example_button)
        return card

    def _data_card(self) -> Card:
        card = Card(padding=20)
        self._add_top(card, "database", self.tr("Start from my own data"))
        zone = DropZone(self.tr("Drop a file in this window"), self.tr("JSON Lines, CSV, Parquet, text"))
        zone.dropped.connect(self._take_paths)
        zone.clicked.connect(self._choose_file)
        card.body.addWidget(zone)
        card.body.addStretch(1)
        self.data_button = Button(self.tr("Choose a file…"), "secondary", "folder-open")
        self.data_button.clicked.connect(self._choose_file)
        card.body.addWidget(self.data_button)
        return card

    def _model_card(self) -> Card:
        card = Card(padding=20)
        self._add_top(card, "folder-open", self.tr("Open a model folder"))
        text = self.tr(
            "Already have a model on this computer? Choose the folder that holds its weights and its "
            "config.json. The files are only read, never changed."
        )
        card.body.addWidget(Label(text, "muted", wrap=True))
        card.body.addStretch(1)
        self.model_button = Button(self.tr("Choose a folder…"), "secondary", "box")
        self.model_button.clicked.connect(self._choose_folder)
        card.body.addWidget(self.model_button)
        return card

    def _add_top(self, card: Card, icon: str, title: str, badge: QWidget | None = None) -> None:
        line = QHBoxLayout()
        line.addWidget(
            IconLabel(icon, "accent" if badge else "muted", 20, "accent_soft" if badge else "note")
        )
        line.addStretch(1)
        if badge is not None:
            line.addWidget(badge)
        card.body.addLayout(line)
        card.body.addWidget(Label(title, "heading"))

    def _steps(self) -> Card:
        card = Card(padding=16)
        row = QHBoxLayout()
        row.setSpacing(12)
        steps = (
            (self.tr("Choose a model"), self.tr("what will learn")),
            (self.tr("Add examples"), self.tr("what it should say")),
            (self.tr("Train"), self.tr("watch it improve")),
            (self.tr("Compare"), self.tr("judge before and after")),
        )
        for number, (title, text) in enumerate(steps, 1):
            if number > 1:
                row.addStretch(1)
                row.addWidget(IconLabel("chevron-right", "muted", 16))
                row.addStretch(1)
            row.addWidget(Badge(str(number), "neutral"))
            words = QVBoxLayout()
            words.setSpacing(0)
            words.addWidget(Label(title, "strong"))
            words.addWidget(Label(text, "small"))
            row.addLayout(words)
        card.body.addLayout(row)
        return card

    def _start_example(self) -> None:
        self.state.load_example()
        self.state.set_preference("seen_welcome", True)
        self.state.navigate.emit("train")

    def _take_paths(self, paths: list[Path]) -> None:
        self.state.open_paths(paths)

    def _choose_file(self) -> None:
        title = self.tr("Choose a file of examples")
        filters = self.tr("Examples (*.jsonl *.json *.csv *.tsv *.parquet *.txt);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, title, "", filters)
        if name:
            self.state.open_paths([Path(name)])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Choose a model folder"))
        if name:
            self.state.open_paths([Path(name)])
