from gui.widgets.token_legend import TokenLegend


def test_preference_rows_are_explained_in_their_own_words():
    legend = TokenLegend()
    assert "trained: learned from" in legend.accessibleName()
    narrow = legend.sizeHint().width()
    legend.set_preference(True)
    assert "rejected: made less likely" in legend.accessibleName()
    assert "trained" not in legend.accessibleName()
    assert legend.sizeHint().width() > narrow
