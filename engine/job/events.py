"""What the worker tells: frozen dataclasses, one a line in a task's `events.jsonl`. Receive with `match`."""

import time
from dataclasses import dataclass, field

from engine.job.datasets import DatasetPart, SourceRead


@dataclass(frozen=True, kw_only=True)
class Message:
    """Anything that crosses a process: `time` in seconds since the epoch."""

    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Event(Message):
    """What the worker tells."""


# Any task ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started(Event):
    """The worker has the task. `resumed_from` is the checkpoint's step, 0 for a fresh start."""

    task: str
    pid: int
    versions: dict[str, str]
    resumed_from: int = 0


@dataclass(frozen=True)
class Phase(Event):
    """A stage begins ("engine", "model", "rows", "first-step", "training", ...); it ends with the next."""

    name: str
    title: str


@dataclass(frozen=True)
class Progress(Event):
    """How far a countable piece of work is; `unit` is "bytes", "rows", "tensors", "prompts"..."""

    title: str
    done: int
    total: int | None
    unit: str = ""


@dataclass(frozen=True)
class Remark(Event):
    """Something worth a small card: handled by itself ("good", "info") or to be known ("warn")."""

    tone: str
    title: str
    advice: str = ""
    step: int | None = None


@dataclass(frozen=True)
class Failed(Event):
    """The task ended by an error; `detail` holds the technical words for the report, `remedy` a setting that helps."""

    title: str
    advice: str
    detail: str = ""
    input_error: bool = False
    remedy: str = ""


@dataclass(frozen=True)
class Finished(Event):
    """The task ended well. `outcome`: "done", "stopped" (kept what was there) or "discarded"."""

    outcome: str
    seconds: float
    title: str = ""


# Training ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared(Event):
    """Everything is loaded; the first step comes next. Counts of rows, tokens and parameters.

    `fast_paths` are the names of the ways that proved right beside the model's own and are taken.
    """

    device: str
    dtype: str
    template: str
    rows_train: int
    rows_validation: int
    rows_skipped: int
    rows_cut: int
    tokens_per_epoch: int
    trained_tokens_per_epoch: int
    parameters: int
    parameters_trained: int
    steps: int
    micro_batch: int
    batch_size: int
    threads: int
    fast_paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step(Event):
    """One optimizer update. `loss` and metrics are means over the update; memory in bytes; rows by number."""

    step: int
    steps: int
    epoch: float
    loss: float | None
    learning_rate: float
    gradient_norm: float | None
    tokens: int
    tokens_per_second: float
    memory: int
    seconds: float
    rows: tuple[int, ...] = ()
    metrics: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluated(Event):
    """The rows kept back were looked at. `is_best` when the loss is the lowest so far."""

    step: int
    loss: float | None
    rows: int
    is_best: bool
    metrics: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampled(Event):
    """A watched prompt's answer; step 0 is before training."""

    step: int
    prompt: str
    answer: str


@dataclass(frozen=True)
class Saved(Event):
    """A checkpoint stands complete on disk. `path` is relative to the run's folder."""

    step: int
    path: str
    is_best: bool
    bytes: int
    reason: str


@dataclass(frozen=True)
class Paused(Event):
    """Waiting between two updates."""

    step: int


@dataclass(frozen=True)
class Continued(Event):
    """Going on after a pause."""

    step: int


@dataclass(frozen=True)
class Changed(Event):
    """A setting was changed while running, from this step on."""

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class Trained(Event):
    """Training has ended; `adapter` is the folder of the result, relative to the run."""

    step: int
    steps: int
    first_loss: float | None
    last_loss: float | None
    best_loss: float | None
    best_step: int | None
    tokens: int
    seconds: float
    adapter: str


# Compare (task "chat") --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded(Event):
    """A column's weights are ready. `fingerprint` proves which: eight hex digits of the weights' hash."""

    column: int
    title: str
    weights: str
    fingerprint: str
    parameters: int
    dtype: str


@dataclass(frozen=True)
class Piece(Event):
    """More text of a column's answer."""

    column: int
    prompt: int
    text: str


@dataclass(frozen=True)
class Answered(Event):
    """A column's answer is complete. `ended` tells whether it ended with an end token."""

    column: int
    prompt: int
    text: str
    tokens: int
    seconds: float
    ended: bool


