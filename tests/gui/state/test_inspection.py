import pytest

from engine.job.commands import Show
from engine.job.events import Failed, Inspected, RowsShown, RowView, Token
from engine.job.job import with_kind
from engine.job.sections import DataSource
from gui.state.draft import Draft
from gui.state.inspection import MOST_PAGES, PAGE, InspectionState, with_column
from tests.gui.waiting import rest, until
from tests.gui.windows import StillEngine, quick_job

ROWS = 10_000


@pytest.fixture
def engine(qapp):
    return StillEngine()


@pytest.fixture
def inspection(engine, tmp_path):
    draft = Draft(tmp_path / "draft.toml")
    draft.replace(quick_job())
    state = InspectionState(engine, draft)
    state.draft = draft
    state.show()
    until(lambda: engine.started, 3, "the reading to begin")
    engine.tell(engine.started[-1], inspected())
    return state


def inspected(**changes) -> Inspected:
    values = {
        "shape": "instruction",
        "rows_kind": "conversation",
        "evidence": "",
        "columns": ("instruction", "response"),
        "roles": {"prompt": "instruction", "answer": "response"},
        "rows": ROWS,
        "usable": ROWS,
        "skipped": {},
        "skipped_rows": {},
        "duplicates": 0,
        "cut": 0,
        "validation_rows": 10,
        "lengths": (10, 20),
        "lengths_rejected": (),
        "percentiles": {},
        "trained_share": 0.5,
        "template": "",
        "end_tokens": (),
        "bytes": 1,
    }
    return Inspected(**{**values, **changes})


def test_data_of_another_kind_than_the_method_needs_is_refused(inspection, engine):
    assert inspection.refusal_of(inspection.draft.job) == ("", "")
    inspection.draft.replace(with_kind(inspection.draft.job, "method", "dpo"))
    until(lambda: len(engine.started) == 2, 3, "the reading to begin again")
    engine.tell(engine.started[-1], inspected(is_complete=False))
    title, advice = inspection.refusal_of(inspection.draft.job)
    assert "has no chosen and rejected answers" in title
    assert advice.startswith("Choose instruction tuning")


def rows(start: int, count: int = PAGE) -> tuple[RowView, ...]:
    return tuple(
        RowView(number + 1, {"instruction": f"row {number}"}) for number in range(start, start + count)
    )


def asked(engine) -> list[tuple[int, str]]:
    return [(c.start, c.search) for _, c in engine.sent if isinstance(c, Show) and not c.with_tokens]


def test_the_first_rows_are_asked_for_before_the_engine_has_looked(qapp, tmp_path):
    engine, draft = StillEngine(), Draft(tmp_path / "draft.toml")
    draft.replace(quick_job())
    state = InspectionState(engine, draft)
    state.show()
    until(lambda: engine.started, 3, "the reading to begin")
    assert asked(engine) == [(0, "")]
    engine.tell(engine.started[-1], inspected(is_first_look=True))
    engine.tell(engine.started[-1], RowsShown(0, rows(0), ROWS))
    assert state.row(0).number == 1
    assert asked(engine) == [(0, "")]


def test_a_file_is_read_at_once_and_a_typed_setting_after_a_pause(inspection, engine):
    draft = inspection.draft
    draft.set_data((DataSource(path="other.jsonl"),))
    assert inspection._timer.remainingTime() <= 0
    until(lambda: len(engine.started) == 2, 3, "the reading of the other file")
    draft.set_value("rows.max_tokens", 77)
    assert inspection._timer.remainingTime() > 100


def test_a_row_is_fetched_with_its_page_once(inspection, engine):
    assert inspection.row(250) is None
    assert inspection.row(251) is None
    assert asked(engine) == [(0, ""), (200, "")]
    engine.tell(engine.started[-1], RowsShown(200, rows(200), ROWS))
    assert inspection.row(250).number == 251
    assert inspection.row(299).number == 300


