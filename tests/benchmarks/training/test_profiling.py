import pytest

from benchmarks.training.cases import SIZES, Case, Texts
from benchmarks.training.making import make_model
from benchmarks.training.ours import job_for
from benchmarks.training.profiling import profile_run
from benchmarks.training.start import PARTS, first_update
from benchmarks.training.texts import write_rows
from engine.job.job import write_job


@pytest.fixture
def job(tmp_path):
    case = Case("case", "tiny", "sft", 2, 2, Texts(64, 16), ())
    data = write_rows(case, SIZES["tiny"].vocabulary, tmp_path / "rows.jsonl")
    return job_for(case, make_model(SIZES["tiny"], tmp_path / "model"), data)


# A run and the profiler.
@pytest.mark.slow
def test_a_profile_names_the_operations_of_the_updates(job, tmp_path):
    write_job(job, tmp_path / "job.toml")
    (tmp_path / "run").mkdir()
    table = profile_run(tmp_path / "job.toml", 2, tmp_path / "run")
    assert "aten::mm" in table
    assert "Self CPU" in table


# A worker of its own, which imports torch and transformers.
@pytest.mark.slow
def test_the_first_update_is_timed_from_start_with_a_new_worker(job):
    parts = first_update(job, is_warm=False, settle=0.0)
    assert len(parts) == len(PARTS)
    assert min(parts) > 0
    assert 0.1 < sum(parts) < 200
