import pytest

from gui.state.words import share_words


@pytest.mark.parametrize(
    ("share", "words", "exact"),
    [(0.22, "22 %", "22 %"), (0.124, "12 %", "12.4 %"), (1 / 128, "1 %", "0.8 %")],
)
def test_a_share_is_said_in_percent(share, words, exact):
    assert share_words(share) == words
    assert share_words(share, exact=True) == exact
