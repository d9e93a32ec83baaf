"""Keyboard shortcuts of the window, in one table that the list of shortcuts shows."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence

from gui.files import new_setup, open_file, save_file
from gui.widgets.dialogs import ShortcutDialog

if TYPE_CHECKING:
    from gui.window import MainWindow

PAGE_KEYS = ("model", "data", "method", "train", "compare", "export")


def add_shortcuts(window: "MainWindow") -> None:
    """Give the window its keys."""
    for number, page in enumerate(PAGE_KEYS, 1):
        _add(window, f"Ctrl+{number}", lambda page=page: window.go(page))
    draft = window.state.draft
    _add(window, "Ctrl+Z", draft.undo)
    _add(window, "Ctrl+Shift+Z", draft.redo)
    _add(window, "Ctrl+N", lambda: new_setup(window.state))
    _add(window, "Ctrl+O", lambda: open_file(window.state, window))
    _add(window, "Ctrl+S", lambda: save_file(window.state, window))
    _add(window, "Ctrl+Return", lambda: window.call("start"))
    _add(window, "Ctrl+.", lambda: window.call("stop"))
    _add(window, "F1", window.show_shortcuts)
    _add(window, "Ctrl+,", lambda: window.go("settings"))
    _add(window, "Ctrl+7", lambda: window.go("runs"))
    _add(window, "Ctrl+Q", window.close)


def show_shortcuts(window: "MainWindow") -> None:
    """Show the list."""
    tr = window.tr
    names = (tr("Model"), tr("Data"), tr("Method"), tr("Train"), tr("Compare"), tr("Export"))
    pages = [(name, f"Ctrl+{number}") for number, name in enumerate(names, 1)]
    pages += [(tr("Runs"), "Ctrl+7"), (tr("Settings"), "Ctrl+,")]
    draft = [
        (tr("New set-up"), "Ctrl+N"),
        (tr("Open a file or folder"), "Ctrl+O"),
        (tr("Save the settings as a job file"), "Ctrl+S"),
        (tr("Undo an edit"), "Ctrl+Z"),
        (tr("Redo"), "Ctrl+Shift+Z"),
    ]
    run = [(tr("Start training, or generate"), "Ctrl+Return"), (tr("Stop"), "Ctrl+.")]
    window_keys = [(tr("This list"), "F1"), (tr("Quit"), "Ctrl+Q")]
    groups = [(tr("Pages"), pages), (tr("Set-up"), draft), (tr("Run"), run), (tr("Window"), window_keys)]
    ShortcutDialog(groups, window).exec()


def _add(window: "MainWindow", keys: str, call: object) -> None:
    action = QAction(window)
    action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda _checked=False: call())  # type: ignore[operator]  # always callable
    window.addAction(action)
