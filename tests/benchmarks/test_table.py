from benchmarks import run
from benchmarks.table import Row, Table, percentile, spread, surroundings


def test_a_spread_says_middle_lowest_and_highest():
    assert spread([3.0, 1.0, 2.0], "ms", 1) == "2.0 ms (1.0 to 3.0, n=3)"
    assert spread([3.0], "ms") == "3 ms (once)"


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([float(number) for number in range(100)], 0.99) == 99.0
    assert percentile([5.0, 1.0, 3.0], 0.5) == 3.0


def test_a_missed_aim_stands_out():
    table = Table("Speed", "How.", (Row("slow", "9 s", "< 1 s", False), Row("fast", "1 s", "< 2 s", True)))
    assert "| slow | 9 s | < 1 s | **no** |" in table.markdown()
    assert "| fast | 1 s | < 2 s | yes |" in table.markdown()


def test_the_report_says_where_and_when(monkeypatch):
    text = run.report([Table("Speed", "How.", ())], surroundings(0.5))
    assert "torch " in text
    assert "load average of one minute: 0.50 before" in text
    assert text.index("cores") < text.index("## Speed")


def test_a_missed_aim_is_the_exit_code_and_a_part_is_not_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(run, "RESULTS", tmp_path / "RESULTS.md")
    row = Row("slow", "9 s", "< 1 s", False)
    monkeypatch.setitem(run.SUBJECTS, "window", lambda quick: Table("Window", f"quick: {quick}", (row,)))
    assert run.main(["window", "--quick"]) == 1
    assert "quick: True" in capsys.readouterr().out
    assert not run.RESULTS.exists()


def test_the_report_ends_with_what_was_measured_on_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "GPU", tmp_path / "GPU.md")
    before = run.report([Table("Speed", "How.", ())], surroundings(0.5))
    run.GPU.write_text("## On a GPU\n\n- one card\n", encoding="utf-8")
    after = run.report([Table("Speed", "How.", ())], surroundings(0.5))
    assert "## On a GPU" not in before
    assert after.endswith("## On a GPU\n\n- one card\n")
