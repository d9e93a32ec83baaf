"""How a chart writes its numbers: losses, shares, learning rates, tokens, times. No Qt but the language."""

import math

from PySide6.QtCore import QLocale

from gui.widgets.number_format import plain_number


def value_words(value: float, is_share: bool = False) -> str:
    """A value to read out: 1.314, 0.0213, 1.7e-4, 81 %."""
    if not math.isfinite(value):
        return "–"
    if is_share:
        return f"{round(100 * value)} %"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return _signed(plain_number(float(f"{value:.2g}")))
    decimals = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 0.1 else 4
    return _signed(QLocale().toString(float(value), "f", decimals))


def tick_words(value: float, spacing: float, is_share: bool = False) -> str:
    """The label of a tick; no more decimals than the spacing needs."""
    if is_share:
        return f"{round(100 * value)} %"
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return _signed(plain_number(float(f"{value:.3g}")))
    decimals = max(0, min(6, math.ceil(-math.log10(spacing) - 1e-9))) if spacing > 0 else 3
    return _signed(QLocale().toString(float(value), "f", decimals))


def place_words(place: float, axis: str) -> str:
    """A place on the x axis: 1,200 for steps, 1.2M for tokens, 3:20 for seconds."""
    if axis == "seconds":
        minutes, seconds = divmod(round(place), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    if axis == "tokens":
        for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if abs(place) >= size:
                return f"{place / size:.3g}{unit}"
    return QLocale().toString(round(place))


def _signed(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
