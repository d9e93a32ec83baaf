"""A model's answer: plain text that streams in, with the first or every difference to another answer marked."""

import difflib
import re

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from gui import theme
from gui.widgets.plain_text import PlainText

_WORD = re.compile(r"\S+")


class AnswerView(PlainText):
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

    def compare_with(self, other: str | None, everything: bool = False) -> None:
        """Mark what differs from `other`; None takes the marks away."""
        self._ranges = [] if other is None else differing_ranges(self.toPlainText(), other)
        if not everything:
            self._ranges = self._ranges[:1]
        self._mark()

    def marked_texts(self) -> list[str]:
        """The words that are marked."""
        text = self.toPlainText()
        return [text[start:end] for start, end in self._ranges]

    def _mark(self) -> None:
        tokens = theme.current()
        look = QTextCharFormat()
        look.setBackground(QColor(tokens.accent_soft))
        look.setForeground(QColor(tokens.accent))
        look.setFontWeight(QFont.Weight.DemiBold)
        selections = []
        text = self.toPlainText()
        for start, end in self._ranges:
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.document())
            cursor.setPosition(_utf16(text, start))
            cursor.setPosition(_utf16(text, end), QTextCursor.MoveMode.KeepAnchor)
            selection.cursor, selection.format = cursor, look
            selections.append(selection)
        self.setExtraSelections(selections)


def _utf16(text: str, position: int) -> int:
    """A position in characters as Qt counts it: characters beyond the first plane take two units."""
    return len(text[:position].encode("utf-16-le")) // 2


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
