from benchmarks import gpu_checks
from benchmarks.gpu_work import Bench, Outcome


def test_a_check_that_breaks_off_fails_and_hides_nothing(monkeypatch, tmp_path, capsys):
    def broken(bench):
        yield Outcome("first", True, "fine")
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setitem(gpu_checks.CHECKS, "methods", broken)
    monkeypatch.setitem(gpu_checks.CHECKS, "memory", lambda bench: iter([Outcome("last", None, "no card")]))
    found = list(gpu_checks.all_outcomes(("methods", "memory"), Bench("cpu", tmp_path)))
    assert [outcome.line() for outcome in found] == [
        "| first | ok | fine |",
        "| methods | **FAILED** | RuntimeError: no kernel |",
        "| last | not tried | no card |",
    ]
    assert "for this" in capsys.readouterr().err
