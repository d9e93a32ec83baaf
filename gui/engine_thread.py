"""The background QThread of the app: runs the torch engine by starting workers and watching their folders.

The engine itself lives in processes of its own (`python -m engine worker FOLDER`); the folder is the only
channel. Closing the window ends this thread, never a run.
"""

import queue
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from engine.job.channel import COMMANDS_FILE, EVENTS_FILE, Tail, append
from engine.job.commands import Cancel, Command
from engine.job.errors import EngineError
from engine.job.events import Event, Failed, Finished, Started
from engine.job.record import ENDED, read_record
from engine.library.launch import hand_over, start_worker
from engine.library.lost import lost_event, recorded_end
from engine.library.runs import checkpoints_of, is_alive, settle

POLL_SECONDS = 0.04
ALIVE_SECONDS = 1.0
LARGEST_BATCH = 2000


@dataclass
class _Watched:
    """One task's folder under watch. `process` is ours, or None when another process started it."""

    folder: Path
    tail: Tail[Event]
    process: "subprocess.Popen[bytes] | None" = None
    has_ended: bool = False
    next_look: float = field(default_factory=lambda: time.monotonic() + ALIVE_SECONDS)


class EngineThread(QThread):
    """Starts, watches and commands the engine's processes. All methods may be called from any thread.

    `events(folder, list[Event])` carries what was appended since the last look, `Lost` included.
    """

    events = Signal(str, list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests: queue.SimpleQueue[tuple[str, Path | None]] = queue.SimpleQueue()
        self._watched: dict[Path, _Watched] = {}
        self._spare: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self._keeps_warm = False

    def start_task(self, folder: Path) -> None:
        """Run the task whose folder was prepared, in a worker of its own, and watch it."""
        self._requests.put(("start", folder))

    def watch(self, folder: Path) -> None:
        """Watch a task that runs already, or replay one that has ended, from its first event."""
        self._requests.put(("watch", folder))

    def unwatch(self, folder: Path) -> None:
        """Look away; the task itself goes on."""
        self._requests.put(("unwatch", folder))

    def keep_warm(self, is_wanted: bool) -> None:
        """Keep one worker ready that has imported torch already, or start no further one."""
        self._requests.put(("warm" if is_wanted else "cool", None))

    def send(self, folder: Path, command: Command) -> None:
        """Tell a task's worker something; raises FolderError when the folder cannot be written."""
        append(folder, command)

    def close(self) -> None:
        """End the thread and the spare worker; running tasks go on."""
        self._requests.put(("close", None))
        self.wait()

    def run(self) -> None:
        """The thread: serve requests, look at every watched folder, until closed."""
        while self._serve():
            for watched in list(self._watched.values()):
                self._look(watched)
            if self._keeps_warm:
                self._warm_up()
        self._end_spare()
        self._let_go()

    def _serve(self) -> bool:
        """Serve what was asked; waits `POLL_SECONDS` for the first request. False to end."""
        try:
            request, folder = self._requests.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return True
        if request == "close":
            return False
        if request in ("warm", "cool"):
            self._keeps_warm = request == "warm"
        elif folder is not None:
            {"start": self._start, "watch": self._watch, "unwatch": self._unwatch}[request](folder)
        return True

    def _start(self, folder: Path) -> None:
        if _is_cancelled(folder):
            return
        self._watch(folder)
        watched = self._watched[folder]
        try:
            if self._spare is not None and hand_over(self._spare, folder):
                watched.process, self._spare = self._spare, None
            else:
                self._end_spare()
                watched.process = start_worker(folder, beside_window=True)
            if _is_cancelled(folder):  # meanwhile: a worker passes over what came before it was asked for
                append(folder, Cancel())
        except OSError as error:
            advice = "Restart Tunewright; if that does not help, install it again."
            self._tell_failed(watched, Failed("The engine could not be started.", advice, str(error)))
        except EngineError as error:  # the folder is gone or cannot be written
            self._tell_failed(watched, Failed(error.title, error.advice))

    def _tell_failed(self, watched: _Watched, failed: Failed) -> None:
        watched.has_ended = True
        self.events.emit(str(watched.folder), [failed])

    def _watch(self, folder: Path) -> None:
        if folder not in self._watched or self._watched[folder].has_ended:
            self._watched[folder] = _Watched(folder, Tail(folder / EVENTS_FILE, Event))

    def _unwatch(self, folder: Path) -> None:
        watched = self._watched.pop(folder, None)
        if watched and watched.process:
            self._children.append(watched.process)

    def _warm_up(self) -> None:
        try:
            self._spare = self._spare or start_worker(None, beside_window=True)
            has_died = self._spare.poll() is not None
        except OSError:
            has_died = True
        if has_died:  # not again and again: a task's own start will say what is wrong
            self._end_spare()
            self._keeps_warm = False

    def _look(self, watched: _Watched) -> None:
        self._children = [child for child in self._children if child.poll() is None]
        exit_code = watched.process.poll() if watched.process else None
        self._pass_on(watched)
        if watched.has_ended or (watched.process and exit_code is None):
            return
        if watched.process is None and not self._is_gone(watched):
            return
        self._pass_on(watched)  # what came between the last look and the end
        if not watched.has_ended:
            self._tell_lost(watched, exit_code)

    def _pass_on(self, watched: _Watched) -> None:
        events = watched.tail.read()
        for start in range(0, len(events), LARGEST_BATCH):
            self.events.emit(str(watched.folder), events[start : start + LARGEST_BATCH])
        for event in events:
            if isinstance(event, Started | Failed | Finished):
                watched.has_ended = not isinstance(event, Started)  # a resumed run starts after an end

    def _is_gone(self, watched: _Watched) -> bool:
        """True when a task that we did not start has neither ended in words nor a living process."""
        if time.monotonic() < watched.next_look:
            return False
        watched.next_look = time.monotonic() + ALIVE_SECONDS
        try:
            record = read_record(watched.folder)
        except EngineError:
            return not watched.folder.exists()
        return record.status in (*ENDED, "created") or not is_alive(record)

    def _tell_lost(self, watched: _Watched, exit_code: int | None) -> None:
        watched.has_ended = True
        try:
            record = settle(watched.folder)
            saved = checkpoints_of(watched.folder)
        except EngineError:
            record, saved = None, []
        if record is not None and record.status == "created":
            return
        end = recorded_end(record) if record is not None else None
        self.events.emit(str(watched.folder), [end or lost_event(exit_code, _step_of(saved))])

    def _end_spare(self) -> None:
        if self._spare is None:
            return
        if self._spare.stdin:
            self._spare.stdin.close()
        try:
            self._spare.wait(timeout=0.5)
        except subprocess.TimeoutExpired:  # still importing: nothing depends on it
            self._spare.kill()
            self._spare.wait()
        self._spare = None

    def _let_go(self) -> None:
        """Tasks that go on without the window are nobody's children any more; without this Python warns."""
        watched = [task.process for task in self._watched.values() if task.process is not None]
        for process in (*watched, *self._children):
            if process.poll() is None:
                process.returncode = 0


def _is_cancelled(folder: Path) -> bool:
    """Whether a short task was called off already. A run is stopped, never cancelled."""
    return any(isinstance(command, Cancel) for command in Tail(folder / COMMANDS_FILE, Command).read())


def _step_of(checkpoints: list[Path]) -> int | None:
    steps = [int(path.name.removeprefix("step-")) for path in checkpoints if path.name.startswith("step-")]
    return max(steps, default=None)
