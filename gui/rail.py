"""The left rail: the steps of a new run, the runs, settings and the device chip."""

from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from engine.library.devices import Machine
from gui.widgets.device_chip import DeviceChip
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label, Line
from gui.widgets.look import set_look
from gui.widgets.rail_button import RailButton

WIDTH = 204
STEPS = ("model", "data", "method", "train", "compare", "export")
ICONS = {
    "model": "box",
    "data": "database",
    "method": "sliders-horizontal",
    "train": "activity",
    "compare": "columns-2",
    "export": "package",
    "runs": "history",
    "settings": "settings",
}


class Rail(QFrame):
    """`chosen(page)` when an entry is pressed; `set_mark` shows the state of a step."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_look(self, role="rail")
        self.setFixedWidth(WIDTH)
        self.buttons: dict[str, RailButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 14)
        layout.setSpacing(3)
        layout.addLayout(self._brand())
        layout.addSpacing(10)
        caption = Label(self.tr("New run"), "small")
        caption.setContentsMargins(10, 0, 0, 0)
        layout.addWidget(caption)
        for page in STEPS:
            layout.addWidget(self._button(page))
        layout.addSpacing(8)
        layout.addWidget(Line())
        layout.addSpacing(8)
        layout.addWidget(self._button("runs"))
        layout.addStretch(1)
        layout.addWidget(self._button("settings"))
        layout.addSpacing(6)
        self.chip = DeviceChip()
        layout.addWidget(self.chip)

    def show_page(self, page: str) -> None:
        """Mark the entry of the page that is open."""
        for name, button in self.buttons.items():
            button.setChecked(name == page)

    def set_mark(self, page: str, mark: str) -> None:
        """Show "done", "attention", "busy" or "" at a step."""
        self.buttons[page].set_mark(mark)

    def show_machine(self, machine: Machine, threads: int | None) -> None:
        """Fill the device chip."""
        device = machine.devices[0]
        used = device.memory_total - device.memory_free
        locale = QLocale()
        words = self.tr("{used} of {total} GB memory used").format(
            used=locale.toString(used / 1e9, "f", 1 if used < 1e10 else 0),
            total=locale.toString(device.memory_total / 1e9, "f", 0),
        )
        name = device.name
        if device.kind == "cpu":
            cores = self.tr("{used} of {all} cores").format(used=threads or machine.cores, all=machine.cores)
            name = f"CPU · {cores}"
        self.chip.set(name, words, used / max(1, device.memory_total))

    def _brand(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(4, 2, 0, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel("mark", "accent", 22))
        row.addWidget(Label("Tunewright", "heading"), 1)
        return row

    def _button(self, page: str) -> RailButton:
        names = {
            "model": self.tr("Model"),
            "data": self.tr("Data"),
            "method": self.tr("Method"),
            "train": self.tr("Train"),
            "compare": self.tr("Compare"),
            "export": self.tr("Export"),
            "runs": self.tr("Runs"),
            "settings": self.tr("Settings"),
        }
        button = RailButton(names[page], ICONS[page])
        button.clicked.connect(lambda _checked=False: self.chosen.emit(page))
        self.buttons[page] = button
        return button
