"""Loads the charts' libraries while Welcome is read, so that the first look at Train need not wait for them."""

from importlib import import_module

from PySide6.QtCore import QObject

from gui.state.background import in_background

LIBRARIES = ("numpy", "numpy.ma")
"""numpy itself loads `ma` late, in the midst of drawing a chart."""
CHARTS = "pyqtgraph"


def import_ahead(owner: QObject) -> None:
    """Begin the imports; call it after the first paint. Nothing comes of it once `owner` is gone.

    The charts' library asks Qt's modules for everything they have, and they make their types when asked. A type half
    made in one thread and used in another, which paints meanwhile, ends the process: so that one, a fifth of a second,
    is imported in the window's thread, and what it needs before it in a thread of its own.
    """
    in_background(owner, _import_numbers, lambda _: _import_charts())


def _import_numbers() -> None:
    for name in LIBRARIES:
        import_module(name)


def _import_charts() -> None:
    import_module(CHARTS)