def test_far_pages_are_forgotten_and_fetched_again(inspection, engine):
    for page in range(MOST_PAGES + 1):
        inspection.row(page * PAGE)
        engine.tell(engine.started[-1], RowsShown(page * PAGE, rows(page * PAGE), ROWS))
    before = len(asked(engine))
    assert inspection.row(MOST_PAGES * PAGE) is not None
    assert inspection.row(0) is None
    assert len(asked(engine)) == before + 1


def test_a_search_begins_at_its_first_page(inspection, engine):
    inspection.row(0)
    engine.tell(engine.started[-1], RowsShown(0, rows(0), ROWS))
    inspection.set_search("  row 7 ")
    assert inspection.row(0) is None
    assert asked(engine)[-1] == (0, "row 7")
    assert inspection.is_searching
    engine.tell(engine.started[-1], RowsShown(0, rows(0), ROWS))  # asked for before
    assert inspection.row(0) is None
    assert inspection.is_searching
    engine.tell(engine.started[-1], RowsShown(0, rows(7, 3), 3, "row 7"))
    assert not inspection.is_searching
    assert inspection.total == 3
    assert inspection.row(1).number == 9
    inspection.set_search("")
    assert inspection.total == ROWS


def test_the_chosen_row_comes_with_its_tokens(inspection, engine):
    shown = []
    inspection.row_shown.connect(shown.append)
    inspection.select(42)
    sent = engine.sent[-1][1]
    assert (sent.start, sent.count, sent.with_tokens) == (42, 1, True)
    row = RowView(43, {}, (Token(1, "a", "prompt"),))
    engine.tell(engine.started[-1], RowsShown(42, (row,), ROWS))
    assert shown == [row]


def test_only_what_changes_the_reading_reads_again_and_only_in_view(inspection, engine):
    inspection.draft.set_value("train.learning_rate", 1e-5)
    rest(0.4)
    assert len(engine.started) == 1
    inspection.hide()
    inspection.draft.set_value("rows.max_tokens", 64)
    rest(0.4)
    assert len(engine.started) == 1
    inspection.show()
    until(lambda: len(engine.started) == 2, 3, "the data to be read again")
    assert inspection.inspected is None


def test_a_failure_is_kept_until_the_data_is_read_again(inspection, engine):
    engine.tell(engine.started[-1], Failed("Line 2 of 'x' is not valid JSON.", "Mend it."))
    assert inspection.failure == ("Line 2 of 'x' is not valid JSON.", "Mend it.")
    inspection.retry()
    until(lambda: len(engine.started) == 2, 3, "another try")
    assert inspection.failure is None


def test_a_role_moves_from_one_column_to_another():
    source = with_column(DataSource(path="x"), "b", "prompt", {"prompt": "a", "answer": "b"})
    assert source.columns == {"prompt": "b"}
    assert with_column(source, "b", "", {}).columns == {}


def test_skipping_is_offered_for_what_it_mends_and_for_nothing_else(inspection, engine):
    engine.tell(engine.started[-1], Failed("a.jsonl does not exist.", "Choose another file."))
    assert not inspection.can_skip
    inspection.retry()
    until(lambda: len(engine.started) == 2, 3, "the reading to begin again")
    engine.tell(
        engine.started[-1], Failed("Line 2 of 'a.jsonl' is not valid.", "", remedy="rows.malformed=skip")
    )
    assert inspection.can_skip
    inspection.skip_malformed()
    assert inspection.draft.job.rows.malformed == "skip"
    until(lambda: len(engine.started) == 3, 3, "the reading to begin again")
    assert not inspection.can_skip


def test_it_is_told_when_all_is_known_and_when_nothing_can_be(inspection, engine):
    told = []
    inspection.settled.connect(lambda: told.append(inspection.failure))
    engine.tell(engine.started[-1], inspected(is_complete=False))
    assert told == []
    engine.tell(engine.started[-1], inspected())
    assert told == [None]
    engine.tell(engine.started[-1], Failed("It is gone.", "Look for it."))
    assert told == [None, ("It is gone.", "Look for it.")]