@dataclass(frozen=True)
class Ready(Event):
    """A task that waits for questions has nothing to do."""


# Export -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check(Event):
    """One line of the receipt."""

    title: str
    detail: str
    passed: bool


@dataclass(frozen=True)
class Exported(Event):
    """The export stands complete at `path`."""

    path: str
    format: str
    bytes: int
    files: int
    fingerprint: str
    prompt: str = ""
    answer_before: str = ""
    answer_after: str = ""


# Inspect ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Token:
    """One token as the model gets it. `kind`: "prompt", "trained", "rejected" or "cut".

    `special` tells a marker, `added` that nothing of it stands in the row: the template or tokenizer wrote it.
    """

    id: int
    text: str
    kind: str
    special: bool = False
    added: bool = False


@dataclass(frozen=True)
class RowView:
    """One row: its columns as plain text and, where asked, the tokens (second answer's in `rejected`).

    `shared`: how many first tokens both answers have in common. `file` and `line` (0: none) say where it stands.
    `label`: whether a row of feedback is a good one. `problem` says why it is left out, or, where `is_used`, what
    becomes of it.
    """

    number: int
    cells: dict[str, str]
    tokens: tuple[Token, ...] = ()
    rejected: tuple[Token, ...] = ()
    problem: str = ""
    is_validation: bool = False
    shared: int = 0
    file: str = ""
    line: int = 0
    label: bool | None = None
    is_used: bool = True


@dataclass(frozen=True)
class Inspected(Event):
    """What the data is: shape with its evidence, counts, token lengths and problems.

    Told as soon as the file is read, then with all that the tokens tell (`is_complete`); before that, for a large
    file, of its first rows alone (`is_first_look`). `roles` names the column of each role. Lengths are those of
    whole rows, before anything is cut; of very many rows an even choice (`percentiles` are those of all).
    `refusal`: why training cannot start, "" when it can. `skipped_rows`, `duplicate_rows`, `cut_rows`,
    `endless_rows` (no end token) hold the first row numbers, `details` a sentence for some. `divided` counts
    texts that come in pieces. `tokens` and `trained_tokens` are those after the cut. `labels`: bad and good rows
    of feedback. `shape` is "unknown" and `rows_kind` "" where the columns do not tell what the rows are.
    `sources`: what was read of each source, in the job's order; at a first look the first ones.
    """

    shape: str
    rows_kind: str
    evidence: str
    columns: tuple[str, ...]
    roles: dict[str, str]
    rows: int
    usable: int
    skipped: dict[str, int]
    skipped_rows: dict[str, tuple[int, ...]]
    duplicates: int
    cut: int
    validation_rows: int
    lengths: tuple[int, ...]
    lengths_rejected: tuple[int, ...]
    percentiles: dict[str, int]
    trained_share: float
    template: str
    end_tokens: tuple[str, ...]
    bytes: int
    remarks: tuple[str, ...] = ()
    is_complete: bool = True
    is_first_look: bool = False
    refusal: str = ""
    duplicate_rows: tuple[int, ...] = ()
    cut_rows: tuple[int, ...] = ()
    endless_rows: tuple[int, ...] = ()
    details: dict[str, str] = field(default_factory=dict)
    too_long: int = 0
    divided: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    labels: tuple[int, ...] = (0, 0)
    sources: tuple[SourceRead, ...] = ()


@dataclass(frozen=True)
class RowsShown(Event):
    """The rows that a `Show` command asked for; `total` is how many its `search` leaves."""

    start: int
    rows: tuple[RowView, ...]
    total: int = 0
    search: str = ""


# Download ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Downloaded(Event):
    """A hub model, or the chosen parts of a dataset, stand complete in the local cache at `path`."""

    repo: str
    revision: str
    path: str
    bytes: int


@dataclass(frozen=True)
class DatasetFound(Event):
    """A hub dataset's parts, before anything is fetched. `note`: why it is what the cache holds, else ""."""

    repo: str
    revision: str
    commit: str
    parts: tuple[DatasetPart, ...]
    note: str = ""


# Told by the watcher, never written -------------------------------------------------------------------


@dataclass(frozen=True)
class Lost(Event):
    """The worker ended without a word. `exit_code` is negative for a signal, None when unknown."""

    exit_code: int | None
    title: str
    advice: str
    checkpoint_step: int | None = None
