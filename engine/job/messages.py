"""One JSON object a line for every event and command: how a message is written and read."""

import json
import re

from engine.job.codec import from_plain, to_plain
from engine.job.commands import Command
from engine.job.events import Event, Message
from engine.job.expert_events import Routing


def _kind(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


EVENTS: dict[str, type] = {_kind(cls): cls for cls in {*Event.__subclasses__(), Routing}}
COMMANDS: dict[str, type] = {_kind(cls): cls for cls in Command.__subclasses__()}


def encode(message: Message) -> str:
    """One line of JSON (no line break) with the message's `kind`."""
    return json.dumps({"kind": _kind(type(message)), **to_plain(message)}, ensure_ascii=False)


def decode(line: str) -> Message | None:
    """The message on a line; None when its kind is unknown here (a newer version wrote it).

    Raises ValueError when the line is not a message at all.
    """
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("not a message")
    cls = EVENTS.get(str(values.get("kind"))) or COMMANDS.get(str(values.get("kind")))
    try:
        return from_plain(cls, values) if cls else None
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a message: {error}") from None
