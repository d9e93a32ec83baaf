"""Below a group of cards: what the chosen one is good for, what it costs, and where it comes from."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QWidget

from engine.job.cards import Paper
from gui.widgets.buttons import Button
from gui.widgets.labels import Label

_ROOM = 12  # letters that a short sentence is given beyond its own
_TOP = Qt.AlignmentFlag.AlignTop


class CardFoot(QWidget):
    """Facts side by side, each a short heading and its sentence, and the paper's link at the right end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(7)
        self._facts: list[tuple[Label, Label]] = []
        self._url = ""
        self.paper = Button("", "link", "external-link", compact=True)
        self.paper.clicked.connect(self._open)

    def fill(self, paper: Paper, facts: Sequence[tuple[str, str]]) -> None:
        """Show these (heading, sentence) facts, always as many, and the paper's link."""
        if not self._facts:
            self._build(len(facts))
        for place, (title, text) in enumerate(facts):
            heading, sentence = self._facts[place]
            heading.setText(title)
            sentence.setText(text)
            # In proportion to their lengths, so that all sentences break at the same width, if any.
            self._grid.setColumnStretch(2 * place + 1, len(text) + _ROOM)
        self.paper.set_label(paper.title)
        self.paper.setAccessibleName(self.tr("Open the paper: {title}").format(title=paper.title))
        self._url = paper.url

    def words(self) -> str:
        """All that is said, as one text."""
        return " ".join(f"{heading.text()}: {sentence.text()}" for heading, sentence in self._facts)

    def _build(self, count: int) -> None:
        for place in range(count):
            heading, sentence = Label("", "smallstrong"), Label("", "small", wrap=True)
            sentence.setContentsMargins(0, 0, 10, 0)
            self._grid.addWidget(heading, 0, 2 * place, _TOP)
            self._grid.addWidget(sentence, 0, 2 * place + 1, _TOP)
            self._facts.append((heading, sentence))
        self._grid.addWidget(self.paper, 0, 2 * count, _TOP | Qt.AlignmentFlag.AlignRight)

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl(self._url))
