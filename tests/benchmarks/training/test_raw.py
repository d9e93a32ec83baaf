from benchmarks.training.raw import VARIABLE, Raw, open_raw


def test_figures_are_found_again_by_another_process(tmp_path):
    path = tmp_path / "raw.jsonl"
    Raw(path, "abc").add({"speed": 3}, "run", "case", 1)
    again = Raw(path, "abc")
    assert again.find("run", "case", 1) == {"speed": 3}
    assert again.find("run", "case", 2) is None


def test_the_last_figure_of_a_key_counts(tmp_path):
    path = tmp_path / "raw.jsonl"
    for value in (1, 2):
        Raw(path, "abc").add(value, "rate")
    assert Raw(path, "abc").find("rate") == 2


def test_figures_of_another_engine_are_not_taken_up(tmp_path):
    path = tmp_path / "raw.jsonl"
    Raw(path, "abc").add(1, "rate")
    other = Raw(path, "def")
    assert other.find("rate") is None
    assert other.passed_over == 1


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path):
    path = tmp_path / "raw.jsonl"
    Raw(path, "abc").add(1, "rate")
    with path.open("a") as out:
        out.write('{"stamp": "abc", "key": ["ra')
    assert Raw(path, "abc").find("rate") == 1


def test_the_file_is_named_by_the_environment_or_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "below" / "raw.jsonl"))
    open_raw().add(1, "rate")
    assert (tmp_path / "below" / "raw.jsonl").exists()
    monkeypatch.delenv(VARIABLE)
    fresh = open_raw()
    assert str(fresh.path) in capsys.readouterr().err
    fresh.path.unlink()
