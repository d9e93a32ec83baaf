"""Numbers as people write them: 2e-4, 0.01, 1,024; read back with a dot or the language's own decimal sign."""

import math

from PySide6.QtCore import QLocale


def show_number(value: float, locale: QLocale | None = None) -> str:
    """A short form to read: whole numbers grouped, tiny and huge ones in scientific notation."""
    locale = locale or QLocale()
    return locale.toString(value) if isinstance(value, int) else edit_number(value, locale)


def edit_number(value: float, locale: QLocale | None = None) -> str:
    """The form for a box: exact and never grouped, as a dot between digits is always read as a decimal point."""
    return plain_number(value).replace(".", (locale or QLocale()).decimalPoint())


def plain_number(value: float) -> str:
    """The same without a language: what `read_number` always accepts."""
    if isinstance(value, int):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.10g}" if not float(value).is_integer() else f"{value:.1f}"
    mantissa, exponent = f"{value:.9e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def read_number(text: str, whole: bool = False, locale: QLocale | None = None) -> float | None:
    """The number in `text`, None where there is none. A single dot is a decimal point in every language."""
    locale = locale or QLocale()
    cleaned = text.strip().replace("−", "-").replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    number = _plain(cleaned)
    if number is None:
        local, is_number = locale.toDouble(cleaned)
        number = local if is_number else _plain(cleaned.replace(",", "."))
    if number is None or not math.isfinite(number):
        return None
    if not whole:
        return number
    return int(number) if float(number).is_integer() else None


def _plain(text: str) -> float | None:
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None
