from engine.job.events import Token
from gui.pages.data_tokens import _painted


def test_what_the_template_added_to_a_prompt_is_told_apart():
    tokens = (
        Token(1, "<|user|>", "prompt", special=True, added=True),
        Token(2, "\n", "prompt", added=True),
        Token(3, "Hi", "prompt"),
        Token(4, "\n", "trained", added=True),
        Token(5, "<|end|>", "trained", special=True, added=True),
    )
    assert [kind for _, kind in _painted(tokens)] == [
        "special",
        "added",
        "prompt",
        "trained",
        "special-trained",
    ]
