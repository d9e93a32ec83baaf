"""A worker's events for the person at a terminal: a bar where one can be drawn, plain lines elsewhere."""

from typing import Any

from engine.cli.output import Output, clean, one_line
from engine.job.events import (
    Changed,
    Check,
    Continued,
    Evaluated,
    Event,
    Paused,
    Phase,
    Prepared,
    Progress,
    Remark,
    Sampled,
    Saved,
    Started,
    Step,
)
from engine.job.expert_events import Routing

PLAIN_LINES = 10
_BAR = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_TONES = {"good": "✓", "info": "·", "warn": "!"}


def size(count: float) -> str:
    """A number of bytes in a person's words: "4.1 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("GB is the last unit")


def number(value: float | None) -> str:
    """A loss or metric with four figures, a dash where there is none."""
    return "-" if value is None else f"{value:.4g}"


class EventPrinter:
    """Shows events one after the other; `close` when no more come."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar: Any = None  # Any: tqdm has no types
        self._bar_title = ""
        self._shown = 0
        self._steps = 0

    def show(self, event: Event) -> None:
        """Show one event, if it is one for a person."""
        match event:
            case Step():
                self._step(event)
            case Routing():
                self._routing(event)
            case Progress(title=title, done=done, total=total, unit=unit):
                self._advance(title, done, total, unit)
            case Phase():
                self.close()
                self._line(event_line(event))
            case _:
                self._steps = event.steps if isinstance(event, Prepared) else self._steps
                if line := event_line(event):
                    self._line(line)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _step(self, event: Step) -> None:
        loss = number(event.loss)
        if self._output.has_bar:
            words = f"loss {loss}, {event.tokens_per_second:.0f} tokens/s"
            self._advance("Training", event.step, event.steps, "step", words)
            return
        portion = max(1, event.steps // PLAIN_LINES)
        if event.step in (1, event.steps) or event.step % portion == 0:
            self._line(
                f"step {event.step}/{event.steps}  loss {loss}  {event.tokens_per_second:.0f} tokens/s"
            )

    def _routing(self, event: Routing) -> None:
        """A plain line at every tenth of the run."""
        if event.step == 1 or event.step % max(1, self._steps // PLAIN_LINES) == 0:
            self._line(routing_line(event))

    def _advance(self, title: str, done: int, total: int | None, unit: str, words: str = "") -> None:
        if not self._output.has_bar:
            self._portion(title, done, total, unit)
            return
        if self._bar is None or self._bar_title != title:
            self.close()
            self._bar = _new_bar(self._output, title, done, total, unit)
            self._bar_title = title
        self._bar.total = total
        self._bar.n = done
        self._bar.set_postfix_str(words)  # draws it too

    def _portion(self, title: str, done: int, total: int | None, unit: str) -> None:
        """A plain line at every tenth of a countable piece of work."""
        portion = PLAIN_LINES * done // total if total else 0
        if title == self._bar_title and portion == self._shown:
            return
        self._bar_title, self._shown = title, portion
        amount = size(done) if unit == "bytes" else f"{done} {unit}".strip()
        of = "" if not total else f" of {size(total) if unit == 'bytes' else total}"
        self._line(f"{title}: {amount}{of}")

    def _line(self, text: str) -> None:
        if self._bar is None:
            self._output.remark(text)
        else:
            self._bar.write(text, file=self._output.err)


def event_line(event: Event) -> str:
    """The line that an event is worth, empty for one that is not for a person."""
    line = ""
    match event:
        case Started(resumed_from=step) if step:
            line = f"Continuing from step {step}."
        case Phase(title=title):
            line = f"{clean(title).rstrip('.… ')} ..."
        case Prepared():
            line = _prepared_line(event)
        case Evaluated(step=step, loss=loss, is_best=is_best):
            line = f"step {step}  validation loss {number(loss)}{' (best so far)' if is_best else ''}"
        case Sampled(step=step, prompt=prompt, answer=answer):
            line = f"step {step}  {one_line(prompt, 60)}  ->  {one_line(answer, 120)}"
        case Saved(step=step, path=path, reason=reason):
            line = f"step {step}  saved {path}" + (f" ({clean(reason)})" if reason else "")
        case Paused(step=step):
            line = f"Paused at step {step}."
        case Continued(step=step):
            line = f"Going on from step {step}."
        case Changed(step=step, name=name, value=value):
            line = f"step {step}  {name} is {value:g} from here on"
        case Check(title=title, detail=detail, passed=passed):
            line = f"{'✓' if passed else '✗'} {clean(title)}  {clean(detail)}".rstrip()
        case Remark(tone=tone, title=title, advice=advice):
            line = f"{_TONES.get(tone, '·')} {clean(f'{title} {advice}'.strip())}"
    return line


def routing_line(event: Routing) -> str:
    """How the experts are used, in one line."""
    experts = len(event.shares[0]) if event.shares else 0
    dead = f", {len(event.dead)} of {experts * len(event.shares)} without text" if event.dead else ""
    return (
        f"step {event.step}  experts: {event.load_entropy:.0%} even, busiest {event.max_load:.1f} times the mean, "
        f"balance {number(event.balance)} ({event.uniform:g} is even){dead}"
    )


def _prepared_line(event: Prepared) -> str:
    share = 100 * event.parameters_trained / max(1, event.parameters)
    rows = f"{event.rows_train} rows to learn, {event.rows_validation} to check"
    skipped = f", {event.rows_skipped} skipped" if event.rows_skipped else ""
    trained = f"{event.parameters_trained:,} of {event.parameters:,} numbers learn ({share:.2g} %)"
    return f"{rows}{skipped}; {trained}; {event.steps} steps on {event.device} in {event.dtype}."


def _new_bar(output: Output, title: str, done: int, total: int | None, unit: str) -> Any:  # Any: as above
    """A bar that begins at `done`: a resumed run's earlier steps took none of its time."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        desc=title,
        unit="B" if unit == "bytes" else f" {unit}",
        unit_scale=unit == "bytes",
        bar_format=None if unit == "bytes" else _BAR,
        file=output.err,
        dynamic_ncols=True,
    )
