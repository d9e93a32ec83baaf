"""Tells the desktop that a run has ended, where the desktop has a way to show it."""

import shutil
import subprocess

from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

SHOWN_MILLISECONDS = 10_000


def ended_words(status: str) -> str:
    """How a run ended, in a short sentence."""
    words = {
        "done": "Training is done. Compare the answers.",
        "stopped": "Stopped; what was learned is saved.",
        "discarded": "Stopped and discarded.",
    }
    return words.get(status, "Training was cut off. The Train page tells why.")


def notify(window: QWidget, title: str, text: str) -> None:
    """Show a notification unless the window is in front anyway; the task bar's entry is marked as well."""
    if window.isActiveWindow():
        return
    QApplication.alert(window)
    if QSystemTrayIcon.isSystemTrayAvailable():
        icon = QSystemTrayIcon(window.windowIcon(), window)
        icon.show()
        icon.messageClicked.connect(window.raise_)
        icon.showMessage(title, text, window.windowIcon(), SHOWN_MILLISECONDS)
    elif shutil.which("notify-send"):
        subprocess.Popen(
            ["notify-send", "--app-name=Tunewright", "--", title, text],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
