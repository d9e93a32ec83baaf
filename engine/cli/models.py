"""models list, search, download, show: what is on this computer and on the hub."""

from argparse import ArgumentParser, Namespace
from typing import Any

from engine.cli.fetching import with_bar
from engine.cli.output import Output
from engine.cli.progress import size
from engine.cli.verb import DONE, Verb
from engine.job.codec import to_plain
from engine.job.errors import ModelError
from engine.library.folders import model_folders, starter_folder
from engine.library.models import ModelInfo, describe, find_models, locate_model


def _list(_options: Namespace, output: Output) -> int:
    found = [describe(starter_folder()), *find_models(model_folders())]
    output.result({"models": [_values(info) for info in found]})
    rows = [
        (
            info.name,
            info.kind,
            info.architecture or info.model_type,
            _count(info.parameters),
            size(info.bytes),
            info.problem or info.folder,
        )
        for info in found
    ]
    output.table(("Name", "Kind", "Architecture", "Parameters", "Size", "Where"), rows)
    return DONE


def _search(options: Namespace, output: Output) -> int:
    from engine.library.hub import search

    found = search(options.query, options.limit)
    output.result({"models": [to_plain(model) for model in found]})
    rows = [
        (model.id, model.downloads, model.likes, model.licence or "-", "ask first" if model.gated else "open")
        for model in found
    ]
    if rows:
        output.table(("Model", "Downloads", "Likes", "Licence", "Access"), rows)
    else:
        output.text(f"The hub has no model for '{options.query}'.")
    return DONE


def _download(options: Namespace, output: Output) -> int:
    from engine.library.hub import download, plan

    plan_ = plan(options.repo, options.revision)
    output.remark(f"{options.repo}: {size(plan_.bytes)} in {len(plan_.files)} files.")
    folder = with_bar(
        output, "Downloading", lambda told, asked: download(options.repo, options.revision, told, asked)
    )
    output.result({"repo": options.repo, "revision": options.revision, "folder": str(folder)})
    output.text(str(folder))
    return DONE


def _show(options: Namespace, output: Output) -> int:
    info = describe(locate_model(options.model))
    if info.kind == "broken":
        raise ModelError(info.problem, info.advice)
    output.result(_values(info))
    facts: list[tuple[str, object]] = [
        ("Name", info.name),
        ("Folder", info.folder),
        ("Kind", info.kind),
        ("Architecture", info.architecture),
        ("Parameters", _count(info.parameters)),
        ("Size", f"{size(info.bytes)} in {info.dtype or 'unknown precision'}"),
        ("Layers", f"{info.layers}, {info.hidden} wide, {info.heads} heads"),
        ("Words", f"{info.vocab:,} tokens, texts up to {info.context:,}"),
        ("Chat template", "yes" if info.template else "none"),
        ("Licence", info.licence or "unknown"),
    ]
    if info.experts:
        each = f"{info.top_k} for each token, which goes through {_count(info.active)} parameters"
        facts.insert(5, ("Experts", f"{info.experts} in every layer, {each}"))
    output.facts(facts)
    if info.problem:
        output.remark(f"{info.problem} {info.advice}".strip())
    return DONE


def _values(info: ModelInfo) -> dict[str, Any]:  # Any: JSON values
    values = {name: getattr(info, name) for name in info.__dataclass_fields__}
    return dict(to_plain({**values, "folder": str(info.folder), "active": info.active}))


def _count(parameters: int) -> str:
    """A number of parameters in a person's words: "2.1 M"."""
    for unit, divisor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= divisor:
            return f"{parameters / divisor:.1f} {unit}"
    return str(parameters) if parameters else "-"


def _search_options(parser: ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", help="a part of the model's name")
    parser.add_argument("--limit", type=int, default=20, help="how many are shown (20)")


def _download_options(parser: ArgumentParser) -> None:
    parser.add_argument("repo", metavar="ORG/NAME", help="the model's Hugging Face id")
    parser.add_argument("--revision", default="main", help="branch, tag or commit (main)")


def _show_options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="starter, a folder or a hub id")


MODELS = Verb(
    "models",
    "List, search, download or show models.",
    verbs=(
        Verb("list", "The models on this computer.", run=_list),
        Verb("search", "Search the hub.", _search_options, _search),
        Verb("download", "Download a model from the hub.", _download_options, _download),
        Verb("show", "One model in full.", _show_options, _show),
    ),
)
