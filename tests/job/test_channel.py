from engine.job.channel import append, events_of
from engine.job.events import RowsShown, RowView


def test_half_a_character_of_a_file_travels_as_it_is(tmp_path):
    shown = RowsShown(0, (RowView(1, {"prompt": "a\ud83d", "answer": "🌤"}),), 1)
    append(tmp_path, shown)
    assert events_of(tmp_path)[0].rows[0].cells == {"prompt": "a\ud83d", "answer": "🌤"}
    assert b"a\\ud83d" in (tmp_path / "events.jsonl").read_bytes()
