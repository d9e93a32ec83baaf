from hypothesis import given
from hypothesis import strategies as st

from gui.widgets.token_layout import CHIP_GAP, CHIP_PAD, NEWLINE_SIGN, flow


def _measure(text, is_chip):
    return 10.0 * len(text)


def test_tokens_follow_each_other_until_the_line_is_full():
    pieces, lines = flow([("aaaa", "prompt"), ("bbbb", "trained"), ("cccc", "trained")], 90, _measure)
    assert [(piece.text, piece.line) for piece in pieces] == [("aaaa", 0), ("bbbb", 0), ("cccc", 1)]
    assert pieces[1].x == 41
    assert lines == 2


def test_a_newline_shows_its_sign_and_starts_a_line():
    pieces, lines = flow([("a\n\nb", "prompt")], 200, _measure)
    assert [(p.text, p.line) for p in pieces] == [("a" + NEWLINE_SIGN, 0), (NEWLINE_SIGN, 1), ("b", 2)]
    assert lines == 3


def test_special_tokens_are_chips_with_room_around():
    pieces, _ = flow([("a", "prompt"), ("<s>", "special"), ("b", "prompt")], 300, _measure)
    assert [piece.is_chip for piece in pieces] == [False, True, False]
    assert pieces[1].width == 30 + 2 * CHIP_PAD
    assert pieces[1].x == 11 + CHIP_GAP


def test_a_token_wider_than_the_line_is_cut_into_pieces():
    pieces, lines = flow([("abcdefghij", "prompt")], 45, _measure)
    assert [piece.text for piece in pieces] == ["abcd", "efgh", "ij"]
    assert lines == 3
    assert {piece.token for piece in pieces} == {0}


def test_nothing_takes_one_empty_line():
    assert flow([], 100, _measure) == ([], 1)


TOKENS = st.lists(st.tuples(st.text("ab \n", max_size=12), st.sampled_from(["prompt", "trained", "special"])))


@given(TOKENS, st.integers(40, 400))
def test_no_text_is_lost_and_nothing_stands_outside(tokens, width):
    pieces, lines = flow(tokens, width, _measure)
    for place, (text, kind) in enumerate(tokens):
        shown = "".join(piece.text for piece in pieces if piece.token == place)
        assert shown == (text if kind == "special" else text.replace("\n", NEWLINE_SIGN))
    assert all(piece.x + piece.width <= width for piece in pieces if not piece.is_chip)
    assert [piece.line for piece in pieces] == sorted(piece.line for piece in pieces)
    assert all(piece.line < lines for piece in pieces)
