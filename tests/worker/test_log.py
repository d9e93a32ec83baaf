import io

from engine.worker.log import RedactingText, redact


def test_access_tokens_are_struck_out():
    text = "token hf_AbCdEf123456 and Authorization: Bearer abc.def-123"
    assert redact(text) == "token [token] and Authorization: Bearer [token]"


def test_words_that_only_look_alike_stay():
    text = "huggingface hf_hub and bearer of it"
    assert redact(text) == text


def test_what_python_writes_passes_the_filter():
    raw = io.BytesIO()
    stream = RedactingText(raw, encoding="utf-8", write_through=True)
    print("key hf_AbCdEf123456", file=stream)

    assert raw.getvalue() == b"key [token]\n"
