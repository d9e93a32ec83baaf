"""Below a group of cards: what the chosen one is good for, what it costs, and where it comes from."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QWidget

from engine.job.cards import Paper
from gui.widgets.buttons import Button
from gui.widgets.labels import Label

_TOP = Qt.AlignmentFlag.AlignTop


class CardFoot(QWidget):
    """A short heading with a sentence below for each fact, side by side, and the paper's link at the right end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(1)
        self._facts: list[tuple[Label, Label]] = []
        self._url = ""
        self.paper = Button("", "link", "external-link", compact=True)
        self.paper.clicked.connect(self._open)

    def fill(self, paper: Paper, facts: Sequence[tuple[str, str]]) -> None:
        """Show these (heading, sentence) facts, always as many, and the paper's link."""
        if not self._facts:
            self._build(len(facts))
        for (heading, sentence), (title, text) in zip(self._facts, facts, strict=True):
            heading.setText(title)
            sentence.setText(text)
        self.paper.set_label(paper.title)
        self.paper.setAccessibleName(self.tr("Open the paper: {title}").format(title=paper.title))
        self._url = paper.url

    def words(self) -> str:
        """All that is said, as one text."""
        return " ".join(f"{heading.text()}: {sentence.text()}" for heading, sentence in self._facts)

    def _build(self, count: int) -> None:
        for column in range(count):
            heading, sentence = Label("", "smallstrong"), Label("", "small", wrap=True)
            self._grid.addWidget(heading, 0, column, _TOP)
            self._grid.addWidget(sentence, 1, column, _TOP)
            self._grid.setColumnStretch(column, 1)
            self._facts.append((heading, sentence))
        self._grid.addWidget(self.paper, 0, count, 2, 1, _TOP | Qt.AlignmentFlag.AlignRight)

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl(self._url))
