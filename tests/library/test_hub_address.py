"""What a person may paste to name a dataset."""

import pytest

from engine.job.errors import HubError
from engine.library.hub_address import DatasetAddress, read_address

PAGE = "https://huggingface.co/datasets/acme/rows"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("acme/rows", DatasetAddress("acme/rows")),
        ("  datasets/acme/rows/ ", DatasetAddress("acme/rows")),
        (PAGE, DatasetAddress("acme/rows")),
        (f"{PAGE}?library=datasets#x", DatasetAddress("acme/rows")),
        ("huggingface.co/datasets/acme/rows", DatasetAddress("acme/rows")),
        (f"{PAGE}/viewer/main/test", DatasetAddress("acme/rows", None, "main", "test")),
        (f"{PAGE}/viewer/main", DatasetAddress("acme/rows", None, "main")),
        (f"{PAGE}/viewer", DatasetAddress("acme/rows")),
        (f"{PAGE}/tree/v1.0/data", DatasetAddress("acme/rows", "v1.0")),
        (f"{PAGE}/tree/refs%2Fconvert%2Fparquet/x", DatasetAddress("acme/rows", "refs/convert/parquet")),
        (f"{PAGE}/blob/refs/pr/12/a.csv", DatasetAddress("acme/rows", "refs/pr/12")),
    ],
)
def test_an_id_or_the_address_of_a_page_names_a_dataset(text, meant):
    assert read_address(text) == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows", "is not the name of a dataset"),
        ("", "is not the name of a dataset"),
        ("acme/rows/more", "is not the name of a dataset"),
        ("../..", "is not the name of a dataset"),
        ("acme/rows.jsonl", "is not the name of a dataset"),
        ("https://huggingface.co/acme/model", "is not the address of a dataset"),
        ("https://example.org/datasets/acme/rows", "is not an address of huggingface.co"),
        ("https://[bad", "is not an address of huggingface.co"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text, words):
    with pytest.raises(HubError, match=words) as caught:
        read_address(text)
    assert caught.value.advice


def test_another_endpoint_is_the_hub_then(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:5000")
    assert read_address("http://127.0.0.1:5000/datasets/acme/rows").repo == "acme/rows"
