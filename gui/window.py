"""The window: rail, pages (built when first visited), notices, shortcuts, drops, geometry, closing."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSettings, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from engine.job.commands import Stop
from engine.library.folders import home
from gui.ahead import import_ahead
from gui.awake import StayAwake
from gui.notification import ended_words, notify
from gui.pages.welcome import WelcomePage
from gui.rail import Rail
from gui.shortcuts import add_shortcuts, show_shortcuts
from gui.state.app_state import AppState
from gui.state.steps import step_marks
from gui.theme import apply_theme
from gui.widgets.dialogs import ConfirmDialog
from gui.widgets.notice import Notice, NoticeHost

PAGES = {
    "model": "gui.pages.model:ModelPage",
    "data": "gui.pages.data:DataPage",
    "method": "gui.pages.method:MethodPage",
    "train": "gui.pages.train:TrainPage",
    "compare": "gui.pages.compare:ComparePage",
    "export": "gui.pages.export:ExportPage",
    "runs": "gui.pages.runs:RunsPage",
    "settings": "gui.pages.settings:SettingsPage",
}
SMALLEST = (980, 640)
FIRST_SIZE = (1280, 800)
NOTICE_MILLISECONDS = 8000
BANNER = "next-run"


class MainWindow(QMainWindow):
    """Composes everything; holds no state of its own but which page is open."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self.pages: dict[str, QWidget] = {}
        self.page = ""
        self._has_painted = False
        self._quits_after_paint = False
        self.awake = StayAwake()
        self.setWindowTitle("Tunewright")
        self.setMinimumSize(*SMALLEST)
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        add_shortcuts(self)
        self._restore_geometry()
        self.go("welcome" if not state.preferences.seen_welcome else "model")

    # Pages

    def go(self, page: str) -> None:
        """Show a page, building it at the first visit."""
        if page not in self.pages:
            self.pages[page] = self._built(page)
            self.stack.addWidget(self.pages[page])
        if self.page and self.page != page:
            self.pages[self.page].left()  # type: ignore[attr-defined]  # every page has it
        self.page = page
        self.stack.setCurrentWidget(self.pages[page])
        self.rail.show_page(page)
        self.pages[page].entered()  # type: ignore[attr-defined]  # every page has it
        if page != "welcome" and not self.state.preferences.seen_welcome:
            self.state.set_preference("seen_welcome", True)
        self._show_banner()

    def call(self, name: str) -> None:
        """Call a page's action by its name; where the open page has none, the Train page's."""
        if not hasattr(self.pages[self.page], name):
            self.go("train")
        action: Callable[[], None] = getattr(self.pages[self.page], name)
        action()

    def open_path(self, path: Path) -> None:
        """Take a data file or model folder, as a drop would."""
        self.state.open_paths([path])

    def show_shortcuts(self) -> None:
        """The list of keyboard shortcuts."""
        show_shortcuts(self)

    def come_forward(self) -> None:
        """Show the window above the others (a second start asked for it)."""
        self.showNormal()
        self.raise_()
        self.activateWindow()

    def quit_after_first_paint(self) -> None:
        """For the self-test: close as soon as something was painted."""
        self._quits_after_paint = True
        if self._has_painted:
            self.close()

    # Qt

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._has_painted:
            self._has_painted = True
            QTimer.singleShot(0, self._after_first_paint)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            take = self.pages["data"].take_drop if self.page == "data" else self.state.open_paths  # type: ignore[attr-defined]  # the Data page
            take(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close():
            event.ignore()
            return
        self.awake.set(False)
        settings = self._settings()
        settings.setValue("geometry", self.saveGeometry())
        for page in self.pages.values():
            page.left()  # type: ignore[attr-defined]  # every page has it
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._refresh_marks()

    # Private

    def _build(self) -> None:
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.rail = Rail()
        row.addWidget(self.rail)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.notices = NoticeHost()
        self.notices.setContentsMargins(24, 12, 24, 0)
        column.addWidget(self.notices)
        self.stack = QStackedWidget()
        column.addWidget(self.stack, 1)
        row.addLayout(column, 1)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        state = self.state
        self.rail.chosen.connect(self.go)
        state.navigate.connect(self.go)
        state.compare_asked.connect(self._compare)
        state.export_asked.connect(self._export)
        state.try_asked.connect(self._try)
        state.shortcuts_asked.connect(self.show_shortcuts)
        state.notice.connect(self._show_notice)
        state.draft.changed.connect(self._refresh_marks)
        state.inspection.settled.connect(self._refresh_marks)
        state.assembling.changed.connect(self._refresh_marks)
        state.run_changed.connect(self._run_changed)
        state.machine.changed.connect(self._show_machine)
        state.preferences_changed.connect(self._wear_theme)
        self._show_machine()

    def _built(self, page: str) -> QWidget:
        if page == "welcome":
            return WelcomePage(self.state)
        module, _, name = PAGES[page].partition(":")
        widget: QWidget = getattr(import_module(module), name)(self.state)
        return widget

    def _compare(self, folders: list[Path]) -> None:
        self.go("compare")
        self.pages["compare"].show_runs(folders)  # type: ignore[attr-defined]  # the Compare page

    def _export(self, folder: Path) -> None:
        self.go("export")
        self.pages["export"].show_run(folder)  # type: ignore[attr-defined]  # the Export page

    def _try(self, source: str) -> None:
        self.go("compare")
        self.pages["compare"].show_model(source)  # type: ignore[attr-defined]  # the Compare page

    def _after_first_paint(self) -> None:
        if self._quits_after_paint:
            self.close()
            return
        import_ahead(self)
        if self.state.reattach() is not None:
            self.go("train")
        self._refresh_marks()

    def _run_changed(self) -> None:
        if self.state.run is not None:
            self.state.run.changed.connect(self._show_progress)
            self.state.run.ended.connect(self._run_ended)
        self._show_progress()
        self._refresh_marks()

    def _show_progress(self) -> None:
        run = self.state.run
        if run is not None and run.is_active:
            self.setWindowTitle(f"{run.share_done:.0%} - {run.name} - Tunewright".replace("%", " %", 1))
        else:
            self.setWindowTitle("Tunewright")
        self.awake.set(run is not None and run.is_active and self.state.preferences.keep_awake)
        self._show_banner()

    def _run_ended(self) -> None:
        run = self.state.run
        self._refresh_marks()
        if run is not None and self.state.preferences.notify:
            notify(self, run.name, ended_words(run.status))

    def _show_banner(self) -> None:
        """While a run goes on, the set-up pages prepare the next one, and say so."""
        run = self.state.run
        if run is not None and run.is_active and self.page in ("model", "data", "method"):
            if self.notices.notice(BANNER) is None:
                text = self.tr("{name} is training. These pages prepare the next run.").format(name=run.name)
                self.notices.show_notice(BANNER, Notice("info", text))
        else:
            self.notices.clear(BANNER)

    def _refresh_marks(self) -> None:
        for page, mark in step_marks(self.state).items():
            self.rail.set_mark(page, mark)

    def _show_machine(self) -> None:
        self.rail.show_machine(self.state.machine.now, self.state.preferences.threads)

    def _wear_theme(self) -> None:
        app = QApplication.instance()
        preferences = self.state.preferences
        if isinstance(app, QApplication):
            apply_theme(app, preferences.theme, preferences.text_scale / 100)
        self._show_machine()

    def _show_notice(self, kind: str, title: str, advice: str) -> None:
        self.notices.show_notice(title, Notice(kind, title, advice, dismissible=True))
        if kind in ("info", "success"):
            QTimer.singleShot(NOTICE_MILLISECONDS, self, lambda: self.notices.clear(title))

    def _may_close(self) -> bool:
        run = self.state.run
        if run is None or not run.is_active:
            return True
        answers = (
            ("cancel", self.tr("Cancel"), "secondary"),
            ("stop", self.tr("Stop and save"), "secondary"),
            ("keep", self.tr("Keep training in the background"), "primary"),
        )
        text = self.tr("Training can go on without the window; opening Tunewright again shows it.")
        answer = ConfirmDialog(self.tr("A run is still going."), text, answers, self).ask()
        if answer == "stop":
            self.state.control(Stop(keep=True))
        return answer in ("keep", "stop")

    def _settings(self) -> QSettings:
        return QSettings(str(home() / "window.ini"), QSettings.Format.IniFormat)

    def _restore_geometry(self) -> None:
        self.resize(*FIRST_SIZE)
        saved = self._settings().value("geometry")
        if isinstance(saved, QByteArray):
            self.restoreGeometry(saved)
        screen = self.screen().availableGeometry()
        if not screen.intersects(self.frameGeometry()):
            self.move(screen.topLeft())
