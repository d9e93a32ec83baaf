"""Writes a chart as a picture (PNG, SVG) or its numbers as a table (CSV)."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from gui import theme
from gui.widgets.chart_series import Series

FORMATS = (("PNG", "*.png"), ("SVG", "*.svg"), ("CSV", "*.csv"))


def export_chart(widget: QWidget, series: Mapping[str, Series], path: Path) -> None:
    """Write by the path's ending: .svg and .csv as such, anything else as PNG of double density. Raises OSError."""
    ending = path.suffix.lower()
    if ending == ".csv":
        write_csv(series, path)
    elif ending == ".svg":
        _write_svg(widget, path)
    else:
        _write_png(widget, path)


def write_csv(series: Mapping[str, Series], path: Path) -> None:
    """One line a step: step, tokens, seconds, then each curve; empty where a curve has no value. Raises OSError."""
    steps = np.unique(np.concatenate([np.empty(0), *(one.column("step") for one in series.values())]))
    columns: dict[str, np.ndarray] = {"step": steps}
    for name in ("tokens", "seconds"):
        columns[name] = np.full(len(steps), np.nan)
        for one in reversed(list(series.values())):
            columns[name][np.searchsorted(steps, one.column("step"))] = one.column(name)
    for key, one in series.items():
        columns[key] = np.full(len(steps), np.nan)
        columns[key][np.searchsorted(steps, one.column("step"))] = one.column("value")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if np.isnan(cell) else f"{cell:.10g}" for cell in row])


def _write_png(widget: QWidget, path: Path) -> None:
    picture = QPixmap(widget.size() * 2)
    picture.setDevicePixelRatio(2)
    picture.fill(theme.colour(theme.current().card))
    widget.render(picture, QPoint(), renderFlags=QWidget.RenderFlag.DrawChildren)
    if not picture.save(str(path), "PNG"):
        raise OSError(f"{path} could not be written.")


def _write_svg(widget: QWidget, path: Path) -> None:
    path.touch()
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(QSize(widget.width(), widget.height()))
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(widget.accessibleName())
    painter = QPainter()
    if not painter.begin(generator):
        raise OSError(f"{path} could not be written.")
    painter.fillRect(widget.rect(), theme.colour(theme.current().card))
    widget.render(painter, QPoint(), renderFlags=QWidget.RenderFlag.DrawChildren)
    painter.end()
