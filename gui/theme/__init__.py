"""The look of the window: one token table, one style sheet, one icon source. Import what you need from here.

`apply_theme(app, choice, scale)` dresses the application; `current()` gives the tokens to paint with, `changed` is
the signal that says they changed; `font(size, weight)` a font of the theme; `icons.icon(name)` a recoloured icon.
"""

from gui.theme.apply import apply_theme, changed, colour, current, font, is_dark, scale, scaled
from gui.theme.tokens import DARK, LIGHT, Tokens

__all__ = [
    "DARK",
    "LIGHT",
    "Tokens",
    "apply_theme",
    "changed",
    "colour",
    "current",
    "font",
    "is_dark",
    "scale",
    "scaled",
]
