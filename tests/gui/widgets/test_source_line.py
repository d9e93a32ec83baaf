from gui.widgets.source_line import SourceLine


def test_a_source_shows_its_name_part_and_numbers(qapp):
    line = SourceLine()
    line.show_source("a.jsonl", "12 rows", "file-text")
    line.show_part([], "")
    line.show_numbers(1.0, None, has_others=False)
    assert (line.name.text(), line.rows.text(), line.limit.text()) == ("a.jsonl", "12 rows", "all")
    assert line.part.isHidden()
    assert line.weight.isHidden()
    line.show_part([("x", "train"), ("y", "test")], "y")
    line.show_numbers(2.0, 5, has_others=False)
    assert not line.part.isHidden()
    assert line.part.value() == "y"
    assert not line.weight.isHidden()  # it is not the usual one
    assert line.limit.value() == 5


def test_what_a_person_changes_is_announced(qapp):
    line = SourceLine()
    told = []
    line.weight_chosen.connect(lambda value: told.append(("weight", value)))
    line.limit_chosen.connect(lambda value: told.append(("limit", value)))
    line.removed.connect(lambda: told.append(("removed",)))
    line.weight.setText("0.5")
    line.weight.editingFinished.emit()
    line.limit.setText("7")
    line.limit.editingFinished.emit()
    line.limit.setText("all")
    line.limit.editingFinished.emit()
    line.remove_button.click()
    assert told == [("weight", 0.5), ("limit", 7), ("limit", None), ("removed",)]
    assert line.remove_button.accessibleName()
