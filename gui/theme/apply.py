"""Dresses the application: picks the tokens, sets palette, font and style sheet, and tells who paints by itself."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from gui.theme.fonts import WEIGHTS, family
from gui.theme.stylesheet import build
from gui.theme.tokens import BODY_SIZE, DARK, LIGHT, Tokens

_SCHEMES = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark, "system": Qt.ColorScheme.Unknown}


class _Look(QObject):
    """What is worn now."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tokens = LIGHT
        self.scale = 1.0
        self.choice = "system"
        self.is_worn = False


_look = _Look()
changed = _look.changed
"""Emitted after the tokens or the text size changed. Connect methods of QObjects, never lambdas."""


def current() -> Tokens:
    """The tokens to paint with now."""
    return _look.tokens


def is_dark() -> bool:
    """Whether the dark tokens are worn."""
    return _look.tokens is DARK


def scale() -> float:
    """The text size factor, 1.0 being 100 %."""
    return _look.scale


def scaled(pixels: float) -> int:
    """A length that follows the text size."""
    return round(pixels * _look.scale)


def font(size: float = BODY_SIZE, weight: str = "regular") -> QFont:
    """A font of the theme: `size` in pixels at 100 %, weight regular, medium, semibold or bold."""
    made = QFont(family())
    made.setPixelSize(max(6, round(size * _look.scale)))
    made.setWeight(WEIGHTS[weight])
    return made


def colour(value: str, alpha: float = 1.0) -> QColor:
    """A `#rrggbb` token as a colour, `alpha` from 0 (clear) to 1."""
    made = QColor(value)
    made.setAlphaF(alpha)
    return made


def apply_theme(app: QApplication, choice: str = "system", scale: float = 1.0) -> None:
    """Wear "light" or "dark", or follow the "system"; `scale` multiplies every text size."""
    if _look.is_worn and (choice, scale) == (_look.choice, _look.scale):
        return  # dressing every widget anew takes half a second
    hints = app.styleHints()
    _look.choice = choice
    _look.scale = scale
    if not _look.is_worn:
        _look.is_worn = True
        app.setStyle("Fusion")
        hints.colorSchemeChanged.connect(_follow_system)
    hints.setColorScheme(_SCHEMES[choice])
    _wear(app)


def _follow_system(_scheme: Qt.ColorScheme) -> None:
    app = QApplication.instance()
    if isinstance(app, QApplication) and _wanted(app) is not _look.tokens:
        _wear(app)


def _wanted(app: QApplication) -> Tokens:
    if _look.choice == "system":
        return DARK if app.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT
    return DARK if _look.choice == "dark" else LIGHT


def _wear(app: QApplication) -> None:
    _look.tokens = _wanted(app)
    app.setPalette(_palette(_look.tokens))
    app.setFont(font())
    app.setStyleSheet(build(_look.tokens, _look.scale))
    _look.changed.emit()


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.field,
        role.AlternateBase: tokens.note,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Button: tokens.card,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.bad,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.ToolTipBase: tokens.inverse,
        role.ToolTipText: tokens.on_inverse,
        role.Light: tokens.card,
        role.Midlight: tokens.line,
        role.Mid: tokens.line,
        role.Dark: tokens.dashed,
        role.Shadow: tokens.line,
    }
    palette = QPalette()
    for name, colour in colours.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.muted))
    return palette
