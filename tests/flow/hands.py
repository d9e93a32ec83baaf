"""A person's hands at the real window: press what can be seen, wait, answer dialogs, take pictures."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QScrollArea, QWidget

from gui.window import MainWindow
from tests.flow.stalls import Stalls
from tests.gui.waiting import rest, until

SIZES = ((1280, 800), (1024, 700))
THEMES = ("light", "dark")
LOOK_MILLISECONDS = 20


class Hands(QObject):
    """Everything goes through the window's own event loop, as with a person."""

    def __init__(self, window: MainWindow, pictures: Path | None) -> None:
        super().__init__(window)
        self.window = window
        self.stalls = Stalls(self)
        self._pictures = pictures
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)

    def until(self, is_so: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until `is_so()`; fails with `what`, and with what the window says, after so many seconds."""
        try:
            until(is_so, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error} {self._notices()}") from None

    def rest(self, seconds: float = 0.15) -> None:
        """Let the window draw."""
        rest(seconds)

    def press(self, button: QWidget, what: str) -> None:
        """Click the middle of a button that can be seen and pressed."""
        self.stalls.doing = what
        self.until(
            lambda: button.isVisible() and button.isEnabled(), 10, f"{what}: the button can be pressed"
        )
        self._scroll_to(button)
        self.rest(0.05)
        shown = button.visibleRegion().boundingRect()
        assert not shown.isEmpty(), f"{what}: the button is covered or cut off"
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, shown.center())

    def press_in_dialog(self, button: QWidget, answer: str, what: str) -> None:
        """Click a button that opens a question, and give the answer by its value."""
        asked: list[str] = []

        def reply() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QDialog):
                return
            timer.stop()
            found = next(b for b in dialog.findChildren(QAbstractButton) if b.property("answer") == answer)
            asked.append(dialog.windowTitle())
            QTest.mouseClick(found, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(12, 12))

        timer = QTimer(self, interval=LOOK_MILLISECONDS)
        timer.timeout.connect(reply)
        timer.start()
        self.press(button, what)
        timer.stop()
        assert asked, f"{what}: no question came"

    def go(self, page: str) -> None:
        """Press the page's entry in the rail."""
        self.press(self.window.rail.buttons[page], f"going to {page}")
        assert self.window.page == page
        self.rest()

    def picture(self, name: str) -> None:
        """The window in both themes at both sizes, if they are wanted. The window is put back as it was."""
        if self._pictures is None:
            return
        self.stalls.pause()
        before = self.window.state.preferences.theme
        for theme in THEMES:
            self.window.state.set_preference("theme", theme)
            for width, height in SIZES:
                self.window.resize(width, height)
                self.rest()
                image = self._image()
                assert (image.width(), image.height()) == (width, height), f"{name}: it does not fit {width}"
                assert image.save(str(self._pictures / f"{name}-{theme}-{width}.png"))
        self.window.state.set_preference("theme", before)
        self.window.resize(*SIZES[0])
        self.rest()
        self.stalls.go_on()

    def _scroll_to(self, widget: QWidget) -> None:
        """As a person turns the wheel until it is there."""
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()

    def _image(self):
        if QApplication.platformName() == "xcb":  # what really stands on the screen
            return self.window.screen().grabWindow(int(self.window.winId()))
        return self.window.grab()

    def _notices(self) -> str:
        """What the window says, for the failure's words."""
        hosts = [self.window.notices, getattr(self.window.pages[self.window.page], "notices", None)]
        said = [notice.accessibleName() for host in hosts if host for notice in host._notices.values()]
        return f"The window says: {said}" if said else "The window says nothing."
