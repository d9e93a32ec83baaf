"""Every way to name data: files, a folder, pasted rows, samples, a dataset of the hub; beside what is there or instead."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from engine.library.folders import data_folder, samples_folder
from gui.pages.data_paste import PasteDialog
from gui.state.app_state import AppState
from gui.widgets.buttons import Button

ENDINGS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "txt", "md")


class DataChooser(QObject):
    """`hub_asked(adds)` when a dataset of the hub is wanted; the rest goes into the draft by itself.

    `adds`: the data that is there stays beside it.
    """

    hub_asked = Signal(bool)

    def __init__(self, state: AppState, page: QWidget) -> None:
        super().__init__(page)
        self._state, self._page = state, page

    def files(self, adds: bool = False) -> None:
        """Choose files."""
        title = self.tr("Choose files of examples")
        patterns = " ".join(f"*.{ending}{packed}" for ending in ENDINGS for packed in ("", ".gz", ".zst"))
        filters = self.tr("Examples ({patterns});;All files (*)").format(patterns=patterns)
        names, _ = QFileDialog.getOpenFileNames(self._page, title, str(data_folder()), filters)
        if names:
            self._state.open_paths([Path(name) for name in names], adds)

    def folder(self, adds: bool = False) -> None:
        """Choose a folder of files, such as a dataset with its splits."""
        title = self.tr("Choose a folder of examples")
        name = QFileDialog.getExistingDirectory(self._page, title, str(data_folder()))
        if name:
            self._state.open_paths([Path(name)], adds)

    def paste(self, adds: bool = False) -> None:
        """Paste rows."""
        dialog = PasteDialog(self._state, self._page)
        if dialog.exec() and dialog.path is not None:
            self._state.open_paths([dialog.path], adds)

    def samples(self, menu: QMenu, adds: bool = False) -> None:
        """Put the bundled samples into a menu."""
        for path in sorted(samples_folder().glob("*.jsonl")):
            menu.addAction(path.stem.capitalize(), partial(self._state.open_paths, [path], adds))

    def menu(self, adds: bool) -> QMenu:
        """All ways in one menu."""
        menu = QMenu(self._page)
        ways: list[tuple[str, Callable[[bool], None]]] = [
            (self.tr("Files…"), self.files),
            (self.tr("A folder…"), self.folder),
            (self.tr("Pasted rows…"), self.paste),
            (self.tr("From Hugging Face…"), self.hub_asked.emit),
        ]
        for words, way in ways:
            menu.addAction(words, partial(way, adds))
        self.samples(menu.addMenu(self.tr("A sample")), adds)
        return menu


def open_below(menu: QMenu, button: Button) -> None:
    """Show a menu below the button that was pressed."""
    menu.exec(button.mapToGlobal(button.rect().bottomLeft()))
