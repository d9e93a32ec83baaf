"""Check an installed or bundled Tunewright: `python3 packaging/smoke.py PATH`, exit code 0 when it works.

PATH is a program (`.../tunewright`), a bundle's folder or a virtual environment. Its `selftest` runs away from the
project's sources, with folders of its own that are removed afterwards and without a display.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MINUTES = 10


def main(arguments: list[str]) -> int:
    """Run the self-test of the one program that the arguments name."""
    if len(arguments) != 1:
        print("usage: python3 packaging/smoke.py PROGRAM_OR_FOLDER", file=sys.stderr)
        return 2
    program = find_program(Path(arguments[0]).absolute())
    if program is None:
        print(f"There is no tunewright program in {arguments[0]}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tunewright-smoke-") as home:
        try:
            done = subprocess.run(
                [program, "selftest"],
                cwd=home,
                env=clean_environment(home),
                timeout=MINUTES * 60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{program} selftest took more than {MINUTES} minutes.", file=sys.stderr)
            return 1
    print(
        f"{program} selftest: {'passed' if done.returncode == 0 else f'failed with exit code {done.returncode}'}"
    )
    return 0 if done.returncode == 0 else 1


def find_program(path: Path) -> Path | None:
    """The command-line program that is the path, or lies in that bundle or environment."""
    name = "tunewright.exe" if os.name == "nt" else "tunewright"
    if path.is_file():
        return path
    places = ("bin", "Scripts", "", "Contents/MacOS")
    return next((path / place / name for place in places if (path / place / name).is_file()), None)


def clean_environment(home: str) -> dict[str, str]:
    """The environment without what points to other Pythons or to the user's own files, and without a display."""
    pointing = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in pointing}
    folders = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home)
    folders |= {f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    return {**kept, **folders, "QT_QPA_PLATFORM": "offscreen", "HF_HUB_OFFLINE": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
