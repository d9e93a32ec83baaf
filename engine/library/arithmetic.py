"""The estimate in words that can be added up: "2.0 + 0.1 + 0.8 + 0.3 = 3.2 GB needed, 6.1 GB free"."""

from collections.abc import Sequence

_GB, _MB = 1e9, 1e6


def sum_words(parts: Sequence[int], free: int) -> str:
    """The parts in one unit, rounded so that the sum shown is the sum of what is shown."""
    is_large = sum(parts) >= _GB
    scale, digits, unit = (_GB, 1, "GB") if is_large else (_MB, 0, "MB")
    shown = [round(part / scale, digits) for part in parts]
    total = round(sum(shown), digits)
    terms = " + ".join(f"{part:,.{digits}f}" for part in shown)
    return f"{terms} = {total:,.{digits}f} {unit} needed, {memory_words(free)} free"


def memory_words(size: int) -> str:
    """A size as one reads it: "3.2 GB", "45 MB"."""
    return f"{size / _GB:,.1f} GB" if size >= _GB else f"{size / _MB:,.0f} MB"


def count_words(number: int) -> str:
    """A number of weights as one says it: "494 million", "3.1 billion", "980"."""
    if number >= 1e9:
        return f"{number / 1e9:.1f} billion"
    if number >= 1e6:
        return f"{number / 1e6:.{0 if number >= 1e8 else 1}f} million"
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A number with its noun, such as "1 row" and "4 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
