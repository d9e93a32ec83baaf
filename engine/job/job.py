"""The job: everything a training run was asked to do. One frozen object, read from and written to TOML."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.job.adapters import ADAPTERS
from engine.job.cards import Chart, MethodCard, find_card
from engine.job.errors import FolderError, JobError
from engine.job.methods import METHODS
from engine.job.moe import MOE
from engine.job.moe_settings import AssembleSettings, KeepSettings
from engine.job.rates import usual_rate
from engine.job.sections import (
    DataSource,
    DeviceSection,
    ModelSection,
    RowsSection,
    SavingSection,
    TrainSection,
    WatchSection,
)
from engine.job.settings import parse_value, read_section, section_values, setting_fields, unknown_name

SCHEMA = 1
_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE_ENDINGS = (
    *(".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq", ".arrow", ".txt", ".text", ".md"),
    *(".gz", ".zst", ".zip"),
)


@dataclass(frozen=True)
class Choice:
    """A card's kind and its settings (an instance of the card's settings dataclass)."""

    kind: str
    settings: Any  # the card's own dataclass


def choose(
    registry: Mapping[str, Any], kind: str, where: str, values: Mapping[str, object] | None = None
) -> Choice:
    """The card `kind` of `registry` with `values` over its defaults; raises JobError naming the field."""
    card = find_card(registry, kind, f"{where}.kind")
    return Choice(kind, read_section(card.settings, values or {}, where))


CARD_SECTIONS: dict[str, Mapping[str, Any]] = {"method": METHODS, "adapter": ADAPTERS, "moe": MOE}
PLAIN_SECTIONS: dict[str, type] = {
    "model": ModelSection,
    "rows": RowsSection,
    "train": TrainSection,
    "saving": SavingSection,
    "watch": WatchSection,
    "device": DeviceSection,
}


@dataclass(frozen=True)
class Job:
    """One training run, complete. Sections are settings dataclasses; method, adapter and moe are choices."""

    name: str = ""
    model: ModelSection = field(default_factory=ModelSection)
    data: tuple[DataSource, ...] = ()
    rows: RowsSection = field(default_factory=RowsSection)
    method: Choice = field(default_factory=lambda: choose(METHODS, "sft", "method"))
    adapter: Choice = field(default_factory=lambda: choose(ADAPTERS, "lora", "adapter"))
    moe: Choice = field(default_factory=lambda: choose(MOE, "none", "moe"))
    train: TrainSection = field(default_factory=TrainSection)
    saving: SavingSection = field(default_factory=SavingSection)
    watch: WatchSection = field(default_factory=WatchSection)
    device: DeviceSection = field(default_factory=DeviceSection)

    @property
    def method_card(self) -> MethodCard:
        """The card of the chosen method."""
        return METHODS[self.method.kind]

    @property
    def learns_routing(self) -> bool:
        """Whether routers learn which experts a token goes to; only then is their use balanced, told and charted."""
        settings = self.moe.settings
        return settings.train_router if isinstance(settings, KeepSettings) else True

    @property
    def expert_charts(self) -> tuple[Chart, ...]:
        """How the tokens are shared among the experts; nothing where no router learns."""
        return MOE[self.moe.kind].charts if self.learns_routing else ()


def job_from_values(values: Mapping[str, object], folder: Path | None = None) -> Job:
    """A job from plain values (a parsed TOML). Relative paths of data, models and prompts are taken from `folder`.

    Where no learning rate is named, the adapter's own is taken. Raises JobError naming the first unknown or
    wrong field by its dotted name.
    """
    if values.get("schema", SCHEMA) != SCHEMA:
        advice = f"This version reads schema {SCHEMA}; update Tunewright."
        raise JobError(f"'schema' is {values['schema']}, which is not known.", advice)
    parts: dict[str, Any] = {}
    for name, value in values.items():
        if name == "schema":
            continue
        parts[name] = _read_part(name, value, folder)
    job, train = Job(**parts), values.get("train", {})
    is_named = isinstance(train, Mapping) and "learning_rate" in train
    return job if is_named else _with_rate(job)


def job_values(job: Job) -> dict[str, object]:
    """The plain values of a job, complete: every field stands in it, in the order of the file."""
    values: dict[str, object] = {"schema": SCHEMA, "name": job.name, "model": section_values(job.model)}
    values["data"] = [section_values(source) for source in job.data]
    values["rows"] = section_values(job.rows)
    for name in CARD_SECTIONS:
        choice: Choice = getattr(job, name)
        values[name] = {"kind": choice.kind, **section_values(choice.settings)}
    for name in ("train", "saving", "watch", "device"):
        values[name] = section_values(getattr(job, name))
    return values


def read_job(path: Path) -> Job:
    """Read a job file; raises JobError or FolderError in one sentence that names the file."""
    values = read_toml(path)
    try:
        return job_from_values(values, path.parent)
    except JobError as error:
        raise JobError(f"{path.name}: {error.title}", error.advice) from None


def read_toml(path: Path) -> dict[str, Any]:  # Any: a TOML table
    """The table in a TOML file, a byte-order mark allowed; raises JobError naming file and line."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise JobError(f"The job file {path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise JobError(f"{path} cannot be read: {error.strerror}.", "Give a job file in TOML.") from None
    except UnicodeDecodeError:
        raise JobError(f"{path.name} is not UTF-8 text.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise JobError(f"{path.name} is not valid TOML: {error}.", "Mend that line.") from None


def write_job(job: Job, path: Path) -> None:
    """Write the job complete, atomically."""
    write_toml(job_values(job), path)


def write_toml(values: Mapping[str, Any], path: Path) -> None:  # Any: a TOML table
    """Write a table as TOML, atomically; raises FolderError when the folder cannot be written."""
    import tomli_w  # not at the top: losses are importable with torch alone

    part = path.with_name(path.name + ".part")
    try:
        part.write_text(tomli_w.dumps(values), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror}.", "Choose a writable folder."
        ) from None


def with_text(job: Job, assignment: str) -> Job:
    """The job with one `section.field=value` of the command line applied; raises JobError."""
    dotted, equals, text = assignment.partition("=")
    if not equals:
        raise JobError(f"'{assignment}' is not section.field=value.", "Write for example train.epochs=3.")
    section, _, name = dotted.strip().partition(".")
    if section == "name" and not name:
        return dataclasses.replace(job, name=text.strip())
    if section == "data":
        return _with_data_text(job, name, text)
    if section in CARD_SECTIONS and name == "kind":
        return with_kind(job, section, text.strip())
    target = _section_object(job, section)
    fields = {f.name: f for f in setting_fields(type(target))}
    if name not in fields:
        raise unknown_name(dotted, name, fields)
    return with_value(job, dotted.strip(), parse_value(fields[name], text, section))


def with_value(job: Job, dotted: str, value: object) -> Job:
    """The job with the checked value of one field replaced ("train.epochs", "method.beta").

    A learning rate that was the adapter's own follows its settings.
    """
    section, _, name = dotted.partition(".")
    current = getattr(job, section)
    if isinstance(current, Choice):
        changed: Any = Choice(current.kind, dataclasses.replace(current.settings, **{name: value}))
    else:
        changed = dataclasses.replace(current, **{name: value})
    return _following(job, dataclasses.replace(job, **{section: changed}))


def with_kind(job: Job, section: str, kind: str) -> Job:
    """The job with another card chosen for method, adapter or moe.

    Changed settings that the new card has too are kept. A learning rate that was the old adapter's own becomes
    the new one's.
    """
    registry = CARD_SECTIONS[section]
    card = find_card(registry, kind, f"{section}.kind")
    old: Choice = getattr(job, section)
    fresh = {f.name for f in setting_fields(card.settings)}
    tested = {f.name: f.default for f in setting_fields(type(old.settings))}
    changed = {name for name, value in tested.items() if getattr(old.settings, name) != value}
    kept = {name: value for name, value in section_values(old.settings).items() if name in changed & fresh}
    changes: dict[str, Any] = {section: choose(registry, kind, section, kept)}
    return _following(job, dataclasses.replace(job, **changes))


def _following(before: Job, after: Job) -> Job:
    """`after`, whose learning rate becomes its adapter's own where it was that of the adapter `before`."""
    was_own = before.train.learning_rate == usual_rate(before.adapter.kind, before.adapter.settings)
    is_same = after.train is before.train and after.adapter is not before.adapter
    return _with_rate(after) if was_own and is_same else after


def _with_rate(job: Job) -> Job:
    rate = usual_rate(job.adapter.kind, job.adapter.settings)
    return dataclasses.replace(job, train=dataclasses.replace(job.train, learning_rate=rate))


def require_data(job: Job) -> None:
    """Raise JobError when the job names no data."""
    if not job.data or not all(source.path for source in job.data):
        raise JobError("The job names no data.", 'Add [[data]] with path = "your-file.jsonl".')


def _read_part(name: str, value: object, folder: Path | None) -> object:
    if name == "name":
        if not isinstance(value, str):
            raise JobError("'name' is not a text.", 'Write name = "my run".')
        return value
    if name == "data":
        return _read_data(value, folder)
    known = ["name", "data", *PLAIN_SECTIONS, *CARD_SECTIONS]
    if name not in known:
        raise unknown_name(name, name, known, what="section")
    if not isinstance(value, Mapping):
        raise JobError(f"'{name}' is not a section.", f"Write [{name}] on a line of its own.")
    if name in CARD_SECTIONS:
        default = getattr(Job(), name).kind
        fields = {key: item for key, item in value.items() if key != "kind"}
        choice = choose(CARD_SECTIONS[name], str(value.get("kind", default)), name, fields)
        return choice if folder is None else _with_own_files(choice, folder)
    section: object = read_section(PLAIN_SECTIONS[name], value, name)
    if isinstance(section, ModelSection) and folder is not None:
        return dataclasses.replace(section, source=_resolved_model(section.source, folder))
    return section


def _with_own_files(choice: Choice, folder: Path) -> Choice:
    """The choice with the models and prompts that it names found beside the job file."""
    if not isinstance(choice.settings, AssembleSettings):
        return choice
    sources = tuple(_resolved_model(source, folder) for source in choice.settings.sources)
    prompts = tuple(
        path and str((folder / Path(path).expanduser()).resolve()) for path in choice.settings.prompts
    )
    return Choice(choice.kind, dataclasses.replace(choice.settings, sources=sources, prompts=prompts))


def _read_data(value: object, folder: Path | None) -> tuple[DataSource, ...]:
    tables = value if isinstance(value, list) else [value]
    sources = []
    for number, table in enumerate(tables, 1):
        where = "data" if len(tables) == 1 else f"data[{number}]"
        if not isinstance(table, Mapping):
            raise JobError(f"'{where}' is not a section.", "Write [[data]] on a line of its own.")
        source = read_section(DataSource, table, where)
        if source.path and folder is not None:
            source = dataclasses.replace(source, path=resolved_data(source.path, folder))
        sources.append(source)
    return tuple(sources)


def resolved_data(path: str, folder: Path) -> str:
    """A relative data path taken from `folder`; the id of a hub dataset (org/name, no such folder here) stays."""
    beside = folder / Path(path).expanduser()
    return path if is_dataset_id(path) and not beside.exists() else str(beside.resolve())


def is_dataset_id(path: str) -> bool:
    """Whether a data path has the form of a hub id: "org/name", without the ending of a file."""
    return _DATASET_ID.fullmatch(path) is not None and not path.lower().endswith(_FILE_ENDINGS)


def _resolved_model(source: str, folder: Path) -> str:
    """A relative model folder beside the job file becomes absolute; 'starter', hub ids and the rest stay."""
    beside = folder / source
    is_folder = bool(source.strip()) and (source.startswith(".") or beside.is_dir())
    return str(beside.resolve()) if is_folder else source


def _with_data_text(job: Job, name: str, text: str) -> Job:
    """`data.path=FILE` on the command line: a field of the first data source."""
    source = job.data[0] if job.data else DataSource()
    fields = {f.name: f for f in setting_fields(DataSource)}
    if name not in fields:
        raise unknown_name(f"data.{name}", name, fields)
    changed = dataclasses.replace(source, **{name: parse_value(fields[name], text, "data")})
    return dataclasses.replace(job, data=(changed, *job.data[1:]))


def _section_object(job: Job, section: str) -> Any:  # Any: one of the settings dataclasses
    if section in CARD_SECTIONS:
        return getattr(job, section).settings
    if section in PLAIN_SECTIONS:
        return getattr(job, section)
    raise unknown_name(section, section, ["name", "data", *PLAIN_SECTIONS, *CARD_SECTIONS], what="section")
