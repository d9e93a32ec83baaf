"""The model card that goes with an export: base, licence, data by name, method and settings. Nothing is guessed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from engine.job.cards import find_card
from engine.job.exports import EXPORTS
from engine.job.job import Job, job_values
from engine.job.sections import STARTER
from engine.library.models import ModelInfo, is_hub_id
from engine.use.places import Place

MERGED_CODE = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("this-folder")
tokenizer = AutoTokenizer.from_pretrained("this-folder")"""
_UNKNOWN = "unknown"
_SHOWN = ("method", "adapter", "train", "rows")
_LEGAL = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")


def write_card(
    folder: Path, place: Place, *, base: ModelInfo, kind: str, precision: str, loading: str
) -> None:
    """Write README.md into an export's folder, and the base's own licence texts beside it.

    `loading` is the code that opens the export.
    """
    (folder / "README.md").write_text(
        card_text(place, base=base, kind=kind, precision=precision, loading=loading), encoding="utf-8"
    )
    for pattern in _LEGAL:
        for path in place.base.glob(pattern):
            if path.is_file():
                shutil.copy(path, folder / path.name)


def card_text(place: Place, *, base: ModelInfo, kind: str, precision: str, loading: str) -> str:
    """The card in Markdown with the header that model hubs read."""
    job = place.job
    if job is None:
        raise ValueError("only a run is exported")
    licence = base.licence or _UNKNOWN
    steps = "" if place.step is None else f" after {place.step} steps"
    lines = [
        *_header(place, licence, kind),
        f"# {place.title}",
        "",
        f"{find_card(EXPORTS, kind, 'export.format').title} ({kind}, {precision}){steps}, "
        f"fine-tuned with Tunewright from {base_name(place)}.",
        "",
        "| | |",
        "|---|---|",
        f"| Base model | {base_name(place)} |",
        f"| Licence of the base model | {licence} |",
        f"| Data | {_data_names(job)} |",
        f"| Method | {job.method_card.title} |",
        *([f"| New tokens | {_plain(_in_code(tokens))} |"] if (tokens := new_tokens(place)) else []),
        "",
        "## Use",
        "",
        "```python",
        loading,
        "```",
        "",
        "## Settings",
        "",
        *_settings(job),
    ]
    return "\n".join(lines) + "\n"


def remarked(code: str, *remarks: str) -> str:
    """The code that opens a model, with what should be known above the line that does; empty remarks are left out."""
    lines = "".join(f"# {remark}\n" for remark in remarks if remark)
    return code.replace("\nmodel", f"\n{lines}model", 1)


def base_name(place: Place) -> str:
    """What the base is called: a hub id as it is, of a folder only its name."""
    if place.source == STARTER:
        return "Tunewright's starter model"
    return place.source if is_hub_id(place.source) else Path(place.source).name


def new_tokens(place: Place) -> tuple[str, ...]:
    """The tokens that the base did not have."""
    return tuple(token for added in place.tokens for token in added)


def _in_code(tokens: Sequence[str]) -> str:
    return ", ".join(f"`{token}`" for token in tokens)


def _header(place: Place, licence: str, kind: str) -> list[str]:
    # A licence that is no hub identifier needs the three-line form; "other" and a name say it for any text.
    plain = licence.replace("-", "").replace(".", "").isalnum()
    told = [f"license: {licence}"] if plain else ["license: other", f'license_name: "{licence}"']
    library = {"adapter": "peft", "gguf": "gguf"}.get(kind, "transformers")
    base = [f"base_model: {place.source}"] if "/" in place.source and is_hub_id(place.source) else []
    tags = ["pipeline_tag: text-generation", "tags:", "- tunewright"]
    return ["---", *told, *base, f"library_name: {library}", *tags, "---", ""]


def _data_names(job: Job) -> str:
    return ", ".join(Path(source.path).name for source in job.data) or _UNKNOWN


def _settings(job: Job) -> list[str]:
    values = job_values(job)
    rows = ["| Setting | Value |", "|---|---|"]
    for section in _SHOWN:
        fields = values[section]
        if isinstance(fields, dict):
            rows += [f"| {section}.{name} | {_plain(value)} |" for name, value in fields.items()]
    return rows


def _plain(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
