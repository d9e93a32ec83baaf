"""The bundled Inter on Linux; elsewhere the system's own font."""

import sys

from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication

from gui.theme.assets import FONTS

WEIGHTS = {
    "regular": QFont.Weight.Normal,
    "medium": QFont.Weight.Medium,
    "semibold": QFont.Weight.DemiBold,
    "bold": QFont.Weight.Bold,
}
_loaded: list[str] = []


def family() -> str:
    """The name of the window's font family, loading the bundled files the first time."""
    if not _loaded:
        _loaded.append(_load())
    return _loaded[0]


def _load() -> str:
    is_offscreen = QGuiApplication.platformName() in ("offscreen", "minimal")
    if not sys.platform.startswith("linux") and not is_offscreen:
        return QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    for path in sorted(FONTS.glob("Inter-*.ttf")):
        QFontDatabase.addApplicationFont(str(path))
    return "Inter"
