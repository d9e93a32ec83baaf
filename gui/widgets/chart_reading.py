"""What a chart reads out at a step, and how much room its values need. No widgets."""

import math
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QCoreApplication

from gui.widgets.chart_series import Series
from gui.widgets.chart_spec import FAINT, ChartSpec, Curve
from gui.widgets.chart_words import place_words, value_words
from gui.widgets.readout import ReadoutLine

_SLACK = 0.7
"""A view keeps its range while the values fill more than this part of it, so that it does not tremble."""


def lines_at(
    step: float, curves: Iterable[tuple[Curve, Series]], spec: ChartSpec, *, is_brief: bool, note: str
) -> list[ReadoutLine]:
    """One line for the step, one for each curve with its average and (unless brief) its own value, and a note."""
    tr = QCoreApplication.translate
    lines = [ReadoutLine(tr("Chart", "Step {step}").format(step=place_words(step, "step")), is_strong=True)]
    has_dots = len(spec.curves) > 1
    for curve, series in curves:
        index = series.nearest("step", step)
        if index is None:
            continue
        value = float(series.column("value")[index])
        shown = float(series.smoothed(slice(index, index + 1))[0]) if curve.smooth else value
        here = tr("Chart", "(this step {value})").format(value=value_words(value, spec.is_share))
        quiet = "" if is_brief or not curve.smooth else here
        words = f"{curve.label} {value_words(shown, spec.is_share)}"
        lines.append(ReadoutLine(words, quiet, curve.role if has_dots else ""))
    return [*lines, ReadoutLine("", note)] if note else lines


def legend_entries(spec: ChartSpec, is_brief: bool) -> list[tuple[str, str, float]]:
    """The legend of a chart; the first smoothed curve also explains its faint line, unless brief."""
    entries: list[tuple[str, str, float]] = []
    for curve in spec.curves:
        is_split = curve.smooth and not is_brief
        smoothed = QCoreApplication.translate("Chart", "{name} (smoothed)").format(name=curve.label)
        entries.append((smoothed if is_split else curve.label, curve.role, 1.0))
        if is_split and curve is spec.curves[0]:
            entries.append((QCoreApplication.translate("Chart", "Each step"), curve.role, FAINT))
    return entries


def fitting_range(
    extents: Sequence[tuple[float, float]], shown: Sequence[float], guide: float | None
) -> tuple[float, float] | None:
    """The y range that has room for all (low, high) extents and the guide; None where the shown one will do."""
    lows = [low for low, _ in extents if math.isfinite(low)]
    highs = [high for _, high in extents if math.isfinite(high)]
    if not lows:
        return None
    if guide is not None:
        lows.append(guide)
        highs.append(guide)
    low, high = min(lows), max(highs)
    is_inside = shown[0] <= low and high <= shown[1]
    if is_inside and (high - low) >= _SLACK * (shown[1] - shown[0]):
        return None
    room = 0.07 * (high - low) or 0.1 * abs(high) or 0.1
    return low - room, high + room
