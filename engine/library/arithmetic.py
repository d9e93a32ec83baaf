"""Figures in words: sizes, counts, times, and sums that add up ("2.0 + 0.1 = 2.1 GB needed, 6.1 GB free")."""

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


def time_words(seconds: float) -> str:
    """A length of time: "8 s", "2 min 05 s", "1 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plural(number: int, noun: str) -> str:
    """A number with its noun, such as "1 row" and "4 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
