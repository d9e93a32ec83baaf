"""Models that are to become experts, and their prompts, looked at before anything is loaded. No torch."""

from pathlib import Path

from engine.job.errors import DataError, ModelError
from engine.library.lineage import lineage
from engine.library.model_folder import ModelInfo, check_model

_MOST_PROMPTS = 256  # of each topic; more hardly move a mean
_SHAPE = {
    "model_type": "family",
    "layers": "number of layers",
    "hidden": "width",
    "intermediate": "width of the feed-forward parts",
    "heads": "number of attention heads",
    "kv_heads": "number of key and value heads",
    "head_dim": "size of an attention head",
    "vocab": "size of the vocabulary",
}


def refuse_source(source: str, base: ModelInfo) -> None:
    """Raise ModelError or FolderError for a model that cannot give an expert to `base`, as far as headers tell.

    Whether its other weights are the base's is seen when it is loaded.
    """
    found = check_model(lineage(source).folder)
    for name, words in _SHAPE.items():
        own, wanted = getattr(found, name), getattr(base, name)
        if own != wanted:
            title = f"{source} has another {words} than the base: {own} instead of {wanted}."
            raise ModelError(title, "Take models that were trained from the same base.")


def read_prompts(path: str) -> list[str]:
    """The prompts in a text file, one a line; raises DataError naming the file when there is none."""
    if not path.strip():
        raise DataError("A model has no prompts ('moe.prompts').", "Give a text file with one prompt a line.")
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        title = f"The prompts in {path} ('moe.prompts') cannot be read: {error.strerror}."
        raise DataError(title, "Give a text file with one prompt a line.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} ('moe.prompts') is not UTF-8 text.", "Save it as UTF-8.") from None
    prompts = [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise DataError(f"{path} ('moe.prompts') holds no prompt.", "Write one prompt a line.")
    return prompts[:_MOST_PROMPTS]
