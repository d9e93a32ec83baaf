"""Loads the charts' libraries while Welcome is read, so that the first look at Train need not wait for them."""

from importlib import import_module
from threading import Thread

LIBRARIES = ("numpy", "numpy.ma", "pyqtgraph")
"""They make no Qt object while they are imported, so any thread may do it. numpy itself loads `ma` late, in the midst of
drawing a chart."""


def import_ahead() -> None:
    """Start the imports in a thread of their own; call it after the first paint."""
    Thread(target=lambda: [import_module(name) for name in LIBRARIES], name="import ahead").start()
