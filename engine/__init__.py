"""The engine: everything Tunewright does, without a window.

`engine.job` says what to do, the other layers do it; nothing here imports Qt or `gui`.
"""

__version__ = "0.1.0"
