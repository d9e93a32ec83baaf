"""Starts the window: application, theme, one instance, first paint, then everything that can wait."""

import argparse
import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

import engine
from engine.library.folders import home, resource
from gui.collector import Collector
from gui.language import use_language
from gui.one_instance import OneInstance
from gui.state.app_state import AppState
from gui.theme import apply_theme
from gui.window import MainWindow


def main(argv: list[str] | None = None) -> int:
    """Open the window and wait until it is closed; the exit code."""
    options = _options(sys.argv[1:] if argv is None else argv)
    if options.selftest:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = make_application()
    home().mkdir(parents=True, exist_ok=True)
    only = OneInstance(home())
    if not options.selftest and not only.is_first():
        return 0
    state = AppState()
    apply_theme(app, state.preferences.theme, state.preferences.text_scale / 100)
    use_language(state.preferences.language)
    window = MainWindow(state)
    only.asked_to_show.connect(window.come_forward)
    window.show()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    if options.selftest:
        QTimer.singleShot(0, window.quit_after_first_paint)
    for path in options.paths:
        window.open_path(Path(path))
    code = app.exec()
    state.shut_down()
    return code


def make_application() -> QApplication:
    """The one application object, named and with its icon; the present one when it exists."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QCoreApplication.setApplicationName("Tunewright")
    QCoreApplication.setApplicationVersion(engine.__version__)
    app = QApplication(sys.argv[:1])
    Collector(app)
    app.setApplicationDisplayName("Tunewright")
    app.setDesktopFileName("io.github.tunewright.Tunewright")
    app.setWindowIcon(QIcon(str(resource("icons", "app", "tunewright.svg"))))
    return app


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tunewright", description="Open the Tunewright window.")
    parser.add_argument("paths", nargs="*", help="a data file or a model folder to open")
    parser.add_argument("--selftest", action="store_true", help="open the window, paint it once and close it")
    return parser.parse_args(argv)
