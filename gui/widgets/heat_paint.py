"""Draws a heat map: its cells with their numbers, outlines, and the names at its edges."""

import itertools
from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from gui import theme
from gui.theme import Tokens
from gui.theme.ramp import STEPS, ink_on, ramp
from gui.widgets.heat import Cells, Heat, named

NAME_SIZE = 11
_ROUND = 3


def paint_cells(painter: QPainter, heat: Heat, cells: Cells) -> None:
    """Every cell that is seen, only those: large models have thousands."""
    rows, columns = cells.in_view()
    colours, inks = _colours(theme.current())
    is_round = cells.gap > 1
    writes = heat.in_percent and cells.has_numbers
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, is_round)
    painter.setFont(theme.font(NAME_SIZE))
    lefts = [round(cells.x(column)) for column in (*columns, columns.stop)]
    widths = [after - before - cells.gap for before, after in itertools.pairwise(lefts)]
    scale = (STEPS - 1) / max(1e-9, heat.high - heat.low)
    for row in rows:
        top = round(cells.y(row))
        tall = round(cells.y(row + 1)) - top - cells.row_gap
        values = heat.values[row][columns.start : columns.stop]
        for value, left, wide in zip(values, lefts, widths, strict=False):
            step = min(STEPS - 1, max(0, round((value - heat.low) * scale)))
            if not is_round:
                painter.fillRect(left, top, wide, tall, colours[step])
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours[step])
            painter.drawRoundedRect(left, top, wide, tall, _ROUND, _ROUND)
            if writes:
                painter.setPen(inks[step])
                painter.drawText(
                    left, top, wide, tall, Qt.AlignmentFlag.AlignCenter, str(int(100 * value + 0.5))
                )


def paint_outlines(painter: QPainter, heat: Heat, cells: Cells, chosen: tuple[int, int] | None) -> None:
    """Around what needs attention, and around the cell that is read out."""
    tokens = theme.current()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    outlined = [(cell, tokens.warn) for cell in heat.outlined]
    if chosen is not None:
        outlined.append((chosen, tokens.text))
    for (row, column), colour in outlined:
        left, top = round(cells.x(column)), round(cells.y(row))
        wide = max(3, round(cells.x(column + 1)) - left - cells.gap)
        tall = round(cells.y(row + 1)) - top - cells.row_gap
        painter.setPen(QPen(theme.colour(colour), 2))
        painter.drawRoundedRect(left + 1, top + 1, wide - 2, tall - 2, _ROUND, _ROUND)


def paint_names(painter: QPainter, heat: Heat, cells: Cells, corner: str) -> None:
    """Rows at the left, columns above; they stay in view while the cells scroll."""
    painter.setPen(theme.colour(theme.current().muted))
    painter.setFont(theme.font(NAME_SIZE))
    metrics = QFontMetrics(painter.font())
    rows, columns = cells.in_view()
    beside = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.setClipRect(QRectF(0, cells.top, cells.left, cells.room[1]))
    for row in named(len(heat.rows), cells.height, metrics.height()):
        if row in rows:
            place = QRectF(0, cells.y(row), cells.left - 6, cells.height - cells.row_gap)
            painter.drawText(place, beside, heat.rows[row])
    widest = max(map(metrics.horizontalAdvance, heat.columns), default=0) + 6
    above = beside if heat.is_time else Qt.AlignmentFlag.AlignCenter
    painter.setClipRect(QRectF(cells.left, 0, cells.room[0], cells.top))
    for column in named(len(heat.columns), cells.width, widest):
        room = max(cells.width - cells.gap, widest)
        left = cells.x(column) if heat.is_time else cells.x(column) + (cells.width - cells.gap - room) / 2
        if column in columns and (left + room <= cells.room[0] or not heat.is_time):
            painter.drawText(QRectF(left, 0, room, cells.top - 2), above, heat.columns[column])
    painter.setClipping(False)
    painter.drawText(QRectF(0, 0, cells.left - 6, cells.top - 2), beside, corner)


@lru_cache(maxsize=4)
def _colours(tokens: Tokens) -> tuple[list[QColor], list[QColor]]:
    """The ramp's colours, and the ink that is read on each."""
    return [QColor(colour) for colour in ramp(tokens)], [QColor(ink_on(colour)) for colour in ramp(tokens)]
