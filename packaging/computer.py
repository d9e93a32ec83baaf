"""What this computer has and what the set-up still needs from it: Python, system libraries, a display, a GPU.

Part of `run.py`: standard library only, and it parses on Python 3.8.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import sys
from typing import Mapping, NamedTuple, Sequence  # noqa: UP035 - it must import on 3.8


class Problem(Exception):  # noqa: N818 - it is a sentence for a person, not a fault of the program
    """What stands in the way and what to do about it; `code` is the exit code it leads to."""

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.code = code


class Need(NamedTuple):
    """A shared library or a program, and the Debian package that brings it."""

    file: str
    package: str


WINDOW_LIBRARIES = (
    Need("libglib-2.0.so.0", "libglib2.0-0"),
    Need("libEGL.so.1", "libegl1"),
    Need("libGL.so.1", "libgl1"),
    Need("libxkbcommon.so.0", "libxkbcommon0"),
    Need("libdbus-1.so.3", "libdbus-1-3"),
    Need("libfontconfig.so.1", "libfontconfig1"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    Need("libxcb-shape.so.0", "libxcb-shape0"),
)
TEST_PROGRAMS = (
    Need("Xvfb", "xvfb"),
    Need("xauth", "xauth"),
    Need("desktop-file-validate", "desktop-file-utils"),
    Need("appstreamcli", "appstream"),
)


def say(text: str) -> None:
    """Print a line of the set-up; standard output belongs to what it starts."""
    print(text, file=sys.stderr, flush=True)


def refuse_unfit_python() -> None:
    """Raise `Problem` where Tunewright or PyTorch cannot run on this Python at all."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the check
        names = [f"python3.{minor}" for minor in range(14, 10, -1)]
        newer = next((name for name in names if shutil.which(name)), None)
        advice = f"start it with {newer} run.py" if newer else "install a newer one and start run.py with it"
        raise Problem(
            f"Tunewright needs Python 3.11 or newer and this is {platform.python_version()}: {advice}."
        )
    if struct.calcsize("P") != 8:
        raise Problem(
            "This Python is a 32-bit one, for which there is no PyTorch: install the 64-bit Python."
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise Problem(
            "PyTorch has no build for Intel Macs any more; on an Apple chip, use a Python for arm64."
        )


def missing_libraries(needs: Sequence[Need] = WINDOW_LIBRARIES) -> list[Need]:
    """Those of Qt's libraries that cannot be loaded here; only Linux leaves them to the system."""
    if not sys.platform.startswith("linux"):
        return []
    return [need for need in needs if not can_load(need.file)]


def can_load(library: str) -> bool:
    """Whether the loader finds the shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_programs(needs: Sequence[Need] = TEST_PROGRAMS) -> list[Need]:
    """The programs that tests of the real window and of the desktop files lack; only Linux runs those."""
    if not sys.platform.startswith("linux"):
        return []
    return [need for need in needs if not shutil.which(need.file)]


def provide(missing: Sequence[Need]) -> None:
    """Install what is missing where that is ours to do: root, with apt. Else raise `Problem` with the line to run."""
    if not missing:
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise Problem(how_to_provide(missing, bool(shutil.which("apt-get"))))
    packages = [need.package for need in missing]
    say("Installing system packages: " + " ".join(packages))
    apt_get("update")
    failed = apt_get("install", "-y", "--no-install-recommends", *packages)
    if failed:
        raise Problem(f"apt-get could not install them: {failed}\n{how_to_provide(missing, True)}")


def apt_get(*arguments: str) -> str:
    """Run apt-get without questions; what it complained about, or nothing when it went well."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def how_to_provide(missing: Sequence[Need], has_apt: bool) -> str:
    """The sentence that tells a person what to install, on Debian as a line to copy."""
    if has_apt:
        packages = " ".join(need.package for need in missing)
        return f"Some system packages are missing. Run this line once:\n  sudo apt-get install -y {packages}"
    files = ", ".join(need.file for need in missing)
    return f"This system lacks {files}: install what brings them with your package manager."


def has_display(system: str, environment: Mapping[str, str]) -> bool:
    """Whether a window can be shown: always on Windows and macOS, on Linux where a display server answers."""
    if system in ("win32", "darwin") or environment.get("QT_QPA_PLATFORM"):
        return True
    return any(answers(address) for address in display_addresses(environment))


def display_addresses(environment: Mapping[str, str]) -> list[str | tuple[str, int]]:
    """Where the display servers named in the environment listen: socket files, or host and port."""
    addresses: list[str | tuple[str, int]] = []
    if environment.get("WAYLAND_DISPLAY"):
        addresses.append(f"{environment.get('XDG_RUNTIME_DIR', '')}/{environment['WAYLAND_DISPLAY']}")
        addresses.append(environment["WAYLAND_DISPLAY"])
    display = re.fullmatch(r"(.*):(\d+)(\.\d+)?", environment.get("DISPLAY", ""))
    if display and display[1] in ("", "unix"):
        # The second one is the same name among Linux's sockets without a file.
        addresses += [f"/tmp/.X11-unix/X{display[2]}", f"\0/tmp/.X11-unix/X{display[2]}"]
    elif display:
        addresses.append((display[1], 6000 + int(display[2])))
    return addresses


def answers(address: str | tuple[str, int]) -> bool:
    """Whether something accepts a connection there within two seconds."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(address)
        except OSError:
            return False
        return True


def has_nvidia() -> bool:
    """Whether this computer has an NVIDIA device with its driver."""
    return bool(shutil.which("nvidia-smi")) or any(
        map(os.path.exists, ("/proc/driver/nvidia", "/dev/nvidia0"))
    )
