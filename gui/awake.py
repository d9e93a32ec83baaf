"""Keeps the computer from falling asleep while a run is watched; the screen may still turn off."""

import os
import shutil
import subprocess
import sys

_WINDOWS_KEEP = 0x80000001  # ES_CONTINUOUS | ES_SYSTEM_REQUIRED
_WINDOWS_FREE = 0x80000000  # ES_CONTINUOUS


class StayAwake:
    """`set(True)` while something runs. Ends by itself when this process ends, however it ends."""

    def __init__(self) -> None:
        self._helper: subprocess.Popen[bytes] | None = None
        self._is_on = False

    def set(self, is_on: bool) -> None:
        """Hold the computer awake, or let it sleep again."""
        if is_on == self._is_on:
            return
        self._is_on = is_on
        if sys.platform == "win32":
            import ctypes

            ctypes.windll.kernel32.SetThreadExecutionState(_WINDOWS_KEEP if is_on else _WINDOWS_FREE)
        elif is_on:
            self._start()
        else:
            self._stop()

    def _start(self) -> None:
        command = inhibitor_command(os.getpid())
        if not command:
            return
        quiet = subprocess.DEVNULL
        try:
            self._helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
        except OSError:  # then the computer follows its own settings
            self._helper = None

    def _stop(self) -> None:
        helper, self._helper = self._helper, None
        if helper is None:
            return
        if helper.stdin is not None:
            helper.stdin.close()
        helper.terminate()
        helper.wait()


def inhibitor_command(pid: int) -> list[str]:
    """The system's own command that prevents sleep until its input ends or `pid` is gone; empty when none."""
    if sys.platform == "darwin":
        return ["caffeinate", "-i", "-w", str(pid)]
    if shutil.which("systemd-inhibit"):
        return ["systemd-inhibit", "--what=sleep:idle", "--who=Tunewright", "--why=Training", "cat"]
    return []
