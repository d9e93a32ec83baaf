"""Tiny model folders on disk, as a person would have them."""

from pathlib import Path

from tests.models.tiny_models import tiny_model, tiny_tokenizer


def tiny_folder(folder: Path, family: str = "llama", with_template: bool = True, **changes) -> Path:
    """A random two-layer model with its tokenizer, saved as transformers does."""
    tiny_model(family, **changes).save_pretrained(folder)
    tiny_tokenizer(with_template=with_template).save_pretrained(folder)
    return folder
