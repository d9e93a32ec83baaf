"""A model's answer: plain text that streams in, with the first or every difference to another answer marked."""

import difflib
import re
from collections.abc import Callable, Sequence

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from gui import theme
from gui.widgets.coloured_text import ColouredText, Ground, document_places

_WORD = re.compile(r"\S+")


class AnswerView(ColouredText):
    """`compare_with(other, everything)` marks the first differing word, or every one."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__("", name, lines=0, parent=parent)
        self._ranges: list[tuple[int, int]] = []
        theme.changed.connect(self._mark)

    def set_text(self, text: str) -> None:
        """Show this text without marks."""
        self._ranges = []
        self.setExtraSelections([])
        super().set_text(text)

    def set_grounds(
        self, grounds: Sequence[Ground], describe: Callable[[tuple[int, ...]], str] = lambda _: ""
    ) -> None:
        """As for any coloured text; what differs is underlined then, as its own ground would hide a token's."""
        had_grounds = bool(self.grounds())
        super().set_grounds(grounds, describe)
        if had_grounds != bool(grounds):
            self._mark()

    def compare_with(self, other: str | None, everything: bool = False) -> None:
        """Mark what differs from `other`; None takes the marks away."""
        self._ranges = [] if other is None else differing_ranges(self.text(), other)
        if not everything:
            self._ranges = self._ranges[:1]
        self._mark()

    def marked_texts(self) -> list[str]:
        """The words that are marked."""
        text = self.text()
        return [text[start:end] for start, end in self._ranges]

    def _mark(self) -> None:
        look = self._look()
        selections = []
        places = document_places(self.text())
        for start, end in self._ranges:
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.document())
            cursor.setPosition(places[start])
            cursor.setPosition(places[end], QTextCursor.MoveMode.KeepAnchor)
            selection.cursor, selection.format = cursor, look
            selections.append(selection)
        self.setExtraSelections(selections)

    def _look(self) -> QTextCharFormat:
        tokens = theme.current()
        look = QTextCharFormat()
        look.setFontWeight(QFont.Weight.DemiBold)
        if self.grounds():
            look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
            look.setUnderlineColor(QColor(tokens.text))
            return look
        look.setBackground(QColor(tokens.accent_soft))
        look.setForeground(QColor(tokens.accent))
        return look


def differing_ranges(text: str, other: str) -> list[tuple[int, int]]:
    """The character ranges of the words in `text` that are not in `other` at the same place, in order."""
    words = list(_WORD.finditer(text))
    matcher = difflib.SequenceMatcher(None, [w.group() for w in words], _WORD.findall(other), autojunk=False)
    return [
        words[number].span()
        for tag, first, last, _, _ in matcher.get_opcodes()
        if tag != "equal"
        for number in range(first, last)
    ]
