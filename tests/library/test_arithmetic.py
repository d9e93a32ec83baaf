"""Numbers as words."""

import pytest

from engine.library.arithmetic import count_words, memory_words, plural, sum_words


def test_the_sum_shown_is_the_sum_of_the_parts_shown() -> None:
    # 0.94 + 0.94 + 0.94 + 0.94 = 3.76, but what is shown adds up to 3.6
    assert (
        sum_words((940_000_000,) * 4, 6_100_000_000) == "0.9 + 0.9 + 0.9 + 0.9 = 3.6 GB needed, 6.1 GB free"
    )
    assert sum_words((8_400_000, 100_000), 45_000_000) == "8 + 0 = 8 MB needed, 45 MB free"


@pytest.mark.parametrize(
    ("number", "words"),
    [(980, "980"), (1_910_784, "1.9 million"), (494_000_000, "494 million"), (3_090_000_000, "3.1 billion")],
)
def test_counts_are_said_as_one_says_them(number: int, words: str) -> None:
    assert count_words(number) == words


def test_sizes_and_plurals() -> None:
    assert (memory_words(45_400_000), memory_words(3_240_000_000)) == ("45 MB", "3.2 GB")
    assert (plural(1, "row"), plural(4, "row")) == ("1 row", "4 rows")
