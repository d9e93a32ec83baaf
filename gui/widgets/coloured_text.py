"""Plain text with a coloured ground behind each token. The text itself stays what it is: selected, copied, marked."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QTextBlock, QTextLine
from PySide6.QtWidgets import QToolTip, QWidget

from gui import theme
from gui.theme.experts import expert_ground
from gui.widgets.plain_text import PlainText

Ground = tuple[int, int, int]
"""A token's characters `start` to `end`, and the place of its ground; -1 for none."""

_CARET = Qt.TextInteractionFlag.TextSelectableByKeyboard


class ColouredText(PlainText):
    """`set_grounds` colours the tokens of the text that was set; positions are those of its characters.

    With grounds the keyboard's caret goes through the text. `pointed` carries the numbers of the tokens whose
    character the pointer or the caret is at: several where they share it, none elsewhere.
    """

    pointed = Signal(tuple)

    def __init__(
        self, text: str = "", name: str = "", lines: int = 12, parent: QWidget | None = None
    ) -> None:
        self._raw = ""
        self._grounds: list[Ground] = []
        self._places: list[int] = []
        self._spans: list[Ground] = []  # the grounds, by places of the document
        self._describe: Callable[[tuple[int, ...]], str] = lambda _: ""
        super().__init__(text, name, lines, parent)
        self.setMouseTracking(True)
        self.cursorPositionChanged.connect(self._point_at_caret)
        theme.changed.connect(self.viewport().update)

    def text(self) -> str:
        """The text as it was given, line ends and rare signs included."""
        return self._raw

    def set_text(self, text: str) -> None:
        self._raw, self._places, self._spans = text, [], []
        super().set_text(text)

    def append_text(self, text: str) -> None:
        if "\r" in text or self._raw.endswith("\r"):  # a line end that comes in two parts
            self.set_text(self._raw + text)
            return
        self._raw, self._places, self._spans = self._raw + text, [], []
        super().append_text(text)

    def set_grounds(
        self, grounds: Sequence[Ground], describe: Callable[[tuple[int, ...]], str] = lambda _: ""
    ) -> None:
        """Colour these tokens, in order of their characters; `describe` tells of tokens by their numbers."""
        self._grounds, self._spans, self._describe = list(grounds), [], describe
        flags = self.textInteractionFlags()
        self.setTextInteractionFlags(flags | _CARET if grounds else flags & ~_CARET)
        self.viewport().update()

    def grounds(self) -> list[Ground]:
        """What is coloured now."""
        return list(self._grounds)

    def tokens_at(self, position: int) -> tuple[int, ...]:
        """The tokens that have the character at this place of the document."""
        places = self._known_places()
        character = bisect_right(places, position) - 1
        return tuple(n for n, (start, end, _) in enumerate(self._grounds) if start <= character < end)

    def tokens_under(self, point: QPoint) -> tuple[int, ...]:
        """The tokens under a point of the viewport."""
        position = self._position_under(point) if self._grounds else None
        return () if position is None else self.tokens_at(position)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._grounds:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            self._paint_grounds(painter, event.rect().bottom())
            painter.end()
        super().paintEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._grounds:
            self.pointed.emit(self.tokens_under(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._grounds:
            self._point_at_caret()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._grounds:
            tokens = self.tokens_under(event.pos())
            QToolTip.showText(event.globalPos(), self._describe(tokens) if tokens else "", self.viewport())
            return True
        return super().viewportEvent(event)

    def _point_at_caret(self) -> None:
        if not self._grounds:
            return
        position = self.textCursor().position()
        tokens = self.tokens_at(position) if self.window().focusWidget() is self else ()
        self.setAccessibleDescription(self._describe(tokens) if tokens else "")  # a screen reader says it
        self.pointed.emit(tokens)

    def _position_under(self, point: QPoint) -> int | None:
        block = self.cursorForPosition(point).block()
        area = self.blockBoundingGeometry(block).translated(self.contentOffset())
        x, y = point.x() - area.left(), point.y() - area.top()
        for line in _lines(block):
            if line.y() <= y < line.y() + line.height():
                text = line.naturalTextRect()
                if text.left() <= x <= text.right():
                    return block.position() + line.xToCursor(x, QTextLine.CursorPosition.CursorOnCharacter)
        return None

    def _paint_grounds(self, painter: QPainter, bottom: int) -> None:
        ends = [end for _, end, _ in self._known_spans()]
        block = self.firstVisibleBlock()
        while block.isValid():
            area = self.blockBoundingGeometry(block).translated(self.contentOffset())
            for line in _lines(block):
                if area.top() + line.y() > bottom:
                    return
                if area.top() + line.y() + line.height() > 0:
                    self._paint_line(painter, line, QPointF(area.topLeft()), block.position(), ends)
            block = block.next()

    def _paint_line(
        self, painter: QPainter, line: QTextLine, corner: QPointF, before: int, ends: Sequence[int]
    ) -> None:
        """The grounds of one line of a block that stands at `corner` and begins at the place `before`."""
        painted, until = before + line.textStart(), before + line.textStart() + line.textLength()
        for start, end, ground in islice(self._known_spans(), bisect_right(ends, painted), None):
            if start >= until:
                return
            first, last = (
                max(start, painted),
                min(end, until),
            )  # shared characters have the first token's ground
            if ground >= 0 and last > first:
                left, right = sorted((_x(line, first - before), _x(line, last - before)))
                area = QRectF(corner.x() + left, corner.y() + line.y(), right - left, line.height())
                painter.setBrush(theme.colour(expert_ground(ground)))
                painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            painted = max(painted, last)

    def _known_spans(self) -> list[Ground]:
        if not self._spans:
            places, last = self._known_places(), len(self._raw)
            self._spans = [(places[min(s, last)], places[min(e, last)], g) for s, e, g in self._grounds]
        return self._spans

    def _known_places(self) -> list[int]:
        if not self._places:
            self._places = document_places(self._raw)
        return self._places


def document_places(text: str) -> list[int]:
    """Where each character, and the end, stands as Qt counts: two units beyond the first plane, one for CR LF."""
    places, place = [], 0
    for number, character in enumerate(text):
        places.append(place)
        if character != "\r" or text[number + 1 : number + 2] != "\n":
            place += 2 if ord(character) > 0xFFFF else 1
    return [*places, place]


def _lines(block: QTextBlock) -> list[QTextLine]:
    layout = block.layout()
    return [layout.lineAt(number) for number in range(layout.lineCount())]


def _x(line: QTextLine, position: int) -> float:
    found: Any = line.cursorToX(position)  # Any: PySide gives a pair, its types say less
    return float(found[0])
