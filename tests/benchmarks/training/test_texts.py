from statistics import median

from benchmarks.training.cases import CASES, LONG_PAIRS, QUESTIONS, Case, Texts
from benchmarks.training.making import visited, word_tokenizer
from benchmarks.training.texts import parts_of, read_rows, spoken, tokens_of, vocabulary, word, write_rows

WORDS = 2000


def rows_of(method, texts, path, rows=40):
    return read_rows(
        write_rows(Case("case", "tiny", method, rows, 10, texts, ()), WORDS, path / "rows.jsonl")
    )


def test_the_words_of_the_largest_vocabulary_differ():
    assert len(vocabulary(151_936)) == 151_936
    assert [word(0), word(1), word(70)] == ["bababa", "bababe", "babeba"]


def test_a_row_has_as_many_tokens_as_are_counted_from_its_words(tmp_path):
    tokenizer = word_tokenizer(WORDS)
    for row in rows_of("dpo", Texts(70, 20), tmp_path, rows=2):
        talk = spoken(row)
        for part, answer in zip(parts_of(row), ("chosen", "rejected"), strict=True):
            whole = tokenizer.apply_chat_template(talk["prompt"] + talk[answer])["input_ids"]
            asked = tokenizer.apply_chat_template(talk["prompt"], add_generation_prompt=True)["input_ids"]
            assert (len(whole), len(whole) - len(asked)) == (part.tokens, part.learned)
            assert tokenizer.unk_token_id not in whole


def test_ids_from_the_whole_vocabulary_occur(tmp_path):
    rows = rows_of("sft", QUESTIONS, tmp_path)
    known = vocabulary(WORDS)
    ids = [known[text] for row in rows for text in row["prompt"].split()]
    assert min(ids) < 20
    assert max(ids) > WORDS - 20


def test_lengths_vary_about_the_medians_that_are_named(tmp_path):
    for method, texts in (("sft", QUESTIONS), ("dpo", LONG_PAIRS)):
        rows = rows_of(method, texts, tmp_path)
        prompts = [len(row["prompt"].split()) for row in rows]
        answers = [part.learned - 1 for row in rows for part in parts_of(row)]
        assert 0.9 < median(prompts) / texts.prompt < 1.1
        assert 0.9 < median(answers) / texts.answer < 1.1
        assert max(prompts) > 1.5 * min(prompts)


def test_no_row_is_cut_or_answered_while_training(tmp_path):
    """Longer prompts than 400 characters are not watched, and rows fit into what both sides take."""
    for case in CASES:
        rows = read_rows(write_rows(case, WORDS, tmp_path / "rows.jsonl"))
        assert len(rows) == case.rows * case.updates
        assert all(part.tokens <= case.texts.longest for row in rows for part in parts_of(row))
        assert all(len(row["prompt"]) > 400 for row in rows)


def test_rows_of_one_length_fill_it(tmp_path):
    rows = rows_of("sft", Texts(92, 32, is_fixed=True, longest=128), tmp_path)
    assert {part.tokens for row in rows for part in parts_of(row)} == {128}


def test_an_epoch_visits_every_row_once_and_counts_its_tokens(tmp_path):
    updates = visited(8, 4, 42)
    assert sorted(number for update in updates for number in update) == list(range(1, 9))
    rows = rows_of("sft", QUESTIONS, tmp_path, rows=1)[:8]
    every = [sum(part.tokens for part in parts_of(row)) for row in rows]
    assert list(tokens_of(rows, updates)) == [
        sum(every[number - 1] for number in update) for update in updates
    ]
