import pytest

from engine.job.events import RowView, Token
from gui.pages.data_tokens import TokensCard, _painted


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


@pytest.mark.parametrize(
    ("is_used", "words"),
    [(True, "Too long: 3 tokens are cut."), (False, "This row is left out: empty answer")],
)
def test_a_row_that_is_cut_is_not_called_left_out(qapp, is_used, words):
    card = TokensCard()
    problem = "Too long: 3 tokens are cut." if is_used else "empty answer"
    card.show_row(RowView(1, {}, (Token(1, "a", "prompt"),), problem=problem, is_used=is_used))
    assert card.problem.text() == words
