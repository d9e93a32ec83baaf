"""watch and control: a run that somebody else started, in a window or another terminal."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from engine.cli.follow import Follower
from engine.cli.output import Output
from engine.cli.progress import EventPrinter
from engine.cli.summary import Summary
from engine.cli.training import runs_of
from engine.cli.verb import DONE, Verb
from engine.job.changing import CHANGEABLE, change_problem, field_of
from engine.job.channel import JOB_FILE, append
from engine.job.commands import Command, Evaluate, Pause, Resume, Sample, Save, Set, Stop
from engine.job.errors import FolderError, JobError
from engine.job.job import read_job
from engine.job.record import ENDED
from engine.job.settings import parse_value, setting_fields, unknown_name
from engine.library.runs import find_run, settle


def _watch(options: Namespace, output: Output) -> int:
    folder = find_run(options.run_name, runs_of(options))
    settle(folder)  # raises in words when its record is damaged
    follower, printer, summary = Follower(folder), EventPrinter(output), Summary(folder)
    try:
        for event in follower.events():
            printer.show(event)
            summary.add(event)
    except KeyboardInterrupt:
        printer.close()
        output.remark("\nNo longer watching; the run goes on.")
        output.result({"run": str(folder), "status": settle(folder).status})
        return DONE
    printer.close()
    assert follower.end is not None
    summary.report(follower.end, output)
    return follower.end.exit_code


def _control(options: Namespace, output: Output) -> int:
    folder = find_run(options.run_name, runs_of(options))
    command = _ACTIONS[options.action](options)
    _refuse_ended(folder)
    if isinstance(command, Set):
        _refuse_change(folder, command)
    append(folder, command)
    output.text(f"Told {folder.name}: {options.action}.")
    output.result({"run": str(folder), "sent": options.action, "status": settle(folder).status})
    return DONE


def _refuse_ended(folder: Path) -> None:
    record = settle(folder)
    if record.status in ENDED:
        advice = "Go on with it by 'resume'." if record.status not in ("done", "discarded") else ""
        raise FolderError(f"'{record.name}' is not running: it is {record.status}.", advice)


def _changed(options: Namespace) -> Set:
    name, equals, text = (options.value or "").partition("=")
    name = field_of(name.strip())
    if not equals:
        raise JobError("'control RUN set' needs FIELD=VALUE.", "Write for example set learning_rate=1e-4.")
    if name not in CHANGEABLE:
        raise unknown_name(name, name, CHANGEABLE, what="field that can change while running:")
    section, settings = CHANGEABLE[name]
    fields = {field.name: field for field in setting_fields(settings)}
    return Set(name=name, value=parse_value(fields[name], text, section))


def _refuse_change(folder: Path, command: Set) -> None:
    """Raise JobError for what this run cannot change; a worker would only remark it."""
    problem = change_problem(command.name, command.value, read_job(folder / JOB_FILE).learns_routing)
    if problem:
        raise JobError(f"'{command.name}' cannot be changed to {command.value:g}.", problem)


def _plain(command: Callable[[], Command]) -> Callable[[Namespace], Command]:
    """The command of an action that takes no value."""

    def make(options: Namespace) -> Command:
        if options.value:
            raise JobError(f"'{options.action}' takes no value.", f"Leave out '{options.value}'.")
        return command()

    return make


_ACTIONS: dict[str, Callable[[Namespace], Command]] = {
    "pause": _plain(Pause),
    "resume": _plain(Resume),
    "stop": lambda options: Stop(keep=not options.discard),
    "save": _plain(Save),
    "evaluate": _plain(Evaluate),
    "sample": lambda options: Sample(prompt=options.value or ""),
    "set": _changed,
}


def _watch_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help="the run's name or folder")


def _control_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help="the run's name or folder")
    parser.add_argument("action", choices=list(_ACTIONS), help="what the run is told")
    parser.add_argument("value", nargs="?", help="FIELD=VALUE for 'set', a prompt for 'sample'")
    parser.add_argument("--discard", action="store_true", help="with 'stop': throw the result away")


WATCH = Verb("watch", "Show a run's history and follow it; Ctrl+C only looks away.", _watch_options, _watch)
CONTROL = Verb("control", "Tell a running run something.", _control_options, _control)
