"""Chat templates run: the environment that model authors write for, with bounds on time and size.

A template is a stranger's program. The sandbox keeps it from the computer; the bounds here end what would never
end or fill the memory. Nothing here needs transformers, so that a child process starts quickly.
"""

import ctypes
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace

SECONDS = 4.0
_LONGEST = 5_000_000  # characters of one value, and of what is written beyond the messages' own length
_HIGHEST_POWER = 64
_WIDE = re.compile(r"\d{6,}")
_TAG = re.compile(r"\{%-?\s*generation\s*-?%\}")
_LOOK_SECONDS = 0.1

Span = tuple[int, int]
# What a template may raise beside jinja's own errors, when a message is not what it counted on.
FAULTS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


class LimitError(Exception):
    """A template went over a bound; the words say over which."""


class ChatTemplate:
    """A compiled template; raises jinja2.TemplateSyntaxError for one that cannot be read."""

    def __init__(self, source: str) -> None:
        self.has_tags = _TAG.search(source) is not None
        self._environment = _Environment()
        self._template = self._environment.from_string(source)
        self._globals = dict(self._template.globals)

    def render(
        self, messages: Sequence[Mapping[str, str]], opens: bool, names: Mapping[str, str]
    ) -> tuple[str, list[Span]]:
        """The text, and the spans between generation tags; `opens` adds the beginning of an answer.

        Raises LimitError beyond a bound and whatever the template raises itself.
        """
        most = _LONGEST + 20 * sum(len(message["content"]) for message in messages)
        written = self._environment.written
        written.begin()
        values = {
            "messages": [dict(message) for message in messages],
            "add_generation_prompt": opens,
            **names,
        }
        with _bounded():
            for part in self._parts(values):
                written.add(part)
                if written.length > most:
                    raise LimitError("it writes too much text")
        return "".join(written.parts), written.spans

    def _parts(self, values: Mapping[str, Any]) -> Iterator[str]:  # Any: whatever a template may be given
        """What the template writes, piece by piece.

        Jinja's own `generate` gathers the environment's names anew for each rendering, which takes half its time.
        """
        known = {**self._globals, "tools": None, "documents": None, **values}
        context = self._environment.context_class(self._environment, known, None, self._template.blocks)
        return self._template.root_render_func(context)


class _Written:
    """What a template has written so far."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self.length = 0

    def add(self, part: str) -> None:
        self.parts.append(part)
        self.length += len(part)


class _Generation(Extension):
    """The tag {% generation %}, which tells where an answer stands."""

    tags = {"generation"}  # noqa: RUF012 - jinja's own way

    def parse(self, parser: Parser) -> nodes.Node:
        """The tag's content as a call that notes its place."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

    def _note(self, caller: Any) -> str:  # Any: jinja's macro
        text: str = caller()
        written: _Written = self.environment.written  # type: ignore[attr-defined]
        written.spans.append((written.length, written.length + len(text)))
        return text


class _Environment(ImmutableSandboxedEnvironment):
    """As transformers sets it up, with values kept small."""

    intercepted_binops = frozenset(["*", "**", "%", "+"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self.written = _Written()
        self.filters["tojson"] = _tojson
        self.globals["raise_exception"] = _refuse
        self.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        self.globals["dict"] = _dict
        self.globals["namespace"] = _Namespace

    def call_binop(
        self, context: Any, operator: str, left: Any, right: Any
    ) -> Any:  # Any: a template's values
        """Refuse what makes a huge value of two small ones."""
        if operator == "*" and _product(left, right) > _LONGEST:
            raise LimitError("it repeats a text too often")
        if operator == "**" and isinstance(right, int | float) and right > _HIGHEST_POWER:
            raise LimitError("it computes too large a number")
        if operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise LimitError("it pads a text too far")
        if operator == "+" and isinstance(left, str | list) and len(left) > 50 * _LONGEST:
            raise LimitError("it builds too long a text")
        return super().call_binop(context, operator, left, right)


class _Namespace(Namespace):
    """Jinja's namespace without a way to Python's inside."""

    def __init__(*values: Any, **more: Any) -> None:
        own, *given = values
        attributes = dict(*given, **more)
        for name in attributes:
            _check_name(name)
        Namespace.__init__(own, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _dict(*values: Any, **more: Any) -> dict[Any, Any]:  # Any: a template's values
    """Python's dict, but no class: a class leads to Python's inside."""
    return dict(*values, **more)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"A chat template may not store '{name}' in a namespace.")


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:  # Any: a template's values
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _product(left: object, right: object) -> int:
    """How long a repeated text or list would be; 0 for numbers."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int):
            return len(one) * other
    return 0


class _Watch(threading.Thread):
    """Interrupts a rendering that takes too long, in whatever thread it runs."""

    def __init__(self) -> None:
        super().__init__(name="template-watch", daemon=True)
        self.lock = threading.Lock()
        self.deadlines: dict[int, float] = {}

    def run(self) -> None:
        """Look at the deadlines, now and then."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self.lock:
                now = time.monotonic()
                late = [thread for thread, deadline in self.deadlines.items() if now > deadline]
                for thread in late:
                    del self.deadlines[thread]
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread), ctypes.py_object(LimitError)
                    )


_watches: list[_Watch] = []


@contextmanager
def _bounded() -> Iterator[None]:
    if not _watches or not _watches[0].is_alive():
        _watches[:] = [_Watch()]
        _watches[0].start()
    watch, thread = _watches[0], threading.get_ident()
    try:
        with watch.lock:
            watch.deadlines[thread] = time.monotonic() + SECONDS
        try:
            yield
        finally:
            with watch.lock:
                watch.deadlines.pop(thread, None)
    except MemoryError:
        raise LimitError("it needs too much memory") from None
    except LimitError as error:
        raise LimitError(str(error) or f"it takes longer than {SECONDS:.0f} seconds") from None
