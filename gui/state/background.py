"""Small jobs of the window itself that may take a while: counting and moving folders, asking the hub."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from engine.job.errors import EngineError


class _Signals(QObject):
    done = Signal(object)
    failed = Signal(str, str)


class _Work(QRunnable):
    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.signals = _Signals()
        self._work = work

    def run(self) -> None:
        try:
            self.signals.done.emit(self._work())
        except EngineError as error:
            self.signals.failed.emit(error.title, error.advice)
        except OSError as error:
            self.signals.failed.emit(f"{error.filename or 'A file'}: {error.strerror}.", "Check the folder.")


def in_background(
    owner: QObject,
    work: Callable[[], object],
    done: Callable[[object], None],
    failed: Callable[[str, str], None] | None = None,
) -> None:
    """Run `work` in a pool thread; `done(result)` or `failed(title, advice)` is called in the window's thread.

    The receivers should be methods of `owner`, so that nothing is called after it is gone.
    """
    task = _Work(work)
    task.signals.setParent(None)
    keep: list[_Signals] = getattr(owner, "_background", [])
    keep.append(task.signals)
    owner._background = keep  # type: ignore[attr-defined]  # holds the signals until the work has ended

    def release() -> None:
        if task.signals in keep:
            keep.remove(task.signals)

    task.signals.done.connect(done)
    task.signals.done.connect(release)
    if failed is not None:
        task.signals.failed.connect(failed)
    task.signals.failed.connect(release)
    QThreadPool.globalInstance().start(task)
