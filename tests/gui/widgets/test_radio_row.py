from gui.widgets.radio_row import RadioRow


def test_the_figure_at_the_side_is_spoken():
    row = RadioRow("One complete model", "Works on its own.", "merged", "45 MB", framed=True)
    assert row.accessibleName() == "One complete model (merged)"
    assert row.accessibleDescription() == "45 MB Works on its own."
    row.set_side("12 MB")
    row.set_sentence("Smaller.")
    assert row.accessibleDescription() == "12 MB Smaller."


def test_a_reason_replaces_the_sentence():
    row = RadioRow("Grow full experts", "Larger.")
    row.set_blocked("Needs 8.1 GB, 6.1 GB free.")
    assert row.accessibleDescription() == "Needs 8.1 GB, 6.1 GB free."
    assert row.blocked_reason == "Needs 8.1 GB, 6.1 GB free."


def test_a_framed_row_is_taller_and_a_long_sentence_wraps():
    sentence = "Mixture of LoRA experts, a few megabytes each, of which two work on every token."
    assert RadioRow("x", sentence, framed=True).heightForWidth(300) > RadioRow("x", sentence).heightForWidth(
        300
    )
    assert RadioRow("x", sentence).heightForWidth(150) > RadioRow("x", sentence).heightForWidth(600)
