import pytest

from engine.models.encoded import TOO_LONG, Encoded, EncodedPair, Refused
from engine.models.encoded_table import EncodedTable, packed
from engine.models.tally import NO_TOKEN_LEARNED, NOTHING_LEARNED, Tally, row_words
from tests.models.results import made_up

END = 9


def row(number, learned=2, given=2, cut=0, end=END, **values):
    ids = [1] * given + [2] * (learned - 1) + ([end] if learned else [])
    return Encoded(number, ids, [False] * given + [True] * learned, cut, **values)


def tally(*results, ends=(END,)):
    return Tally(ends, EncodedTable.of(results))


def slowly(results):
    """What they add up to, row after row: lengths, lengths of the rejected, refused rows, cut rows, endless rows."""
    lengths, rejected, refused, cut, endless = [], [], {}, [], []
    for result in results:
        if isinstance(result, Refused):
            refused.setdefault(result.reason, []).append(result.number)
            for length, target in zip(result.lengths, (lengths, rejected), strict=False):
                target.append(length)
            continue
        sides = (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)
        if sides[0].part:
            lengths[-1] += len(result.ids) - 1
            continue
        for side, target in zip(sides, (lengths, rejected), strict=False):
            target.append(len(side.ids) + side.cut)
        is_cut = any(side.cut for side in sides)
        cut += [result.number] * is_cut
        if not all(any(side.trained) for side in sides):
            reason = NOTHING_LEARNED if is_cut else NO_TOKEN_LEARNED
            refused.setdefault(reason, []).append(result.number)
            continue
        last = [[i for i, t in zip(side.ids, side.trained, strict=True) if t][-1] for side in sides]
        is_endless = [not side.cut and side.parts == 1 for side in sides]
        if any(a and b != END for a, b in zip(is_endless, last, strict=True)):
            endless.append(result.number)
    return lengths, rejected, refused, cut, endless


@pytest.mark.parametrize("seed", range(5))
def test_sums_over_columns_are_those_over_rows(seed):
    results = made_up(200, seed)
    starts = [at for at, one in enumerate(results) if not getattr(one, "part", 0)]
    middle = starts[len(starts) // 2]
    found = Tally((END,), EncodedTable([packed(results[:middle]), packed(results[middle:])]))
    lengths, rejected, refused, cut, endless = slowly(results)
    assert (list(found.lengths), list(found.lengths_rejected)) == (lengths, rejected)
    assert list(found.refused.items()) == list(refused.items())  # the reasons in the order they came up in
    assert (found.cut_rows, found.endless_rows, found.cut) == (cut, endless, len(cut))
    sides = [
        side for one in results for side in (getattr(one, "chosen", one), getattr(one, "rejected", None))
    ]
    tokens = [side for side in sides if isinstance(side, Encoded)]
    assert found.kept == sum(len(side.ids) for side in tokens)
    assert found.trained == sum(sum(side.trained) for side in tokens)
    assert found.rows == 200
    assert found.divided == len({one.number for one in results if getattr(one, "parts", 1) > 1})
    assert found.controls == len({one.number for one in tokens if one.controls})
    assert found.joined == len({one.number for one in tokens if one.joined})


def test_rows_and_tokens_are_counted():
    found = tally(row(1), row(2, learned=3, cut=4), EncodedPair(3, 2, row(3), row(3, learned=5)))
    assert (found.rows, found.usable, found.cut, found.cut_rows) == (3, 3, 1, [2])
    assert list(found.lengths) == [4, 9, 4]
    assert list(found.lengths_rejected) == [7]
    assert (found.kept, found.trained) == (4 + 5 + 4 + 7, 2 + 3 + 2 + 5)
    assert found.refusal(100) is None
    assert found.remarks() == ()


def test_a_divided_text_is_one_row_of_its_whole_length():
    # ten tokens in pieces of four: 0-3, 3-6, 6-9
    parts = [row(1, learned=3, given=1, part=part, parts=3) for part in range(3)]
    found = tally(*parts)
    assert (found.rows, found.divided, list(found.lengths)) == (1, 1, [10])


def test_start_is_refused_with_row_numbers_when_no_row_fits():
    found = tally(*(Refused(number, TOO_LONG) for number in range(1, 9)))
    title = "0 of 8 rows fit 64 tokens with something to learn (rows 1, 2, 3, 4, 5 and 3 more)."
    assert found.refusal(64).title == title


def test_start_is_refused_with_row_numbers_when_no_row_has_a_learned_token():
    found = tally(row(4, learned=0), row(7, learned=0))
    assert (
        "None of 2 rows can be used. Row 4: no token of it is learned (rows 4, 7)." in found.refusal(64).title
    )
    assert found.refused == {NO_TOKEN_LEARNED: [4, 7]}


def test_a_cut_that_leaves_nothing_to_learn_is_told_apart():
    assert tally(row(1), row(2, learned=0, cut=3)).refused == {NOTHING_LEARNED: [2]}


def test_a_row_without_a_learned_token_is_warned_of_with_its_number():
    assert any(
        "1 row does not hold anything to learn (row 2)" in s
        for s in tally(row(1), row(2, learned=0)).remarks()
    )


def test_fewer_than_one_learned_token_in_a_hundred_is_warned_of():
    assert any("Less than 1 %" in sentence for sentence in tally(row(1, learned=1, given=120)).remarks())
    assert not any("Less than 1 %" in sentence for sentence in tally(row(1, learned=2, given=150)).remarks())


def test_an_uncut_row_that_does_not_end_with_an_end_token_is_warned_of():
    found = tally(row(1), row(2, end=5), row(3, end=5, cut=1))
    assert found.endless_rows == [2]
    assert any("1 row does not end with an end token (row 2)" in sentence for sentence in found.remarks())


def test_of_very_many_rows_without_an_end_token_all_are_counted():
    found = tally(*(row(number, end=5) for number in range(1, 1502)))
    assert (found.endless, len(found.endless_rows)) == (1501, 1000)
    words = "1501 rows do not end with an end token (rows 1, 2, 3, 4, 5 and 1496 more)"
    assert any(words in sentence for sentence in found.remarks())


def test_a_template_without_an_end_token_is_warned_of():
    assert any("gives no end token" in sentence for sentence in tally(row(1), ends=()).remarks())


def test_padding_with_the_end_token_is_mentioned():
    assert any("pads with its end token" in sentence for sentence in tally(row(1)).remarks(pad=END))
    assert tally(row(1)).remarks(pad=3) == ()


def test_row_numbers_are_named_in_order_and_the_rest_counted():
    assert row_words([7]) == "row 7"
    assert row_words([3, 1]) == "rows 1, 3"
    assert row_words(range(1, 8)) == "rows 1, 2, 3, 4, 5 and 2 more"
    assert row_words([2, 3], 9) == "rows 2, 3 and 7 more"
