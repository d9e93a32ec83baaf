"""The project's environment in `.venv`: created, completed or repaired until it is what the project asks for.

Part of `run.py`: standard library only, and it parses on Python 3.8. `setup.json` in the environment records a
finished set-up; while one is under way it is empty, so that the next one knows of an interruption.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Iterator  # noqa: UP035 - it must import on 3.8

from computer import Need, Problem, has_nvidia, provide, say

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
STAMP, LOG, LOCK = VENV / "setup.json", VENV / "setup.log", VENV / "setup.lock"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
TORCH_INDEX = "https://download.pytorch.org/whl"  # PyTorch's own builds, one index for each kind of device
GIGABYTES = {"cpu": 3, "cuda": 10, "plain": 3}  # free disk that a set-up needs, pip's cache included


def provide_environment() -> None:
    """Make `.venv` what the project's files ask for; returns at once where its stamp says that it is."""
    wanted = wanted_stamp(torch_build(sys.platform, has_nvidia()))
    if is_ready(wanted):
        return
    VENV.mkdir(exist_ok=True)
    with only_one_at_a_time():
        if not is_ready(wanted):
            set_up(wanted)


def is_ready(wanted: dict[str, str]) -> bool:
    """Whether a finished set-up of just this kind lies in `.venv`."""
    return read_stamp() == wanted and PYTHON.exists()


def set_up(wanted: dict[str, str]) -> None:
    """Install everything; a failure keeps the former environment usable, an interruption is repaired next time."""
    refuse_full_disk(wanted["torch"])
    say("Setting up Tunewright in .venv (once, a few minutes)...")
    found = read_stamp()
    anew = must_start_anew(found, wanted)
    if anew:
        clear()
    write_stamp({})
    LOG.write_text("", encoding="utf-8")
    if anew:
        create()
    try:
        install(wanted["torch"])
    except Problem:
        if found and not anew:
            write_stamp(
                found
            )  # pip changes nothing before it has everything, and takes back what it cannot finish.
        raise
    write_stamp(wanted)
    say("Tunewright is set up.")


def wanted_stamp(torch: str) -> dict[str, str]:
    """What a finished set-up records: the files that say what to install, the Python, PyTorch's build, the place."""
    files = hashlib.sha256(b"\0".join(path.read_bytes() for path in (ROOT / "pyproject.toml", CONSTRAINTS)))
    return {
        "files": files.hexdigest(),
        "python": platform.python_version(),
        "torch": torch,
        "root": str(ROOT),
    }


def read_stamp() -> dict[str, str] | None:
    """The last set-up's record: None where there is none, empty where it was not finished."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(stamp: dict[str, str]) -> None:
    """Record the state of the set-up."""
    STAMP.write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def must_start_anew(found: dict[str, str] | None, wanted: dict[str, str]) -> bool:
    """Whether `.venv` cannot be completed: not finished, moved, or of another Python or build of PyTorch."""
    if not PYTHON.exists():
        return True
    return found is not None and any(found.get(key) != wanted[key] for key in ("python", "torch", "root"))


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold the set-up for this process; the system lets go of it even when the process is killed."""
    with LOCK.open("a") as lock:
        if not try_lock(lock.fileno()):
            say("Another set-up of this folder is under way; waiting for it.")
            while not try_lock(lock.fileno()):
                time.sleep(0.5)
        yield


def try_lock(descriptor: int) -> bool:
    """Lock the open file without waiting; False while another process holds it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def refuse_full_disk(torch: str) -> None:
    """Raise `Problem` before anything is changed where the disk cannot hold the environment."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[torch]:
        raise Problem(
            f"Setting up needs {GIGABYTES[torch]} GB of free disk at {ROOT}; {free:.1f} GB are free."
        )


def clear() -> None:
    """Empty `.venv` but for the lock that is being held."""
    for path in VENV.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != LOCK:
            path.unlink()


def create() -> None:
    """Make `.venv` a virtual environment with pip, which Debian keeps in a package of its own."""
    if importlib.util.find_spec("ensurepip") is None:
        provide([Need("ensurepip", f"python3.{sys.version_info.minor}-venv")])
    run_logged([sys.executable, "-m", "venv", str(VENV)], "creating the environment")


