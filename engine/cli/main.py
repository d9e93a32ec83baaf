"""The border of the command line: arguments in, exit code out; every error in one sentence."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from engine.cli.output import Output, clean
from engine.cli.parser import BadArgumentsError, build_parser
from engine.cli.verb import FAULT, INPUT, STOPPED
from engine.job.errors import EngineError, InputError


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say: 0 done, 2 bad input, 3 stopped, 1 anything else.

    Results go to standard output, everything else to standard error. Without arguments the help is shown.
    """
    output = Output(as_json="--json" in arguments)
    try:
        return _obey(arguments, output)
    except (BadArgumentsError, InputError) as error:
        code, words = INPUT, str(error)
    except EngineError as error:
        code, words = error.exit_code, str(error)
    except KeyboardInterrupt:
        code, words = STOPPED, "Stopped."
    except BrokenPipeError:  # the reader of our output has gone ("| head"): nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence first, then what a report needs
        trace = "".join(traceback.format_exception(error))
        code, words = FAULT, f"Something unexpected happened: {error!r}\nPlease report this:\n{trace}"
    return _refused(output, words, code)


def _obey(arguments: Sequence[str], output: Output) -> int:
    parser = build_parser()
    if not arguments:
        parser.print_help(output.err)
        return INPUT
    options = parser.parse_args(arguments)
    _stop_on_termination()
    return int(options.run(options, output))


def _refused(output: Output, sentence: str, code: int) -> int:
    output.result({"status": "stopped" if code == STOPPED else "failed", "error": clean(sentence)})
    output.remark(clean(sentence))
    return code


def _stop_on_termination() -> None:
    """A SIGTERM (a cluster's time limit) is heard like Ctrl+C, so that a run can stop and save."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
