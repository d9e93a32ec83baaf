"""A figure in a tile: label, large value, one small line with a tone."""

from PySide6.QtWidgets import QWidget

from gui.widgets.card import Card
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.look import set_look


class Stat(Card):
    """`set(value, small, tone)` changes the figures; a `trend` of "down" or "up" puts a triangle before the line."""

    def __init__(self, label: str, value: str = "–", small: str = "", parent: QWidget | None = None) -> None:
        super().__init__(padding=14, parent=parent)
        self.body.setSpacing(2)
        self._label = ElidedLabel(label, "small")
        self._value = ElidedLabel(value, "value")
        self._small = ElidedLabel(small, "small")
        for widget in (self._label, self._value, self._small):
            self.body.addWidget(widget)
        self._name()

    def set(self, value: str, small: str = "", tone: str = "", trend: str = "") -> None:
        """Show a value; the small line may be good, warn or bad."""
        arrow = {"down": "▼ ", "up": "▲ "}.get(trend, "")
        self._value.setText(value)
        self._small.setText(arrow + small)
        set_look(self._small, role="smalltext" if tone else "small", tone=tone)
        self._name()

    def set_label(self, label: str) -> None:
        """Change what is measured."""
        self._label.setText(label)
        self._name()

    def value(self) -> Label:
        """The label that shows the figure."""
        return self._value

    def _name(self) -> None:
        self.setAccessibleName(f"{self._label.text()}: {self._value.text()}, {self._small.text()}")
