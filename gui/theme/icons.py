"""Lucide icons, recoloured to a token and cached; sharp on high-density screens. The mark is the icon `mark`."""

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from gui.theme.apply import current
from gui.theme.assets import ICONS


def icon(name: str, role: str = "text", size: int = 16, gap: int = 0) -> QIcon:
    """The icon in the colour of a token (`text`, `muted`, `accent`, `on_accent`, `bad`...), muted when disabled.

    `gap` adds clear pixels behind it, before it when negative: the room between an icon and a button's words.
    """
    densities = tuple(sorted({screen.devicePixelRatio() for screen in QGuiApplication.screens()} | {1.0}))
    return _icon(name, (getattr(current(), role), current().muted), size, gap, densities)


def pixmap(name: str, role: str = "text", size: int = 16, density: float = 1.0) -> QPixmap:
    """The icon as a pixmap of `size` logical pixels for a screen of that density."""
    return _pixmap(name, getattr(current(), role), size, density)


def paint(painter: QPainter, rect: QRectF, name: str, colour: str) -> None:
    """Draw the icon into `rect` in a `#rrggbb` colour, as vectors."""
    renderer = _renderer(name, colour)
    renderer.render(painter, rect)


def is_icon(name: str) -> bool:
    """Whether the app carries an icon of that name."""
    return name == "mark" or (ICONS / "lucide" / f"{name}.svg").is_file()


@cache
def _icon(name: str, colours: tuple[str, str], size: int, gap: int, densities: tuple[float, ...]) -> QIcon:
    usual, disabled = colours
    made = QIcon()
    for density in densities:
        made.addPixmap(_pixmap(name, usual, size, density, gap))
        made.addPixmap(_pixmap(name, disabled, size, density, gap), QIcon.Mode.Disabled)
    return made


@cache
def _pixmap(name: str, colour: str, size: int, density: float, gap: int = 0) -> QPixmap:
    side = round(size * density)
    picture = QPixmap(QSize(side + round(abs(gap) * density), side))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, colour).render(painter, QRectF(max(0, -gap) * density, 0, side, side))
    painter.end()
    picture.setDevicePixelRatio(density)
    return picture


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))


@cache
def _source(name: str) -> str:
    folder = ICONS if name == "mark" else ICONS / "lucide"
    return (folder / f"{name}.svg").read_text(encoding="utf-8")
