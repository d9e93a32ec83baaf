"""Models to become experts and their prompts, looked at without loading anything."""

import pytest

from engine.job.errors import DataError, ModelError
from engine.library.assembling import read_prompts, refuse_source
from engine.library.models import describe
from tests.models.tiny_folders import tiny_folder


def test_a_model_of_the_same_shape_is_let_through(tmp_path):
    base = describe(tiny_folder(tmp_path / "base"))
    refuse_source(str(tiny_folder(tmp_path / "other")), base)


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("qwen2", {}, "another family than the base: qwen2 instead of llama"),
        ("llama", {"num_hidden_layers": 3}, "another number of layers than the base: 3 instead of 2"),
        ("llama", {"intermediate_size": 40}, "another width of the feed-forward parts than the base: 40"),
    ],
)
def test_a_model_of_another_shape_is_refused_in_words(family, changes, words, tmp_path):
    base = describe(tiny_folder(tmp_path / "base"))
    with pytest.raises(ModelError, match=words):
        refuse_source(str(tiny_folder(tmp_path / "other", family, **changes)), base)


def test_a_model_that_is_not_there_is_refused(tmp_path):
    base = describe(tiny_folder(tmp_path / "base"))
    with pytest.raises(ModelError, match="does not exist"):
        refuse_source(str(tmp_path / "none"), base)
    with pytest.raises(ModelError, match="No model was named"):
        refuse_source("", base)


def test_prompts_are_the_lines_of_a_file(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"\xef\xbb\xbfone\n\n  two \n")
    assert read_prompts(str(path)) == ["one", "two"]
    path.write_text("\n \n")
    with pytest.raises(DataError, match=r"prompts.txt .* holds no prompt"):
        read_prompts(str(path))
    path.write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="not UTF-8"):
        read_prompts(str(path))
    with pytest.raises(DataError, match="cannot be read"):
        read_prompts(str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match="has no prompts"):
        read_prompts("")
