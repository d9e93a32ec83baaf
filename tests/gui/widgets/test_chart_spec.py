from engine.job.cards import Chart, Line
from engine.job.methods import METHODS
from gui.widgets.chart_spec import overlay_spec, spec_of


def test_chosen_is_the_accent_and_rejected_the_second_series():
    chart = Chart("Rewards", "should pull apart", (Line("chosen", "Chosen"), Line("rejected", "Rejected")))
    spec = spec_of(chart)
    assert [(curve.key, curve.role) for curve in spec.curves] == [
        ("chosen", "accent"),
        ("rejected", "series2"),
    ]
    assert (spec.title, spec.hint) == ("Rewards", "should pull apart")


def test_the_loss_gets_a_dashed_validation_curve():
    spec = spec_of(Chart("Loss", "should fall", (Line("loss", "Training"),)), "Validation")
    assert [(curve.key, curve.label, curve.dashed) for curve in spec.curves] == [
        ("loss", "Training", False),
        ("validation", "Validation", True),
    ]


def test_other_charts_get_none():
    spec = spec_of(Chart("Margin", "", (Line("margin", "Margin"),), is_share=True, guide=0.5), "Validation")
    assert [curve.key for curve in spec.curves] == ["margin"]
    assert (spec.is_share, spec.guide) == (True, 0.5)


def test_a_guide_of_the_run_keeps_its_name():
    spec = spec_of(Chart("Balance", "", (Line("balance", "Training"),), guide_from="uniform"))
    assert (spec.guide, spec.guide_from) == (None, "uniform")


def test_a_line_of_checks_is_dashed_and_has_a_key_of_its_own():
    lines = (Line("accuracy", "Training"), Line("accuracy", "Validation", of_checks=True))
    spec = spec_of(Chart("Accuracy", "", lines))
    assert [(curve.key, curve.dashed, curve.smooth) for curve in spec.curves] == [
        ("accuracy", False, True),
        ("check/accuracy", True, False),
    ]


def test_every_chart_of_every_method_has_a_colour_for_each_line():
    charts = [chart for card in METHODS.values() for chart in card.charts]
    assert charts
    assert all(len(spec_of(chart).curves) == len(chart.lines) for chart in charts)


def test_runs_lie_over_each_other_in_the_series_colours():
    spec = overlay_spec("runs", "Curves", [("a", "polite"), ("b", "rank 4"), ("c", "stronger")])
    assert [(curve.key, curve.label, curve.role, curve.smooth) for curve in spec.curves] == [
        ("a", "polite", "accent", False),
        ("b", "rank 4", "series2", False),
        ("c", "stronger", "series3", False),
    ]
