"""The device and its memory, at the foot of the rail."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import ElidedLabel
from gui.widgets.progress import Progress


class DeviceChip(Card):
    """`set("CPU · 4 of 8 cores", "5.3 of 16 GB memory used", 0.33)`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(padding=12, parent=parent)
        self.body.setSpacing(5)
        top = QHBoxLayout()
        top.setSpacing(6)
        self._name = ElidedLabel("", "smallstrong")
        self._used = ElidedLabel("", "small")
        self._bar = Progress(4, "muted", self.tr("Memory used"))
        top.addWidget(IconLabel("cpu", "muted", 16))
        top.addWidget(self._name, 1)
        self.body.addLayout(top)
        self.body.addWidget(self._bar)
        self.body.addWidget(self._used)

    def set(self, device: str, memory: str, fraction: float) -> None:
        """Show the device's name, the memory in words and its used part from 0 to 1."""
        self._name.setText(device)
        self._used.setText(memory)
        self._bar.set_fraction(fraction)
        self._bar.set_tone("warn" if fraction > 0.92 else "muted")
        self.setAccessibleName(f"{device}, {memory}")