def torch_build(system: str, nvidia: bool) -> str:
    """Which build of PyTorch to look for: 'cpu', 'cuda', or 'plain' where there is only one."""
    if system.startswith("linux"):
        return "cuda" if nvidia else "cpu"
    return "cuda" if system == "win32" and nvidia else "plain"


def torch_attempts(build: str, system: str, version: str) -> list[list[str]]:
    """What to ask pip for, in this order; the last one takes the plain build.

    On Linux the plain build brings gigabytes of CUDA, on Windows it has none. The other one lies on PyTorch's own
    index, or among the user's own sources; where it is out of reach, looking for it is short.
    """
    brief = ["--timeout", "15", "--retries", "1"]
    plain = f"torch=={version}"
    if build == "cpu":
        cpu = [*brief, f"{plain}+cpu"]
        return [cpu, ["--index-url", f"{TORCH_INDEX}/cpu", *cpu], [plain]]
    if build == "cuda" and system == "win32":
        return [["--index-url", f"{TORCH_INDEX}/cu130", *brief, plain], [plain]]
    return [[plain]]


def install(torch: str) -> None:
    """Install PyTorch in the build that fits, then the project itself and all it needs, under the constraints."""
    install_torch(torch_attempts(torch, sys.platform, torch_version()))
    pip(
        ["--constraint", str(CONSTRAINTS), "--editable", f"{ROOT}[window,dev]"],
        "installing the other packages",
    )


def torch_version() -> str:
    """The version of PyTorch that the constraints name; raises `Problem` where they do not."""
    version = re.search(r"^torch==([\w.]+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    if not version:
        raise Problem(
            f"{CONSTRAINTS} names no version of torch: bring the file back from the project's history."
        )
    return version[1]


def install_torch(attempts: list[list[str]]) -> None:
    """Take the first build that can be had; the last attempt's failure is the one that counts."""
    for attempt in attempts[:-1]:
        try:
            pip(["--no-deps", *attempt], f"installing PyTorch ({attempt[-1]})")
        except Problem:
            continue
        return
    if len(attempts) > 1:
        say("  The smaller build of PyTorch for this computer cannot be had; taking the usual one.")
    pip(["--no-deps", *attempts[-1]], "installing PyTorch")


def pip(arguments: list[str], what: str) -> None:
    """`pip install` in the environment; raises `Problem` in plain words."""
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    run_logged([str(PYTHON), "-m", "pip", "install", *options, *arguments], what)


def run_logged(command: list[str], what: str) -> None:
    """Run a step of the set-up with its output in the log; raises `Problem` with the reason when it fails."""
    say(f"  {what}")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")
    }
    environment["PIP_USER"] = "0"
    start = LOG.stat().st_size
    with LOG.open("ab") as log:
        code = run_visibly(command, environment, log)
    if code:
        output = LOG.read_bytes()[start:].decode("utf-8", "replace").strip()
        tail = "\n".join("    " + line for line in output.splitlines()[-6:])
        raise Problem(f"{reason(output)}\n{tail}\nThis happened while {what}; all of it is in {LOG}.", code=1)


def run_visibly(command: list[str], environment: dict[str, str], log: BinaryIO) -> int:
    """Run the command; on a terminal the seconds count up, so that a long download does not look dead."""
    start = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
    ) as child:
        while True:
            try:
                return child.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if sys.stderr.isatty():
                    print(f"  {time.monotonic() - start:.0f} s", end="\r", file=sys.stderr, flush=True)


REASONS = {
    "No space left|Errno 28|not enough space": "The disk is full: free some space and start again.",
    "Long Path|WinError 206": "This folder's path is too long for Windows: move it nearer to the drive's root.",
    "CERTIFICATE_VERIFY|SSLError": "The package index's certificate is not trusted: check the clock and the proxy.",
    "NewConnection|ConnectionError|name resolution|timed out|ProxyError|Max retries|getaddrinfo": (
        "The package index cannot be reached: check the network and start again."
    ),
    "No matching distribution found for torch": "There is no PyTorch for this Python here: use Python 3.11 to 3.14.",
    "Permission denied|Errno 13|Access is denied": "This folder cannot be written to: move it to one that can.",
}


def reason(output: str) -> str:
    """Why a step of the set-up failed, in the user's words."""
    found = (text for pattern, text in REASONS.items() if re.search(pattern, output))
    return next(found, "The set-up stopped with an error.")
