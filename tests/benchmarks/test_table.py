import pytest

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


def kept_in(folder, monkeypatch):
    """The report and the files of long subjects, all in this folder."""
    monkeypatch.setattr(run, "RESULTS", folder / "RESULTS.md")
    monkeypatch.setattr(run, "FILES", {name: folder / f"{name}.md" for name in run.FILES})


def test_long_subjects_run_by_name_alone():
    assert not run.LONG.keys() & run.SUBJECTS.keys()


def test_a_long_subject_has_a_file_of_its_own_which_the_report_ends_with(monkeypatch, tmp_path, capsys):
    kept_in(tmp_path, monkeypatch)
    run.RESULTS.write_text(run.report([Table("Window", "How.", ())], "- here"), encoding="utf-8")
    for figure in ("3 times", "4 times"):
        table = Table("Training", "So.", (Row("faster", figure),))
        monkeypatch.setitem(run.LONG, "training", lambda asked, table=table: table)
        assert run.main(["training"]) == 0
    text = run.RESULTS.read_text(encoding="utf-8")
    assert "## Window" in text
    assert text.count("## Training") == 1
    assert "| faster | 4 times |" in text
    assert "commit" in run.FILES["training"].read_text(encoding="utf-8")


def test_a_part_of_a_long_subject_is_not_written(monkeypatch, tmp_path, capsys):
    kept_in(tmp_path, monkeypatch)
    heard = []
    monkeypatch.setitem(run.LONG, "growth", lambda asked: heard.append(asked) or Table("Growth", "So.", ()))
    name = run.subject.case_names(False)["growth"][0]
    run.main(["growth", "--only", name, "--repetitions", "2"])
    run.main(["growth", "--quick"])
    assert [(one.only, one.repetitions, one.quick) for one in heard] == [
        ((name,), 2, False),
        ((), None, True),
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trainng"], "there is no benchmark 'trainng'"),
        (["training", "--only", "7B"], "there is no case '7B'; there are 40M SFT"),
        (["growth", "--profile"], "--profile belongs to training alone"),
        (["training", "--repetitions", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_where_the_gate_does_not_hold_no_speed_is_measured(monkeypatch, capsys):
    failed = Row("equal", "loss 1", "rounding alone", False)
    monkeypatch.setattr(run.subject, "equality_rows", lambda folder: [failed])
    monkeypatch.setattr(run.subject, "is_there", lambda: True)
    monkeypatch.setattr(run.subject, "repeat", lambda *_: pytest.fail("something was measured"))
    assert run.main(["training", "--quick"]) == 1
    assert "tokens/s" not in capsys.readouterr().out.partition("| |")[2]
