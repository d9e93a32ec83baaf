"""A real X server without a monitor, for tests that open a real window."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

SCREEN = "1600x1000x24"


@contextmanager
def screen() -> Iterator[str]:
    """Start Xvfb on a display number that it finds free itself; gives ":number" and ends it afterwards."""
    assert shutil.which("Xvfb"), "Xvfb is missing: install the package 'xvfb' to test the real window."
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    server = subprocess.Popen(
        command, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb ended without giving a display."
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)
