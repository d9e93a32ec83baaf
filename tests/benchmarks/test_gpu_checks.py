import math
from dataclasses import replace

from benchmarks import gpu, gpu_checks, gpu_fast, gpu_training
from benchmarks.gpu_work import Bench, Outcome
from engine.library.folders import starter_folder
from engine.models.head import head_of


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


def test_a_case_that_breaks_off_leaves_the_others(monkeypatch, tmp_path, capsys):
    def broken(size, method, *others):
        if method == "sft":
            raise RuntimeError("no room\nfor this")
        yield f"| {size} | {method} | padded |"

    monkeypatch.setattr(gpu_training, "measured", broken)
    lines = gpu._table("cpu", 4, tmp_path, math.inf)[1:]
    assert lines == [
        "| starter | sft | **FAILED**: RuntimeError: no room |",
        "| starter | dpo | padded |",
        "| tiny | sft | **FAILED**: RuntimeError: no room |",
        "| tiny | dpo | padded |",
    ]
    assert "for this" in capsys.readouterr().err


def test_a_path_that_gives_other_numbers_fails_its_check(monkeypatch, tmp_path):
    wrong = replace(gpu_fast.HEAD, take=lambda policy: replace(policy, head=Twice(head_of(policy.model))))
    monkeypatch.setattr(gpu_fast, "HEAD", wrong)
    bench = Bench("cpu", tmp_path)
    found = gpu_fast._beside_plain(bench, "starter", starter_folder(), "float32")
    assert found.passed is False
    assert "tiled head" in found.figure


class Twice:
    """A head whose log-probabilities are twice what they should be."""

    def __init__(self, own):
        self._own = own

    def logps(self, hidden, targets, average=False):
        target, mean = self._own.logps(hidden, targets, average)
        return 2 * target, mean
