"""How a worker process is started: one command for a source tree, an installed wheel and a frozen app."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import engine
from engine.job.record import update_record

WARM = "-"
_TUNABLES = "GLIBC_TUNABLES"
# Memory is kept from one update to the next instead of being given back and zeroed again. And freed pieces merge at
# once: torch asks for tensors on even addresses, the odd bytes around them are freed, and where the caches of small
# pieces took these, a tensor's place was too small for the next of the same size. A fifth of the memory that was neither
# the model's file nor a library's was such holes (half a billion weights, 1,144 tokens an update).
_ALLOCATOR = (
    "glibc.malloc.mmap_threshold=33554432",
    "glibc.malloc.trim_threshold=1073741824",
    "glibc.malloc.tcache_count=0",
    "glibc.malloc.mxfast=0",
)


def worker_command(argument: str) -> list[str]:
    """The command line of a worker: `argument` is a task's folder, or `WARM` to wait for one on stdin."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "worker", argument]
    return [sys.executable, "-m", "engine", "worker", argument]


def start_worker(folder: Path | None, *, beside_window: bool = False) -> "subprocess.Popen[bytes]":
    """Start a worker on `folder`, or a warm one (None) that waits for a folder's path on its stdin.

    The worker has a session of its own, so that it outlives the terminal or window that started it. It
    redirects its own output to the folder's log. `beside_window` makes it yield to an open window.
    """
    if folder is not None:
        mark_starting(folder)
    return subprocess.Popen(
        worker_command(WARM if folder is None else str(folder)),
        stdin=subprocess.PIPE if folder is None else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(beside_window),
        close_fds=True,
        start_new_session=os.name == "posix",
        creationflags=_windows_flags(),
    )


def hand_over(worker: "subprocess.Popen[bytes]", folder: Path) -> bool:
    """Give a warm worker its folder; False when it is no longer there."""
    if worker.stdin is None or worker.poll() is not None:
        return False
    mark_starting(folder)
    try:
        worker.stdin.write(f"{folder}\n".encode())
        worker.stdin.close()
    except OSError:
        return False
    return True


def mark_starting(folder: Path) -> None:
    """Note that a worker is coming: commands from before `started` are not meant for it."""
    update_record(folder, status="starting", started=time.time(), finished=None, pid=None, message="")


def allocator_settings(platform: str, environment: Mapping[str, str]) -> dict[str, str]:
    """How a worker's memory is kept where glibc does it, settled before the process begins.

    What somebody set in the environment stays; other C libraries on Linux pass over it.
    """
    if platform != "linux" or _TUNABLES in environment:
        return {}
    return {_TUNABLES: ":".join(_ALLOCATOR)}


def _environment(beside_window: bool) -> dict[str, str]:
    environment = dict(os.environ)
    root = str(Path(engine.__file__).resolve().parents[1])
    paths = [root, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    environment |= allocator_settings(sys.platform, environment)
    if beside_window:
        environment["TUNEWRIGHT_WINDOW"] = "1"
    return environment


def _windows_flags() -> int:
    if os.name != "nt":
        return 0
    return int(getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)) | int(
        getattr(subprocess, "CREATE_NO_WINDOW", 0)
    )
