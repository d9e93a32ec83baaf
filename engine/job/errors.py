"""Every error that a person may see: what happened, where, and what to do about it."""


class EngineError(Exception):
    """A fault to show as it is: `title` (what happened and where) and `advice` (what to do).

    `detail` is for the log alone. `exit_code` is what the command line ends with. `remedy`: the setting that would
    do away with it, as "field=value", "" when there is none. `brief` says the title in the words of the window, which
    does not show the names of a job file: for a card or a field with little room.
    """

    exit_code = 1
    remedy = ""

    def __init__(self, title: str, advice: str = "", detail: str = "", brief: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.advice = advice
        self.detail = detail
        self.brief = brief or title

    def __str__(self) -> str:
        return f"{self.title} {self.advice}".strip()


class InputError(EngineError):
    """Something that was given to us is wrong: nothing was started or changed. Exit code 2."""

    exit_code = 2


class JobError(InputError):
    """A job file, a setting or an option is wrong; the title holds the field's dotted name."""


class DataError(InputError):
    """A data file or one of its rows is wrong; the title holds file, line and field."""


class ModelError(InputError):
    """A model folder, adapter or hub model cannot be used; the title holds the file."""


class FolderError(InputError):
    """A folder is missing, unwritable, taken or not what it should be."""


class HubError(InputError):
    """The hub refused, does not know the model, or cannot be reached."""


class ResourceError(EngineError):
    """The machine has too little memory or disk for what was asked."""


class TrainingError(EngineError):
    """Training cannot go on (for example, the loss is no longer a number)."""


class StoppedError(EngineError):
    """The user ended the task. Exit code 3."""

    exit_code = 3
