from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from engine.job.settings import setting
from gui.widgets.form import Form, fields_of
from gui.widgets.form_row import FormRow, show_setting


@dataclass(frozen=True)
class Sample:
    rate: float = setting(
        2e-4, "How strongly", "The size.", term="learning rate", above=0.0, high=1.0, group="A"
    )
    rows: int = setting(
        16, "Rows", "More is steadier.", term="batch size", low=1, high=64, unit="rows", group="A"
    )
    micro: int | None = setting(None, "At a time", "Less memory.", low=1, auto="auto", group="B")
    way: str = setting(
        "cosine", "Schedule", "Over time.", choices={"cosine": "Cosine", "flat": "Flat"}, group="B"
    )
    best: bool = setting(True, "Keep the best", "By validation.", group="B")
    targets: str = setting("all-linear", "Where", "Which layers.", group="B")
    prompts: tuple[str, ...] = setting((), "Prompts", "Answered again and again.")
    columns: dict[str, str] = setting({}, "Columns", "Not for a form.")


@pytest.fixture
def form():
    made = Form(fields_of(Sample, "train"))
    made.resize(900, 500)
    made.show()
    made.heard = []
    made.changed.connect(lambda key, value: made.heard.append((key, value)))
    return made


def _type(form, key, text):
    box = form.row(key).editor
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def _visible(form):
    every = form.keys()
    return [key for key in every if form.row(key).isVisible()]


def _texts(row):
    return [label.text() for label in row.findChildren(QLabel) if label.isVisible()]


def test_every_field_but_tables_has_a_row_with_label_term_help_and_unit(form):
    assert form.keys() == [
        f"train.{name}" for name in ("rate", "rows", "micro", "way", "best", "targets", "prompts")
    ]
    assert {"Rows", "(batch size)", "More is steadier.", "rows"} <= set(_texts(form.row("train.rows")))
    assert form.row("train.rate").editor.accessibleName() == "How strongly (learning rate)"


def test_each_type_is_edited_and_announced_as_its_own_type(form):
    _type(form, "train.rate", "3e-4")
    _type(form, "train.rows", "8")
    _type(form, "train.micro", "4")
    QTest.keyClick(form.row("train.way").editor, Qt.Key.Key_Down)
    QTest.keyClick(form.row("train.best").editor, Qt.Key.Key_Space)
    _type(form, "train.targets", "q_proj")
    QTest.keyClicks(form.row("train.prompts").editor, "Hi")
    assert form.heard[:6] == [
        ("train.rate", 3e-4),
        ("train.rows", 8),
        ("train.micro", 4),
        ("train.way", "flat"),
        ("train.best", False),
        ("train.targets", "q_proj"),
    ]
    assert form.heard[-1] == ("train.prompts", ("Hi",))


def test_the_auto_word_is_none(form):
    form.set_values({"train.micro": 4})
    _type(form, "train.micro", "auto")
    assert form.heard == [("train.micro", None)]


def test_a_change_is_marked_and_reset_takes_it_back(form):
    _type(form, "train.rate", "3e-4")
    row = form.row("train.rate")
    assert "was 2e-4" in _texts(row)
    assert form.changed_keys() == ["train.rate"]
    QTest.mouseClick(row._reset, Qt.MouseButton.LeftButton)
    assert form.heard[-1] == ("train.rate", 2e-4)
    assert row.editor.text() == "2e-4"
    assert "was 2e-4" not in _texts(row)
    assert form.changed_keys() == []


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [("train.rate", "0", "above 0"), ("train.rate", "2", "largest value is 1.0"), ("train.rows", "1.5", "not a number"),
     ("train.rows", "0", "smallest value is 1")],
)  # fmt: skip
def test_what_is_not_valid_is_said_in_place_and_not_announced(form, key, text, words):
    _type(form, key, text)
    assert words in form.row(key).error()
    assert form.row(key).error() in _texts(form.row(key))
    assert form.heard == []
    _type(form, key, "1")
    assert form.row(key).error() == ""


def test_setting_values_is_silent_and_the_base_decides_what_is_changed(form):
    form.set_values({"train.rate": 1e-3, "train.best": False}, {"train.rate": 1e-3})
    assert form.heard == []
    assert form.changed_keys() == ["train.best"]
    assert form.values()["train.rate"] == 1e-3


def test_search_finds_labels_terms_and_names_from_every_tab(form):
    form.show_only(["train.rate", "train.rows"])
    form.set_filter("schedule")
    assert _visible(form) == ["train.way"]
    form.set_filter("learning rate")
    assert _visible(form) == ["train.rate"]
    form.set_filter("")
    assert _visible(form) == ["train.rate", "train.rows"]
    form.set_filter("xyzzy")
    assert "No setting has these words." in _texts(form)
    form.set_filter("")
    form.show_only(None)
    assert _visible(form) == form.keys()


def test_groups_keep_their_order(form):
    assert list(form.groups()) == ["A", "B", ""]
    assert form.groups()["A"] == ["train.rate", "train.rows"]


def test_it_has_two_columns_where_there_is_room(form):
    first, second = form.row("train.rate"), form.row("train.rows")
    form.layout().activate()
    assert first.y() == second.y()
    form.resize(500, 900)
    form.layout().activate()
    assert first.y() < second.y()
    assert first.x() == second.x()


def test_reset_all_takes_every_change_back(form):
    _type(form, "train.rate", "3e-4")
    _type(form, "train.rows", "8")
    form.reset_all()
    assert form.changed_keys() == []
    assert form.heard[-2:] == [("train.rate", 2e-4), ("train.rows", 16)]


def test_an_error_from_elsewhere_can_be_shown(form):
    form.set_error("train.rows", "More rows than there are.")
    assert "More rows than there are." in _texts(form.row("train.rows"))


def test_settings_are_put_into_words():
    fields = dict(fields_of(Sample, "x"))
    assert show_setting(fields["x.way"], "flat") == "Flat"
    assert show_setting(fields["x.micro"], None) == "auto"
    assert show_setting(fields["x.rows"], 1024) == "1,024 rows"
    assert show_setting(fields["x.best"], True) == "on"
    assert show_setting(fields["x.prompts"], ("a", "b")) == "a, b"


def test_a_row_is_made_when_it_is_shown_and_has_the_value_that_was_given_before(qapp):
    form = Form(())
    form.show_only(["train.rate"])
    form.set_fields(fields_of(Sample, "train"))
    form.set_values({"train.rows": 32, "train.best": False})
    assert [row.key for row in form.findChildren(FormRow)] == ["train.rate"]
    assert form.values()["train.rows"] == 32
    assert form.changed_keys() == ["train.rows", "train.best"]
    form.show_only(["train.rows"])
    assert form.row("train.rows").is_changed
    form.reset_all()
    assert form.changed_keys() == []


def test_other_fields_leave_the_rows_of_those_that_stay(form):
    rate = form.row("train.rate")
    _type(form, "train.rate", "0.5")
    fields = [pair for pair in fields_of(Sample, "train") if pair[0] in ("train.rate", "train.way")]
    form.set_fields(fields)
    assert form.row("train.rate") is rate
    assert form.keys() == ["train.rate", "train.way"]
    assert form.values() == {"train.rate": 0.5, "train.way": "cosine"}
    assert _visible(form) == ["train.rate", "train.way"]
