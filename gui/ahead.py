"""Loads the charts' libraries while Welcome is read, so that the first look at Train need not wait for them."""

import sys
from importlib import import_module
from threading import Thread

LIBRARIES = ("numpy", "numpy.ma")
"""numpy itself loads `ma` late, in the midst of drawing a chart."""
CHARTS = "pyqtgraph"
_UNDISTURBED = 10.0  # seconds that a thread keeps Python to itself, unless it waits for a file


def import_ahead() -> None:
    """Start the imports in a thread of their own; call it after the first paint."""
    Thread(target=_import, name="import ahead").start()


def _import() -> None:
    """The charts' library asks Qt's modules for everything they have, and they make their types when asked.

    A type half made in one thread and used in another, which paints meanwhile, ends the process. So for that long
    threads take turns only where one waits for a file: between modules, never within one.
    """
    for name in LIBRARIES:
        import_module(name)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_UNDISTURBED)
    try:
        import_module(CHARTS)
    finally:
        sys.setswitchinterval(usual)
