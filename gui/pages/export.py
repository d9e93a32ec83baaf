"""Export: what to take away, where to, and a receipt that it was opened again and answers the same."""

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout

from engine.library.runs import checkpoints_of, list_runs
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.export_choice import ExportChoice
from gui.pages.export_receipt import ExportReceipt
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.export import ExportState, load_snippet
from gui.widgets.buttons import Button
from gui.widgets.empty_state import EmptyState
from gui.widgets.notice import Notice
from gui.widgets.select import Select

HELP = QT_TRANSLATE_NOOP(
    "ExportPage",
    "Training leaves a small adapter beside the unchanged base model. Here both become something that other "
    "programs open. Every export is opened again and asked the same questions before it is called done.",
)


class ExportPage(Page):
    """Wires the choice on the left and the receipt on the right to the state."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state, QT_TRANSLATE_NOOP("ExportPage", "Export"), "", HELP)
        self.export = ExportState(state.engine, self)
        self.run_select = Select([], "", self.tr("Run"))
        self.step_select = Select([], "", self.tr("Checkpoint"))
        self.header.add_button(self.run_select)
        self.header.add_button(self.step_select)
        self.choice = ExportChoice(self.export)
        self.receipt = ExportReceipt(self.export)
        self.empty = self._empty()
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.choice, 42)
        row.addWidget(self.receipt, 58)
        self.body.addWidget(self.empty, 1)
        self.body.addLayout(row, 1)
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Offer the runs that can be exported; the newest, or the one just trained, is chosen."""
        runs = [info for info in list_runs() if self._can_export(info.folder)]
        options = [(str(info.folder), info.record.name) for info in runs]
        shown = self.state.run
        wanted = str(self.export.run.folder) if self.export.run else ""
        if not wanted and shown is not None and any(value == str(shown.folder) for value, _ in options):
            wanted = str(shown.folder)
        self.run_select.set_options(options, wanted)
        if options:
            self.show_run(Path(self.run_select.value()))
        self._refresh()

    def show_run(self, folder: Path) -> None:
        """Export this run."""
        self.run_select.set_value(str(folder))
        self.export.set_run(folder)
        steps = [int(path.name.removeprefix("step-")) for path in checkpoints_of(folder)]
        words = self.tr("Checkpoint at step {step}")
        options = [(str(step), words.format(step=step)) for step in reversed(steps)]
        self.step_select.set_options([("", self.tr("Result of the run")), *options], "")

    def start(self) -> None:
        """Ctrl+Enter: export."""
        self.export.start()

    def stop(self) -> None:
        """Ctrl+.: cancel the export."""
        if self.export.status == "running":
            self.export.cancel()

    def _empty(self) -> EmptyState:
        text = self.tr("When a run has ended, its result can be taken away here.")
        empty = EmptyState("package", self.tr("Nothing to export yet"), text)
        button = Button(self.tr("Go to Train"), "primary", "activity")
        button.clicked.connect(lambda: self.state.navigate.emit("train"))
        empty.add_button(button)
        return empty

    def _connect(self) -> None:
        self.export.changed.connect(self._refresh)
        self.export.failed.connect(self._show_failure)
        self.run_select.changed.connect(lambda value: self.show_run(Path(value)))
        self.step_select.changed.connect(lambda value: self.export.choose(step=int(value) if value else None))
        self.choice.start_asked.connect(self._start)
        self.choice.cancel_asked.connect(self.export.cancel)
        self.receipt.open_asked.connect(self._open_folder)
        self.receipt.copy_path_asked.connect(self._copy_path)
        self.receipt.copy_snippet_asked.connect(self._copy_snippet)

    def _start(self) -> None:
        self.notices.clear()
        self.export.start()

    def _refresh(self) -> None:
        has_run = self.export.run is not None
        for widget in (self.choice, self.receipt, self.run_select, self.step_select):
            widget.setVisible(has_run)
        self.empty.setVisible(not has_run)
        if self.export.run is not None:
            self.header.set_subtitle(self.export.run.name)
        is_free = self.export.status != "running"
        self.run_select.setEnabled(is_free)
        self.step_select.setEnabled(is_free)
        self.choice.refresh()
        self.receipt.refresh()

    def _show_failure(self, title: str, advice: str) -> None:
        self.notices.show_notice("failure", Notice("error", title, advice, dismissible=True))

    def _open_folder(self) -> None:
        if self.export.exported is not None:
            path = Path(self.export.exported.path)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))

    def _copy_path(self) -> None:
        if self.export.exported is not None:
            QGuiApplication.clipboard().setText(self.export.exported.path)
            self.state.notice.emit("success", self.tr("The path is in the clipboard."), "")

    def _copy_snippet(self) -> None:
        if self.export.exported is not None:
            QGuiApplication.clipboard().setText(
                load_snippet(self.export.exported, self.export.is_own_adapter)
            )
            self.state.notice.emit("success", self.tr("The lines are in the clipboard."), "")

    @staticmethod
    def _can_export(folder: Path) -> bool:
        return (folder / "adapter").is_dir() or bool(checkpoints_of(folder))
