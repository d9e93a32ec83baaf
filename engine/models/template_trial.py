"""A first rendering of an unknown chat template in a child process, which can be stopped whatever it does.

A template that passes is remembered by its hash and runs in this process from then on, where the bounds of
engine.models.chat_jinja still hold.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from engine.job.errors import ModelError
from engine.library.folders import cache_folder

VERB = "try-template"
_CHILD_SECONDS = 3.0
_MOST_SECONDS = 30.0  # with the child's start, on a busy computer
_MEMORY_BYTES = 1 << 30
_REMEMBERED = 500
_PASSED, _OVER = 0, 3
_known: set[str] = set()
_LONG = "word " * 400
_TRIALS = (
    (("user", "Ping"),),
    (("user", "Ping"), ("assistant", "Pong")),
    (("system", "Be brief"), ("user", "Ping"), ("assistant", "Pong"), ("user", _LONG), ("assistant", _LONG)),
)


def check_template(source: str, names: Mapping[str, str]) -> None:
    """Raise ModelError when a template runs over its bounds; what it refuses otherwise is the rows' matter."""
    key = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    if key in _known:
        return
    if key not in _remembered():
        fault = _tried(source, names)
        if fault:
            raise over_bounds(fault)
        _remember(key)
    _known.add(key)


def over_bounds(words: str) -> ModelError:
    """The error for a template that runs over its bounds."""
    title = f"The model's chat template was stopped: {words}."
    return ModelError(title, "Choose another template, such as 'plain', or another model.")


def main() -> int:
    """The child: render what stands on stdin within the bounds; the words of a fault go to stdout."""
    import jinja2

    from engine.models.chat_jinja import FAULTS, ChatTemplate, LimitError

    asked = json.loads(sys.stdin.buffer.read())
    _limit_memory()
    timer = threading.Timer(_CHILD_SECONDS, _give_up)
    timer.daemon = True
    timer.start()
    try:
        template = ChatTemplate(asked["source"])
        for trial in _TRIALS:
            messages = [{"role": role, "content": content} for role, content in trial]
            with contextlib.suppress(jinja2.TemplateError, *FAULTS):  # the rows will tell what it refuses
                template.render(messages, opens=trial[-1][0] == "user", names=asked["names"])
    except LimitError as error:
        return _told(str(error))
    except MemoryError:
        return _told("it needs too much memory")
    except (jinja2.TemplateError, *FAULTS):  # it cannot be read, which the parent finds out again
        return _PASSED
    return _PASSED


def _told(words: str) -> int:
    print(words, flush=True)
    return _OVER


def _give_up() -> None:
    print(f"it takes longer than {_CHILD_SECONDS:.0f} seconds", flush=True)
    os._exit(_OVER)


def _limit_memory() -> None:
    """Where the system has such limits: memory, and the processor's time for what never lets go of it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, int(_CHILD_SECONDS) + 1)):
        with contextlib.suppress(ValueError, OSError):  # macOS takes no limit on addresses
            resource.setrlimit(kind, (most, most))


def _tried(source: str, names: Mapping[str, str]) -> str:
    """What is wrong with a template, "" when nothing is. Where no child can be had, the bounds here must do."""
    asked = json.dumps({"source": source, "names": dict(names)}).encode()
    command = (
        [sys.executable, VERB] if getattr(sys, "frozen", False) else [sys.executable, "-m", "engine", VERB]
    )
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    try:
        done = subprocess.run(
            command,
            input=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONUTF8": "1"},
            timeout=_MOST_SECONDS,
            creationflags=int(getattr(subprocess, "CREATE_NO_WINDOW", 0)),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {_CHILD_SECONDS:.0f} seconds"
    except OSError:
        return ""
    if done.returncode == _OVER:
        return done.stdout.decode("utf-8", "replace").strip()
    return "" if done.returncode in (_PASSED, 1) else "it takes too much time or memory"


def _memory() -> Path:
    return cache_folder() / "templates.json"


def _remembered() -> list[str]:
    try:
        found = json.loads(_memory().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []


def _remember(key: str) -> None:
    part = _memory().with_name(f"templates.{os.getpid()}.part")
    with contextlib.suppress(OSError):  # a cache: it is tried again next time
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps([*_remembered(), key][-_REMEMBERED:]), "utf-8")
        part.replace(_memory())
